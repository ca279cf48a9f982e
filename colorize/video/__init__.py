"""Films: one decode, steady colors, everything but the chroma of the picture kept."""

from __future__ import annotations

from colorize.requirements import require

require("video", "Coloring films")

from colorize.video.film import FilmResult, colored_frames, colorize_film  # noqa: E402  # after what it needs is known

__all__ = ["FilmResult", "colored_frames", "colorize_film"]
