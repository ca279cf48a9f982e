"""Files of the study that the page links to: docs/learned-loss, in the source or where it was installed."""

from __future__ import annotations

import sysconfig
from pathlib import Path

_PLACES = (Path(__file__).parents[2] / "docs", Path(sysconfig.get_path("data"), "share", "colorize"))
_KINDS = {".html": "text/html", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}
FIGURE = "shapes.jpg"


def study_files() -> dict[str, tuple[Path, str]]:
    """Path and media type of the study's page and figures, by file name. Empty where they are not installed."""
    for place in _PLACES:
        folder = place / "learned-loss"
        if (folder / "index.html").is_file() and (folder / FIGURE).is_file():
            return {path.name: (path, _KINDS[path.suffix]) for path in folder.iterdir() if path.suffix in _KINDS}
    return {}
