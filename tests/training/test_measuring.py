"""What a generator is measured by while it trains."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import nn

from colorize.models.architectures import build_generator
from colorize.training.measuring import dead_share


def test_features_that_say_the_same_of_every_photo_are_dead() -> None:
    generator = build_generator("mobile-unet", {"widths": [8, 8, 8, 8]})
    l = torch.rand(4, 1, 64, 64) * 2 - 1
    assert dead_share(generator.encode(l)[-1]) < 0.1
    last = generator.get_submodule("encoder.4")
    _, norm, _ = cast(nn.Sequential, list(last.children())[-1])
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        norm.bias[:960] = 100  # beyond 6, whatever comes in
    assert dead_share(generator.encode(l)[-1]) == pytest.approx(0.75, abs=0.05)
