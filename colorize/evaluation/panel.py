"""A blind panel: two models' colors of the same photos, judged without knowing whose they are.

    python -m colorize.evaluation.panel MODEL_A MODEL_B PHOTOS… --out FOLDER
    python -m colorize.evaluation.panel --tally FOLDER/form.csv

The first writes sheets, a form to fill in, and, beside FOLDER and not in it, the key: FOLDER.key.json. Each row of a
sheet is a photo: in gray, then colored by one model and by the other, which of them on which side is drawn for each
photo. The second joins form and key and counts defects by model. docs/evaluation.md has the formats.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorize.errors import ConfigError, DataError
from colorize.evaluation import SHIPPED
from colorize.options import ColorizeOptions
from colorize.requirements import require
from colorize.system import files
from colorize.system.program import run_program
from colorize.system.threads import wait_passively

if TYPE_CHECKING:
    from PIL import Image

SIDES = ("left", "right")
MODELS = ("A", "B")
MARKED = ("stain", "purple cloth", "gray person", "green skin", "orange water")  # 0 or 1 in the form
DEFECTS = (*MARKED, "other")  # other: words, or 0
_FORM, _KEY_SUFFIX = "form.csv", ".key.json"
_FORMAT = 1
_ROWS = 4  # photos on a sheet
_CELL = (480, 400)  # px: the largest picture
_GAP, _LABEL = 8, 28  # px

Painter = Callable[["Image.Image"], "Image.Image"]  # from a grayscale photo to a color one


@dataclass(frozen=True)
class Placing:
    """Where the two models' colors of a photo stand."""

    photo: int  # its number on the sheets, from 1
    name: str  # within its folder or shard
    left: str  # one of MODELS
    right: str


def make_sheets(
    painters: Sequence[Painter], photos: Sequence[str], folder: Path, *, seed: int, limit: int = 0
) -> list[Placing]:
    """Write the sheets.

    Args:
        painters: the two models, in the order of MODELS.
        photos: folders, photos, tar shards, in color or not; what they are in gray is colored.
        folder: made if need be; it must be empty.
        seed: of the sides.
        limit: the first so many photos only; 0 for all.

    Returns:
        Which model stands where.

    Raises:
        ConfigError: the folder is not empty.
        DataError: there is no photo.
    """
    import numpy as np

    from colorize.evaluation.subjects import find_subjects

    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: expected a new or empty folder")
    rng = np.random.default_rng(seed)
    placings: list[Placing] = []
    rows: list[list[Image.Image]] = []
    subjects = find_subjects(photos, Counter(), gray_too=True)
    for subject in itertools.islice(subjects, limit or None):
        gray = subject.gray
        order = rng.permutation(2).tolist()
        placings.append(Placing(len(placings) + 1, subject.key, *(MODELS[i] for i in order)))
        rows.append([gray, *(painters[i](gray) for i in order)])
        if len(rows) == _ROWS:
            _write_sheet(folder, rows, placings)
            rows = []
    if not placings:
        raise DataError(f"no photo to show in {', '.join(photos)}")
    if rows:
        _write_sheet(folder, rows, placings)
    return placings


def tally(form: Path, key: Path) -> dict[str, Any]:
    """Count by model what a filled form says.

    A photo counts once something is in both of its rows: where nothing is wrong, a 0 is enough.

    Args:
        form: as the command wrote it, filled in.
        key: as the command wrote it.

    Returns:
        {"photos": N, "judged": N, "models": {"A": {"file", "defects": {DEFECT: N, …}, "clean": N}, "B": …}}: of the
        judged photos, on how many each defect is, and how many have none.

    Raises:
        DataError: one of the files cannot be read, or they do not fit each other.
    """
    panel = _read_key(key)
    seen = _read_form(form)
    wanted = {(placing.photo, side) for placing in panel.placings for side in SIDES}
    for photo, side in sorted(wanted ^ seen.keys()):
        wrong = "is missing" if (photo, side) in wanted else f"is not in {key}"
        raise DataError(f"{form}: photo {photo}, {side}, {wrong}")
    judged = [p for p in panel.placings if all(seen[p.photo, side] is not None for side in SIDES)]
    models = {}
    for model, file in zip(MODELS, panel.files, strict=True):
        found = [seen[p.photo, "left" if p.left == model else "right"] or set() for p in judged]
        counts = Counter(defect for defects in found for defect in defects)
        models[model] = {
            "file": file,
            "defects": {defect: counts[defect] for defect in DEFECTS},
            "clean": sum(not defects for defects in found),
        }
    return {"photos": len(panel.placings), "judged": len(judged), "models": models}


def format_tally(counts: dict[str, Any]) -> str:
    """As a table: a row for each defect, a column for each model."""
    models = counts["models"]
    rows = [["", *(f"{model} ({each['file']})" for model, each in models.items())]]
    rows += [[defect, *(str(each["defects"][defect]) for each in models.values())] for defect in DEFECTS]
    rows.append(["no defect", *(str(each["clean"]) for each in models.values())])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [f"{counts['judged']} of {counts['photos']} photos judged"]
    for head, *cells in rows:
        aligned = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        lines.append(f"{head:{widths[0]}}  {'  '.join(aligned)}")
    return "\n".join(lines)


# -- sheets ------------------------------------------------------------------------------------------------------------


def _write_sheet(folder: Path, rows: Sequence[Sequence[Image.Image]], placings: Sequence[Placing]) -> None:
    """The photos placed last, each with its number."""
    from PIL import Image, ImageDraw, ImageFont

    shown = [[_fitted(image) for image in row] for row in rows]
    heights = [max(image.height for image in row) + _LABEL + _GAP for row in shown]
    sheet = Image.new("RGB", (len(rows[0]) * (_CELL[0] + _GAP) - _GAP, sum(heights)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=20)
    top = 0
    for row, height, placing in zip(shown, heights, placings[-len(rows) :], strict=True):
        draw.text((_GAP, top), str(placing.photo), "black", font)
        for i, image in enumerate(row):
            sheet.paste(image, (i * (_CELL[0] + _GAP), top + _LABEL))
        top += height
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=92)
    folder.mkdir(parents=True, exist_ok=True)
    number = -(-len(placings) // _ROWS)
    with files.atomic(folder / f"sheet-{number:03}.jpg") as file:
        file.write(buffer.getvalue())


def _fitted(image: Image.Image) -> Image.Image:
    """As large as a cell allows, also if it is smaller."""
    from PIL import Image

    scale = min(_CELL[0] / image.width, _CELL[1] / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


# -- form and key ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Panel:
    files: list[str]  # of MODELS
    placings: list[Placing]


def _empty_form(photos: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["photo", "side", *DEFECTS])
    writer.writerows([photo, side, *("" for _ in DEFECTS)] for photo in range(1, photos + 1) for side in SIDES)
    return text.getvalue()


def _read_form(form: Path) -> dict[tuple[int, str], set[str] | None]:
    """By photo and side its defects; None where nothing is filled in. Raises `DataError`."""
    try:
        with form.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{form}: cannot be read ({error})") from error
    missing = {"photo", "side", *DEFECTS} - set(reader.fieldnames or ())
    if missing:
        raise DataError(f"{form}: expected a column {min(missing)!r}, this is no form of a panel")
    return {_place(form, line, row): _defects(form, line, row) for line, row in enumerate(rows, start=2)}


def _place(form: Path, line: int, row: dict[str, str | None]) -> tuple[int, str]:
    photo, side = (row["photo"] or "").strip(), (row["side"] or "").strip()
    if not photo.isdecimal() or side not in SIDES:
        raise DataError(f"{form}, line {line}: expected a photo's number and left or right, got {photo!r} and {side!r}")
    return int(photo), side


def _defects(form: Path, line: int, row: dict[str, str | None]) -> set[str] | None:
    cells = {defect: (row[defect] or "").strip() for defect in DEFECTS}
    for defect in MARKED:
        if cells[defect] not in ("", "0", "1"):
            raise DataError(f"{form}, line {line}: {defect}: expected 0, 1 or nothing, got {cells[defect]!r}")
    if not any(cells.values()):
        return None
    return {defect for defect, cell in cells.items() if cell not in ("", "0")}


def _key_text(models: Sequence[str], options: ColorizeOptions, seed: int, placings: Sequence[Placing]) -> str:
    key = {
        "format": _FORMAT,
        "models": [name if name == SHIPPED else Path(name).name for name in models],
        "strength": options.strength,
        "size": options.size,
        "seed": seed,
        "photos": [asdict(placing) for placing in placings],
    }
    return json.dumps(key, indent=1, ensure_ascii=False) + "\n"


def _read_key(key: Path) -> _Panel:
    try:
        panel = json.loads(key.read_text(encoding="utf-8"))
        return _Panel([str(name) for name in panel["models"]], [Placing(**placing) for placing in panel["photos"]])
    except OSError as error:
        raise DataError(f"{key}: the panel's key cannot be read ({error.strerror}); --key names it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{key}: this is no key of a panel") from error


def _write(path: Path, text: str) -> None:
    with files.atomic(path) as file:
        file.write(text.encode())


# -- the command -------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    return run_program("panel", lambda: _tally(given) if given.tally else _make(given))


def _parser() -> argparse.ArgumentParser:
    defaults = ColorizeOptions()
    parser = argparse.ArgumentParser(
        prog="python -m colorize.evaluation.panel",
        usage="%(prog)s MODEL_A MODEL_B PHOTOS… --out FOLDER\n       %(prog)s --tally FORM",
        description="Two models' colors of the same photos side by side, to be judged without knowing whose they are.",
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="MODEL_A MODEL_B PHOTOS…",
        help=f'two model files ("{SHIPPED}": the shipped one), then folders, photos, tar shards',
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write sheets and form there, the key beside it")
    parser.add_argument("--strength", type=float, default=defaults.strength, metavar="X", help="[%(default)s]")
    parser.add_argument("--size", type=int, default=defaults.size, metavar="N", help="[%(default)s]")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="the first N photos only")
    parser.add_argument("--seed", type=int, metavar="N", help="of the sides [another each time; the key tells it]")
    parser.add_argument("--tally", type=Path, metavar="FORM", help="count by model what a filled form says")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the form's key [beside its folder]")
    return parser


def _make(given: argparse.Namespace) -> None:
    from colorize.coloring.colorizer import Colorizer

    if len(given.words) < 3 or not given.out:
        raise ConfigError("expected MODEL_A MODEL_B PHOTOS… --out FOLDER, or --tally FORM")
    require("train", "reading the photos of a panel")
    wait_passively()
    first, second, *photos = given.words
    options = ColorizeOptions(strength=given.strength, size=given.size)
    seed = secrets.randbelow(2**32) if given.seed is None else given.seed
    if seed < 0:
        raise ConfigError(f"--seed: expected a whole number from 0, got {seed}")
    key = _key_of(given.out)
    if key.exists():
        raise ConfigError(f"{key}: there is a key already, it would be lost")
    colorizers = [Colorizer.load(None if name == SHIPPED else name) for name in (first, second)]

    def painter(colorizer: Colorizer) -> Painter:
        return lambda gray: colorizer(gray, strength=options.strength, size=options.size)

    placings = make_sheets([painter(each) for each in colorizers], photos, given.out, seed=seed, limit=given.limit)
    _write(key, _key_text((first, second), options, seed, placings))  # first: a form without a key is no use
    _write(given.out / _FORM, _empty_form(len(placings)))
    print(f"{len(placings)} photos: fill in {given.out / _FORM}; do not look into {key}")


def _tally(given: argparse.Namespace) -> None:
    if given.words:
        raise ConfigError(f"--tally: expected nothing beside the form, got {given.words[0]!r}")
    print(format_tally(tally(given.tally, given.key or _key_of(given.tally.parent))))


def _key_of(folder: Path) -> Path:
    """Beside a panel's folder, so that the folder can be given away without it."""
    folder = folder.resolve()
    return folder.with_name(folder.name + _KEY_SUFFIX)


if __name__ == "__main__":
    sys.exit(main())
