"""What a photo costs on top of the network: `python benchmarks/inference.py [--model FILE]`

In one run, turn by turn, so that a slow moment of the machine hits all alike:
  network   the network alone, on what it sees of the photo
  photo     the same through `Colorizer`: shrinking, network, upsampling, merging, on an array in memory
  file      the same from a JPEG file into a JPEG file
Prints milliseconds, the ratios, and the most memory a photo took above what was in use once the model was loaded
(Linux only). Photos are made up: soft shapes with grain, in grey and in colour.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorize.options import ColorizeOptions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model file; without it the one that comes with the program")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", type=int, default=ColorizeOptions().size, help="as for colorize")
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each")
    parser.add_argument("--threads", type=int, default=1, help="of torch; 0 leaves it the choice")
    options = parser.parse_args()

    import torch
    from PIL import Image

    from colorize import photo
    from colorize.colorizer import Colorizer, _shrink

    if options.threads:
        torch.set_num_threads(options.threads)
    colorizer = Colorizer.load(options.model, options.device)
    height = round((options.megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    print(f"{width}×{height} px, size {options.size}, {colorizer.engine.__class__.__name__} on {options.device}")

    with tempfile.TemporaryDirectory() as folder:
        for name, channels in (("grey", 1), ("colour", 3)):
            array = made_up(height, width, channels)
            source, target = Path(folder) / f"{name}.jpg", Path(folder) / f"{name}-color.jpg"
            photo.save(photo.Photo(Image.fromarray(array if channels == 3 else array[..., 0])), source)
            small = _shrink(array, options.size)  # (1, 1, h, w)
            ways: dict[str, Callable[[], object]] = {
                "network": partial(colorizer._predict, small),
                "photo": partial(colorizer.colorize_array, array, size=options.size),
                "file": partial(colorizer.colorize_file, source, target, size=options.size),
            }
            colorizer.colorize_array(array[:512, :512], size=options.size)  # warm
            seconds, peak = measured(ways, options.rounds)
            of = {way: statistics.median(times) for way, times in seconds.items()}
            print(f"{name}: " + ", ".join(f"{way} {1000 * each:.0f} ms" for way, each in of.items()))
            print(
                f"  photo / network {of['photo'] / of['network']:.2f}, file / network {of['file'] / of['network']:.2f}"
            )
            if peak:
                print("  memory above the loaded model: " + ", ".join(f"{way} {mb:.0f} MB" for way, mb in peak.items()))


def measured(ways: dict[str, Callable[[], object]], rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of each turn of each way, and the most megabytes that one turn of it took."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    peak: dict[str, float] = {}
    for turn in range(rounds + 1):
        for way, run in ways.items():
            before = forget_peak()
            start = time.perf_counter()
            run()
            if turn:  # the first turn warms up
                seconds[way].append(time.perf_counter() - start)
            if before is not None:
                peak[way] = max(peak.get(way, 0), resident("VmHWM") - before)
    return seconds, peak


def forget_peak() -> float | None:
    """Let the kernel count this process's peak memory from now on; megabytes in use, or None where it cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    return resident("VmRSS")


def resident(line: str) -> float:
    """Megabytes that /proc gives for this process under VmRSS (now) or VmHWM (at most)."""
    for each in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if each.startswith(f"{line}:"):
            return int(each.split()[1]) / 1024
    raise ValueError(f"no {line} in /proc/self/status")


def made_up(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """uint8 (height, width, 3): soft shapes with grain."""
    from PIL import Image

    rng = np.random.default_rng(0)
    planes = []
    for _ in range(channels):
        shapes = Image.fromarray(rng.integers(30, 225, (12, 16), dtype=np.uint8))
        plane = np.asarray(shapes.resize((width, height), Image.Resampling.BICUBIC), np.int16)
        planes.append(np.clip(plane + rng.integers(-6, 7, plane.shape, dtype=np.int16), 0, 255).astype(np.uint8))
    return np.ascontiguousarray(np.stack(planes * (3 // channels), axis=2))


if __name__ == "__main__":
    main()
