"""What G alone is trained with: AdamW, or Muon, which on the same photos learns more of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

_MOMENTUM = 0.95
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8  # AdamW's
_ITERATIONS = 4  # of Newton-Schulz; five take a quarter longer and bring nothing that was seen
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan's: the fastest towards singular values between 0.7 and 1.2
_RMS = 0.2  # of a step over the learning rate, about that of AdamW's
_NARROWEST = 8  # a matrix with a shorter side has few directions to tell apart


class Muon(Optimizer):
    """Momentum whose step has the same size in every direction of a weight matrix; AdamW for what is no matrix.

    Jordan et al. 2024, https://kellerjordan.github.io/posts/muon. In a gradient a few directions drown the others,
    those of things that are seen seldom. Matrices are the weights of linear layers and of convolutions over all
    channels. Steps are of the size of Liu et al. 2025 (arXiv 2502.16982), so that AdamW's learning rates serve.
    """

    def __init__(self, groups: Iterable[Mapping[str, Any]], lr: float, weight_decay: float) -> None:
        """
        Args:
            groups: of parameters, as other optimizers take them.
            lr: AdamW's would do.
            weight_decay: likewise.
        """
        split = []
        for group in groups:
            for matrices in (True, False):
                params = [p for p in group["params"] if _is_matrix(p) == matrices]
                split.append({**group, "params": params, "matrices": matrices})
        super().__init__([group for group in split if group["params"]], {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            update = self._orthogonal if group["matrices"] else self._adaptive
            for p in group["params"]:
                if p.grad is not None:
                    change = update(self.state[p], p.grad)
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(change, alpha=-group["lr"])

    def _orthogonal(self, state: dict[str, Any], gradient: Tensor) -> Tensor:
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
        ahead = gradient.lerp(state["momentum"], _MOMENTUM).flatten(1)  # Nesterov's
        change: Tensor = orthogonalize(ahead) * _RMS * max(ahead.shape) ** 0.5
        return change.view(gradient.shape)

    def _adaptive(self, state: dict[str, Any], gradient: Tensor) -> Tensor:
        if not state:
            state.update(steps=0, mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
        state["steps"] += 1
        mean: Tensor = state["mean"].lerp_(gradient, 1 - _BETA1) / (1 - _BETA1 ** state["steps"])
        square: Tensor = state["square"].lerp_(gradient.square(), 1 - _BETA2) / (1 - _BETA2 ** state["steps"])
        return mean / square.sqrt().add_(_EPS)


def orthogonalize(matrix: Tensor) -> Tensor:
    """The same singular vectors, singular values near 1.

    Args:
        matrix: (N, M), of any scale.

    Returns:
        (N, M); the largest singular values are between about 0.7 and 1.2, those below a hundredth of the norm less.
    """
    linear, cubic, quintic = _COEFFICIENTS
    x = matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix  # the products are then the smaller ones
    x = x / x.norm().clamp(min=torch.finfo(x.dtype).tiny)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=cubic, alpha=quintic), x, beta=linear)
    return x.mT if matrix.shape[0] > matrix.shape[1] else x


def _is_matrix(parameter: Tensor) -> bool:
    by_itself = parameter.dim() == 4 and parameter.shape[1] == 1  # each channel has a kernel of its own
    return parameter.dim() > 1 and not by_itself and min(parameter.shape[0], parameter[0].numel()) >= _NARROWEST


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"adamw": AdamW, "muon": Muon}  # (groups, lr, *, weight_decay)
