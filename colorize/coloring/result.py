"""A photo before and after it got colors."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from typing import Any

from PIL import Image

from colorize import photo
from colorize.errors import ColorizeError
from colorize.photo import Photo

_LONGEST = 640  # px of what a notebook shows


@dataclass(frozen=True, eq=False)
class Colored:
    """One photo and its colors, or why it has none. A Jupyter notebook shows both beside each other."""

    source: Any  # what was given
    result: Any = None  # the like of it, in color; None if it failed
    error: ColorizeError | None = None  # why it failed
    photos: tuple[Photo, Photo] | None = None  # before and after; of a tensor the first

    @property
    def before(self) -> Image.Image:
        """The gray photo in 8 bit, the right way up. Raises `error` if it failed."""
        return self._photos()[0].image

    @property
    def after(self) -> Image.Image:
        """The same in color, mode RGB. Raises `error` if it failed."""
        return self._photos()[1].image

    def _photos(self) -> tuple[Photo, Photo]:
        if self.photos is None:
            raise self.error or ColorizeError("this photo has no result")
        return self.photos

    def __repr__(self) -> str:
        if self.photos is None:
            return f"<Colored: {self.error}>"
        return "<Colored: {}×{} px>".format(*self.photos[1].size)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        if self.photos is None:
            return f"<p>{escape(str(self.error))}</p>"
        return "".join(map(_as_html, ("before", "after"), self.photos))


def _as_html(name: str, shown: Photo) -> str:
    content = base64.b64encode(photo.preview(shown, _LONGEST)).decode()
    return f'<img alt="{name}" style="max-width: 49%" src="data:image/jpeg;base64,{content}">'
