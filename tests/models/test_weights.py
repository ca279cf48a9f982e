"""Model files: what comes back is what went in, and anything else is refused by name."""

from __future__ import annotations

import copy
import json
import os
import pickle
import stat
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from colorize.errors import WeightsError
from colorize.models.architectures import build_generator
from colorize.models.generator import Generator
from colorize.models.tensorfile import read_tensors, write_tensors
from colorize.models.weights import load_generator, save_generator

SETTINGS: dict[str, Any] = {"ngf": 4, "depth": 3, "dropout": 0.25}
TRAINING = {"steps": 1200, "data": ["photos"], "psnr": 24.5}


@pytest.fixture
def generator() -> Generator:
    """Small, with statistics in its norms as after some training."""
    generator = build_generator("unet", SETTINGS).train()
    with torch.no_grad():
        for _ in range(3):
            generator(torch.rand(2, 1, 16, 16))
    return generator.eval()


@pytest.fixture
def model(generator: Generator, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_generator(path, generator, TRAINING)
    return path


def rewrite(
    path: Path, tensors: dict[str, Tensor] | None = None, metadata: Mapping[str, str | None] | None = None
) -> None:
    """The same file with other tensors or metadata; None takes an entry out."""
    with safe_open(path, framework="pt") as file:
        old = dict(file.metadata())
    kept = {key: value for key, value in {**old, **(metadata or {})}.items() if value is not None}
    save_file(load_file(path) if tensors is None else tensors, path, kept)


def refusal(path: Path) -> str:
    """What `load_generator` says of a bad file: one line that begins with the file's name."""
    with pytest.raises(WeightsError) as caught:
        load_generator(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


# What comes back


@pytest.mark.parametrize(("architecture", "settings"), [("unet", SETTINGS), ("mobile-unet", {"widths": [8, 6, 4, 2]})])
def test_a_generator_comes_back_from_its_file_alone(
    architecture: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    saved = build_generator(architecture, settings).eval()
    save_generator(tmp_path / "model.safetensors", saved, TRAINING)
    loaded, info = load_generator(tmp_path / "model.safetensors")
    assert type(loaded) is type(saved)
    assert loaded.settings == saved.settings
    assert info.architecture == architecture
    defaults = {"head": "ab"} | ({"guided": False} if architecture == "mobile-unet" else {})
    assert info.settings == defaults | settings
    assert info.training == TRAINING
    l = torch.rand(1, 1, 32, 32) * 2 - 1
    assert torch.equal(loaded(l), saved(l))


def test_a_loaded_generator_is_in_eval_mode_on_the_cpu_and_can_be_trained_on(model: Path) -> None:
    loaded, _ = load_generator(model)
    assert not any(module.training for module in loaded.modules())
    assert {tensor.device.type for tensor in loaded.state_dict().values()} == {"cpu"}
    loaded.train()(torch.rand(2, 1, 16, 16)).sum().backward()
    assert all(weight.grad is not None for name, weight in loaded.named_parameters() if name != "hint.weight")


def test_loading_leaves_the_random_numbers_alone(model: Path) -> None:
    before = torch.get_rng_state()
    load_generator(model)
    assert torch.equal(torch.get_rng_state(), before)


def test_float16_halves_the_file_and_comes_back_as_float32(generator: Generator, model: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.safetensors"
    save_generator(half, generator, dtype=torch.float16)
    tensors = load_file(half)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16, torch.int64}  # int64: BatchNorm's counters
    weights, full = sum(t.nbytes for t in tensors.values()), sum(t.nbytes for t in load_file(model).values())
    assert weights < 0.55 * full
    loaded, info = load_generator(half)
    assert info.training == {}
    for name, tensor in loaded.state_dict().items():
        expected = generator.state_dict()[name]
        assert tensor.dtype == expected.dtype
        assert torch.equal(tensor, expected.to(tensors[name].dtype).to(expected.dtype))


def test_what_float16_cannot_hold_stays_float32(generator: Generator, tmp_path: Path) -> None:
    with torch.no_grad():
        generator.get_parameter("first.weight")[0] = 1e6
    save_generator(tmp_path / "half.safetensors", generator, dtype=torch.float16)
    loaded, _ = load_generator(tmp_path / "half.safetensors")
    assert torch.equal(loaded.get_parameter("first.weight"), generator.get_parameter("first.weight"))


def test_metadata_can_be_read_without_this_program(model: Path) -> None:
    with safe_open(model, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "colorize"
    assert metadata["format_version"] == "1"
    assert metadata["architecture"] == "unet"
    assert json.loads(metadata["settings"]) == {"head": "ab"} | SETTINGS
    assert json.loads(metadata["training"]) == TRAINING


# Files that are not a model


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "no such model file" in refusal(tmp_path / "missing.safetensors")
    assert "no such model file" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"not a model at all, just a text that somebody saved under this name\n" * 3,
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        struct.pack("<Q", 10**12) + b"{}",
        struct.pack("<Q", 8) + b"[1,2,3] ",
        struct.pack("<Q", 8) + b"\xff\xfe{}    ",
    ],
    ids=["empty", "short", "text", "png", "huge header", "json list", "bad utf-8"],
)
def test_a_file_of_another_kind_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert "expected a safetensors file, this one is damaged or of another kind" in refusal(path)


@pytest.mark.parametrize("kept", [4, 40, 2000, -1])
def test_a_truncated_file_is_refused(kept: int, model: Path) -> None:
    model.write_bytes(model.read_bytes()[:kept])
    assert "damaged" in refusal(model)


def test_a_pickle_is_refused_and_never_unpickled(tmp_path: Path) -> None:
    witness, path = tmp_path / "witness", tmp_path / "model.safetensors"
    payload = pickle.dumps(Trap(str(witness)))
    pickle.loads(payload)  # noqa: S301 (our own: shows that the trap works)
    assert witness.exists()
    witness.rmdir()
    path.write_bytes(payload)
    assert "damaged or of another kind" in refusal(path)
    torch.save({"weight": torch.zeros(1), "trap": Trap(str(witness))}, path)
    assert "damaged or of another kind" in refusal(path)
    assert not witness.exists()


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def test_a_name_that_the_system_refuses_is_refused(tmp_path: Path) -> None:
    assert "File name too long" in refusal(tmp_path / ("x" * 300))


# Safetensors files of another program, or damaged ones of this


def test_a_safetensors_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    assert "not a model of this program" in refusal(path)
    save_file({"weight": torch.zeros(3)}, path, {"format": "pt"})
    assert "not a model of this program" in refusal(path)


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({"format_version": "2"}, "format version 2, this program reads 1"),
        ({"format_version": None}, "format version missing, this program reads 1"),
        ({"architecture": None}, "metadata is damaged"),
        ({"architecture": "resnet"}, "unknown architecture 'resnet'"),
        ({"settings": None}, "metadata is damaged"),
        ({"settings": "{"}, "metadata is damaged"),
        ({"settings": "[" * 100_000}, "metadata is damaged"),
        ({"settings": "[]"}, "must be JSON objects"),
        ({"settings": '{"ngf": 4, "depth": 3, "color": 1}'}, "no setting 'color'"),
        ({"settings": '{"ngf": 4, "depth": 99}'}, "depth must be a whole number from 2 to 10, got 99"),
        ({"settings": '{"ngf": "4", "depth": 3}'}, "ngf must be a whole number from 1 to 512, got '4'"),
        ({"training": "nonsense"}, "metadata is damaged"),
        ({"training": "[]"}, "must be JSON objects"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_metadata_that_does_not_make_sense_is_refused(
    metadata: dict[str, str | None], complaint: str, model: Path
) -> None:
    rewrite(model, metadata=metadata)
    assert complaint in refusal(model)


def test_a_missing_weight_is_refused_by_name(model: Path) -> None:
    tensors = load_file(model)
    del tensors["downs.0.1.weight"]
    rewrite(model, tensors)
    assert "the weight downs.0.1.weight is missing" in refusal(model)


def test_a_weight_too_many_is_refused_by_name(model: Path) -> None:
    rewrite(model, {**load_file(model), "downs.9.weight": torch.zeros(1)})
    assert "has a weight downs.9.weight that unet does not have" in refusal(model)


def test_settings_that_do_not_fit_the_weights_are_refused_with_both_shapes(model: Path) -> None:
    rewrite(model, metadata={"settings": '{"ngf": 8, "depth": 3}'})
    assert "first.weight should be (8, 1, 4, 4) and is (4, 1, 4, 4)" in refusal(model)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_weight_that_is_not_finite_is_refused_by_name(value: float, model: Path) -> None:
    tensors = load_file(model)
    tensors["first.bias"][1] = value
    rewrite(model, tensors)
    assert "the weight first.bias is not finite" in refusal(model)


def test_a_weight_of_another_kind_of_number_is_refused_by_name(model: Path) -> None:
    tensors = load_file(model)
    rewrite(model, {**tensors, "first.bias": tensors["first.bias"].to(torch.int8)})
    assert "the weight first.bias should be torch.float32 and is torch.int8" in refusal(model)


# Writing


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_generator_with_a_weight_that_is_not_finite_is_not_written(
    value: float, generator: Generator, tmp_path: Path
) -> None:
    with torch.no_grad():
        generator.get_parameter("last.1.bias")[0] = value
    with pytest.raises(WeightsError, match=r"model\.safetensors: not written, last\.1\.bias is not finite"):
        save_generator(tmp_path / "model.safetensors", generator)
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_takes_the_old_ones_place_and_leaves_nothing_else(generator: Generator, model: Path) -> None:
    changed = copy.deepcopy(generator)
    with torch.no_grad():
        changed.get_parameter("first.bias").fill_(0.5)
    save_generator(model, changed)
    assert torch.equal(load_generator(model)[0].get_parameter("first.bias"), torch.full((4,), 0.5))
    assert [path.name for path in model.parent.iterdir()] == [model.name]


def test_the_folder_is_made_and_others_may_read_the_file(generator: Generator, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "first" / "model.safetensors"
    save_generator(path, generator)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_half_way_keeps_the_old_file(
    error: BaseException, generator: Generator, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = model.read_bytes()

    def fail(_file: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    expected = WeightsError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as caught:
        save_generator(model, generator)
    if expected is WeightsError:
        assert str(caught.value) == f"{model}: cannot be written (No space left on device)"
    assert model.read_bytes() == old
    assert [path.name for path in model.parent.iterdir()] == [model.name]


def test_a_write_protected_file_is_not_replaced(
    generator: Generator, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = model.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != model)  # root may write to anything
    with pytest.raises(WeightsError) as caught:
        save_generator(model, generator)
    assert str(caught.value) == f"{model}: cannot be written (write-protected)"
    assert model.read_bytes() == old
    assert [path.name for path in model.parent.iterdir()] == [model.name]


def test_a_place_that_cannot_be_written_is_named(generator: Generator, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for place in (folder, model / "inside.safetensors"):
        with pytest.raises(WeightsError, match="cannot be written") as caught:
            save_generator(place, generator)
        assert str(caught.value).startswith(f"{place}: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", model.name]


def test_tensors_that_share_memory_are_each_written(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    write_tensors(
        tmp_path / "state.safetensors", {"whole": whole, "part": whole[2:4], "turned": whole.view(2, 3).t()}, {}
    )
    tensors, metadata = read_tensors(tmp_path / "state.safetensors")
    assert metadata == {}
    assert torch.equal(tensors["whole"], whole)
    assert torch.equal(tensors["part"], torch.tensor([2.0, 3.0]))
    assert torch.equal(tensors["turned"], torch.tensor([[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]))
