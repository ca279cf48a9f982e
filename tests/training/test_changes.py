"""Changes that should leave a photo's colors alone, and the loss that asks for it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from colorize.models.architectures import build_generator
from colorize.models.generator import Generator, GeneratorOutput
from colorize.training.changes import CHANGES, Change
from colorize.training.minibatch import Batch
from colorize.training.terms import TERMS, TermContext


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.of_l.__name__)
@pytest.mark.parametrize("side", [64, 96, 192])
def test_a_changed_photo_and_its_colors_have_one_size_that_a_generator_takes(change: Change, side: int) -> None:
    l, ab = torch.rand(2, 1, side, side) * 2 - 1, torch.rand(2, 2, side, side)
    changed = change.of_l(l)
    assert changed.shape[2:] == change.of_ab(ab).shape[2:]
    assert all(length % 32 == 0 for length in changed.shape[2:])
    assert changed.abs().max() <= 1
    assert changed.shape != l.shape or not torch.equal(changed, l)


class PointByPoint(Generator):
    """Colors by lightness alone: nothing but light and grain moves them."""

    def forward(self, l: Tensor, hints: Tensor | None = None, *, logits: bool = False) -> Tensor:
        return torch.cat([l, -l], dim=1) / 2


def test_the_consistency_loss_is_0_for_colors_that_come_along_and_teaches_the_others() -> None:
    torch.manual_seed(0)
    settings = build_generator("mobile-unet", {"widths": [4, 4, 4, 4]}).settings
    l = torch.nn.functional.interpolate(torch.rand(8, 1, 4, 4), 64, mode="bilinear") * 2 - 1
    batch = Batch(l, torch.zeros(8, 2, 64, 64))
    even = PointByPoint(settings)
    loss = TERMS["consistency"](TermContext(even, "", torch.device("cpu")))
    assert min(loss(GeneratorOutput(even(l)), batch).item() for _ in range(12)) < 1e-6

    generator = build_generator("mobile-unet", {"widths": [4, 4, 4, 4]})
    loss = TERMS["consistency"](TermContext(generator, "", torch.device("cpu")))
    output = generator(l)
    loss(GeneratorOutput(output), batch).backward()
    assert any(p.grad is not None and p.grad.any() for p in generator.parameters())


def test_photos_with_hints_are_not_asked_to_be_consistent() -> None:
    even = PointByPoint(build_generator("mobile-unet", {"widths": [4, 4, 4, 4]}).settings)
    l, hints = torch.rand(2, 1, 64, 64), torch.zeros(2, 3, 64, 64)
    hints[:, 2, 5, 5] = 1
    loss = TERMS["consistency"](TermContext(even, "", torch.device("cpu")))
    assert loss(GeneratorOutput(even(l) + 1), Batch(l, even(l), hints)).item() == 0
