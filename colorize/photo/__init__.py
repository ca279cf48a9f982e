"""Photo files in and out: the one place that opens or writes them.

Whatever a file holds comes out as sRGB levels the right way up, with what has to travel along beside them (`reading`),
and goes into a file again whole or not at all (`writing`).
"""

from __future__ import annotations

from colorize.photo.formats import MAX_PIXELS, SUFFIXES, result_suffix, writer
from colorize.photo.image import Photo, strips, to_8_bit, to_16_bit
from colorize.photo.reading import Header, count_pixels, header, open, pages, to_photo
from colorize.photo.writing import dropped_metadata, preview, save, save_preview

__all__ = [
    "Photo",
    "strips",
    "to_8_bit",
    "to_16_bit",
    "open",
    "pages",
    "to_photo",
    "Header",
    "header",
    "count_pixels",
    "save",
    "save_preview",
    "preview",
    "dropped_metadata",
    "writer",
    "result_suffix",
    "SUFFIXES",
    "MAX_PIXELS",
]
