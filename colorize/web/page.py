"""The page: its layout and its events.

Upload, comparison, hints, variants and gallery are components of our own in `parts/`: HTML and a script each. The
scripts keep the state of the page in `document.body.dataset`. `colorize` is what it does (empty, working, settled),
`settled` is what it shows (one, many), `latest` is the newest of these. page.css shows and hides elements by them.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from colorize import photo
from colorize.errors import ColorizeError, ConfigError
from colorize.options import FILM_SUFFIXES, STRENGTH_RANGE, ColorizeOptions
from colorize.requirements import install_command
from colorize.web.endpoints import add_endpoints, user_errors
from colorize.web.limits import MB
from colorize.web.photo_service import (
    FORMATS,
    MAX_REFERENCES,
    SIZES,
    Given,
    PhotoService,
    Progress,
    parse_color_request,
)
from colorize.web.store import shown_name
from colorize.web.study_files import FIGURE, study_files
from colorize.web.texts import COOKIE, Texts, languages, texts_of
from colorize.web.work import Work

_PARTS = Path(__file__).parent / "parts"
_DEFAULTS = ColorizeOptions()
_FILM_FORMAT = "MKV"
# From scikit-image: NASA and SpaceX (public domain), Stéfan van der Walt (CC0); made gray. Values are label keys.
_EXAMPLES = {"eileen-collins": "example_astronaut", "falcon-9": "example_rocket", "chelsea": "example_cat"}

LOOKS: dict[str, Any] = {
    "theme": gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_lg,
        font=["system-ui", "Segoe UI", "Roboto", "Noto Sans", "Noto Sans CJK SC", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ),
    "favicon_path": str(_PARTS / "favicon.png"),
    # Not as `css`: gradio would add its own classes to the rules.
    "head": f"<style>{(_PARTS / 'page.css').read_text(encoding='utf-8')}</style>",
}
# Tells the scripts that a job failed, so that nothing waits for it.
_FAILED = "() => document.dispatchEvent(new CustomEvent('colorize:failed', {detail: '%s'}))"

_Value = dict[str, Any]  # what a component of our own takes and gives


def build_page(photo_service: PhotoService, work: Work) -> gr.Blocks:
    """Build the page, with the endpoints for programs.

    Args:
        photo_service: whose model and limits tell what the page offers; it colors the example.
        work: runs the jobs.

    Returns:
        The page, not yet served.
    """
    t = gr.I18n(**tab_names())
    page = _Page(work)
    kinds = ",".join(["image/*", *sorted(photo.SUFFIXES)])
    films = work.films.problem
    blocks = gr.Blocks(title="Colorize", analytics_enabled=False)
    with blocks:
        own_names = {name: texts["own_name"] for name, texts in languages().items()}
        _part("header", scripts=("session", "header"), languages=own_names, cookie=COOKIE)
        with gr.Tabs():
            with gr.Tab(t("tab_colorize")):
                photos = _part(
                    "drop",
                    scripts=("connection", "jobs", "drop", "demo"),
                    examples=(examples := _examples(photo_service)),
                    demo=_demo(photo_service, Path(examples[0]["path"])),
                    most=photo_service.limits.batch,
                    minutes=photo_service.limits.kept,
                    kinds=kinds if films else ",".join([kinds, "video/*", *FILM_SUFFIXES]),
                    film_suffixes=FILM_SUFFIXES,
                    films_problem=films,
                    films_install=install_command("video"),
                    largest=photo_service.limits.upload * MB,
                )
                with gr.Row(elem_id="work"):
                    with gr.Column(elem_id="stage", scale=5, min_width=300):
                        compared = _part("compare", scripts=("view", "compare", "picture"))
                        film = _part("film")
                        others = _part("others", visible=photo_service.has_variants)
                        _part("earlier")
                        gallery = _part("gallery")
                    with gr.Column(elem_id="side", scale=2, min_width=340):
                        _part("hints", scripts=("palette", "hints"), visible=photo_service.takes_hints)
                        _part("reference", visible=photo_service.takes_references, most=MAX_REFERENCES, kinds=kinds)
                        _part(
                            "settings",
                            ranges={"strength": STRENGTH_RANGE, "size": SIZES},
                            formats=list(FORMATS),
                            defaults={"strength": _DEFAULTS.strength, "size": _DEFAULTS.size, "format": "JPEG"},
                        )
                        kept = _part("keep", minutes=photo_service.limits.kept)
                # Pressed by the scripts. Only events of gradio's own components can cancel others.
                cancel_photos = gr.Button(elem_id="cancel-photos", elem_classes="never-shown")
                cancel_batch = gr.Button(elem_id="cancel-batch", elem_classes="never-shown")
            with gr.Tab(t("tab_how")):
                _part("how", figure=FIGURE if study_files() else "")
        _part("footer")
        add_endpoints(blocks, work)

        # Our own components show the progress and queue what the user asks for.
        common: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "multiple"}
        common |= {"concurrency_limit": None}  # `Work` decides which job runs
        one = photos.one(page.colorize, photos, compared, **common)
        others_ = photos.others(page.others, photos, others, **common)
        many = photos.many(page.colorize_batch, photos, gallery, **common)
        zip_ = photos.zip(page.zip, photos, gallery, **common)
        forget = photos.forget(page.forget, photos, kept, **common)
        film_ = photos.film(page.film, photos, film, **common)
        events = {"zip": zip_, "forget": forget, "one": one, "others": others_, "many": many, "film": film_}
        for kind, event in events.items():
            event.failure(None, js=_FAILED % kind)
        cancel_photos.click(None, cancels=[one, others_, film_])
        cancel_batch.click(None, cancels=[many])
    return blocks


def build_rating_page() -> gr.Blocks:
    """Build the page of a forced choice, see `rating`: nothing of the other page is on it, as it would not be blind."""
    blocks = gr.Blocks(title="Colorize", analytics_enabled=False)
    with blocks:
        own_names = {name: texts["own_name"] for name, texts in languages().items()}
        _part("header", languages=own_names, cookie=COOKIE)
        _part("rate")
    return blocks


def tab_names() -> dict[str, Texts]:
    """The words that gradio shows, by each locale that browsers may give."""
    keys = ("tab_colorize", "tab_how")
    by_locale = {locale: texts for texts in languages().values() for locale in texts["locales"].split()}
    return {locale: {key: texts[key] for key in keys} for locale, texts in by_locale.items()}


def _part(name: str, *, scripts: tuple[str, ...] | None = None, **props: Any) -> gr.HTML:
    """Make a component of our own. Its HTML is fixed; its scripts insert what users send as text only.

    `scripts` are run as one; without it, the one named as the part, if there is one.
    """
    if scripts is None:
        scripts = (name,) if (_PARTS / f"{name}.js").is_file() else ()
    script = "".join((_PARTS / f"{each}.js").read_text(encoding="utf-8") for each in ("common", "gradio", *scripts))
    html = (_PARTS / f"{name}.html").read_text(encoding="utf-8")
    return gr.HTML(
        {},
        html_template=html,
        js_on_load=script,
        apply_default_css=False,
        elem_id=name,
        **props,
    )


def _examples(photo_service: PhotoService) -> list[_Value]:
    """Copy the examples into the store, as if a user had uploaded them. They are never swept."""
    folder = photo_service.store.new_folder(permanent=True)
    return [
        {
            "path": shutil.copy(Path(__file__).parents[1] / "samples" / f"{name}.jpg", folder),
            "name": f"{name}.jpg",
            "label": label,
        }
        for name, label in _EXAMPLES.items()
    ]


def _demo(photo_service: PhotoService, example: Path) -> dict[str, str]:
    """Color an example, to show what the page does. It is never swept."""
    after = photo_service.store.new_folder(permanent=True) / example.name
    photo_service.preview(example, after)
    return {"before": str(example), "after": str(after)}


class _PageRequest(NamedTuple):
    """What the upload component sends."""

    time: Any  # identifies the request: it is sent back with the answer
    photos: list[Given]
    strength: Any
    size: Any
    format: Any
    hints: Any
    variant: Any
    references: list[Given]
    regions: Any
    tiles: bool
    refused: list[dict[str, str]]  # photos whose upload was refused


def _parse_page_request(value: object, texts: Texts, *, single: bool = False) -> _PageRequest:
    """Parse what a client sends, which may be anything. Raises `ConfigError` if the page would not send it."""
    try:
        if not isinstance(value, dict):
            raise TypeError("not what the page sends")
        photos, references = (
            [Given(Path(each["path"]), str(each["name"])) for each in given]
            for given in (value["photos"], value.get("references", []))
        )
        if single and len(photos) != 1:
            raise ValueError("not a single photo")
        refused = [{"name": str(each["name"]), "reason": str(each["reason"])} for each in value.get("refused", [])]
        choices = {key: value[key] for key in ("strength", "size", "format", "hints", "variant")}
        return _PageRequest(
            value["time"],
            photos,
            **choices,
            references=references,
            regions=value.get("regions", []),
            tiles=bool(value.get("tiles")),
            refused=refused,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(texts["wrong_request"]) from error


class _Page:
    """The handlers of the page's events."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def colorize(self, photos: _Value, request: gr.Request) -> _Value:
        """Colorize one photo. Returns what to show, or the complaint."""
        texts = texts_of(request.headers)
        with user_errors():
            asked = _parse_page_request(photos, texts, single=True)
        path, name = asked.photos[0]
        try:
            color_request = parse_color_request(asked.hints, asked.variant, texts, asked.references, asked.regions)
            done = await self._work.colorize(
                request, path, asked.strength, asked.size, asked.format, texts, color_request
            )
        except ColorizeError as error:
            return {"time": asked.time, "complaint": str(error)}
        width, height = done.size
        return {
            "time": asked.time,
            "photo": str(path),
            "name": shown_name(name),
            "before": str(done.before),
            "after": str(done.after),
            "download": str(done.download),
            "hints": asked.hints,
            "variant": asked.variant,
            "references": [str(path) for path, _ in asked.references],
            "regions": asked.regions,
            "notes": list(done.notes),
            "format": asked.format,
            "width": width,
            "height": height,
            "had_color": done.had_color,
            "first_page": done.first_page,
        }

    async def others(self, photos: _Value, request: gr.Request) -> AsyncIterator[_Value]:
        """Find where the model is unsure, and other colorings. Yields what there is to show after each."""
        texts = texts_of(request.headers)
        with user_errors():
            asked = _parse_page_request(photos, texts, single=True)
        path = asked.photos[0].path
        own = {"time": asked.time, "photo": str(path), "hints": asked.hints}
        own |= {"references": [str(each.path) for each in asked.references], "regions": asked.regions}
        shown: _Value = {}
        try:
            color_request = parse_color_request(asked.hints, asked.variant, texts, asked.references, asked.regions)
            async for others in self._work.others(
                request, path, asked.strength, asked.size, texts, color_request, tiles=asked.tiles
            ):
                shown = own | {"unsure": str(others.unsure), "tiles": [str(tile) for tile in others.tiles]}
                yield shown | {"ended": False}
            yield shown | {"ended": True}
        except ColorizeError as error:
            yield own | {"complaint": str(error)}

    async def colorize_batch(self, photos: _Value, request: gr.Request) -> AsyncIterator[_Value]:
        """Colorize many photos. Yields what there is to show after each."""
        texts = texts_of(request.headers)
        with user_errors():
            asked = _parse_page_request(photos, texts)
        refused = [{"name": shown_name(each["name"]), "reason": each["reason"]} for each in asked.refused]
        own = {"time": asked.time}
        if not asked.photos:
            yield _shown(Progress(0), refused) | own | {"ended": True}
            return
        try:
            async for progress in self._work.colorize_batch(request, asked.photos, asked.strength, asked.size, texts):
                yield _shown(progress, refused) | own | {"ended": False}
            yield _shown(progress, refused) | own | {"ended": True}
        except ColorizeError as error:
            yield own | {"complaint": str(error)}

    async def film(self, photos: _Value, request: gr.Request) -> AsyncIterator[_Value]:
        """Color a film. Yields a frame of it before and after, and the progress."""
        texts = texts_of(request.headers)
        with user_errors():
            asked = _parse_page_request(photos, texts, single=True)
        path, name = asked.photos[0]
        try:
            async for progress in self._work.colorize_film(
                request, Given(path, shown_name(name)), asked.strength, asked.size, texts
            ):
                width, height = progress.size
                yield {
                    "time": asked.time,
                    "photo": str(path),
                    "before": str(progress.before),
                    "after": str(progress.after),
                    "download": str(progress.result) if progress.result else None,
                    "format": _FILM_FORMAT,
                    "width": width,
                    "height": height,
                    "done": progress.done,
                    "total": progress.total,
                }
        except ColorizeError as error:
            yield {"time": asked.time, "complaint": str(error)}

    async def zip(self, photos: _Value, request: gr.Request) -> _Value:
        """Put what a canceled batch has done into a ZIP file."""
        texts = texts_of(request.headers)
        with user_errors():
            asked = _parse_page_request(photos, texts)
        try:
            return {"time": asked.time, "zip": str(await self._work.zip(request, asked.photos, texts))}
        except ColorizeError as error:
            return {"time": asked.time, "complaint": str(error)}

    async def forget(self, photos: object, request: gr.Request) -> _Value:
        """Delete uploads and results, by the paths that only their owner knows."""
        sent = photos if isinstance(photos, dict) else {}
        paths = sent.get("forget")
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            with user_errors():
                raise ConfigError(texts_of(request.headers)["wrong_request"])
        await asyncio.to_thread(self._work.forget, paths)
        return {"time": sent.get("time")}


def _shown(progress: Progress, refused: list[dict[str, str]]) -> _Value:
    return {
        "total": progress.total + len(refused),
        "done": [
            {"name": name, "path": str(done.tile), "result": str(done.result), "photo": str(done.photo)}
            for name, done in progress.done.items()
        ],
        "failed": refused + [{"name": name, "reason": reason} for name, reason in progress.failed.items()],
        "zip": str(progress.zip) if progress.zip else None,
    }
