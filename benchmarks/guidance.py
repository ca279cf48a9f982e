"""How well a person's guidance works: `python benchmarks/guidance.py [PHOTOS…] [--model FILE] [--limit N]`

hints       20 things on freely licensed photos, outlined by hand (masks.py), each given another color by one click:
            the share of the thing that comes within 10 units of that color; within 10 of what the photo's lightness
            lets that color be, for black and white can take little of it; and how far the rest moves. "All of it": the
            same with exactly the outlined pixels colored, which is the most that can be reached
true hints  with PHOTOS (folders, tar shards): what 1, 3 and 10 points with the true colors gain
references  with PHOTOS: a photo colored like itself turned round, cropped and darkened; like the other photo that is
            most alike; like any other: gain over no reference, the share of photos that lose more than .5 dB, and how
            much nearer the colors come to the reference's
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from colorize import Colorizer, Hint
from colorize.color.lightness import ab_of
from colorize.color.units import AB_RANGE
from colorize.coloring.painting import paint
from colorize.evaluation.subjects import Subject, find_subjects, true_hints
from colorize.photo import to_photo

masks = importlib.import_module("masks")  # a module beside this one
NEAR = 10.0  # units of a* and b*
WORSE = -0.5  # dB
BINS = np.linspace(-110, 110, 45)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", metavar="PHOTOS")
    parser.add_argument("--model", metavar="FILE", help="[the shipped one]")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="photos [%(default)s]")
    given = parser.parse_args()
    colorizer = Colorizer.load(given.model, device="cpu")
    hints(colorizer)
    if given.photos:
        subjects = list(find_subjects(given.photos, Counter()))
        subjects = subjects[:: max(1, len(subjects) // given.limit)][: given.limit]
        plain = [colorizer(subject.gray) for subject in subjects]
        gains_of_hints(colorizer, subjects, plain)
        references(colorizer, subjects, plain)


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


def references(colorizer: Colorizer, subjects: Sequence[Subject], plain: Sequence[Image.Image]) -> None:
    kinds: dict[str, Callable[[int], Image.Image]] = {
        "itself, otherwise": lambda i: otherwise(subjects[i].truth),
        "the most alike": lambda i: subjects[most_alike(colorizer, subjects, i)].truth,
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


def most_alike(colorizer: Colorizer, subjects: Sequence[Subject], index: int) -> int:
    """The other photo that the network finds most alike, by the mean likeness of places."""
    gray = subjects[index].gray
    others = [i for i in range(len(subjects)) if i != index]
    return max(others, key=lambda i: colorizer.match(gray, subjects[i].truth).likeness)


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
