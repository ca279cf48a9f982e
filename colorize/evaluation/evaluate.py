"""`python -m colorize.evaluation.evaluate PHOTOS… [--model FILE]`: a model against the truth, and grey beside it.

Each colour photo goes through the same `Colorizer` that users have, which sees only its lightness; the result is
compared with the photo at its full size. What is printed names the protocol with the numbers.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorize.errors import ColorizeError, ConfigError, DataError, WeightsError
from colorize.options import ColorizeOptions

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from colorize.training.data import Sources

PROTOCOL = (
    "each photo at its own size, coloured from its L*; PSNR on sRGB; CF: Hasler & Süsstrunk 2003, signed; "
    "ΔCF: |mean CF − mean CF of the truth|; histogram: intersection of all pixels' a* and b*, 110 bins"
)
MEASURES = ("psnr", "cf", "delta_cf", "histogram_a", "histogram_b")


@dataclass
class Scores:
    """Adds up what is measured on photo after photo."""

    psnr: list[float] = field(default_factory=list)
    cf: list[float] = field(default_factory=list)
    histograms: Tensor | None = None  # (2, bins)

    def add(self, rgb: Tensor, truth: Tensor) -> None:
        from colorize.metrics import ab_histograms, colourfulness, psnr

        self.psnr.append(psnr(rgb, truth).item())
        self.cf.append(colourfulness(rgb).item())
        counts = ab_histograms(rgb)
        self.histograms = counts if self.histograms is None else self.histograms + counts

    def row(self, truth: Scores) -> dict[str, float]:
        """The measures of `MEASURES`, over all photos added."""
        from colorize.metrics import histogram_intersection

        assert self.histograms is not None and truth.histograms is not None
        a, b = histogram_intersection(self.histograms, truth.histograms).tolist()
        cf = _mean(self.cf)
        psnr = _mean(self.psnr)
        return {"psnr": psnr, "cf": cf, "delta_cf": abs(cf - _mean(truth.cf)), "histogram_a": a, "histogram_b": b}


def evaluate(
    photos: Sequence[str], model: str | None, options: ColorizeOptions, *, limit: int = 0, pictures: Path | None = None
) -> dict[str, Any]:
    """Measure `model` (None: the shipped one) on the colour photos in folders and shards.

    Grey photos have no truth to compare with: they are counted and left out. With `pictures`, grey, result and truth
    of each photo are saved there side by side. Raises `DataError` if there is no photo, `WeightsError` for a bad model.
    """
    import numpy as np
    import torch
    from PIL import Image
    from torchvision.transforms.functional import to_pil_image

    from colorize import photo
    from colorize.colorizer import Colorizer
    from colorize.lightness import to_levels
    from colorize.memory import keep_freed_memory
    from colorize.metrics import colourfulness
    from colorize.training.config import TrainConfig
    from colorize.training.data import find_sources

    keep_freed_memory()
    sources = find_sources(photos)
    colorizer = Colorizer.load(model)
    model_scores, grey_scores, truth_scores = Scores(), Scores(), Scores()
    skipped: Counter[str] = Counter()
    for name, image in _read(sources, skipped):
        truth = _to_rgb(image)  # (1, 3, H, W)
        if colourfulness(truth).item() < TrainConfig.min_colourfulness:
            skipped["grey"] += 1
            continue
        grey = _to_rgb(Image.fromarray(to_levels(np.asarray(image))).convert("RGB"))
        coloured = colorizer(image, strength=options.strength, size=options.size)
        with torch.inference_mode():
            result = _to_rgb(coloured)
            model_scores.add(result, truth)
            grey_scores.add(grey, truth)
            truth_scores.add(truth, truth)
        if pictures:
            picture = to_pil_image(torch.cat([grey, result, truth], dim=3)[0])
            photo.save(photo.Photo(picture), pictures / f"{name}.png")
        if len(truth_scores.psnr) == limit:
            break
    if not truth_scores.psnr:
        raise DataError(
            f"no photo to measure on in {', '.join(photos)} "
            f"({skipped['unreadable']} unreadable, {skipped['grey']} grey)"
        )
    return {
        "protocol": PROTOCOL,
        "photos": len(truth_scores.psnr),
        "unreadable": skipped["unreadable"],
        "skipped_as_grey": skipped["grey"],
        "strength": options.strength,
        "size": options.size,
        "model": model_scores.row(truth_scores),
        "grey": grey_scores.row(truth_scores),
        "truth_cf": _mean(truth_scores.cf),
    }


def format_report(report: dict[str, Any]) -> str:
    """The report as a table for people."""
    lines = [
        f"{report['photos']} photos, size {report['size']}, strength {report['strength']:g}; {report['protocol']}",
        f"{'':8}{'PSNR dB':>9}{'CF':>8}{'ΔCF':>8}{'hist. a':>9}{'hist. b':>9}",
    ]
    for name in ("model", "grey"):
        row = [report[name][measure] for measure in MEASURES]
        lines.append(f"{name:8}{row[0]:9.2f}{row[1]:8.2f}{row[2]:8.2f}{row[3]:9.3f}{row[4]:9.3f}")
    gain = report["model"]["psnr"] - report["grey"]["psnr"]
    share = report["model"]["cf"] / report["truth_cf"]
    lines.append(f"{'truth':8}{'':9}{report['truth_cf']:8.2f}")
    lines.append(f"model − grey {gain:+.2f} dB, colourfulness {share:.0%} of the truth's")
    return "\n".join(lines)


def _read(sources: Sources, skipped: Counter[str]) -> Iterator[tuple[str, Image.Image]]:
    from colorize import photo
    from colorize.errors import PhotoError
    from colorize.training.data import read_unit

    for unit in sources.units():
        for raw in read_unit(unit, skipped):
            try:
                opened = photo.open(io.BytesIO(raw.data) if isinstance(raw.data, bytes) else raw.data)
            except PhotoError:
                skipped["unreadable"] += 1
                continue
            yield raw.key.replace("/", "_"), opened.image.convert("RGB")


def _to_rgb(image: Image.Image) -> Tensor:
    import numpy as np
    import torch

    from colorize.training.augment import to_float

    array = torch.from_numpy(np.asarray(image).copy())  # (H, W, 3)
    return to_float(array.permute(2, 0, 1)[None], torch.device("cpu"))  # (1, 3, H, W)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main(arguments: Sequence[str] | None = None) -> int:
    defaults = ColorizeOptions()
    parser = argparse.ArgumentParser(
        prog="python -m colorize.evaluation.evaluate",
        description="Measure a model on colour photos, which it sees in grey, and grey itself beside it.",
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTOS", help="folders of colour photos, photos, tar shards")
    parser.add_argument("--model", metavar="FILE", help="model file [the shipped one]")
    parser.add_argument("--strength", type=float, default=defaults.strength, help="[%(default)s]")
    parser.add_argument("--size", type=int, default=defaults.size, help="[%(default)s]")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="the first N photos only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="save grey, result and truth side by side there"
    )
    given = parser.parse_args(arguments)
    try:
        if given.json and not given.json.parent.is_dir():  # told before the work
            raise ConfigError(f"{given.json}: there is no folder {given.json.parent}")
        options = ColorizeOptions(strength=given.strength, size=given.size)
        report = evaluate(given.photos, given.model, options, limit=given.limit, pictures=given.pictures)
    except ColorizeError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError | DataError | WeightsError) else 1
    print(format_report(report))
    if given.json:
        given.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
