"""Discriminators: what a verdict sees, on what it depends, and how strong its layers are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from colorize.errors import ConfigError
from colorize.models.patchgan import (
    Discriminators,
    DiscriminatorSettings,
    PatchDiscriminator,
    build_discriminator,
)

EVERY_KIND = ("patch", "pixel", "image")


def settings(**given: Any) -> DiscriminatorSettings:
    return DiscriminatorSettings(**{"ndf": 2, **given})


def photos(size: int, count: int = 1) -> tuple[Tensor, Tensor]:
    """Random `l` and `ab` that want gradients, in double precision: products of many small weights stay above zero."""
    l = torch.rand(count, 1, size, size, dtype=torch.float64) * 2 - 1
    ab = torch.rand(count, 2, size, size, dtype=torch.float64) - 0.5
    return l.requires_grad_(), ab.requires_grad_()


def seen_by_one_verdict(net: nn.Module, size: int) -> tuple[int, int]:
    """Height and width of the pixels on which the verdict in the middle depends (BatchNorm set aside)."""
    l, ab = photos(size)
    logits = net.double().eval()(l, ab)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    assert l.grad is not None
    assert ab.grad is not None
    touched = (l.grad.abs().sum(dim=(0, 1)) + ab.grad.abs().sum(dim=(0, 1))) > 0  # (H, W)
    rows, columns = touched.any(dim=1).nonzero().flatten(), touched.any(dim=0).nonzero().flatten()
    assert rows[0] > 0 or size == len(rows)  # not cut off at the border
    assert touched[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()  # a full square
    return len(rows), len(columns)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 70),
        ({"n_layers": 1}, 16),
        ({"n_layers": 2}, 34),
        ({"kind": "pixel"}, 1),
        ({"norm": "spectral"}, 70),
    ],
    ids=str,
)
def test_a_verdict_sees_exactly_its_receptive_field(given: dict[str, Any], expected: int) -> None:
    assert seen_by_one_verdict(build_discriminator(settings(**given)), 160) == (expected, expected)


def test_the_image_discriminators_verdicts_see_286_pixels_before_they_are_averaged() -> None:
    image = build_discriminator(settings(ndf=1, kind="image"))
    patches = PatchDiscriminator(settings(ndf=1), n_layers=5)
    patches.load_state_dict(image.state_dict())  # the same network but for the mean
    assert seen_by_one_verdict(patches, 480) == (286, 286)


def test_an_image_discriminator_gives_one_verdict_that_depends_on_every_pixel() -> None:
    l, ab = photos(352, count=2)
    logits = build_discriminator(settings(ndf=1, kind="image")).double().eval()(l, ab)
    assert logits.shape == (2, 1, 1, 1)
    logits[0].sum().backward()
    for grad in (l.grad, ab.grad):
        assert grad is not None
        assert (grad[0] != 0).all()
        assert (grad[1] == 0).all()


@pytest.mark.parametrize(
    ("given", "size", "expected"),
    [
        ({}, 256, 30),
        ({}, 128, 14),
        ({"n_layers": 1}, 64, 30),
        ({"kind": "pixel"}, 64, 64),
        ({"kind": "image"}, 128, 1),
    ],
    ids=str,
)
def test_there_is_one_logit_per_patch(given: dict[str, Any], size: int, expected: int) -> None:
    logits = build_discriminator(settings(**given))(torch.rand(2, 1, size, size), torch.rand(2, 2, size, size))
    assert logits.shape == (2, 1, expected, expected)


def test_logits_are_not_squashed() -> None:
    """They come before the sigmoid: a large last bias goes straight through."""
    patch = build_discriminator(settings())
    nn.init.constant_(patch.get_parameter("layers.11.bias"), 7.0)
    assert (patch(torch.rand(1, 1, 64, 64), torch.rand(1, 2, 64, 64)) > 5).all()
    nn.init.constant_(patch.get_parameter("layers.11.bias"), -7.0)
    assert (patch(torch.rand(1, 1, 64, 64), torch.rand(1, 2, 64, 64)) < -5).all()


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_verdict_is_conditional_on_l(kind: str) -> None:
    """The same colors on another lightness are judged otherwise, and each of l, a and b counts."""
    net = build_discriminator(settings(kind=kind)).double().eval()
    (l, ab), (other, _) = photos(128), photos(128)
    assert not torch.allclose(net(l, ab), net(other, ab))
    net(l, ab).sum().backward()
    assert l.grad is not None
    assert ab.grad is not None
    assert l.grad.abs().max() > 0
    assert (ab.grad.abs().amax(dim=(0, 2, 3)) > 0).all()


def test_the_default_has_the_papers_widths_and_no_norm_on_the_first_layer() -> None:
    kinds = [type(layer) for layer in build_discriminator(DiscriminatorSettings()).get_submodule("layers").children()]
    triple = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    assert kinds == [nn.Conv2d, nn.LeakyReLU, *triple, *triple, *triple, nn.Conv2d]
    for kind, widths in (("patch", [64, 128, 256, 512, 1]), ("pixel", [64, 128, 1])):
        net = build_discriminator(DiscriminatorSettings(kind=kind))
        assert [module.out_channels for module in net.modules() if isinstance(module, nn.Conv2d)] == widths


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_spectral_norm_holds_every_layers_largest_singular_value_at_one(kind: str) -> None:
    net = build_discriminator(settings(kind=kind, ndf=8, norm="spectral"))
    convs = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    with torch.no_grad():
        for conv in convs:
            conv.parametrizations.weight.original.mul_(50)  # type: ignore[union-attr, operator]
        for _ in range(60):  # each forward pass in training mode is one step of the power iteration
            net(torch.rand(1, 1, 96, 96), torch.rand(1, 2, 96, 96))
        net.eval()
        largest = [torch.linalg.matrix_norm(conv.weight.flatten(1), ord=2).item() for conv in convs]
    assert largest == pytest.approx([1.0] * len(convs), abs=0.05)


def test_without_spectral_norm_weights_start_as_the_paper_says() -> None:
    net = build_discriminator(settings(ndf=16))
    weights = torch.cat([module.weight.detach().flatten() for module in net.modules() if isinstance(module, nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("scale", [1, 2])
def test_several_discriminators_judge_side_by_side_at_their_scale(scale: int) -> None:
    both = Discriminators([settings(kind="pixel"), settings(n_layers=1)], scale=scale).eval()
    l, ab = torch.rand(2, 1, 64, 64), torch.rand(2, 2, 64, 64)
    pixel, patch = both(l, ab)
    assert pixel.shape == (2, 1, 64 // scale, 64 // scale)
    assert patch.shape == (2, 1, 32 // scale - 2, 32 // scale - 2)
    # The same colors once more, smaller: what each member says of the means over scale × scale pixels.
    small = [x.reshape(2, -1, 64 // scale, scale, 64 // scale, scale).mean(dim=(3, 5)) for x in (l, ab)]
    for member, logits in zip(both.members, (pixel, patch), strict=True):
        torch.testing.assert_close(member(*small), logits)


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "photo"},
        {"ndf": 0},
        {"ndf": 513},
        {"ndf": 1.5},
        {"n_layers": 0},
        {"n_layers": 7},
        {"n_layers": "3"},
    ],
    ids=str,
)
def test_a_setting_outside_its_range_is_refused_with_what_came(given: dict[str, Any]) -> None:
    ((name, value),) = given.items()
    with pytest.raises(ConfigError) as caught:
        DiscriminatorSettings(**given)
    assert repr(value) in str(caught.value)
    assert name in str(caught.value) or name == "kind"


@pytest.mark.parametrize(("kind", "n_layers"), [("patch", 1), ("patch", 3), ("image", 3), ("pixel", 3)])
def test_the_smallest_photo_gives_one_verdict_and_a_smaller_one_none(kind: str, n_layers: int) -> None:
    settings = DiscriminatorSettings(kind, ndf=2, n_layers=n_layers)
    discriminator = build_discriminator(settings).eval()
    side = settings.smallest
    assert discriminator(torch.zeros(1, 1, side, side), torch.zeros(1, 2, side, side)).shape == (1, 1, 1, 1)
    if side > 1:
        with pytest.raises(RuntimeError, match="Kernel size"):
            discriminator(torch.zeros(1, 1, side - 1, side - 1), torch.zeros(1, 2, side - 1, side - 1))
