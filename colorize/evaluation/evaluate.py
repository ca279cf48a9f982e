"""`python -m colorize.evaluation.evaluate PHOTOS… [--model FILE]`: models against the truth, and gray beside them.

Each color photo goes, in gray, through the same `Colorizer` that users have; the result is compared with the photo at
its full size. What is printed names the protocol with the numbers. `--json` writes, as format 2:

    format, command    2; how the evaluation was started, without paths
    versions, seconds  {"python", "torch", "colorize"}; what it took
    photos, skipped    measured;  {"unreadable", "tiny", "gray"}: how many were left out
    protocol           {SUBJECT: how it was measured}, of what was measured
    rows               {NAME: {"model": file, "strength", "size", "hints", "measures": {MEASURE: measure}}}: the model,
                       what --sweep and --hints make of it, every --baseline, "gray" and "truth"
    sources            {SOURCE: {"photos", "rows": {NAME: {"measures"}}}}: the measures that are printed by source
    frechet            {"network", "photos", "features", "extrapolated_floor"}, or null
    targets            [{"target", "value", "met"}], of the model

A *measure* is {"value", "low", "high"}, its 95 % interval. See `measures.py` for those of the study, which are all
there. Besides: psnr_gain, over gray; stains (`stains.py`), 0 for gray and truth; frechet, frechet_across_halves;
half_size, double_size, mirrored, brighter, noisier (`consistency.py`), of the model; hints_gain, in dB over the model
without hints.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorize.errors import ConfigError, DataError
from colorize.evaluation.rounding import rounded
from colorize.evaluation.tables import OF_SOURCES, Gallery, format_report, html_page, require_jinja
from colorize.options import ColorizeOptions
from colorize.requirements import EXTRAS, require
from colorize.system import files
from colorize.system.program import run_program
from colorize.system.threads import add_threads_option, use_threads, wait_passively

if TYPE_CHECKING:
    from PIL import Image

    from colorize.evaluation.rows import Row
    from colorize.evaluation.scores import Scores
    from colorize.evaluation.subjects import Subject

PROTOCOL = {
    "photos": "each at its own size, colored from its L*, the result in 8 bit; every photo counts the same",
    "intervals": "95 %, percentiles over photos drawn again with replacement, the same draws for every row",
    "PSNR": "on sRGB, in dB, the mean over photos",
    "CF": "colorfulness (Hasler & Süsstrunk 2003), signed; ΔCF: its mean − the truth's mean",
    "histogram": "intersection of the a* and of the b* of all pixels with the truth's, 110 bins",
}
FRECHET_PROTOCOL = (
    "Fréchet distance of {features} pooled features of ImageNet's {network} ({file}) between the {photos} photos of "
    "a row and their truth, interval by jackknife; halves: between one half of the photos and the truth of the other "
    "half, mean and range of five splits, for truth itself the floor; that of true photos at n = {photos}, "
    "extrapolated: {extrapolated_floor:.2f}"
)
HINTS_PROTOCOL = (
    "points at random places, each with the mean of the true colors of the 3 × 3 pixels around it, given as users do"
)
_FEWEST_FOR_FRECHET = 8
_DIGITS = 6  # significant ones in the file: the rest says nothing
_PROGRESS = 100  # photos


def evaluate(
    photos: Sequence[str],
    rows: Sequence[Row],
    *,
    limit: int = 0,
    features: str = "",
    consistency: bool = False,
    pictures: Path | None = None,
    gallery: Gallery | None = None,
) -> dict[str, Any]:
    """Measure models on color photos. Gray photos have no truth: they are left out, as are unreadable and tiny ones.

    Args:
        photos: folders, photos, tar shards.
        rows: the first is the model in question, as of `build_rows`.
        limit: the first so many photos only; 0 for all.
        features: weights as of `read_imagenet` for the Fréchet distance, which is left out without.
        consistency: whether the model colors each photo five times more, a little changed.
        pictures: a folder for gray, the model's result and truth of each photo, side by side.
        gallery: is given the same pictures.

    Returns:
        The report as at the top of this file, from "photos" on.

    Raises:
        DataError: there is no photo to measure on.
        WeightsError: `features` cannot be read.
    """
    from colorize.evaluation.features import FeatureExtractor
    from colorize.evaluation.scores import Scores
    from colorize.evaluation.subjects import find_subjects
    from colorize.system.memory import keep_freed_memory
    from colorize.training.data import SKIPS

    keep_freed_memory()
    begin = time.monotonic()
    scores, skipped = Scores(FeatureExtractor(features) if features else None), Counter[str]()
    for subject in itertools.islice(find_subjects(photos, skipped), limit or None):
        painted, gain = _measure(scores, subject, rows, consistency)
        if pictures or gallery:
            _show(subject, painted, gain, pictures, gallery)
        if len(scores) % _PROGRESS == 0:
            print(f"evaluate: {len(scores)} photos", file=sys.stderr, flush=True)
    if not scores:
        counts = ", ".join(f"{skipped[reason]} {reason}" for reason in SKIPS)
        raise DataError(f"no photo to measure on in {', '.join(photos)} ({counts})")
    return {
        "photos": len(scores),
        "skipped": {reason: skipped[reason] for reason in SKIPS},
        **_summary(scores, rows, features, consistency),
        "seconds": round(time.monotonic() - begin, 1),
    }


def _measure(scores: Scores, subject: Subject, rows: Sequence[Row], consistency: bool) -> tuple[Image.Image, float]:
    """Add a photo to the scores; what the model made of it, and its PSNR over gray's."""
    from colorize.evaluation.consistency import chroma_distances
    from colorize.evaluation.scores import GRAY, TRUTH
    from colorize.evaluation.subjects import to_rgb, true_hints

    model, gray = rows[0], subject.gray
    painted = {row.name: row.paint(gray, true_hints(subject, row.hints)) for row in rows}
    psnr = scores.add(
        subject.source, {name: to_rgb(image) for name, image in (painted | {GRAY: gray, TRUTH: subject.truth}).items()}
    )
    for row in rows:
        if row.hints:
            scores.note(row.name, {"hints_gain": psnr[row.name] - psnr[model.name]})
    if consistency:
        scores.note(model.name, chroma_distances(model.paint, gray, painted[model.name], subject.seed))
    return painted[model.name], psnr[model.name] - psnr[GRAY]


def _show(subject: Subject, painted: Image.Image, gain: float, pictures: Path | None, gallery: Gallery | None) -> None:
    """Gray, result and truth into the folder and the gallery."""
    from colorize import photo

    picture = _side_by_side(subject.gray, painted, subject.truth)
    if pictures:
        photo.save(photo.Photo(picture), pictures / f"{subject.key.replace('/', '_')}.png")
    if gallery:
        gallery.add(subject.key, gain, picture)


def _side_by_side(*images: Image.Image) -> Image.Image:
    from PIL import Image

    width, height = images[0].size
    sheet = Image.new("RGB", (width * len(images), height))
    for i, image in enumerate(images):
        sheet.paste(image, (i * width, 0))
    return sheet


def _summary(scores: Scores, rows: Sequence[Row], features: str, consistency: bool) -> dict[str, Any]:
    """The report from "protocol" to "targets"."""
    from colorize.evaluation.consistency import PROTOCOL as CONSISTENCY_PROTOCOL
    from colorize.evaluation.stains import PROTOCOL as STAINS_PROTOCOL

    measures, frechet = scores.summary(), None
    protocol = PROTOCOL | {"stains": STAINS_PROTOCOL}
    if features and len(scores) >= _FEWEST_FOR_FRECHET:
        distances, frechet = scores.frechet()
        measures = {name: each | distances[name] for name, each in measures.items()}
        protocol["FD"] = FRECHET_PROTOCOL.format(**frechet, file=Path(features).name)
    if consistency:
        protocol["consistency"] = CONSISTENCY_PROTOCOL
    if any(row.hints for row in rows):
        protocol["hints"] = HINTS_PROTOCOL
    settings = {row.name: row.settings() for row in rows}
    return {
        "protocol": protocol,
        "rows": {name: settings.get(name, {}) | {"measures": each} for name, each in measures.items()},
        "sources": {source: _of_source(scores, source) for source, _ in Counter(scores.sources).most_common()},
        "frechet": frechet,
        "targets": targets(measures),
    }


def _of_source(scores: Scores, source: str) -> dict[str, Any]:
    """The measures of one source that are printed."""
    rows = {
        name: {column.measure: measures[column.measure] for column in OF_SOURCES if column.measure in measures}
        for name, measures in scores.summary(source).items()
    }
    return {
        "photos": scores.sources.count(source),
        "rows": {name: {"measures": measures} for name, measures in rows.items()},
    }


def targets(measures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[dict[str, Any]]:
    """What a model that is to be shipped should reach; only what was measured."""
    first, *others = measures.values()
    mine = {name: measure["value"] for name, measure in first.items()}
    gray = measures["gray"]
    found = [
        ("PSNR ≥ gray + 1.0 dB", mine["psnr_gain"], mine["psnr_gain"] >= 1),
        ("|ΔCF| ≤ 4", mine["delta_cf"], mine["delta_cf"] <= 4),
        ("histogram a ≥ 0.95", mine["histogram_a"], mine["histogram_a"] >= 0.95),
        ("histogram b ≥ 0.93", mine["histogram_b"], mine["histogram_b"] >= 0.93),
    ]
    if "frechet" in mine:
        share = mine["frechet"] / gray["frechet"]["value"]
        found.append(("FD ≤ 0.55 of gray's", share, share <= 0.55))
    gains = [row["hints_gain"]["value"] for row in others if "hints_gain" in row]
    found += [("PSNR with hints ≥ without + 3 dB", gain, gain >= 3) for gain in gains]
    return [{"target": target, "value": value, "met": met} for target, value, met in found]


# -- the command -------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    return run_program("evaluate", lambda: _run(given, sys.argv[1:] if arguments is None else arguments))


def _run(given: argparse.Namespace, arguments: Sequence[str]) -> None:
    require("study", "evaluating a model", *EXTRAS["train"], "skimage")
    wait_passively()
    use_threads(given.threads)
    gallery = _prepare(given.json, given.html)
    report = _origin(arguments) | evaluate(
        given.photos,
        _rows(given),
        limit=given.limit,
        features=given.features,
        consistency=given.consistency,
        pictures=given.pictures,
        gallery=gallery,
    )
    print(format_report(report))
    if given.json:
        _write(given.json, json.dumps(rounded(report, _DIGITS), indent=1, ensure_ascii=False) + "\n")
    if given.html and gallery:
        _write(given.html, html_page(report, gallery))


def _parser() -> argparse.ArgumentParser:
    defaults = ColorizeOptions()
    parser = argparse.ArgumentParser(
        prog="python -m colorize.evaluation.evaluate",
        description="Measure models on color photos, which they see in gray, and gray itself beside them.",
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTOS", help="folders of color photos, photos, tar shards")
    parser.add_argument("--model", metavar="FILE", help="model file [the shipped one]")
    parser.add_argument("--strength", type=float, default=defaults.strength, metavar="X", help="[%(default)s]")
    parser.add_argument("--size", type=int, default=defaults.size, metavar="N", help="[%(default)s]")
    parser.add_argument(
        "--baseline", nargs="+", default=[], metavar="NAME=FILE", help="further models, at the same strength and size"
    )
    parser.add_argument(
        "--sweep",
        nargs="+",
        default=[],
        metavar="NAME=X,Y…",
        help="the model at each of these too: strength=0.8,1.2 size=128,192",
    )
    parser.add_argument(
        "--features",
        default="",
        metavar="FILE",
        help='MobileNetV2 or EfficientNet-Lite for the Fréchet distance, or "hub"',
    )
    parser.add_argument("--consistency", action="store_true", help="color each photo five times more, a little changed")
    parser.add_argument(
        "--hints", type=int, default=0, metavar="N", help="the model with N true colors at random places as well"
    )
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="the first N photos only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")
    parser.add_argument("--html", type=Path, metavar="FILE", help="the same as a page with the best and worst photos")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="save gray, result and truth side by side there"
    )
    add_threads_option(parser)
    return parser


def _prepare(json_file: Path | None, html_file: Path | None) -> Gallery | None:
    """Raise `ConfigError` for what would only fail after the work; the gallery if a page is wanted."""
    for path in filter(None, (json_file, html_file)):
        if not path.parent.is_dir():
            raise ConfigError(f"{path}: there is no folder {path.parent}")
        if path.is_dir():
            raise ConfigError(f"{path}: expected a file to write, this is a folder")
    if not html_file:
        return None
    require_jinja()
    return Gallery()


def _rows(given: argparse.Namespace) -> list[Row]:
    from colorize.evaluation.rows import build_rows

    options = ColorizeOptions(strength=given.strength, size=given.size)
    return build_rows(given.model, options, sweep=given.sweep, hints=given.hints, baselines=given.baseline)


def _origin(arguments: Sequence[str]) -> dict[str, Any]:
    import torch

    from colorize import __version__

    words = [re.sub(r"[^=]*/", "", word.rstrip("/")) for word in arguments]
    return {
        "format": 2,
        "command": shlex.join(["python", "-m", "colorize.evaluation.evaluate", *words]),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "colorize": __version__},
    }


def _write(path: Path, text: str) -> None:
    with files.atomic(path) as file:
        file.write(text.encode())


if __name__ == "__main__":
    sys.exit(main())
