"""What programs call: `/colorize` and `/colorize_batch`, with the names, types and words that gradio's docs show."""

# No `from __future__ import annotations`: gradio reads the signatures as they are.

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio import FileData
from gradio.events import api
from gradio.utils import get_function_description

from colorize.errors import ColorizeError, PhotoError
from colorize.options import ColorizeOptions
from colorize.web.studio import Given, Studio, wish_of
from colorize.web.texts import Texts, in_language_of

_DEFAULTS = ColorizeOptions()
PHOTO_QUEUE, BATCH_QUEUE = "photo", "batch"  # a batch keeps nobody's single photo waiting
PHOTOS_AT_ONCE = 2  # one decodes or encodes while the other is in the network
BATCHES_AT_ONCE = 1


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


def add_endpoints(page: gr.Blocks, studio: Studio) -> None:
    """To a page, within its `with`."""

    def colorize(
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
            done = studio.colorize(_path(photo), strength, size, format, texts, wish_of(hints or [], variant, texts))
        return _file(done.download)

    def uncertainty(photo: FileData, request: gr.Request, size: int = _DEFAULTS.size) -> FileData:
        """Tell where the model is unsure of a photo's colours.

        Parameters:
            photo: the photo, uploaded
            size: the network sees the photo at about size × size pixels

        Returns:
            a PNG of the photo's size, black where the model is sure, white where any colour is possible
        """
        texts = words(request)
        with told():
            return _file(studio.uncertainty(_path(photo), size, texts))

    def colorize_batch(
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
            given = [Given(path, path.name) for path in map(_path, photos)]
            *_, progress = studio.colorize_batch(given, strength, size, texts)
            if progress.zip is None:
                raise PhotoError("; ".join(f"{name}: {reason}" for name, reason in progress.failed.items()))
        return _file(progress.zip), [{"name": name, "reason": reason} for name, reason in progress.failed.items()]

    api(colorize, concurrency_limit=PHOTOS_AT_ONCE, concurrency_id=PHOTO_QUEUE)
    api(uncertainty, concurrency_limit=PHOTOS_AT_ONCE, concurrency_id=PHOTO_QUEUE)
    api(colorize_batch, concurrency_limit=BATCHES_AT_ONCE, concurrency_id=BATCH_QUEUE)
    for endpoint in page.fns.values():  # gradio would call what they take and give "1st", "2nd" …
        assert endpoint.fn
        _, parameters, returned = get_function_description(endpoint.fn)
        taken = [text for name, text in parameters.items() if name != "request"]
        for component, text in zip([*endpoint.inputs, *endpoint.outputs], [*taken, *returned], strict=False):
            setattr(component, "label", text)  # noqa: B010 (which not every block has)


def _path(uploaded: object) -> Path:
    """Of what gradio hands over for a file. The guard has seen to it that it is an upload of ours."""
    path = uploaded.get("path") if isinstance(uploaded, dict) else None
    if not isinstance(path, str):
        raise PhotoError("expected an uploaded file: an object with its path")
    return Path(path)


def _file(path: Path) -> FileData:
    return FileData(path=str(path), orig_name=path.name)
