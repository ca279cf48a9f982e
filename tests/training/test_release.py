"""What ships is the mean of several trainings."""

from __future__ import annotations

import torch

from colorize.models.architectures import build_generator
from scripts.train_release import mean_of


def test_what_ships_has_the_mean_of_all_weights_and_statistics() -> None:
    generators = [build_generator("mobile-unet", {"widths": (8, 8, 8, 8)}) for _ in range(2)]
    generators[0](torch.rand(2, 1, 64, 64))  # its BatchNorm's statistics are others now
    first, second = ({name: values.clone() for name, values in each.state_dict().items()} for each in generators)
    assert any(not torch.equal(first[name], second[name]) for name in first if name.endswith("running_mean"))
    for name, values in mean_of(generators).state_dict().items():
        expected = (first[name].double() + second[name].double()) / 2
        assert torch.allclose(values.double(), expected.to(values.dtype).double(), atol=1e-6), name
