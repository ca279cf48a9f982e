"""What a film costs, and what it is like: `python benchmarks/films.py [--seconds 6] [--minutes 20] [--kills 20] …`

Colors synthetic films of 480p and 1080p (a pan over a photo with grain, a cut every four seconds) as `colorize` does,
and beside it measures the parts that nobody can do without, in blocks that take turns, so that a slow moment of the
machine hits all alike:
  decode    the picture by FFmpeg
  encode    the same frames in gray by the same encoder
  whole     file to file, from the third second of the film to its last but one: what goes on however long the film is;
            its ratio to the sum of these two
`color` is what is left of the whole's CPU time without decoding and encoding, as a share. CPU time of the whole process
in milliseconds per frame, median of the blocks. `main` is the part of it in the thread that waits for nobody: on two
cores with nothing else to do, `2 cores` frames a second would be done, the less of what two cores have time for, and of
what this thread has. `clock` is frames a second now, with all that the machine does besides. `start` is seconds of CPU
time that come once: the model, and the first colors, which have to be worked out.

With --minutes, a film of that length (96 × 72, so that it is soon done) is colored in a process of its own; its memory
after one minute of film and at the end is told (Linux only). With --kills, a film of two minutes, or of --killed
seconds, is killed at so many random moments, gone on with, and compared with an unbroken run. With --codecs, the first
frames of a film are colored and written with each codec. The photos are those of scikit-image.

With --truth PHOTOS (folders, photos, tar shards), --photos of them become films of 40 frames with known motion: pans
and a zoom, two of four with grain. Their colors are compared with those of the network on every frame: changes over one
and four frames along the motion, shift of the histograms, chroma, and distance to the true colors, each as a share of
frame by frame. `both ways` is the distance as a share of that frame by frame with each frame's mirror image.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from skimage import data

from colorize.coloring.colorizer import Colorizer
from colorize.options import CODECS, FilmOptions
from colorize.video import colored_frames, colorize_film
from colorize.video.decoding import open_film, plane_of
from colorize.video.encoding import PieceWriter, colored
from colorize.video.segments import folder_of

SIZES = {"480p": (854, 480), "1080p": (1920, 1080)}
RATE = 25
SHOT = 4  # seconds
BLOCKS = 3
BEGINNING = 2  # seconds of a film in which its costs are not yet those of the rest
HEADER = (
    "| film | decode | encode | whole | ratio | color | main | 2 cores | clock | start |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
)
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
COMPARED = 48  # frames that are written with each codec
SHARES = ("next frame", "fourth frame", "histograms", "chroma", "distance", "both ways")
FRAMES, SEEN = 40, (320, 240)  # of a film that is compared with the truth
LEAST = 2  # seconds of a segment in the film that is killed: every shot is one, so that a short film has many
COLOR = (  # in a process of its own
    "import sys; from fractions import Fraction; from colorize.options import FilmOptions\n"
    f"from colorize.video import film; film.LEAST = Fraction({LEAST})\n"
    "film.colorize_film(sys.argv[1], sys.argv[2], film_options=FilmOptions(codec=sys.argv[3]))"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6, help="of each film, at least 4; 0 for none")
    parser.add_argument("--codec", default=FilmOptions().codec, choices=CODECS, help="as for colorize")
    parser.add_argument("--minutes", type=float, default=0, help="of a long film, whose memory is told")
    parser.add_argument("--kills", type=int, default=0, help="of a film that is gone on with")
    parser.add_argument("--killed", type=float, default=120, help="seconds of that film")
    parser.add_argument("--codecs", type=Path, metavar="FILM", help="a film that is written with each codec")
    parser.add_argument("--truth", nargs="+", default=[], metavar="PHOTOS", help="in color, of which films are made")
    parser.add_argument("--photos", type=int, default=24, help="so many of them, from all over [%(default)s]")
    options = parser.parse_args()
    if 0 < options.seconds < BEGINNING + 2:
        parser.error(f"--seconds must be 0 or at least {BEGINNING + 2}, got {options.seconds:g}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if options.seconds:
            print(HEADER)
            for name, size in SIZES.items():
                source = make_film(place / f"{name}.mkv", size, round(options.seconds * RATE))
                print(f"| {name} | {' | '.join(costs(source, FilmOptions(codec=options.codec)))} |", flush=True)
        if options.codecs:
            print("| codec | MB/min | dB of luma | of Cb and Cr | CPU ms/frame |\n|---|---:|---:|---:|---:|")
            for row in compare_codecs(options.codecs):
                print(f"| {' | '.join(row)} |", flush=True)
        if options.minutes:
            early, late = memory(make_film(place / "long.mkv", (96, 72), round(options.minutes * 60 * RATE)))
            print(f"{options.minutes:g} minutes: {early:.0f} MB after the first, {late:.0f} MB at the end")
        if options.kills:
            count = round(options.killed * RATE)
            print(kill(make_film(place / "killed.mkv", (240, 180), count), count, options.kills))
    if options.truth:
        print(f"| photo | motion | {' | '.join(SHARES)} |\n|---|---|{'---:|' * len(SHARES)}")
        for row in compare_with_truth(options.truth, options.photos):
            print(f"| {' | '.join(row)} |", flush=True)


def make_film(path: Path, size: tuple[int, int], count: int) -> Path:
    """A gray film of 25 frames a second in H.264."""
    grain = np.random.default_rng(0).normal(0, 4, (size[1] + 64, size[0] + 64)).astype(np.float32)
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "18"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        for number, luma in enumerate(frames(size, count)):
            right, down = np.random.default_rng(number).integers(0, 64, 2)
            noisy = luma + grain[down : down + size[1], right : right + size[0]]
            frame = av.VideoFrame.from_ndarray(noisy.clip(16, 235).astype(np.uint8), "gray").reformat(format="yuv420p")
            frame.pts = number
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return path


def frames(size: tuple[int, int], count: int) -> Iterator[NDArray[np.uint8]]:
    """Pans over photos, one after another."""
    for number in range(count):
        turn, t = divmod(number, SHOT * RATE)
        photo = _photo(PHOTOS[turn % len(PHOTOS)], size)
        right, down = 0.4 * t * size[0] / 500, 0.15 * t * size[0] / 500 + turn % 7
        place = np.array([[1, 0, -right], [0, 1, -down]])
        yield np.asarray(cv2.warpAffine(photo, place, size, borderMode=cv2.BORDER_REFLECT), np.uint8)


_photos: dict[tuple[str, tuple[int, int]], NDArray[np.uint8]] = {}


def _photo(name: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    if (name, size) not in _photos:
        image = Image.fromarray(getattr(data, name)()).convert("L")
        scale = 1.15 * max(size[0] / image.width, size[1] / image.height)
        _photos[name, size] = np.asarray(image.resize((round(image.width * scale), round(image.height * scale))))
    return _photos[name, size]


def costs(source: Path, options: FilmOptions) -> list[str]:
    """A row of the table."""
    colorizer = Colorizer.load(device="cpu")
    blocks: dict[str, list[float]] = {name: [] for name in ("decode", "encode", "whole", "main", "clock", "start")}
    for _ in range(BLOCKS):
        began = time.process_time()
        with open_film(source) as film:
            count = sum(1 for _ in film.frames())
        decode = time.process_time() - began
        with open_film(source) as film, tempfile.TemporaryFile() as file:
            neutral = np.full((*film.layout.chroma_shape, 2), film.layout.code.neutral, film.layout.code.dtype)
            began = time.process_time()
            with PieceWriter(file, film, options, 0) as writer:
                for frame in film.frames():
                    writer.write(colored(frame, neutral, film.layout))
            encode = time.process_time() - began - decode
        measured = {
            "decode": 1000 * decode / count,
            "encode": 1000 * encode / count,
            **_whole(source, options, colorizer, count),
        }
        for name, value in measured.items():
            blocks[name].append(value)
    decode, encode, whole, main, clock, start = (statistics.median(each) for each in blocks.values())
    ratio, color = whole / (decode + encode), 1 - (decode + encode) / whole
    of_two_cores = 1000 / max(main, whole / 2)
    numbers = [f"{each:.1f}" for each in (decode, encode, whole)]
    return [
        *numbers,
        f"{ratio:.2f}",
        f"{color:.0%}",
        f"{main:.1f}",
        f"{of_two_cores:.1f}",
        f"{clock:.1f}",
        f"{start:.1f}",
    ]


def _whole(source: Path, options: FilmOptions, colorizer: Colorizer, count: int) -> dict[str, float]:
    """Milliseconds per frame of a film that is colored from file to file, its frames a second, and seconds of start."""
    first, last = BEGINNING * RATE, count - RATE
    marks = {}

    def note(done: int, _total: int | None) -> None:
        if done in (first, last):
            marks[done] = time.process_time(), time.thread_time(), time.perf_counter()

    target = source.with_name("color.mkv")
    began = time.process_time()
    colorize_film(source, target, film_options=options, colorizer=colorizer, progress=note)
    target.unlink()
    whole, main, clock = ((after - before) / (last - first) for before, after in zip(*marks.values(), strict=True))
    start = marks[first][0] - began - first * whole
    return {"whole": 1000 * whole, "main": 1000 * main, "clock": 1 / clock, "start": start}


def compare_codecs(source: Path) -> Iterator[list[str]]:
    """Rows of a table: bytes, PSNR and CPU time of each codec, without `--crf`."""
    frames = list(islice(colored_frames(source), COMPARED))
    for codec in CODECS:
        with open_film(source) as film, tempfile.TemporaryFile() as file:
            began = time.process_time()
            with PieceWriter(file, film, FilmOptions(codec=codec), frames[0].pts or 0) as writer:
                for frame in frames:
                    writer.write(frame)
            spent = time.process_time() - began
            minutes = float(len(frames) / film.rate) / 60
            size = file.seek(0, os.SEEK_END) / minutes / 1e6
            file.seek(0)
            with av.open(file, "r") as container:
                written = list(container.decode(video=0))
        luma, chroma = (_psnr(frames, written, numbers) for numbers in ((0,), (1, 2)))
        yield [codec, f"{size:.1f}", f"{luma:.1f}", f"{chroma:.1f}", f"{1000 * spent / len(frames):.0f}"]


def _psnr(frames: Sequence[av.VideoFrame], others: Sequence[av.VideoFrame], planes: Sequence[int]) -> float:
    """Decibels, of some planes together; infinite for the same ones."""
    errors = []
    for one, other in zip(frames, others, strict=True):
        for number in planes:
            a, b = (np.asarray(_codes(frame, number), np.float64) for frame in (one, other))
            errors.append(np.mean((a - b) ** 2))
    most = 255 if "10" not in frames[0].format.name else 1023
    return float(10 * np.log10(most**2 / np.mean(errors))) if np.any(errors) else math.inf


def _codes(frame: av.VideoFrame, number: int) -> NDArray[np.unsignedinteger[Any]]:
    plane = frame.planes[number]
    return plane_of(frame, number, (plane.height, plane.width), np.uint16 if "10" in frame.format.name else np.uint8)


def memory(source: Path) -> tuple[float, float]:
    """Megabytes of a process after the first minute of the film, and the most of all."""
    code = (
        "import resource, sys; from colorize.video import colorize_film\n"
        "most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000\n"
        "early = []\n"
        f"note = lambda done, total: early.append(most()) if done == {60 * RATE} else None\n"
        "colorize_film(sys.argv[1], sys.argv[2], progress=note); print(early[0], most())"
    )
    call = [sys.executable, "-c", code, str(source), str(source.with_name("color.mkv"))]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    early, late = map(float, done.stdout.split())
    return early, late


def kill(source: Path, count: int, times: int) -> str:
    """Color a film of `count` frames in processes that are killed at random moments; what came of it."""
    whole, killed = source.with_name("whole.mkv"), source.with_name("again.mkv")
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", COLOR, str(source), str(whole), "ffv1"], check=True)
    segment = (time.monotonic() - began) / (count / (SHOT * RATE))  # seconds of work, about
    moments, done, lost, finished = random.Random(1), 0, [], 0
    folder = folder_of(killed)
    for _ in range(times):
        before = set(folder.glob("*.tmp"))  # which the kill before has left
        process = subprocess.Popen([sys.executable, "-c", COLOR, str(source), str(killed), "ffv1"])
        while process.poll() is None and not set(folder.glob("*.tmp")) - before:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 2.5 * segment))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if killed.exists():
            finished += 1
            killed.unlink()
            continue
        journal = folder / "journal.json"
        entered = len(json.loads(journal.read_bytes())["segments"]) if journal.exists() else 0
        if entered < done:
            raise SystemExit(f"{done} segments were done, the journal has {entered}")
        done = entered
        # A file that is being written is a segment, or the journal that is to tell of one.
        lost.append(max(len(list(folder.glob("*.nut"))) - entered, len(list(folder.glob("*.tmp")))))
    subprocess.run([sys.executable, "-c", COLOR, str(source), str(killed), "ffv1"], check=True)
    same = _pixels(whole) == _pixels(killed)
    left = sorted(path.name for path in source.parent.glob(".colorize*"))
    return (
        f"{times} kills, {finished} after the end: {'the same' if same else 'another'} result, "
        f"at most {max(lost, default=0)} segment lost at once, left behind: {left or 'nothing'}"
    )


def _pixels(path: Path) -> list[tuple[int | None, int]]:
    """Time and a hash of all pixels of each frame."""
    with av.open(str(path)) as container:
        return [(frame.pts, hash(frame.to_ndarray().tobytes())) for frame in container.decode(video=0)]


def compare_with_truth(photos: Sequence[str], count: int) -> Iterator[list[str]]:
    """Rows of a table: shares of each film, their means, and the worst ones."""
    sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/ makes such films, too
    from colorize.evaluation.subjects import find_subjects
    from tests.video.films import pan, shot, zoom
    from tests.video.steadiness import compare

    motions = {  # of a camera that sees 320 × 240 px of a photo of 480 × 360, and the grain
        "pan": (pan(2, 0.7, (20, 20)), 0),
        "zoom": (zoom(1.01, (240, 180), SEEN), 0),
        "pan with grain": (pan(-1.5, 1, (100, 40)), 5),
        "slow pan with grain": (pan(0.3, 0, (60, 60)), 6),
    }
    engine = Colorizer.load(device="cpu").engine
    found = find_subjects(photos, Counter())
    fitted = [(each.key, np.asarray(ImageOps.fit(each.truth, (480, 360), Image.Resampling.LANCZOS))) for each in found]
    if not fitted:
        sys.exit(f"no photo in color in {', '.join(photos)}")
    chosen = fitted[:: max(1, len(fitted) // count)][:count]
    shares = []
    for (key, photo), (motion, (place, grain)) in zip(chosen, cycle(motions.items()), strict=False):
        alone, both_ways, ours = compare(engine, shot(photo, place, FRAMES, SEEN), place, grain)
        steady, chroma = (ours.next, ours.fourth, ours.flicker), ours.chroma / alone.chroma
        changes = [one / other for one, other in zip(steady, (alone.next, alone.fourth, alone.flicker), strict=True)]
        shares.append([*changes, chroma, ours.error / alone.error, ours.error / both_ways.error])
        yield [key, motion, *_percent(shares[-1])]
    yield ["mean", "", *_percent(np.mean(shares, axis=0))]
    worst = np.max(shares, axis=0)
    worst[SHARES.index("chroma")] = np.min(shares, axis=0)[SHARES.index("chroma")]
    yield ["worst", "", *_percent(worst)]


def _percent(shares: Iterable[float]) -> list[str]:
    return [f"{share:.1%}" for share in shares]


if __name__ == "__main__":
    main()
