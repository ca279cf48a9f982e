"""One training by 1, 2 and 4 processes: `python benchmarks/processes.py SHARD… --out FOLDER --plot curves.png`

Every run has the same settings, global batch and rates. Each is made with several seeds, for the noise that there is
without any change. Prints, of each number of processes, the mean over the seeds of losses and measures, with the least
and the largest.

Runs that are in the folder already are taken as they are. What stands after `--` is handed on to train.py.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
_COLUMNS = 8  # of a table
SETTINGS = [
    *("--architecture", "unet", "--generator-settings", '{"ngf": 16, "depth": 6}', "--ndf", "16", "--size", "64"),
    *("--batch-size", "16", "--generator-steps", "300", "--discriminator-steps", "20", "--adversarial-steps", "80"),
    *("--ema", "0.98", "--validation-photos", "128", "--validate-interval", "60", "--log-interval", "10"),
    *("--checkpoint-interval", "1000", "--workers", "1", "--shuffle-buffer", "300", "--device", "cpu"),
    *("--precision", "fp32", "--threads", "1"),
]


class Run(NamedTuple):
    processes: int
    seed: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", help="folders or tar shards, as for train.py")
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--seeds", type=int, default=3, help="runs with each number of processes")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--plot", type=Path, help="PNG file of the curves")
    options, extra = parser.parse_known_args()
    extra = [each for each in extra if each != "--"]

    runs = [Run(processes, seed) for seed in range(options.seeds) for processes in options.processes]
    logs = {run: train(run, options.photos, options.out, extra) for run in runs}
    for kind, name in (("train", "l1"), ("train", "d"), ("validation", "l1"), ("validation", "psnr")):
        print_table(kind, name, {run: curve(log, kind, name) for run, log in logs.items()})
    print()
    for processes in options.processes:
        paces = [
            entry["photos_per_s"]
            for run in runs
            if run.processes == processes
            for entry in logs[run]
            if entry["kind"] == "train"
        ]
        print(f"{processes} processes: {statistics.median(paces):.0f} photos/s")
    if options.plot:
        plot(logs, options.plot)


def train(run: Run, photos: list[str], out: Path, extra: list[str]) -> list[dict[str, Any]]:
    """The log of a run, which is made if it is not there."""
    folder = out / f"{run.processes}-processes-seed-{run.seed}"
    if not (folder / "last.safetensors").is_file():
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(run.processes)]
        command = [*launch, str(ROOT / "train.py"), *photos, "--folder", str(folder), "--seed", str(run.seed)]
        subprocess.run([*command, *SETTINGS, *extra], check=True)
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def curve(log: list[dict[str, Any]], kind: str, name: str) -> dict[int, float]:
    """The values of a loss or measure by their steps, from the first step on."""
    return {
        int(entry["step"]): entry[name] for entry in log if entry["kind"] == kind and name in entry and entry["step"]
    }


def thinned(values: dict[int, float]) -> dict[int, float]:
    """The same, for curves with many points in fewer: means over stretches of steps, by the last step of each."""
    steps, width = list(values), -(-len(values) // _COLUMNS)
    parts = [steps[i : i + width] for i in range(0, len(steps), width)]
    return {part[-1]: statistics.mean(values[step] for step in part) for part in parts}


def print_table(kind: str, name: str, curves: dict[Run, dict[int, float]]) -> None:
    rows = {run: thinned(values) for run, values in curves.items()}
    steps = list(next(iter(rows.values())))
    print(f"\n| {kind} {name} | {' | '.join(map(str, steps))} |\n|---|{'---|' * len(steps)}")
    for processes in dict.fromkeys(run.processes for run in rows):
        cells = []
        for step in steps:
            seeds = [row[step] for run, row in rows.items() if run.processes == processes]
            cells.append(f"{statistics.mean(seeds):.4g} ({min(seeds):.4g}–{max(seeds):.4g})")
        print(f"| {processes} | {' | '.join(cells)} |")


def plot(logs: dict[Run, list[dict[str, Any]]], path: Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3), dpi=80, layout="constrained")
    for axis, kind, name, label in (
        (axes[0], "train", "l1", "L1, training"),
        (axes[1], "validation", "psnr", "PSNR, validation (dB)"),
    ):
        for run, log in logs.items():
            values = curve(log, kind, name)
            shown = f"{run.processes} process{'es' if run.processes > 1 else ''}" if run.seed == 0 else None
            color = f"C{[1, 2, 4].index(run.processes)}" if run.processes in (1, 2, 4) else "0.5"
            axis.plot(list(values), list(values.values()), color=color, linewidth=1, alpha=0.8, label=shown)
        axis.set(xlabel="step", title=label)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
