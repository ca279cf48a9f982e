"""The page: upload a grey photo, compare before and after under a slider, download the result in full size."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import gradio as gr
from gradio import media
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from colorize import photo
from colorize.colorizer import Colorizer
from colorize.errors import ColorizeError
from colorize.options import STRENGTH_RANGE, ColorizeOptions
from colorize.plan import RESULT_MARK

_DEFAULTS = ColorizeOptions()
_FORMATS = {"JPEG": ".jpg", "PNG": ".png"}
_EXAMPLES = ("lion.jpg", "tower.jpg", "cheetah1.jpg")  # photographs inside gradio's own package
_SLIDER_HEIGHT = 620  # px
_LONGEST_JPEG = 65_500  # px; the format holds no more
_HOUR = 3600
_KEPT_FOR = 4 * _HOUR  # then uploads and results are deleted

CSS = """
.gradio-container main { width: 100%; max-width: 1200px; margin: 0 auto; }
footer { opacity: .6; }
"""
THEME = gr.themes.Soft(primary_hue="teal", neutral_hue="stone")

_Compared = tuple[str, str] | None


def build_page(colorizer: Colorizer) -> gr.Blocks:
    """The page for one colorizer. It writes only into gradio's folder of temporary files, and clears that up."""
    page = _Page(colorizer)
    blocks = gr.Blocks(title="Colorize", analytics_enabled=False, delete_cache=(_HOUR, _KEPT_FOR))
    with blocks:
        gr.Markdown("# Colorize\nColour for grey photographs. Lightness, size and EXIF data stay as they are.")
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                source = gr.File(label="Grey photo", height=140, elem_id="photo")
                low, high = STRENGTH_RANGE
                strength = gr.Slider(
                    low, high, _DEFAULTS.strength, step=0.05, label="Strength of the colours", elem_id="strength"
                )
                format_ = gr.Radio(list(_FORMATS), value="JPEG", label="Download as", elem_id="format")
                download = gr.DownloadButton(
                    "Download in full size", variant="primary", interactive=False, elem_id="download"
                )
                grey_examples = page.examples()
                source.keep_in_cache.update(grey_examples)  # else they would be cleared up once they have been chosen
                examples = gr.Dataset(
                    label="Or try one of these",
                    components=[gr.Image(render=False, type="filepath")],
                    samples=[[path] for path in grey_examples],
                    elem_id="examples",
                )
            with gr.Column(scale=5, min_width=320):
                compared = gr.ImageSlider(
                    label="Before and after",
                    type="filepath",
                    interactive=False,
                    max_height=_SLIDER_HEIGHT,
                    buttons=["fullscreen"],
                    elem_id="compared",
                )

        # A new photo first takes the old result away: an error must not leave it standing under the new name.
        given, shown = [source, strength, format_], [compared, download]
        examples.click(page.choose_example, examples, source, api_visibility="private")
        source.change(page.forget_result, None, shown, api_visibility="private", show_progress="hidden").then(
            page.colorize, given, shown, api_name="colorize", concurrency_id="colorize"
        )
        for changed in (strength.release, format_.input):
            changed(page.colorize, given, shown, api_visibility="private", concurrency_id="colorize")
    return blocks


class _Page:
    """What the page does, as named functions: their names are what an API client sees."""

    def __init__(self, colorizer: Colorizer) -> None:
        self._colorizer = colorizer

    def colorize(self, source: str | None, strength: float, format_: str) -> tuple[_Compared, gr.DownloadButton]:
        """Give a grey photo colour: before and after, and the result in full size."""
        if source is None:
            return self.forget_result()
        before, after = self._results(Path(source), strength, _FORMATS[format_])
        return (before, after), gr.DownloadButton(value=after, interactive=True)

    def forget_result(self) -> tuple[_Compared, gr.DownloadButton]:
        """Nothing to compare, nothing to download."""
        return None, gr.DownloadButton(value=None, interactive=False)

    def choose_example(self, sample: list[str]) -> str:
        """As if the example had been uploaded."""
        return sample[0]

    def examples(self) -> list[str]:
        """Example photos, turned grey: at strength 0 the program itself takes their colour out."""
        with tempfile.TemporaryDirectory() as folder:
            return [
                _cache(self._colorizer.colorize_file(media.get_image(name), Path(folder) / name, strength=0))
                for name in _EXAMPLES
            ]

    def _results(self, source: Path, strength: float, suffix: str) -> tuple[str, str]:
        """Paths of the photo as it was, in a format that browsers show, and in colour."""
        with tempfile.TemporaryDirectory() as folder:
            after = Path(folder) / f"{source.stem}{RESULT_MARK}{suffix}"
            try:
                original = photo.open(source)
                before = Path(folder) / f"{source.stem}{'.png' if max(original.size) > _LONGEST_JPEG else '.jpg'}"
                photo.save(original, before)
                self._colorizer.colorize_file(source, after, strength=strength)
            except ColorizeError as error:
                told = str(error).replace(f"{source.parent}{os.sep}", "").replace(f"{folder}{os.sep}", "")
                raise gr.Error(told, print_exception=False) from error
            return _cache(before), _cache(after)


def _cache(path: Path) -> str:
    """The file's copy in gradio's folder, which is served and cleared up."""
    cached: str = save_file_to_cache(path, cache_dir=get_upload_folder())
    return cached
