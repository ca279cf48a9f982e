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
import dataclasses
import itertools
import json
import platform
import re
import shlex
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from colorize.errors import ColorizeError, ConfigError, DataError, WeightsError
from colorize.evaluation.rounding import rounded
from colorize.evaluation.tables import OF_SOURCES, Gallery, format_report, html_page, require_jinja
from colorize.options import ColorizeOptions
from colorize.requirements import require
from colorize.system import files
from colorize.system.threads import use_threads, wait_passively

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from colorize.color.units import FloatArray
    from colorize.coloring.colorizer import Colorizer
    from colorize.coloring.engine import Engine, NetworkConditions
    from colorize.coloring.hints import Hint
    from colorize.training.data import RawPhoto, Sources

MODEL = "model"  # the first row
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
_SMALLEST = 16  # px: the coarsest measures need more than one block
_SWEPT = {"strength": float, "size": int}
_PROGRESS = 100  # photos


@dataclass(frozen=True)
class Row:
    """A model at one setting."""

    name: str
    colorizer: Colorizer
    options: ColorizeOptions
    file: str  # of the model
    hints: int = 0  # so many true colors are given at random places

    def paint(self, image: Image.Image, hints: Sequence[Hint] | None = None) -> Image.Image:
        return self.colorizer(image, strength=self.options.strength, size=self.options.size, hints=hints)


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
    """Measure `rows`, the first of which is the model in question, on the color photos in folders and shards.

    Gray photos have no truth to compare with: they are counted and left out, as are unreadable and tiny ones.
    `features`: weights as of `read_imagenet`, for the Fréchet distance. With `pictures`, gray, the
    model's result and truth of each photo are saved there side by side; a `gallery` keeps some of them. Raises
    `MissingExtra` without scikit-image, `DataError` if there is no photo, `WeightsError` for bad weights.
    """
    import numpy as np
    from PIL import Image

    from colorize import photo
    from colorize.color.lightness import to_levels
    from colorize.evaluation import consistency as changes
    from colorize.evaluation.features import FeatureExtractor
    from colorize.evaluation.scores import GRAY, TRUTH, Scores
    from colorize.evaluation.stains import PROTOCOL as STAINS_PROTOCOL
    from colorize.evaluation.stains import require_skimage
    from colorize.system.memory import keep_freed_memory
    from colorize.training.data import SKIPS, find_sources, source_of

    require_skimage()
    keep_freed_memory()
    begin = time.monotonic()
    sources = find_sources(photos)
    scores, skipped, model = Scores(FeatureExtractor(features) if features else None), Counter[str](), rows[0]
    for raw, image in itertools.islice(color_photos(sources, skipped), limit or None):
        gray = Image.fromarray(to_levels(np.asarray(image)))
        seed = zlib.crc32(raw.key.encode())
        painted = {row.name: row.paint(gray, true_hints(image, row.hints, seed)) for row in rows}
        rgb = {name: _to_rgb(each) for name, each in painted.items()}
        psnr = scores.add(source_of(raw), rgb | {GRAY: _to_rgb(gray.convert("RGB")), TRUTH: _to_rgb(image)})
        for row in rows:
            if row.hints:
                scores.note(row.name, {"hints_gain": psnr[row.name] - psnr[model.name]})
        if consistency:
            scores.note(model.name, changes.chroma_distances(model.paint, gray, painted[model.name], seed))
        if pictures or gallery:
            picture = _side_by_side(gray, painted[model.name], image)
            if pictures:
                photo.save(photo.Photo(picture), pictures / f"{raw.key.replace('/', '_')}.png")
            if gallery:
                gallery.add(raw.key, psnr[model.name] - psnr[GRAY], picture)
        if len(scores) % _PROGRESS == 0:
            print(f"evaluate: {len(scores)} photos", file=sys.stderr, flush=True)
    if not scores:
        counts = ", ".join(f"{skipped[reason]} {reason}" for reason in SKIPS)
        raise DataError(f"no photo to measure on in {', '.join(photos)} ({counts})")

    measures, frechet, protocol = scores.summary(), None, PROTOCOL | {"stains": STAINS_PROTOCOL}
    if features and len(scores) >= _FEWEST_FOR_FRECHET:
        distances, frechet = scores.frechet()
        measures = {name: each | distances[name] for name, each in measures.items()}
        protocol["FD"] = FRECHET_PROTOCOL.format(**frechet, file=Path(features).name)
    if consistency:
        protocol["consistency"] = changes.PROTOCOL
    if any(row.hints for row in rows):
        protocol["hints"] = HINTS_PROTOCOL
    settings = {
        row.name: {"model": row.file, **{name: getattr(row.options, name) for name in _SWEPT}, "hints": row.hints}
        for row in rows
    }
    return {
        "photos": len(scores),
        "skipped": {reason: skipped[reason] for reason in SKIPS},
        "protocol": protocol,
        "rows": {name: settings.get(name, {}) | {"measures": each} for name, each in measures.items()},
        "sources": {
            source: {
                "photos": count,
                "rows": {n: {"measures": _of_source(m)} for n, m in scores.summary(source).items()},
            }
            for source, count in Counter(scores.sources).most_common()
        },
        "frechet": frechet,
        "targets": targets(measures),
        "seconds": round(time.monotonic() - begin, 1),
    }


def _of_source(measures: Mapping[str, Any]) -> dict[str, Any]:
    return {column.measure: measures[column.measure] for column in OF_SOURCES if column.measure in measures}


def true_hints(photo: Image.Image, count: int, seed: int) -> list[Hint] | None:
    """So many points at random places of an RGB photo, with its colors; None for none."""
    import numpy as np
    from PIL import ImageFilter

    from colorize.coloring.hints import Hint

    if not count:
        return None
    rng = np.random.default_rng(seed)
    xs, ys = rng.integers(photo.width, size=count).tolist(), rng.integers(photo.height, size=count).tolist()
    colors = np.asarray(photo.filter(ImageFilter.BoxBlur(1)))
    return [Hint(x, y, tuple(colors[y, x].tolist())) for x, y in zip(xs, ys, strict=True)]


def targets(measures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[dict[str, Any]]:
    """What a model that is to be shipped should reach; only what was measured."""
    first, *others = measures.values()
    mine = {name: measure["value"] for name, measure in first.items()}
    gray = measures["gray"]
    found = [
        ("PSNR ≥ gray + 0.5 dB", mine["psnr_gain"], mine["psnr_gain"] >= 0.5),
        ("|ΔCF| ≤ 4", mine["delta_cf"], mine["delta_cf"] <= 4),
        ("histogram a ≥ 0.90", mine["histogram_a"], mine["histogram_a"] >= 0.9),
        ("histogram b ≥ 0.90", mine["histogram_b"], mine["histogram_b"] >= 0.9),
    ]
    if "frechet" in mine:
        share = mine["frechet"] / gray["frechet"]["value"]
        found.append(("FD ≤ ½ of gray's", share, share <= 0.5))
    gains = [row["hints_gain"]["value"] for row in others if "hints_gain" in row]
    found += [("PSNR with hints ≥ without + 3 dB", gain, gain >= 3) for gain in gains]
    return [{"target": target, "value": value, "met": met} for target, value, met in found]


class _Remembering:
    """An engine that is not asked the same twice in a row: rows that differ in strength share one prediction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last: tuple[FloatArray, FloatArray] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def predict(self, l: FloatArray, conditions: NetworkConditions) -> FloatArray:
        import numpy as np

        if not conditions.is_automatic:
            return self._engine.predict(l, conditions)
        if self._last is None or not np.array_equal(self._last[0], l):
            self._last = l, self._engine.predict(l, conditions)
        return self._last[1]


def color_photos(sources: Sources, skipped: Counter[str]) -> Iterator[tuple[RawPhoto, Image.Image]]:
    """Every photo that can be measured on, in RGB; `skipped` counts the others by `SKIPS`."""
    from colorize.training.config import TrainConfig
    from colorize.training.data import UnusablePhoto, decode, read_unit

    config = TrainConfig(min_side=_SMALLEST)
    for unit in sources.units():
        for raw in read_unit(unit):
            try:
                yield raw, decode(raw, config)
            except UnusablePhoto as error:
                skipped[error.reason] += 1


def _to_rgb(image: Image.Image) -> Tensor:
    import numpy as np
    import torch

    from colorize.training.augment import to_float

    array = torch.from_numpy(np.asarray(image).copy())  # (H, W, 3)
    return to_float(array.permute(2, 0, 1)[None], torch.device("cpu"))  # (1, 3, H, W)


def _side_by_side(*images: Image.Image) -> Image.Image:
    from PIL import Image

    width, height = images[0].size
    sheet = Image.new("RGB", (width * len(images), height))
    for i, image in enumerate(images):
        sheet.paste(image, (i * width, 0))
    return sheet


# -- the command -------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
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
    parser.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="threads to compute with; 0: OMP_NUM_THREADS, else all cores [0]",
    )
    given = parser.parse_args(arguments)
    try:
        require("train", "evaluating a model")
        wait_passively()
        use_threads(given.threads)
        for path in filter(None, (given.json, given.html)):  # told before the work
            if not path.parent.is_dir():
                raise ConfigError(f"{path}: there is no folder {path.parent}")
            if path.is_dir():
                raise ConfigError(f"{path}: expected a file to write, this is a folder")
        gallery = None
        if given.html:
            require_jinja()
            gallery = Gallery()
        report = evaluate(
            given.photos,
            _rows(given),
            limit=given.limit,
            features=given.features,
            consistency=given.consistency,
            pictures=given.pictures,
            gallery=gallery,
        )
    except ColorizeError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError | DataError | WeightsError) else 1
    report = _origin(sys.argv[1:] if arguments is None else arguments) | report
    print(format_report(report))
    if given.json:
        _write(given.json, json.dumps(rounded(report, _DIGITS), indent=1, ensure_ascii=False) + "\n")
    if given.html and gallery:
        _write(given.html, html_page(report, gallery))
    return 0


def _rows(given: argparse.Namespace) -> list[Row]:
    from colorize.coloring.colorizer import Colorizer

    options = ColorizeOptions(strength=given.strength, size=given.size)
    settings = {MODEL: options} | _swept(given.sweep, options)
    baselines = [_named(each, "--baseline") for each in given.baseline]
    hinted = f"{given.hints} hints"
    names = Counter([*settings, hinted, "gray", "truth", *(name for name, _ in baselines)])
    for name in (name for name, count in names.items() if count > 1):
        raise ConfigError(f"--baseline: expected another name than {name!r}, which is taken")
    loaded = Colorizer.load(given.model)
    if given.hints and not loaded.takes_hints:
        raise ConfigError("--hints: this model has not learned hints")
    model = Colorizer(cast("Engine", _Remembering(loaded.engine)), loaded.info)
    file = Path(given.model).name if given.model else "shipped"
    rows = [Row(name, model, each, file) for name, each in settings.items()]
    if given.hints:
        rows.append(Row(hinted, model, options, file, given.hints))
    return rows + [Row(name, Colorizer.load(path), options, Path(path).name) for name, path in baselines]


def _swept(words: Sequence[str], options: ColorizeOptions) -> dict[str, ColorizeOptions]:
    """By the name of its row each combination of what `--sweep` was told. Raises `ConfigError` for a bad word."""
    values: dict[str, list[Any]] = {}
    for word in words:
        name, listed = _named(word, "--sweep")
        if name not in _SWEPT:
            raise ConfigError(f"--sweep: expected one of {', '.join(_SWEPT)}, got {name!r}")
        try:
            values[name] = [_SWEPT[name](value) for value in listed.split(",")]
        except ValueError as error:
            raise ConfigError(f"--sweep: expected numbers with commas between them, got {word!r}") from error
    # Strengths of the same size follow each other, for `_Remembering`.
    order = sorted(values)
    combinations = itertools.product(*(values[name] for name in order)) if values else ()
    swept = [dict(zip(order, combination, strict=True)) for combination in combinations]
    return {
        ", ".join(f"{name} {value:g}" for name, value in each.items()): dataclasses.replace(options, **each)
        for each in swept
    }


def _named(word: str, option: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (name and equals and value):
        raise ConfigError(f"{option}: expected NAME=VALUE, got {word!r}")
    return name, value


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
