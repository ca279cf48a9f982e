"""What a researcher adds from outside the package: an encoder, a loss, a discriminator, a phase, an augmentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from colorize.errors import ConfigError
from colorize.models.architectures import build_generator
from colorize.models.encoders import ENCODERS, Encoder
from colorize.models.generator import Generator, GeneratorOutput
from colorize.models.patchgan import DISCRIMINATORS, Kind
from colorize.models.tensorfile import read_tensors
from colorize.training.augment import AUGMENTATIONS
from colorize.training.building import build
from colorize.training.cli import main
from colorize.training.config import TrainConfig
from colorize.training.minibatch import Batch
from colorize.training.phases import PHASES, NextBatches, Optimizers, Phase
from colorize.training.step import Losses, Step
from colorize.training.terms import TERMS, LossFunction, TermContext, build_terms

TINY = {"widths": [32, 32, 4, 4, 4], "attention": [1, 1], "refinement": [1, 0, 0]}
SHORT = [
    *("--size", "32", "--min-side", "16", "--batch-size", "2", "--workers", "0", "--holdout", "5", "--ndf", "2"),
    *("--n-layers", "1", "--validate-interval", "9", "--device", "cpu", "--precision", "fp32", "--log-interval", "1"),
]


class Pooled(Encoder):
    """Averages, and one convolution each."""

    channels = (2, 3, 4, 5, 6)

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.ModuleList(nn.Conv2d(1, channels, 1) for channels in self.channels)

    def forward(self, l: Tensor) -> list[Tensor]:
        return [mix(nn.functional.avg_pool2d(l, 2 ** (i + 1))) for i, mix in enumerate(self.mix)]

    def load_start(self, start: str | Path) -> None:
        for parameter in self.parameters():
            nn.init.constant_(parameter, float(str(start)))


class Saturation(Phase):
    """Makes colors stronger."""

    name = "saturation"

    @property
    def steps(self) -> int:
        return int(self.config.extra.get("saturation_steps", 0))

    def generator_optimizer(self, generator: Generator) -> torch.optim.Optimizer:
        return torch.optim.SGD([{"params": [p for p in generator.parameters() if p.requires_grad], "peak": 0.1}], 0.1)

    def update(self, step: Step, batches: NextBatches, optimizers: Optimizers) -> Losses:
        return step.generator_step(batches(), optimizers.g)


class Verdict(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)

    def forward(self, l: Tensor, ab: Tensor) -> Tensor:
        logits: Tensor = self.conv(torch.cat([l, ab], dim=1))
        return logits


class Dimmed(nn.Module):
    def forward(self, rgb: Tensor) -> Tensor:
        return rgb * 0.5


def pale(_: TermContext) -> LossFunction:
    def loss(output: GeneratorOutput, batch: Batch) -> Tensor:
        return (output.ab.abs().mean() - batch.ab.abs().mean()).abs()

    return loss


def test_what_is_added_from_outside_the_package_trains_by_its_name(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENCODERS, "pooled", Pooled)
    monkeypatch.setitem(TERMS, "pale", pale)
    monkeypatch.setitem(DISCRIMINATORS, "verdict", Kind(lambda _: Verdict(), lambda _: 1))
    monkeypatch.setitem(AUGMENTATIONS, "dimmed", lambda _: Dimmed())
    monkeypatch.setattr("colorize.training.phases.PHASES", [*PHASES, Saturation])
    run = tmp_path / "run"
    options = [
        *("--architecture", "context-unet", "--generator-settings", json.dumps(TINY | {"encoder": "pooled"})),
        *("--encoder-start", "0.5", "--losses", '{"l1": 1, "distribution": 0.02, "pale": 0.5}'),
        *("--discriminators", "verdict", "--augmentations", "flip", "dimmed", "--extra", '{"saturation_steps": 2}'),
        *("--generator-steps", "1", "--discriminator-steps", "1", "--adversarial-steps", "1"),
    ]
    assert main([str(shard), "--run", str(run), *SHORT, *options]) == 0
    entries = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    train = [entry for entry in entries if entry["kind"] == "train"]
    assert [entry["phase"] for entry in train] == ["generator", "discriminator", "adversarial", *["saturation"] * 2]
    assert [{"l1", "distribution", "pale", "d", "adversarial"} & set(entry) for entry in train] == [
        {"l1", "distribution", "pale"},
        {"d"},
        {"l1", "distribution", "pale", "d", "adversarial"},
        *[{"l1", "distribution", "pale"}] * 2,
    ]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"losses": {"magic": 1.0}}, "unknown loss 'magic': expected one of l1, mse, huber"),
        ({"losses": {"distribution": 1.0}}, "need a generator with the head"),
        ({"losses": {"perceptual": 1.0}}, "the loss perceptual needs --feature-network"),
        ({"losses": {"distillation": 1.0}}, r"needs a generator with an encoder and the head 'ab\+bins'"),
        ({"architecture": "unet", "size": 256, "encoder_start": "hub"}, "encoder-start: unet has no encoder"),
        ({"frozen": ("nose.",)}, "mobile-unet has no parameters whose names begin with 'nose.'"),
    ],
)
def test_what_a_run_does_not_have_is_said(settings: dict[str, Any], told: str) -> None:
    config = TrainConfig(**settings)
    with pytest.raises(ConfigError, match=told):
        build_terms(config.losses, TermContext(build(config), config.feature_network, torch.device("cpu")))


def test_what_is_frozen_stays_and_the_rest_learns(shard: Path, tmp_path: Path) -> None:
    options = [
        *("--architecture", "context-unet", "--generator-settings", json.dumps(TINY)),
        *("--generator-steps", "2", "--discriminator-steps", "0", "--adversarial-steps", "0", "--ema", "0"),
        *("--frozen", "encoder.stages.0.", "encoder.stages.1.", "--clip", "1"),
    ]
    assert main([str(shard), "--run", str(tmp_path / "run"), *SHORT, *options]) == 0
    torch.manual_seed(0)
    before = build_generator("context-unet", TINY).state_dict()
    after, _ = read_tensors(tmp_path / "run/last.safetensors")
    moved = {name for name in after if name.endswith("weight") and not torch.equal(before[name], after[name])}
    assert not any(name.startswith(("encoder.stages.0.", "encoder.stages.1.")) for name in moved)
    assert any(name.startswith("encoder.stages.2.") for name in moved)


@pytest.mark.parametrize(
    "name", ["mobilenet_v2", "efficientnet_lite1", "mobilenet_v3_large", "efficientnet_b0", "resnet18"]
)
def test_an_encoders_features_have_the_channels_and_strides_that_it_tells(name: str) -> None:
    encoder = ENCODERS[name]().eval()
    with torch.inference_mode():
        features = encoder(torch.rand(1, 1, 64, 96) * 2 - 1)
    shapes = [(channels, 64 // stride, 96 // stride) for channels, stride in zip(encoder.channels, (2, 4, 8, 16, 32))]  # noqa: B905
    assert [tuple(each.shape[1:]) for each in features] == shapes
