"""The README's pictures of the page: `python scripts/page_pictures.py`, after the browser tests, of their screenshots.

They show Eileen Collins, by NASA (public domain), one of the page's examples.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

_ROOT = Path(__file__).parents[1]
_WIDTHS = {"desk": 900, "phone": 300}  # px


def main() -> None:
    for device, width in _WIDTHS.items():
        with Image.open(_ROOT / "screenshots" / f"model-{device}-one.png") as shot:
            picture = shot.convert("RGB").resize((width, round(shot.height * width / shot.width)), reducing_gap=3.0)
        picture.save(_ROOT / "docs" / f"page-{device}.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main()
