"""What programs call: `/colorize` and `/colorize_batch`, with the names, types and words that gradio's docs show."""

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
from colorize.web.studio import Given, wish_of
from colorize.web.texts import Texts, in_language_of
from colorize.web.work import Work

_DEFAULTS = ColorizeOptions()


def words(request: gr.Request) -> Texts:
    """The words in the language of who asks."""
    return in_language_of(request.headers.get("accept-language", ""))


@contextmanager
def told() -> Iterator[None]:
    """Within, what is a user's to know reaches the user; anything else is told in the log alone."""
    try:
        yield
    except ColorizeError as error:
        raise gr.Error(str(error), print_exception=False) from error


def add_endpoints(page: gr.Blocks, work: Work) -> None:
    """To a page, within its `with`."""

    async def colorize(
        photo: FileData,
        request: gr.Request,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
        format: Literal["JPEG", "PNG", "TIFF"] = "JPEG",  # noqa: A002 (the name that callers write)
        hints: list[dict[str, Any]] | None = None,
        variant: int = 0,
    ) -> FileData:
        """Give a grey photo colour, in full size and with its metadata.

        Parameters:
            photo: the photo, uploaded
            strength: how strong the colours are, from 0 (grey) to 2
            size: the network sees the photo at about size × size pixels
            format: JPEG, PNG or TIFF
            hints: colours of places, each {"x": …, "y": …, "colour": "#rrggbb"} in pixels from the upper left corner
            variant: 0 for the model's first colouring, 1 to 99 for others that it finds possible

        Returns:
            the photo in colour
        """
        texts = words(request)
        with told():
            wish = wish_of(hints or [], variant, texts)
            done = await work.colorize(request, _path(photo), strength, size, format, texts, wish)
        return _file(done.download)

    async def uncertainty(photo: FileData, request: gr.Request, size: int = _DEFAULTS.size) -> FileData:
        """Tell where the model is unsure of a photo's colours.

        Parameters:
            photo: the photo, uploaded
            size: the network sees the photo at about size × size pixels

        Returns:
            a PNG of the photo's size, black where the model is sure, white where any colour is possible
        """
        texts = words(request)
        with told():
            return _file(await work.uncertainty(request, _path(photo), size, texts))

    async def colorize_batch(
        photos: list[FileData],
        request: gr.Request,
        strength: float = _DEFAULTS.strength,
        size: int = _DEFAULTS.size,
    ) -> tuple[FileData, list[dict[str, str]]]:
        """Give many grey photos colour. One that fails does not stop the rest.

        Parameters:
            photos: the photos, uploaded
            strength: how strong the colours are, from 0 (grey) to 2
            size: the network sees each photo at about size × size pixels

        Returns:
            a ZIP file of the results under the photos' own names, and name and reason of each photo that failed
        """
        texts = words(request)
        with told():
            if not isinstance(photos, list):
                raise PhotoError("expected a list of uploaded files")
            given = [Given(path, path.name) for path in map(_path, photos)]
            *_, progress = [each async for each in work.colorize_batch(request, given, strength, size, texts)]
            if progress.zip is None:
                raise PhotoError("; ".join(f"{name}: {reason}" for name, reason in progress.failed.items()))
        return _file(progress.zip), [{"name": name, "reason": reason} for name, reason in progress.failed.items()]

    for endpoint in (colorize, uncertainty, colorize_batch):
        api(endpoint, concurrency_limit=None)  # `Work` decides whose turn it is
    describe_endpoints(page)


def _path(uploaded: object) -> Path:
    """Of what gradio hands over for a file. The guard has seen to it that it is an upload of ours."""
    path = uploaded.get("path") if isinstance(uploaded, dict) else None
    if not isinstance(path, str):
        raise PhotoError("expected an uploaded file: an object with its path")
    return Path(path)


def _file(path: Path) -> FileData:
    return FileData(path=str(path), orig_name=path.name)
