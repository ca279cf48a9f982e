"""docs/formats.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from colorize import photo
from colorize.options import FORMATS
from colorize.photo.formats import MAX_PAGES, MAX_PIXELS, WRITERS
from colorize.photo.xmp import SOURCE_TYPE

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its first two lines."""
    lines = DOCUMENT.split(f"## {heading}\n")[1].split("\n## ")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]


def test_the_page_on_formats_names_what_is_read_and_what_becomes_of_it() -> None:
    told = {suffix: result for _, suffixes, _, result in rows("In") for suffix in suffixes.split()}
    assert told.keys() == photo.SUFFIXES
    for suffix, result in told.items():
        assert photo.result_suffix(Path(f"a{suffix}")) == (suffix if result == "its own" else result)


def test_the_page_on_formats_names_what_is_written_and_what_that_keeps() -> None:
    told = {}
    for name, suffixes, depth, alpha, pages, quality, iptc, texts, longest in rows("Out"):
        for suffix in suffixes.split():
            told[suffix] = (name, "16" in depth, alpha, pages, quality, iptc, texts, longest)
    assert told == {
        suffix: (
            each.name,
            each.sixteen_bit,
            "yes" if each.alpha else "–",
            "all" if each.pages else "–",
            "lossless" if each.quality is None else str(each.quality),
            "yes" if each.iptc else "–",
            each.texts.lower() or "–",
            "" if each.longest == 1 << 31 else str(each.longest),
        )
        for suffix, each in WRITERS.items()
    }
    assert {f".{name}" for name in FORMATS} <= WRITERS.keys()


def test_what_is_added_and_refused() -> None:
    assert SOURCE_TYPE in DOCUMENT
    assert f"{MAX_PIXELS // 10**6} million pixels, {MAX_PAGES:,} pages" in DOCUMENT


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", DOCUMENT):
        assert (ROOT / "docs" / target).exists(), target
