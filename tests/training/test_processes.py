"""One training, whatever the number of processes: each has a share of every batch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from colorize.training.checkpoint import load_state
from colorize.training.cli import main
from tests.training.runs import STEPS, log, train_together

pytestmark = pytest.mark.process

# Every process gets its share of the same batches, instead of photos in an order of its own.
SAME_BATCHES = """
import os; import torch
from colorize.training import cli, loop, measuring
from colorize.training.minibatch import Batch

def batches(self):
    self.photos_seen += self._photos_per_update()
    drawn = torch.Generator().manual_seed(self.photos_seen)
    rank, world, whole = self.accelerator.process_index, self.accelerator.num_processes, self.config.batch_size
    mine = slice(rank * whole // world, (rank + 1) * whole // world)
    def draw(channels):
        return torch.rand(whole, channels, 64, 64, generator=drawn)[mine] * 2 - 1
    return [Batch(draw(1), draw(2)) for _ in range(self.config.accumulation)]

loop._Trainer._next_batches = batches
measuring._BATCH = 1  # so that each process measures some photos
cli.run()
"""
# No dropout, which each process draws for itself, and not so small that BatchNorm of single pixels blows rounding up.
OPTIONS = [
    *("--architecture", "mobile-unet", "--generator-settings", '{"widths": [8, 8, 8, 8]}', "--ndf", "4"),
    *("--n-layers", "2", "--size", "64", "--min-side", "16", "--batch-size", "8", "--accumulation", "2", "--clip", "1"),
    *("--generator-steps", "1", "--discriminator-steps", "1", "--adversarial-steps", "2", "--log-interval", "1"),
    *("--pretrain-lr", "0"),  # Adam's first steps make the sign of rounding a whole step
    *("--workers", "0", "--holdout", "4", "--device", "cpu", "--precision", "fp32"),
]


def test_two_processes_learn_what_one_learns_from_the_same_batches(shard: Path, tmp_path: Path) -> None:
    """To rounding: BatchNorm, accumulated gradients, clipping, the moving average, what is measured and logged."""
    curves = []
    for processes in (1, 2):
        run = tmp_path / str(processes)
        codes, told = train_together(processes, SAME_BATCHES, [str(shard), *OPTIONS, "--folder", str(run)])
        assert codes == [0] * processes, told
        assert "Warning" not in told[0]
        curves.append([entry for entry in log(run) if entry["kind"] in ("train", "validation")])
    alone, together = curves
    assert len(alone) == len(together) == 4 + 4
    for mine, theirs in zip(together, alone, strict=True):
        assert mine.keys() == theirs.keys()
        assert mine.get("photos_seen") == theirs.get("photos_seen")
        for name, value in mine.items():
            if name in {"l1", "d", "adversarial", "gradient_norm", "psnr", "psnr_gray", "cf", "histogram_a"}:
                assert value == pytest.approx(theirs[name], rel=2e-4), (name, mine, theirs)


def test_a_run_goes_on_with_more_and_with_fewer_processes(finished: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    photos = str(finished.parent / "photos.tar")
    resume = [photos, "--folder", str(run), "--resume"]
    codes, told = train_together(
        2, "from colorize.training import cli; cli.run()", [*resume, "--adversarial-steps", "7"]
    )
    assert codes == [0, 0], told
    assert f"from step {STEPS} of {STEPS + 2}, on 2 × cpu" in told[0]
    assert main([*resume, "--adversarial-steps", "9"]) == 0
    trained = [entry for entry in log(run) if entry["kind"] == "train"]
    assert trained[-1]["step"] == STEPS + 4
    assert trained[-1]["photos_seen"] == 2 * (4 + 2 + 9 * 2)
    epochs = [process["data"]["positions"][0][0] for process in load_state(run / "state.safetensors")["processes"]]
    assert epochs >= [2]  # one more with each change
    starts = [json.loads(line) for line in (run / "starts.jsonl").read_text().splitlines()]
    assert [(start["processes"], start["photos_per_step"]) for start in starts] == [(1, 2), (2, 2), (1, 2)]
