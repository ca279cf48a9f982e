"""What a CUDA device changes about training: where the steps compute, and in which precision."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from colorize.models.architectures import build_generator
from colorize.models.patchgan import Discriminators
from colorize.models.tensorfile import read_tensors
from colorize.training.cli import main
from colorize.training.config import TrainConfig
from colorize.training.losses import OBJECTIVES
from colorize.training.minibatch import Batch
from colorize.training.step import Step
from colorize.training.terms import ab_terms
from tests.training.runs import SMALL, log

pytestmark = pytest.mark.gpu
DEVICE = "cuda"
ON_GPU = [*SMALL, "--device", "auto", "--architecture", "mobile-unet", "--size", "32"]
ON_GPU += ["--generator-settings", '{"widths": [8, 8, 8, 8]}']


def test_an_adversarial_step_gives_the_losses_and_weights_of_the_cpu() -> None:
    torch.manual_seed(0)
    generator = build_generator("unet", {"ngf": 4, "depth": 4})
    discriminator = Discriminators(TrainConfig(ndf=4, n_layers=1, size=32).discriminator_settings(), 1)
    batch = Batch(torch.rand(4, 1, 32, 32) * 2 - 1, torch.rand(4, 2, 32, 32) - 0.5)

    def step_on(device: str) -> tuple[dict[str, float], list[torch.Tensor]]:
        g: nn.Module = copy.deepcopy(generator).to(device).eval()  # without dropout
        d: nn.Module = copy.deepcopy(discriminator).to(device)
        AcceleratorState._reset_state(reset_partial_state=True)  # of another device
        accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
        step = Step(
            accelerator, g, d, d, OBJECTIVES["bce"], ab_terms("l1"), adversarial_weight=1.0, reconstruction_weight=10.0
        )
        g_optimizer, d_optimizer = (torch.optim.SGD(each.parameters(), 0.01) for each in (g, d))
        on_device = Batch(batch.l.to(device), batch.ab.to(device))
        losses = step.adversarial_step([on_device], g_optimizer, d_optimizer)
        assert {p.device.type for p in g.parameters()} == {torch.device(device).type}
        return {name: loss.item() for name, loss in losses.items()}, [p.detach().cpu() for p in g.parameters()]

    (gpu_losses, gpu_weights), (cpu_losses, cpu_weights) = step_on(DEVICE), step_on("cpu")
    assert gpu_losses == pytest.approx(cpu_losses, rel=5e-3)  # convolutions may compute in TF32
    for ours, theirs in zip(gpu_weights, cpu_weights, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_trains_on_the_gpu_and_goes_on_after_a_stop(
    precision: str, shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from colorize.training import loop

    run, update = tmp_path / "run", loop._Trainer._update

    def stopped_at_step_6(self: Any, phase: Any) -> Any:
        if self.steps_done == 6:
            raise KeyboardInterrupt
        return update(self, phase)

    monkeypatch.setattr(loop._Trainer, "_update", stopped_at_step_6)
    assert main([str(shard), "--run", str(run), *ON_GPU, "--precision", precision]) == 130
    monkeypatch.setattr(loop._Trainer, "_update", update)
    assert main([str(shard), "--run", str(run), "--resume"]) == 0
    assert f"{DEVICE} in {precision}" in capfd.readouterr().err
    entries = [entry for entry in log(run) if entry["kind"] == "train"]
    assert entries[-1]["step"] == 11
    numbers = [value for entry in entries for value in entry.values() if isinstance(value, float)]
    assert numbers and all(map(math.isfinite, numbers))
    weights = read_tensors(run / "state.safetensors")[0].values()
    assert {tensor.dtype for tensor in weights if tensor.is_floating_point()} <= {torch.float32, torch.float64}
    assert json.loads((run / "config.json").read_text())["precision"] == precision


def test_precision_auto_is_bf16_where_the_gpu_has_it(
    shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(shard), "--run", str(tmp_path / "run"), *ON_GPU, "--precision", "auto"]) == 0
    expected = "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    assert f"{DEVICE} in {expected}" in capfd.readouterr().err
