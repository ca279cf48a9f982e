"""Colors are made stronger where the network is unsure, and weaker where it is sure."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from colorize.errors import ConfigError
from colorize.models.architectures import build_generator
from colorize.models.doubt import Doubt


def sure_left(bins: int = 100, side: int = 8) -> Tensor:
    """Logits of a photo of whose left half the network is sure, and of whose right half it knows nothing."""
    logits = torch.zeros(1, bins, side, side)
    logits[:, 3, :, : side // 2] = 20
    return logits


def test_where_the_network_is_sure_colors_get_weaker_and_elsewhere_stronger_and_keep_their_hue() -> None:
    ab = torch.tensor([0.3, -0.1]).view(1, 2, 1, 1).expand(1, 2, 32, 32)
    changed = Doubt((0.1, 0.1))(ab, sure_left())
    left, right = (changed / ab)[0, :, :, 4], (changed / ab)[0, :, :, -4]
    assert torch.allclose(left, torch.tensor(1 - 0.1 * 2.85 / 0.56), atol=1e-3)  # no entropy
    assert torch.allclose(right, torch.tensor(1 + 0.1 * (4.6052 - 2.85) / 0.56), atol=1e-3)  # the logarithm of 100
    assert Doubt((1.0, 1.0))(ab, sure_left()).abs().min() >= 0.3 * 0.1 - 1e-6
    assert Doubt((1.0, 1.0))(ab * 3, sure_left()).abs().max() <= 1


def test_red_can_depend_more_on_it_than_yellow() -> None:
    ab = torch.full((1, 2, 32, 32), 0.2)
    changed = Doubt((0.12, 0.05))(ab, sure_left()) / ab
    assert torch.allclose(changed[0, 0, :, 4], torch.tensor(1 - 0.12 * 2.85 / 0.56), atol=1e-3)
    assert torch.allclose(changed[0, 1, :, 4], torch.tensor(1 - 0.05 * 2.85 / 0.56), atol=1e-3)


def test_a_generator_can_have_it_without_other_weights_and_changes_its_colors_by_its_own_distribution() -> None:
    torch.manual_seed(0)
    plain = build_generator("context-unet", {}).eval()
    doubtful = build_generator("context-unet", {"doubt": 0.5}).eval()
    assert doubtful.can_start_from(plain.settings)
    assert plain.can_start_from(doubtful.settings)
    doubtful.load_state_dict(plain.state_dict())
    l = torch.rand(1, 1, 64, 64) * 2 - 1
    with torch.inference_mode():
        answer = plain(l, logits=True)
        logits = F.avg_pool2d(answer.logits, 2)  # the layer is linear: as of its mean features
        expected = Doubt((0.5, 0.5))(answer.ab, logits)
        assert (expected - answer.ab).abs().max() > 1e-4
        torch.testing.assert_close(doubtful(l), expected, rtol=0.05, atol=1e-5)  # before, not after, it is doubled
        torch.testing.assert_close(doubtful(l, logits=True).logits, answer.logits)


@pytest.mark.parametrize("share", [-0.1, 1.5, "0.2", True, float("nan"), [0.2], [0.2, 0.3, 0.1], [0.2, 2], None])
def test_the_share_is_a_number_from_0_to_1_or_two(share: object) -> None:
    with pytest.raises(ConfigError, match="doubt must be a number from 0 to 1, or two, of a"):
        build_generator("context-unet", {"doubt": share})


def test_it_needs_a_distribution() -> None:
    with pytest.raises(ConfigError, match="doubt needs the head"):
        build_generator("context-unet", {"doubt": 0.2, "head": "ab"})
