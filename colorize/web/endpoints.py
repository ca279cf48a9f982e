"""The API for programs: `/colorize`, `/uncertainty`, `/colorize_batch`. gradio shows names, types and docstrings."""

# No `from __future__ import annotations`: gradio reads the signatures as they are.

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio import FileData
from gradio.events import api

from colorize.errors import ColorizeError, PhotoError
from colorize.options import ColorizeOptions
from colorize.web.gradio_internals import describe_endpoints
from colorize.web.photo_service import Given, parse_color_request
from colorize.web.texts import texts_of
from colorize.web.work import Work

_DEFAULTS = ColorizeOptions()


@contextmanager
def user_errors() -> Iterator[None]:
    """Context in which `ColorizeError` reaches the user. Other exceptions only go to the log."""
    try:
        yield
    except ColorizeError as error:
        raise gr.Error(str(error), print_exception=False) from error


def add_endpoints(page: gr.Blocks, work: Work) -> None:
    """Add the endpoints to a page. Call it inside `with page`.

    Args:
        page: that shows them in its description of the API.
        work: runs their jobs.
    """

    async def colorize(
        photo: FileData,
        request: gr.Request,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
        format: Literal["JPEG", "PNG", "TIFF"] = "JPEG",  # noqa: A002 (the name that callers write)
        hints: list[dict[str, Any]] | None = None,
        variant: int = 0,
        references: list[FileData] | None = None,
        regions: list[dict[str, Any]] | None = None,
    ) -> FileData:
        """Colorize a grayscale photo in full size and keep its metadata.

        Parameters:
            photo: the uploaded photo
            strength: strength of the colors, from 0 (gray) to 2
            size: the network sees the photo at about size × size pixels, from 64 to 512
            format: JPEG, PNG or TIFF
            hints: colors of places, each {"x": …, "y": …, "color": "#rrggbb", "reach": …} in pixels of the photo
            variant: 0 for the most likely coloring, 1 to 99 for other possible ones
            references: up to 4 uploaded photos in color; what looks like something in them takes its color
            regions: outlined parts, each {"outline": [[x, y], …]} with a "color", a "strength" (0 keeps gray), or both

        Returns:
            the colorized photo
        """
        texts = texts_of(request.headers)
        with user_errors():
            given = _all_given(references or [])
            color_request = parse_color_request(hints or [], variant, texts, given, regions or [])
            done = await work.colorize(request, _path(photo), strength, size, format, texts, color_request)
        return _file(done.download)

    async def uncertainty(photo: FileData, request: gr.Request, size: int = _DEFAULTS.size) -> FileData:
        """Show where the model is unsure of a photo's colors.

        Parameters:
            photo: the uploaded photo
            size: the network sees the photo at about size × size pixels, from 64 to 512

        Returns:
            a PNG of the photo's size, black where the model is sure, white where it is not
        """
        texts = texts_of(request.headers)
        with user_errors():
            return _file(await work.uncertainty(request, _path(photo), size, texts))

    async def colorize_batch(
        photos: list[FileData],
        request: gr.Request,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
    ) -> tuple[FileData, list[dict[str, str]]]:
        """Colorize many grayscale photos. One that fails does not stop the rest.

        Parameters:
            photos: the uploaded photos
            strength: strength of the colors, from 0 (gray) to 2
            size: the network sees each photo at about size × size pixels, from 64 to 512

        Returns:
            a ZIP file of the results, named NAME-color.EXT, and name and reason of each photo that failed
        """
        texts = texts_of(request.headers)
        with user_errors():
            given = _all_given(photos)
            *_, progress = [each async for each in work.colorize_batch(request, given, strength, size, texts)]
            if progress.zip is None:
                raise PhotoError("; ".join(f"{name}: {reason}" for name, reason in progress.failed.items()))
        return _file(progress.zip), [{"name": name, "reason": reason} for name, reason in progress.failed.items()]

    for endpoint in (colorize, uncertainty, colorize_batch):
        api(endpoint, concurrency_limit=None)  # `Work` decides which job runs
    describe_endpoints(page)


def _all_given(uploaded: object) -> list[Given]:
    """Parse a list of files."""
    if not isinstance(uploaded, list):
        raise PhotoError("expected a list of uploaded files")
    return [Given(path, path.name) for path in map(_path, uploaded)]


def _path(uploaded: object) -> Path:
    """The path in what gradio passes for a file. The guard has checked that it is an upload of this server."""
    path = uploaded.get("path") if isinstance(uploaded, dict) else None
    if not isinstance(path, str):
        raise PhotoError("expected an uploaded file: an object with its path")
    return Path(path)


def _file(path: Path) -> FileData:
    return FileData(path=str(path), orig_name=path.name)
