"""What an engine costs: `python benchmarks/engines.py [--parts network cold threads folder] [--turns 9]`

  network   one photo of 256 × 256 px through the network alone, one thread, CPU milliseconds; beside it, as a
            yardstick, pix2pix's own U-Net (54 M parameters) on torch
  cold      `colorize photo.jpg`, 500 × 375 px, from starting the program to the finished file: CPU seconds, seconds by
            the clock, and the most memory (Linux)
  threads   the network on the exported graph with 1 and with 2 threads, milliseconds by the clock
  folder    `colorize folder` with small photos, photos/s by the clock, on all cores and on one (Linux)
What is compared takes turns, so that a slow moment of the machine hits all alike; the median is told, and for threads
the best as well. The photos are pieces of scikit-image's astronaut.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from colorize.color.units import FloatArray
from colorize.coloring.engine import Engine
from colorize.models.modelfile import GRAPH_SUFFIX, SHIPPED_MODEL
from colorize.options import ENGINES
from colorize.system.cores import CORES

make = importlib.import_module("folders").make  # photos; a program beside this one
SIDE = 256
PARTS = ("network", "cold", "threads", "folder")
NAMES = ENGINES[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--photos", type=int, default=500, help="in the folder")
    parser.add_argument("--engines", nargs="+", choices=NAMES, default=NAMES)
    options = parser.parse_args()
    for part in options.parts:
        globals()[part](options)


def network(options: argparse.Namespace) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # before anything reads it
    import torch

    from colorize.coloring.engine.choice import open_engine
    from colorize.coloring.engine.torch_engine import TorchEngine
    from colorize.models.architectures import build_generator

    engines: dict[str, Engine] = {"pix2pix's U-Net, torch": TorchEngine(build_generator("unet"), torch.device("cpu"))}
    engines |= {f"shipped, {name}": open_engine(SHIPPED_MODEL, name, "cpu")[0] for name in options.engines}
    milliseconds = take_turns({name: predicting(engine) for name, engine in engines.items()}, options.turns)
    yardstick = statistics.median(milliseconds["pix2pix's U-Net, torch"])
    print("\n| network, one thread | CPU ms | of pix2pix's |\n|---|---:|---:|")
    for name, each in milliseconds.items():
        median = statistics.median(each)
        print(f"| {name} | {median:.1f} | 1/{yardstick / median:.1f} |", flush=True)


def cold(options: argparse.Namespace) -> None:
    used: dict[str, list[tuple[float, float, float]]] = {name: [] for name in options.engines}
    with tempfile.TemporaryDirectory() as folder:
        (photo,) = make(Path(folder, "in"), 1)
        for turn in range(options.turns + 1):
            for name in options.engines:
                arguments = [str(photo), "-o", str(Path(folder, name)), "--overwrite", "--engine", name]
                row = program([*arguments, "--device", "cpu"])
                if turn:  # the first one fills the system's caches
                    used[name].append(row)
    print("\n| colorize photo.jpg | CPU s | s by the clock | memory MB |\n|---|---:|---:|---:|")
    for name, rows in used.items():
        print(f"| {name} | " + " | ".join(f"{statistics.median(each):.3g}" for each in zip(*rows, strict=True)) + " |")


def threads(options: argparse.Namespace) -> None:
    from colorize.coloring.engine.graph_engine import GraphEngine

    graph = SHIPPED_MODEL.with_suffix(GRAPH_SUFFIX)
    ways = {str(count): predicting(GraphEngine(graph, SHIPPED_MODEL, count)) for count in (1, 2)}
    one, two = take_turns(ways, 4 * options.turns, time.perf_counter).values()
    print("\n| 1 thread, median ms | 2 threads | times as fast | by the best turns |\n|---:|---:|---:|---:|")
    first, second = statistics.median(one), statistics.median(two)
    print(f"| {first:.1f} | {second:.1f} | {first / second:.2f} | {min(one) / min(two):.2f} |")


def folder(options: argparse.Namespace) -> None:
    print("\n| colorize folder | photos/s on one core | on all | |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as place:
        make(Path(place, "in"), options.photos)
        for name in options.engines:
            rates = []
            for cores in (1, CORES):
                arguments = [str(Path(place, "in")), "-o", str(Path(place, f"{name}-{cores}")), "--engine", name]
                _, seconds, _ = program([*arguments, "--device", "cpu"], cores)
                rates.append(options.photos / seconds)
            print(f"| {name} | {rates[0]:.1f} | {rates[1]:.1f} ({CORES}) | {rates[1] / rates[0]:.2f} × |", flush=True)


def predicting(engine: Engine) -> Callable[[], object]:
    l: FloatArray = np.random.default_rng(0).uniform(-1, 1, (1, 1, SIDE, SIDE)).astype(np.float32)
    return lambda: engine.predict(l)


def take_turns(
    ways: Mapping[str, Callable[[], object]], turns: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Milliseconds of each way, in each turn."""
    milliseconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, run in ways.items():
            start = clock()
            run()
            if turn:  # the first turn warms up
                milliseconds[name].append(1000 * (clock() - start))
    return milliseconds


def program(arguments: list[str], cores: int = 0) -> tuple[float, float, float]:
    """CPU seconds, seconds by the clock and the most megabytes of `colorize` with these arguments."""
    limit = f"import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}])" if cores else ""
    # Not the system's own figure for a program that has ended: it counts what this one held when it started it.
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); {limit}\n"
        "from colorize.cli import main; from inference import peak\n"
        "assert main(sys.argv[1:]) == 0; print(peak(), flush=True)"
    )
    before, start = os.times(), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    seconds, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, seconds, float(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
