"""Both generators: shapes, hints, and what each promises of its own."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from colorize.errors import ConfigError, WeightsError
from colorize.models.architectures import GENERATORS, build_generator
from colorize.models.generator import Generator, recompute_norm_statistics
from colorize.models.mobile_unet import MobileUNet
from colorize.models.mobilenet import mobilenet_v2_features

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"ngf": 4, "depth": 4},
    "mobile-unet": {"widths": [8, 8, 8, 8]},
    "context-unet": {
        "widths": [32, 32, 8, 8, 8],
        "attention": [1, 1],
        "refinement": [1, 1, 0],
        "head": "ab",
        "coherence": 2,
    },
}


@pytest.fixture(scope="module", params=sorted(SMALL))
def built(request: pytest.FixtureRequest) -> Generator:
    return build_generator(request.param, SMALL[request.param])


@pytest.fixture
def generator(built: Generator) -> Generator:
    """A small generator of either kind, in eval mode, the test's own."""
    return copy.deepcopy(built).eval()


@pytest.fixture(scope="module")
def mobilenet() -> nn.Module:
    """torchvision's MobileNetV2 with random weights and random BatchNorm statistics, as a trained one has."""
    from torchvision.models import mobilenet_v2  # which takes seconds

    torch.manual_seed(1)
    net: nn.Module = mobilenet_v2(weights=None)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return net.eval()


@pytest.fixture(scope="module")
def imagenet_file(mobilenet: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("imagenet") / "mobilenet_v2.safetensors"
    save_file(mobilenet.state_dict(), path)
    return path


# Every generator


def test_every_architecture_is_tested_here() -> None:
    assert set(SMALL) == set(GENERATORS)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_ab_has_the_size_of_l_for_any_multiple_of_the_stride(generator: Generator, columns: int) -> None:
    height, width = 2 * generator.stride, columns * generator.stride
    ab = generator(torch.rand(2, 1, height, width) * 2 - 1)
    assert ab.shape == (2, 2, height, width)
    assert ab.abs().max() <= 1
    assert ab.std() > 0


@pytest.mark.parametrize("shape", [(1, 1, 33, 32), (1, 1, 32, 40), (1, 2, 32, 32), (1, 32, 32), (1, 3, 64, 64)])
def test_an_l_that_breaks_the_contract_is_refused_with_both_shapes(
    generator: Generator, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=rf"\(B, 1, H, W\).* multiples of {generator.stride}; got \({shape[0]}, "):
        generator(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(1, 2, 32, 32), (1, 3, 32, 64), (1, 3, 16, 16), (3, 32, 32)])
def test_hints_that_do_not_fit_l_are_refused_with_both_shapes(generator: Generator, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"shape \(2, 3, 32, 32\), got \({', '.join(map(str, shape))}\)"):
        generator(torch.zeros(2, 1, 32, 32), torch.zeros(shape))


def test_untrained_hints_change_nothing(generator: Generator) -> None:
    l = torch.rand(1, 1, 32, 32) * 2 - 1
    assert torch.equal(generator(l, torch.randn(1, 3, 32, 32)), generator(l))


def test_hints_can_be_trained_and_then_matter(generator: Generator) -> None:
    l, hints = torch.rand(1, 1, 64, 64) * 2 - 1, torch.randn(1, 3, 64, 64)
    hints[:, 2] = 1
    before = generator.takes_hints
    optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
    (generator(l, hints) - 0.5).square().mean().backward()
    for conv in generator.hint_convs():
        assert conv.weight.grad is not None
        assert conv.weight.grad.abs().amax(dim=(0, 2, 3)).min() > 0  # through each of a, b and the mask
    optimizer.step()
    assert (before, generator.takes_hints) == (False, True)
    assert not torch.equal(generator(l, hints), generator(l))
    assert torch.equal(generator(l, torch.zeros_like(hints)), generator(l))  # no hints is all zero


def test_one_hint_reaches_every_stride_of_a_guided_decoder_at_full_strength() -> None:
    generator = build_generator("mobile-unet", {**SMALL["mobile-unet"], "guided": True}).eval()
    l, hints = torch.rand(1, 1, 64, 64) * 2 - 1, torch.zeros(1, 3, 64, 64)
    assert torch.equal(generator(l, hints), generator(l))
    hints[:, :, 17, 40] = torch.tensor([0.2, -0.1, 1])
    guides = [up.hint for up in generator.get_submodule("ups").children()]
    seen: list[Tensor] = []
    for guide in guides:
        assert isinstance(guide, nn.Module)
        guide.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    assert torch.equal(generator(l, hints), generator(l))  # not trained yet
    assert [each.shape[2] for each in seen] == [4, 8, 16, 32]
    for pooled in seen:
        cell = 64 // pooled.shape[2]
        torch.testing.assert_close(pooled[0, :, 17 // cell, 40 // cell], torch.tensor([12.8, -6.4, 16]))
        assert pooled.count_nonzero() == 3


def test_the_distribution_beside_ab_is_at_stride_8_and_leaves_ab_alone() -> None:
    generator = build_generator("mobile-unet", {**SMALL["mobile-unet"], "head": "ab+bins"}).eval()
    l = torch.rand(2, 1, 64, 96) * 2 - 1
    answer = generator(l, logits=True)
    assert answer.logits.shape == (2, 261, 8, 12)
    assert torch.equal(answer.ab, generator(l))
    with pytest.raises(ConfigError, match="head must be one of ab, bins, got"):
        build_generator("unet", {"head": "ab+bins"})


def test_every_other_weight_gets_a_gradient_from_l_alone(generator: Generator) -> None:
    generator(torch.rand(2, 1, 64, 64) * 2 - 1).square().mean().backward()
    without = {name for name, weight in generator.named_parameters() if weight.grad is None or not weight.grad.any()}
    hinted = {id(conv.weight) for conv in generator.hint_convs()}
    assert without == {name for name, weight in generator.named_parameters() if id(weight) in hinted}


def test_an_unknown_architecture_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'resnet'.*unet, mobile-unet"):
        build_generator("resnet")


@pytest.mark.parametrize("architecture", sorted(SMALL))
def test_an_unknown_setting_is_refused_with_the_known_ones(architecture: str) -> None:
    with pytest.raises(ConfigError, match="no setting 'color'"):
        build_generator(architecture, {"color": 1})


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("unet", {"ngf": 0}),
        ("unet", {"ngf": 513}),
        ("unet", {"ngf": "64"}),
        ("unet", {"ngf": 64.0}),
        ("unet", {"depth": 1}),
        ("unet", {"depth": 11}),
        ("unet", {"depth": True}),
        ("unet", {"dropout": 1.0}),
        ("unet", {"dropout": -0.1}),
        ("unet", {"dropout": None}),
        ("unet", {"dropout": float("nan")}),
        ("mobile-unet", {"widths": [8, 8, 8]}),
        ("mobile-unet", {"widths": [8, 8, 8, 0]}),
        ("mobile-unet", {"widths": [8, 8, 8, 8.0]}),
        ("mobile-unet", {"widths": [8, 8, 8, 2049]}),
        ("mobile-unet", {"widths": 32}),
        ("mobile-unet", {"guided": 1}),
        ("mobile-unet", {"widths": "8888"}),
    ],
)
def test_a_setting_outside_its_range_is_refused_with_what_came(architecture: str, settings: dict[str, Any]) -> None:
    ((name, value),) = settings.items()
    with pytest.raises(ConfigError) as caught:
        build_generator(architecture, settings)
    assert name in str(caught.value)
    assert repr(value) in str(caught.value)


# pix2pix's U-Net

# Channels of the down path at 256 px (Isola et al. 2017, sec. 6.1.1).
PAPER_WIDTHS = (64, 128, 256, 512, 512, 512, 512, 512)


@pytest.fixture(scope="module")
def paper_unet() -> Generator:
    with torch.device("meta"):
        return build_generator("unet")


def output_sizes(net: nn.Module, l: Tensor, kind: type[nn.Module] | tuple[type[nn.Module], ...]) -> list[torch.Size]:
    """Shape of what each module of a kind gave, in the order in which they ran."""
    sizes: list[torch.Size] = []
    hooks = [
        module.register_forward_hook(lambda _module, _given, result: sizes.append(result.shape))
        for module in net.modules()
        if isinstance(module, kind)
    ]
    net(l)
    for hook in hooks:
        hook.remove()
    return sizes


def test_the_default_unet_halves_256_px_eight_times_with_the_papers_widths(paper_unet: Generator) -> None:
    sizes = output_sizes(paper_unet, torch.empty(1, 1, 256, 256, device="meta"), nn.Conv2d)
    assert [(size[1], size[2]) for size in sizes] == [
        (width, 256 // 2**i) for i, width in enumerate(PAPER_WIDTHS, start=1)
    ]


def test_the_default_unet_mirrors_them_on_the_way_up(paper_unet: Generator) -> None:
    sizes = output_sizes(paper_unet, torch.empty(1, 1, 256, 256, device="meta"), nn.ConvTranspose2d)
    up = [(width, 2 ** (i + 1)) for i, width in enumerate(reversed(PAPER_WIDTHS[:-1]))]
    assert [(size[1], size[2]) for size in sizes] == [*up, (2, 256)]


def test_the_default_unet_has_the_papers_number_of_parameters(paper_unet: Generator) -> None:
    # In and out of each pair of neighboring widths, 4 × 4 kernels; twice as much comes in where a skip joins.
    pairs = list(pairwise(PAPER_WIDTHS))
    kernels = 16 * (
        sum(outer * inner for outer, inner in pairs)
        + sum((1 if i == len(pairs) - 1 else 2) * outer * inner for i, (outer, inner) in enumerate(pairs))
    )
    norms = 2 * (sum(PAPER_WIDTHS[1:-1]) + sum(PAPER_WIDTHS[:-1]))  # neither on the first nor on the innermost
    inside = kernels + norms + PAPER_WIDTHS[-1]  # and the innermost convolution has a bias instead
    l_in, ab_out, hints = 16 * 1 * 64 + 64, 16 * 128 * 2 + 2, 16 * 3 * 64
    assert sum(weight.numel() for weight in paper_unet.parameters()) == inside + l_in + ab_out + hints
    rgb_in, rgb_out = 16 * 3 * 64, 16 * 128 * 3 + 3  # as in the paper, from three channels to three
    assert (inside + rgb_in + rgb_out) / 1e6 == pytest.approx(54.41, abs=0.005)


def test_dropout_of_one_half_is_in_exactly_the_three_innermost_up_blocks(paper_unet: Generator) -> None:
    dropouts = {name: module.p for name, module in paper_unet.named_modules() if isinstance(module, nn.Dropout)}
    assert [name.split(".")[:2] for name in dropouts] == [["ups", "0"], ["ups", "1"], ["ups", "2"]]
    assert set(dropouts.values()) == {0.5}
    sizes = output_sizes(paper_unet, torch.empty(1, 1, 256, 256, device="meta"), nn.Dropout)
    assert [size[2] for size in sizes] == [2, 4, 8]


def test_batchnorm_is_on_every_level_but_the_first_and_the_innermost(paper_unet: Generator) -> None:
    sizes = output_sizes(paper_unet.eval(), torch.empty(1, 1, 256, 256, device="meta"), nn.BatchNorm2d)
    assert [size[2] for size in sizes] == [64, 32, 16, 8, 4, 2, 2, 4, 8, 16, 32, 64, 128]


def test_a_unet_is_trained_with_a_single_photo_of_one_stride() -> None:
    """BatchNorm on the one value of the innermost level would not have it."""
    unet = build_generator("unet", {"ngf": 2, "depth": 3}).train()
    unet(torch.rand(1, 1, 8, 8)).sum().backward()


def test_weights_start_as_the_paper_says() -> None:
    unet = build_generator("unet", {"ngf": 16, "depth": 4})
    weights = torch.cat(
        [
            module.weight.detach().flatten()
            for name, module in unet.named_modules()
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and name != "hint"
        ]
    )
    assert weights.mean().item() == pytest.approx(0, abs=2e-4)
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)


# The U-Net on MobileNetV2


def test_skips_join_the_decoder_at_strides_2_4_8_and_16() -> None:
    generator = build_generator("mobile-unet", SMALL["mobile-unet"]).eval()
    joined: list[tuple[int, int]] = []  # stride and channels of each skip connection
    for up in generator.get_submodule("ups").children():
        up.register_forward_hook(
            lambda _up, given, _result: joined.append((64 // given[1].shape[2], given[1].shape[1]))
        )
    generator(torch.rand(1, 1, 64, 64))
    assert joined == [(16, 96), (8, 32), (4, 24), (2, 16)]


@pytest.mark.parametrize("architecture", ["mobile-unet", "context-unet"])
@pytest.mark.parametrize("trained", [True, False])
def test_the_norms_of_a_trained_encoder_keep_their_statistics_in_training_and_those_of_a_fresh_one_do_not(
    trained: bool, architecture: str
) -> None:
    generator = build_generator(architecture, SMALL[architecture])
    generator.encoder_is_trained = trained
    generator.eval().train()
    before = copy.deepcopy(generator.state_dict())
    generator(torch.randn(2, 1, 64, 64))
    after = generator.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("encoder.") for name in changed) != trained
    assert any(name.startswith("ups.") and name.endswith("running_mean") for name in changed)  # the decoder's learn
    assert generator.training
    assert all(weight.requires_grad for weight in generator.parameters())


def test_the_default_mobile_unet_is_small_and_quick() -> None:
    with torch.device("meta"):
        generator = build_generator("mobile-unet").eval()
        with FlopCounterMode(display=False) as counter:
            generator(torch.empty(1, 1, 256, 256))
    assert sum(weight.numel() for weight in generator.parameters()) <= 8e6
    assert 1e9 < counter.get_total_flops() / 2 <= 3e9  # a multiply-add counts as two


def test_a_fresh_mobile_unet_starts_out_almost_gray() -> None:
    ab = build_generator("mobile-unet")(torch.rand(1, 1, 64, 64) * 2 - 1)
    assert 0 < ab.abs().mean() < 0.1


def features_after_each_stage(mobilenet: nn.Module, rgb: Tensor) -> list[Tensor]:
    """MobileNetV2's features at strides 2, 4, 8, 16 and 32: where the next layer would halve the size."""
    x, found = rgb, []
    layers = list(mobilenet.get_submodule("features").children())
    for i, layer in enumerate(layers):
        x = layer(x)
        if i in (1, 3, 6, 13, 18):
            found.append(x)
    return found


def test_scaled_chroma_scales_the_answers_and_not_the_colors_of_hints() -> None:
    torch.manual_seed(0)
    settings = {**SMALL["mobile-unet"], "guided": True}
    plain = build_generator("mobile-unet", settings).eval()
    for name, parameter in plain.named_parameters():
        if name.endswith("hint.weight"):
            nn.init.normal_(parameter, std=0.05)
    scaled = build_generator("mobile-unet", settings).eval()
    scaled.load_state_dict(plain.state_dict())
    scaled.scale_chroma(1.25, 1.5)
    l = torch.rand(1, 1, 64, 64) * 2 - 1
    hints = torch.zeros(1, 3, 64, 64)
    hints[:, :, 20:30, 30:40] = torch.tensor([0.4, -0.2, 1.0]).view(1, 3, 1, 1)
    factors = torch.tensor([1.25, 1.5]).view(1, 2, 1, 1)
    stronger = torch.cat([hints[:, :2] * factors, hints[:, 2:]], dim=1)
    with torch.inference_mode():
        for mine, theirs in ((None, None), (stronger, hints)):
            expected = plain(l, theirs) * factors
            torch.testing.assert_close(scaled(l, mine), expected, rtol=0.05, atol=1e-3)
        assert (plain(l, hints) - plain(l)).abs().max() > 0.02  # they do matter
    bins = build_generator("mobile-unet", {**SMALL["mobile-unet"], "head": "bins"})
    with pytest.raises(ConfigError, match="only the colors of a last layer that gives ab"):
        bins.scale_chroma(1.25, 1.25)


def test_shifted_colors_add_the_same_to_every_answer() -> None:
    torch.manual_seed(0)
    plain = build_generator("mobile-unet", SMALL["mobile-unet"]).eval()
    shifted = build_generator("mobile-unet", SMALL["mobile-unet"]).eval()
    shifted.load_state_dict(plain.state_dict())
    shifted.shift_colors(2.2, -5.5)
    l = torch.rand(1, 1, 64, 64) * 2 - 1
    with torch.inference_mode():
        expected = plain(l) + torch.tensor([0.02, -0.05]).view(1, 2, 1, 1)
        torch.testing.assert_close(shifted(l), expected, rtol=0.02, atol=1e-4)
    bins = build_generator("mobile-unet", {**SMALL["mobile-unet"], "head": "bins"})
    with pytest.raises(ConfigError, match="only the colors of a last layer that gives ab"):
        bins.shift_colors(1.0, 1.0)


def encoder_features(generator: MobileUNet, l: Tensor) -> Iterator[Tensor]:
    x = l
    for stage in generator.encoder:
        x = stage(x)
        yield x


def test_the_encoder_is_torchvisions_mobilenet_weight_for_weight(mobilenet: nn.Module) -> None:
    theirs = mobilenet.get_submodule("features").eval()
    ours = nn.Sequential(*mobilenet_v2_features()).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    rgb = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(ours(rgb), theirs(rgb))


def test_a_file_in_the_symmetric_convention_sees_gray_as_three_equal_channels(
    mobilenet: nn.Module, imagenet_file: Path
) -> None:
    generator = MobileUNet(MobileUNet.settings_type()).eval()
    generator.load_encoder_start(imagenet_file)
    l = torch.rand(1, 1, 64, 64) * 2 - 1
    with torch.inference_mode():
        expected = features_after_each_stage(mobilenet, l.expand(-1, 3, -1, -1))
        for ours, theirs in zip(encoder_features(generator, l), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_torchvisions_own_weights_see_gray_as_they_were_trained(
    mobilenet: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def stand_in(_self: object, **options: Any) -> dict[str, Any]:
        asked.update(options)
        return mobilenet.state_dict()

    monkeypatch.setattr("torchvision.models.MobileNet_V2_Weights.get_state_dict", stand_in)
    generator = MobileUNet(MobileUNet.settings_type()).eval()
    generator.load_encoder_start("hub")
    l = torch.rand(1, 1, 64, 64) * 2 - 1
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    normalized = ((l + 1) / 2 - mean) / std  # as MobileNet_V2_Weights.IMAGENET1K_V1.transforms() does
    # Our convolution pads with middle gray where theirs pads with the mean color: compare away from the border.
    crop = slice(1, None)
    with torch.inference_mode():
        first = generator.encoder.get_submodule("0.0")(l)
        expected = mobilenet.get_submodule("features.0")(normalized)
    torch.testing.assert_close(first[..., crop, crop], expected[..., crop, crop], rtol=1e-3, atol=1e-4)
    ours, theirs = (list(net.state_dict().values()) for net in (generator.encoder, mobilenet.get_submodule("features")))
    assert len(ours) == len(theirs)
    differs = [i for i in range(len(ours)) if not torch.equal(ours[i], theirs[i])]
    assert differs == [0, 3]  # the first convolution's weight and the mean in the norm after it, nothing else
    assert asked["weights_only"] is True  # torchvision's file is a pickle
    assert asked["check_hash"] is True


def test_a_download_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(_self: object, **_options: Any) -> dict[str, Any]:
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.models.MobileNet_V2_Weights.get_state_dict", offline)
    with pytest.raises(WeightsError, match=r"^hub: .*no route to host") as caught:
        MobileUNet(MobileUNet.settings_type()).load_encoder_start("hub")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda state: state.clear() or state.update(other=torch.zeros(1)), "is missing"),
        (lambda state: state.pop("features.0.1.running_mean"), "features.0.1.running_mean is missing"),
        (lambda state: state.pop("features.18.1.bias"), "features.18.1.bias is missing"),
        (lambda state: state.update({"features.19.0.weight": torch.zeros(1)}), "features.19.0.weight is unexpected"),
        (lambda state: state.update({"features.x.0.weight": torch.zeros(1)}), "features.x.0.weight is unexpected"),
        (lambda state: state.update({"features.5.conv.3.bias": torch.zeros(7)}), "has the size (7,) instead of (32,)"),
        (lambda state: state["features.0.1.bias"].fill_(torch.nan), "features.0.1.bias is not finite"),
    ],
    ids=["foreign", "no statistics", "a weight less", "a weight more", "odd name", "wrong shape", "nan"],
)
def test_a_file_that_is_no_mobilenet_is_refused_by_name(
    mobilenet: nn.Module, tmp_path: Path, damage: Any, complaint: str
) -> None:
    state = {name: value.clone() for name, value in mobilenet.state_dict().items()}
    damage(state)
    path = tmp_path / "foreign.safetensors"
    save_file(state, path)
    with pytest.raises(WeightsError) as caught:
        MobileUNet(MobileUNet.settings_type()).load_encoder_start(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pickle_is_no_start(mobilenet: nn.Module, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(mobilenet.state_dict(), buffer)
    path = tmp_path / "mobilenet_v2.pth"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(WeightsError, match=r"mobilenet_v2\.pth: expected a safetensors file"):
        MobileUNet(MobileUNet.settings_type()).load_encoder_start(path)


def test_recomputed_statistics_are_those_of_the_batches_and_a_trained_encoder_keeps_its_own() -> None:
    generator = build_generator("mobile-unet", SMALL["mobile-unet"])
    assert isinstance(generator, MobileUNet)
    generator.encoder_is_trained = True
    norm, encoder_norm = (
        generator.neck[1],
        next(m for m in generator.encoder.modules() if isinstance(m, nn.BatchNorm2d)),
    )
    assert isinstance(norm, nn.BatchNorm2d)
    norm.running_mean.fill_(7)  # type: ignore[union-attr]
    before = copy.deepcopy(encoder_norm.state_dict())
    seen: list[Tensor] = []
    generator.neck[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    recompute_norm_statistics(generator, [torch.rand(2, 1, 32, 32) for _ in range(3)])
    assert norm.running_mean is not None
    torch.testing.assert_close(norm.running_mean, torch.stack([x.mean(dim=(0, 2, 3)) for x in seen]).mean(dim=0))
    assert norm.momentum == 0.1
    assert not generator.training
    assert all(torch.equal(before[name], value) for name, value in encoder_norm.state_dict().items())
