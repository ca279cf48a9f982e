"""A judge that no arm of the study has met: is this photo real or colored?

Logistic regression on what an ImageNet-trained MobileNetV2 makes of the color photo: mean and standard deviation of
each channel at strides 2 to 32, so that both the colors themselves and what they lie on can give a photo away. A
convex problem: the same photos give the same judge. Cross-validated: a photo is judged by a judge that has seen neither
it nor any coloring of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

FOLDS = 5
_PENALTY = 0.01  # L2, on standardized features


def taken_for_real(real: Tensor, colored: Mapping[str, Tensor], weights: Mapping[str, float]) -> dict[str, Tensor]:
    """Whether each photo is taken for real.

    Real and colored count for the same in training.

    Args:
        real: (N, F), features of the photos themselves.
        colored: (N, F) by name, features of the same photos in the same order, as each name colors them.
        weights: by the same names, how much each counts among the colored; only their ratios matter.

    Returns:
        (N,), 0 or 1, for each name in `colored`, and for "real" itself.
    """
    names = list(colored)
    folds = torch.arange(len(real)) % FOLDS
    verdicts = {name: torch.zeros(len(real)) for name in (*names, "real")}
    total = sum(weights[name] for name in names)
    for fold in range(FOLDS):
        seen, unseen = folds != fold, folds == fold
        x = torch.cat([real[seen], *(colored[name][seen] for name in names)])
        photos = int(seen.sum())
        y = torch.cat([torch.ones(photos), torch.zeros(photos * len(names))])
        w = [torch.full((photos,), 0.5 / photos)]
        w += [torch.full((photos,), 0.5 / photos * weights[name] / total) for name in names]
        judge = _fit(x, y, torch.cat(w))
        for name, features in {**colored, "real": real}.items():
            verdicts[name][unseen] = (judge(features[unseen]) > 0).float()
    return verdicts


def _fit(x: Tensor, y: Tensor, w: Tensor) -> _Judge:
    """The logistic regression of labels `y` (M,) on features `x` (M, F), each row counting `w` (M,)."""
    mean, std = x.mean(dim=0), x.std(dim=0).clamp_min(1e-6)
    x = (x - mean) / std
    slope, offset = torch.zeros(x.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([slope, offset], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = x @ slope + offset
        misfit = nn.functional.binary_cross_entropy_with_logits(logits, y, weight=w, reduction="sum")
        value: Tensor = misfit + _PENALTY / 2 * slope.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return _Judge(mean, std, slope.detach(), offset.detach())


class _Judge:
    def __init__(self, mean: Tensor, std: Tensor, slope: Tensor, offset: Tensor) -> None:
        self.mean, self.std, self.slope, self.offset = mean, std, slope, offset

    def __call__(self, features: Tensor) -> Tensor:
        """Logits (M,) of "real"."""
        return ((features - self.mean) / self.std) @ self.slope + self.offset
