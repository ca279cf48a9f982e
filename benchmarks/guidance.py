"""How well a person's guidance works: `python benchmarks/guidance.py [PHOTOS…] [--model FILE] [--limit N]`

hints       20 things on freely licensed photos, outlined by hand (masks.py), each given another color by one click:
            the share of the thing that comes within 10 units of that color; within 10 of what the photo's lightness
            lets that color be, for black and white can take little of it; and how far the rest moves. "All of it": the
            same with exactly the outlined pixels colored, which is the most that can be reached
true hints  with PHOTOS (folders, tar shards): what 1, 3 and 10 points with the true colors gain
references  with PHOTOS: a photo colored like itself turned round, cropped and darkened; like that one of all other
            photos that is most alike; like any other: gain over no reference, the share of photos that lose more than
            .5 dB, and how much nearer the colors come to the reference's
times       with --times: CPU and elapsed time of an answer to one more hint at 2 megapixels, and of looking at a
            reference photo and finding a photo in it at 256 px, both beside coloring alone
frames      with --clips FILE…: the first frame of each shot colored like those 30, 45 and 60 frames on
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from colorize import Colorizer, Hint
from colorize.color.lightness import ab_of, to_levels
from colorize.color.units import AB_RANGE
from colorize.coloring.painting import paint
from colorize.coloring.reference import describe_scene
from colorize.evaluation.subjects import Subject, find_subjects, true_hints
from colorize.photo import to_photo

masks = importlib.import_module("masks")  # a module beside this one
NEAR = 10.0  # units of a* and b*
WORSE = -0.5  # dB
BINS = np.linspace(-110, 110, 45)
TURNS = 9
LATER = (30, 45, 60)  # frames
MOST_FRAMES = 600  # of a clip
CUT = 30.0  # levels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", metavar="PHOTOS")
    parser.add_argument("--model", metavar="FILE", help="[the shipped one]")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="photos [%(default)s]")
    parser.add_argument("--clips", nargs="+", default=[], metavar="FILE", help="films in color")
    parser.add_argument("--references", action="store_true", help="no hints, only references and frames")
    parser.add_argument("--times", action="store_true", help="only times")
    given = parser.parse_args()
    colorizer = Colorizer.load(given.model, device="cpu")
    if given.times:
        times(colorizer)
        return
    if not given.references:
        hints(colorizer)
    if given.photos:
        everything = list(find_subjects(given.photos, Counter()))
        subjects = everything[:: max(1, len(everything) // given.limit)][: given.limit]
        plain = [colorizer(subject.gray) for subject in subjects]
        if not given.references:
            gains_of_hints(colorizer, subjects, plain)
        references(colorizer, subjects, everything, plain)
    if given.clips:
        frames(colorizer, given.clips)


def hints(colorizer: Colorizer) -> None:
    rows, seconds = [], []
    print("| thing | of the photo % | within 10 units % | of what can be % | all of it % | the rest moves |")
    print("|---|---:|---:|---:|---:|---:|")
    for mask in masks.load():
        gray = mask.image.convert("L")
        plain, start = ab(colorizer(gray)), time.perf_counter()
        guided = ab(colorizer(gray, hints=[Hint(mask.hint[0], mask.hint[1], mask.color)]))
        seconds.append(time.perf_counter() - start)
        color = ab_of(np.array(Hint(0, 0, mask.color).rgb(), np.uint8))
        most = ab(merge_ab(gray, color))
        rows.append(
            [
                near(guided, color * AB_RANGE)[mask.array].mean() * 100,
                near(guided, most)[mask.array].mean() * 100,
                near(most, color * AB_RANGE)[mask.array].mean() * 100,
                np.linalg.norm(guided - plain, axis=-1)[~mask.array].mean(),
            ]
        )
        print(
            "| {} | {:.1f} | {:.0f} | {:.0f} | {:.0f} | {:.2f} |".format(mask.name, 100 * mask.array.mean(), *rows[-1])
        )
    print("| mean | | {:.0f} | {:.0f} | {:.0f} | {:.2f} |".format(*np.mean(rows, axis=0)), flush=True)
    print(f"median {np.median(seconds):.2f} s a photo")


def times(colorizer: Colorizer) -> None:
    color = masks.open_photo("skimage:coffee")
    large, small = (to_photo(color).image.convert("L").resize(size) for size in ((1732, 1155), (313, 209)))
    hint = [Hint(300, 300, "steelblue")]
    parts: dict[str, Callable[[], object]] = {
        "2 MP, no hint": lambda: colorizer(large),
        "2 MP, another hint": lambda: colorizer(large, hints=hint),
        "256 px, no reference": lambda: colorizer(small),
        "256 px, reference": lambda: colorizer(small, reference=color.resize(small.size)),  # a new one each time
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
    for _ in range(TURNS + 1):  # by turns; the first one warms up
        for name, part in parts.items():
            start = time.process_time(), time.perf_counter()
            part()
            spent[name].append((time.process_time() - start[0], time.perf_counter() - start[1]))
    for name, seconds in spent.items():
        cpu, clock = 1000 * np.median(seconds[1:], axis=0)
        print(f"{name}: {cpu:.0f} ms of CPU time, {clock:.0f} ms by the clock")


def near(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(np.linalg.norm(one - other, axis=-1) < NEAR)


def merge_ab(gray: Image.Image, color: NDArray[np.float32]) -> Image.Image:
    """A photo all of one color (2,), as far as its lightness has that color in sRGB."""
    levels = np.asarray(gray)
    return paint(to_photo(gray), levels, np.broadcast_to(color[:, None, None], (2, *levels.shape))).image


def gains_of_hints(colorizer: Colorizer, subjects: Sequence[Subject], plain: Sequence[Image.Image]) -> None:
    print("\n| true hints | gain dB |\n|---|---:|")
    for count in (1, 3, 10):
        guided = [colorizer(subject.gray, hints=true_hints(subject, count)) for subject in subjects]
        print(f"| {count} | {np.mean(gains(subjects, guided, plain)):+.2f} |", flush=True)


def references(
    colorizer: Colorizer, subjects: Sequence[Subject], everything: Sequence[Subject], plain: Sequence[Image.Image]
) -> None:
    scenes = [describe_scene(colorizer.engine, each.gray) for each in everything]
    place_of = {each.key: place for place, each in enumerate(everything)}
    kinds: dict[str, Callable[[int], Image.Image]] = {
        "itself, otherwise": lambda i: otherwise(subjects[i].truth),
        "the most alike": lambda i: everything[most_alike(scenes, place_of[subjects[i].key])].truth,
        "any other": lambda i: subjects[(i + len(subjects) // 2) % len(subjects)].truth,
    }
    print("\n| reference | gain dB | lose > .5 dB % | nearer to it | same scene |\n|---|---:|---:|---:|---:|")
    for kind, reference_of in kinds.items():
        guided, nearer, same = [], [], []
        for i, subject in enumerate(subjects):
            reference = reference_of(i)
            guided.append(colorizer(subject.gray, reference=reference))
            nearer.append(overlap(guided[-1], reference) - overlap(plain[i], reference))
            same.append(colorizer.match(subject.gray, reference).same_scene)
        gained = np.array(gains(subjects, guided, plain))
        row = (
            f"{gained.mean():+.2f} | {100 * (gained < WORSE).mean():.0f} | {np.mean(nearer):+.3f} | {np.mean(same):.2f}"
        )
        print(f"| {kind} | {row} |", flush=True)


def otherwise(image: Image.Image) -> Image.Image:
    """The same scene, turned round, cropped and darker."""
    width, height = image.size
    part = ImageOps.mirror(image).crop((width // 20, height // 20, width * 9 // 10, height * 9 // 10))
    return ImageEnhance.Brightness(part).enhance(0.9)


def most_alike(scenes: Sequence[NDArray[np.float32]], index: int) -> int:
    """The other photo that the network finds most alike, as an `Album` does."""
    others = [i for i in range(len(scenes)) if i != index]
    return max(others, key=lambda i: float((scenes[index] @ scenes[i].T).max(axis=1).mean()))


def frames(colorizer: Colorizer, clips: Sequence[str]) -> None:
    """What a frame of the same shot is as a reference."""
    print("\n| clip | frame | later by | gain dB |\n|---|---:|---:|---:|")
    gained = []
    for clip in clips:
        shown = read_frames(clip)
        for start in shots(shown):
            end = min([each for each in shots(shown) if each > start], default=len(shown))
            plain = colorizer(gray_of(shown[start]))
            for later in (each for each in LATER if start + each < end):
                guided = colorizer(gray_of(shown[start]), reference=shown[start + later])
                gained.append(psnr(guided, shown[start]) - psnr(plain, shown[start]))
                print(f"| {Path(clip).name} | {start} | {later} | {gained[-1]:+.2f} |", flush=True)
    if gained:
        lost = sum(each < WORSE for each in gained)
        print(f"{len(gained)} pairs: mean {np.mean(gained):+.2f} dB, worst {min(gained):+.2f}, {lost} lose > .5 dB")


def read_frames(clip: str) -> list[Image.Image]:
    with av.open(clip) as film:
        return [
            Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in islice(film.decode(video=0), MOST_FRAMES)
        ]


def shots(shown: Sequence[Image.Image]) -> list[int]:
    """The first frame of each shot: lightness changes by more than a cut's worth, on small frames."""
    small = [np.asarray(each.convert("L").resize((32, 24)), dtype=float) for each in shown]
    return [0, *(i for i in range(1, len(small)) if np.abs(small[i] - small[i - 1]).mean() > CUT)]


def gray_of(image: Image.Image) -> Image.Image:
    return Image.fromarray(to_levels(np.asarray(image)))


def gains(subjects: Sequence[Subject], guided: Sequence[Image.Image], plain: Sequence[Image.Image]) -> list[float]:
    return [
        psnr(one, subject.truth) - psnr(other, subject.truth)
        for subject, one, other in zip(subjects, guided, plain, strict=True)
    ]


def psnr(image: Image.Image, truth: Image.Image) -> float:
    errors = (np.asarray(image, dtype=float) - np.asarray(truth, dtype=float)) / 255
    return float(-10 * np.log10(np.square(errors).mean()))


def ab(image: Image.Image) -> NDArray[np.float32]:
    """(H, W, 2), a* and b*."""
    return ab_of(np.asarray(image)) * np.float32(AB_RANGE)


def overlap(one: Image.Image, other: Image.Image) -> float:
    """The mean intersection of the histograms of a* and of b*."""
    shares = [
        [np.histogram(channel, BINS)[0] / channel.size for channel in np.moveaxis(ab(image), -1, 0)]
        for image in (one, other)
    ]
    return float(np.minimum(shares[0], shares[1]).sum() / 2)


if __name__ == "__main__":
    main()
