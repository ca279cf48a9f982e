"""The report of `evaluate.py` for people: as text, and as a page with the best and worst photos."""

from __future__ import annotations

import base64
import bisect
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from colorize.requirements import require

if TYPE_CHECKING:
    from PIL import Image

_TEMPLATE = Path(__file__).with_name("page.html")
_BEST, _WORST = 12, 40  # photos on the page
_SHOWN_SIDE = 720  # px, of gray, result and truth side by side


class Column(NamedTuple):
    measure: str
    head: str
    digits: int


COLUMNS = (
    Column("psnr", "PSNR", 2),
    Column("psnr_gain", "− gray's", 2),
    Column("cf", "CF", 1),
    Column("cf_difference", "ΔCF", 1),
    Column("histogram_a", "hist. a", 3),
    Column("histogram_b", "hist. b", 3),
    Column("stains", "stains", 2),
    Column("frechet", "FD", 2),
    Column("frechet_across_halves", "FD halves", 2),
    Column("hints_gain", "by hints", 2),
)
CONSISTENCY = tuple(
    Column(name, name.replace("_", " "), 2) for name in ("half_size", "double_size", "mirrored", "brighter", "noisier")
)
OF_SOURCES = COLUMNS[:7]


def require_jinja() -> None:
    """Raise `MissingExtra` if the page cannot be made."""
    require("study", "a page", "jinja2")


class Gallery:
    """The best and the worst photos, by what they gain over gray; the rest is let go."""

    def __init__(self) -> None:
        self._photos: list[tuple[float, str, str]] = []  # from the worst on

    def add(self, name: str, score: float, picture: Image.Image) -> None:
        """Take a photo.

        Args:
            name: shown with it.
            score: what it gains over gray, in dB.
            picture: is made small in place.
        """
        picture.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        bisect.insort(self._photos, (score, name, base64.b64encode(buffer.getvalue()).decode()))
        if len(self._photos) > _BEST + _WORST:
            del self._photos[_WORST]

    @property
    def worst(self) -> list[tuple[float, str, str]]:
        """Gain in dB, name, and JPEG in base64; the worst photo first."""
        return self._photos[:_WORST]

    @property
    def best(self) -> list[tuple[float, str, str]]:
        """The same of the best, the best photo first."""
        return self._photos[: -_BEST - 1 : -1]


def cell(measure: Mapping[str, float] | None, digits: int) -> str:
    """A cell of a table.

    Args:
        measure: {"value", "low", "high"}; None for what was not measured.
        digits: after the point.

    Returns:
        "22.93 ±0.21": the value, and half of its interval; nothing for what was not measured.
    """
    if measure is None:
        return ""
    half = (measure["high"] - measure["low"]) / 2
    return f"{measure['value']:.{digits}f} ±{half:.{digits}f}".replace("-", "−")


def tables(report: Mapping[str, Any]) -> dict[str, list[list[str]]]:
    """The tables of a report by their titles: rows of cells, the heads first."""
    rows = report["rows"]
    first = next(iter(rows))
    result = {"All photos": _table({name: row["measures"] for name, row in rows.items()}, COLUMNS)}
    if "mirrored" in rows[first]["measures"]:
        result["Consistency"] = _table({first: rows[first]["measures"]}, CONSISTENCY)
    of_sources = {
        f"{name} ({source['photos']})": source["rows"][first]["measures"] for name, source in report["sources"].items()
    }
    if len(of_sources) > 1:
        result[f"By source: {first}"] = _table(of_sources, OF_SOURCES)
    result["Targets"] = [["", "reached", ""]] + [
        [each["target"], f"{each['value']:.2f}".replace("-", "−"), "met" if each["met"] else "missed"]
        for each in report["targets"]
    ]
    return result


def _table(rows: Mapping[str, Mapping[str, Any]], columns: tuple[Column, ...]) -> list[list[str]]:
    measured = [column for column in columns if any(column.measure in row for row in rows.values())]
    heads = ["", *(column.head for column in measured)]
    return [heads] + [
        [name, *(cell(row.get(column.measure), column.digits) for column in measured)] for name, row in rows.items()
    ]


def format_report(report: Mapping[str, Any]) -> str:
    """As text: protocol, tables."""
    lines = [f"{headline(report)}", *(f"  {name}: {text}" for name, text in report["protocol"].items())]
    lines += [f"  {name}" for name in left_out(report)]
    for title, table in tables(report).items():
        first = max(len(row[0]) for row in table)
        widths = [max(len(row[i]) for row in table) for i in range(1, len(table[0]))]
        lines += ["", title]
        for name, *cells in table:
            aligned = (f"{each:>{width}}" for each, width in zip(cells, widths, strict=True))
            lines.append(f"  {name:{first}}  {'  '.join(aligned)}".rstrip())
    return "\n".join(lines)


def headline(report: Mapping[str, Any]) -> str:
    model = next(iter(report["rows"].values()))
    skipped = ", ".join(f"{count} {reason}" for reason, count in report["skipped"].items() if count)
    return (
        f"{report['photos']} photos{f' ({skipped} left out)' if skipped else ''}, model {model['model']}, "
        f"size {model['size']}, strength {model['strength']:g}; {report['seconds']:.0f} s"
    )


def left_out(report: Mapping[str, Any]) -> list[str]:
    """What was not measured, and what would."""
    first = next(iter(report["rows"].values()))["measures"]
    options = {
        "frechet": "FD: left out, --features measures it",
        "mirrored": "consistency: left out, --consistency measures it",
    }
    texts = [text for measure, text in options.items() if measure not in first]
    hints = any("hints_gain" in row["measures"] for row in report["rows"].values())
    return texts if hints else [*texts, "hints: left out, --hints 10 measures them"]


def html_page(report: Mapping[str, Any], gallery: Gallery) -> str:
    """A report as one HTML file. It shows photos that may be private.

    Args:
        report: as of `evaluate.py`.
        gallery: the photos to show.

    Returns:
        The text of the file, which fetches nothing.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        report=report,
        headline=headline(report),
        left_out=left_out(report),
        tables=tables(report),
        photos={"Worst photos": gallery.worst, "Best photos": gallery.best},
    )
