"""What a photo costs: `python benchmarks/inference.py [--megapixels 0.1 1 12 100]`

Colors a gray JPEG photo into a JPEG file in a running process, and beside it measures the parts that nobody can do
without, turn by turn, so that a slow moment of the machine hits all alike:
  decode    the photo by Pillow
  network   the network alone, on what it sees of the photo
  encode    the result by Pillow, quality 95, 4:4:4
  whole     file to file; its ratio to the sum of these three
CPU time of the whole process in milliseconds, median of the turns, with one thread unless told otherwise. `memory` is
the most that a process took which only loaded the model and colored this one photo (Linux only). The photo is
scikit-image's astronaut, enlarged, with grain.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from colorize.options import ENGINES, ColorizeOptions

if TYPE_CHECKING:
    from PIL import Image

    from colorize.coloring.colorizer import Colorizer

COLUMNS = ("megapixels", "decode", "network", "encode", "whole", "ratio", "ns per pixel", "memory MB")
TURNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model file; without it the one that comes with the program")
    parser.add_argument("--size", type=int, default=ColorizeOptions().size, help="as for colorize")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.1, 1, 12, 100])
    parser.add_argument("--engine", default=ENGINES[0], choices=ENGINES, help="as for colorize")
    parser.add_argument("--threads", type=int, default=1, help="of the network; 0 leaves it the choice")
    parser.add_argument("--child", choices=("times", "memory"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        (megapixels,) = options.megapixels
        measure = times if options.child == "times" else memory
        print(json.dumps(measure(megapixels, options)))
        return
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---:" * len(COLUMNS) + "|")
    for megapixels in options.megapixels:
        row: dict[str, float] = {}
        for child in ("times", "memory"):
            arguments = ["--megapixels", str(megapixels), "--child", child, "--size", str(options.size)]
            arguments += ["--threads", str(options.threads), "--engine", options.engine] + (
                ["--model", options.model] if options.model else []
            )
            run = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
            row |= json.loads(run.stdout)
        print("| " + " | ".join(f"{row[column]:.4g}" for column in COLUMNS) + " |", flush=True)


def times(megapixels: float, options: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of each part and of the whole, in this process."""
    from PIL import Image

    from colorize.coloring.conditions import NO_CONDITIONS
    from colorize.coloring.prediction import predict, view
    from colorize.photo import Photo

    colorizer = load(options)
    gray = photo(megapixels)
    seen = view(Photo(gray), options.size, NO_CONDITIONS)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "gray.jpg", Path(folder) / "color.jpg"
        gray.save(source, quality=92)
        colorizer.colorize_file(source, target, size=options.size)
        with Image.open(target) as result:
            result.load()
        ways: dict[str, Callable[[], object]] = {
            "decode": lambda: Image.open(source).load(),
            "network": partial(predict, colorizer.engine, [seen]),
            "encode": lambda: result.save(io.BytesIO(), "JPEG", quality=95, subsampling=0),
            "whole": partial(colorizer.colorize_file, source, target, size=options.size),
        }
        milliseconds: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(TURNS + 1):
            for way, run in ways.items():
                start = time.process_time()
                run()
                if turn:  # the first turn warms up
                    milliseconds[way].append(1000 * (time.process_time() - start))
    row = {way: statistics.median(each) for way, each in milliseconds.items()}
    row["ratio"] = row["whole"] / (row["decode"] + row["network"] + row["encode"])
    row["ns per pixel"] = 1e6 * row["whole"] / (gray.width * gray.height)
    return row | {"megapixels": gray.width * gray.height / 1e6}


def memory(megapixels: float, options: argparse.Namespace) -> dict[str, float]:
    """The most memory that this process took."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "gray.jpg"
        making = "import inference, sys; inference.photo(float(sys.argv[1])).save(sys.argv[2], quality=92)"
        command = [sys.executable, "-c", making, str(megapixels), str(source)]
        subprocess.run(command, check=True, cwd=Path(__file__).parent)
        load(options).colorize_file(source, Path(folder) / "color.jpg", size=options.size)
    return {"memory MB": peak()}


def load(options: argparse.Namespace) -> Colorizer:
    from colorize.coloring.colorizer import Colorizer
    from colorize.system.memory import keep_freed_memory

    if options.threads:
        os.environ["OMP_NUM_THREADS"] = str(options.threads)  # which every engine reads when it is loaded
    keep_freed_memory()  # as the command line does
    return Colorizer.load(options.model, "cpu", options.engine)


def peak() -> float:
    """The most megabytes that this process had in memory, as /proc tells; not a number elsewhere."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def photo(megapixels: float) -> Image.Image:
    """A gray photo of 4 : 3."""
    from PIL import Image
    from skimage import data

    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    soft = Image.fromarray(data.astronaut()).convert("L").resize((width, height), Image.Resampling.BICUBIC)
    rng = np.random.default_rng(0)
    grain: NDArray[np.int16] = rng.integers(-8, 9, (height, width), dtype=np.int16)
    grain += np.asarray(soft)
    return Image.fromarray(grain.clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
