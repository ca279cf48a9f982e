"""What a folder of small photos costs: `python benchmarks/folders.py [--photos 500] [--many 10000] [--large 24]`

Colors a folder of gray 500×375 JPEG photos as `colorize` does, and beside it measures the parts that nobody can do
without, block by block, so that a slow moment of the machine hits all alike:
  decode    the photos by Pillow
  network   the network alone, on what it sees of them, four at a time as in the pipeline
  encode    the results by Pillow, quality 95, 4:4:4
  whole     file to file through the pipeline, each on the disk when it is done; its ratio to the sum of these three
CPU time of the whole process in milliseconds per photo, median of the blocks, with one thread of the network unless
told otherwise; `photos/s` is by the clock. With --many, that many photos are colored in a process of their own, and
its memory after 100 of them and at the end is told (Linux only). The photos are pieces of scikit-image's astronaut.
With --large, that many photos of 12 megapixels are colored by the command, and it is told how much of the time it kept
all cores busy: looked at a hundred times a second, as many of its threads or more ran, or waited for a core
(Linux only).
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colorize.options import ENGINES, ColorizeOptions
from colorize.system.cores import CORES

if TYPE_CHECKING:
    from colorize.batch.results import Result
    from colorize.coloring.colorizer import Colorizer

inference = importlib.import_module("inference")  # a program beside this one
load = inference.load  # a colorizer, as told by the options
WIDTH, HEIGHT = 500, 375
BATCH = 4
BLOCK = 12 * BATCH  # photos measured at once: some seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model file; without it the one that comes with the program")
    parser.add_argument("--size", type=int, default=ColorizeOptions().size, help="as for colorize")
    parser.add_argument("--photos", type=int, default=500, help="photos in all, 0 for none")
    parser.add_argument("--many", type=int, default=0, help="photos of a long run, whose memory is told")
    parser.add_argument("--large", type=int, default=0, help="photos of 12 megapixels, for the share of busy cores")
    parser.add_argument("--engine", default=ENGINES[0], choices=ENGINES, help="as for colorize")
    parser.add_argument("--threads", type=int, default=1, help="of the network; 0 leaves it the choice")
    options = parser.parse_args()
    if options.photos:
        row = times(options)
        print("| " + " | ".join(row) + " |\n" + "|---:" * len(row) + "|")
        print("| " + " | ".join(f"{value:.4g}" for value in row.values()) + " |", flush=True)
    if options.many:
        early, late = memory(options)
        print(f"{options.many} photos: {early:.0f} MB after 100, {late:.0f} MB at the end ({late / early - 1:+.1%})")
    if options.large:
        whole, within = busy(options)
        print(f"{options.large} large photos: {CORES} cores busy {whole:.1%} of the time, {within:.1%} in its middle")


def times(options: argparse.Namespace) -> dict[str, float]:
    """Milliseconds per photo of each part and of the whole."""
    colorizer = load(options)
    milliseconds: dict[str, list[float]] = {}
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for block in range(-1, max(1, options.photos // BLOCK)):  # the first one warms up
            sources = make(Path(folder, f"{block}"), BLOCK)
            for way, run in ways(sources, Path(folder, f"{block}-color"), colorizer, options):
                clock, start = time.perf_counter(), time.process_time()
                run()
                if block >= 0:
                    milliseconds.setdefault(way, []).append(1000 * (time.process_time() - start) / BLOCK)
                    if way == "whole":
                        seconds.append(time.perf_counter() - clock)
    row = {way: statistics.median(milliseconds[way]) for way in ("decode", "network", "encode", "whole")}
    ratio = row["whole"] / (row["decode"] + row["network"] + row["encode"])
    return row | {"ratio": ratio, "photos/s": BLOCK / statistics.median(seconds)}


def ways(
    sources: Sequence[Path], target: Path, colorizer: Colorizer, options: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is measured, in this order: `encode` takes the results of `whole`."""
    from PIL import Image

    from colorize import photo
    from colorize.coloring.conditions import NO_CONDITIONS
    from colorize.coloring.prediction import predict, view

    views = [view(photo.open(source), options.size, NO_CONDITIONS) for source in sources]

    def whole() -> None:
        for result in color(sources[0].parent, target, colorizer, options):
            assert result.outcome.name == "DONE", result.message

    def decode() -> None:
        for source in sources:
            Image.open(source).load()

    def network() -> None:
        for start in range(0, len(views), BATCH):
            predict(colorizer.engine, views[start : start + BATCH])

    def encode() -> None:
        for image in results:
            image.save(io.BytesIO(), "JPEG", quality=95, subsampling=0)

    yield "decode", decode
    yield "network", network
    yield "whole", whole
    results = [photo.open(target / source.name).image for source in sources]
    yield "encode", encode


def memory(options: argparse.Namespace) -> tuple[float, float]:
    """Megabytes of this process after 100 photos and after all."""
    colorizer = load(options)
    early = 0.0
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder, "in"), options.many)
        for count, _ in enumerate(color(made[0].parent, Path(folder, "out"), colorizer, options), 1):
            if count == min(100, options.many):
                early = resident()
        return early, resident()


def busy(options: argparse.Namespace) -> tuple[float, float]:
    """How much of all cores the command wants while it colors large photos: from start to end, and without both."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "in")
        photos.mkdir()
        inference.photo(12).save(photos / "0.jpg", quality=92)
        for number in range(1, options.large):
            os.link(photos / "0.jpg", photos / f"{number}.jpg")
        command = [sys.executable, "-m", "colorize", photos, "-o", Path(folder, "out"), "--engine", options.engine]
        wanted = []
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:
            while run.poll() is None:
                wanted.append(min(CORES, wants_to_run(run.pid)) / CORES)
                time.sleep(0.01)
    tenth = len(wanted) // 10
    return statistics.mean(wanted), statistics.mean(wanted[tenth : len(wanted) - tenth])


def wants_to_run(process: int) -> int:
    """How many threads of a process run, or wait for a core."""
    count = 0
    for path in Path("/proc", str(process), "task").glob("*/stat"):
        with suppress(OSError):  # a thread that has just ended
            count += path.read_text().rpartition(")")[2].split()[0] == "R"
    return count


def color(source: Path, target: Path, colorizer: Colorizer, options: argparse.Namespace) -> Iterator[Result]:
    """What the command line does."""
    from colorize.batch.pipeline import run
    from colorize.batch.plan import plan

    return run(plan([source], target), lambda: colorizer, ColorizeOptions(size=options.size))


def make(folder: Path, count: int) -> list[Path]:
    """Gray photos with grain; from the 200th on, other names of the same files."""
    from PIL import Image
    from skimage import data

    folder.mkdir()
    whole = Image.fromarray(data.astronaut()).convert("L")
    rng = np.random.default_rng(count)
    paths = [folder / f"{number:06}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        if number >= 200:
            os.link(paths[number % 200], path)
            continue
        left, top = (int(value) for value in rng.integers(0, 212, 2))
        piece = whole.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, (left, top, left + 300, top + 225))
        grain = rng.integers(-8, 9, (HEIGHT, WIDTH), dtype=np.int16)
        Image.fromarray((grain + np.asarray(piece)).clip(0, 255).astype(np.uint8)).save(path, quality=92)
    return paths


def resident() -> float:
    """Megabytes that this process has in memory, as /proc tells; not a number elsewhere."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


if __name__ == "__main__":
    main()
