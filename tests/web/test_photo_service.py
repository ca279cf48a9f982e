"""The photo service by itself: what is left when nobody waits for a photo any longer."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from colorize.color.units import FloatArray
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.engine import AUTOMATIC, NetworkConditions
from colorize.web.limits import Limits
from colorize.web.photo_service import FORMATS, PhotoService
from colorize.web.store import Store
from colorize.web.texts import languages
from colorize.web.turns import JobCanceledError, QueuedJob
from tests.web.conftest import LEAKS, RedEngine

pytestmark = LEAKS  # what the files before this one left to the garbage collector


class CancelingEngine(RedEngine):
    """The user cancels while the network sees the first page."""

    def __init__(self, job: QueuedJob) -> None:
        super().__init__()
        self.job = job

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        self.job.stop.set()
        return super().predict(l, conditions)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF"])
def test_a_photo_that_is_canceled_in_the_network_is_not_written_and_its_further_pages_not_colored(
    tmp_path: Path, format_: str
) -> None:
    job = QueuedJob()
    engine = CancelingEngine(job)
    store = Store(tmp_path)
    service = PhotoService(Colorizer(engine), store, Limits())
    source = store.new_folder() / "scan.tif"
    pages = [Image.fromarray(np.full((40, 60), level, np.uint8)) for level in (60, 120, 180)]
    content = io.BytesIO()
    pages[0].save(content, "TIFF", save_all=True, append_images=pages[1:])
    source.write_bytes(content.getvalue())
    with pytest.raises(JobCanceledError):
        service.colorize(source, 1.0, 192, format_, languages()["en"], job=job)
    assert engine.begun == 1
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["before.jpg", "scan.tif"]


def photo_of(format_: str, pages: int) -> bytes:
    content = io.BytesIO()
    first, *others = (Image.fromarray(np.full((40, 60), 60 * (number + 1), np.uint8)) for number in range(pages))
    first.save(content, format_, **({"save_all": True, "append_images": others} if others else {}))
    return content.getvalue()


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(("source_format", "pages"), [("JPEG", 1), ("PNG", 1), ("TIFF", 1), ("TIFF", 3)])
def test_each_page_of_a_photo_is_decoded_once_and_no_result_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source_format: str, pages: int, format_: str
) -> None:
    decoded: list[str | None] = []
    prepare = ImageFile.ImageFile.load_prepare  # called once for each image that is decoded

    def counted(image: ImageFile.ImageFile) -> None:
        decoded.append(image.format)
        prepare(image)

    store = Store(tmp_path)
    service = PhotoService(Colorizer(RedEngine()), store, Limits())
    source = store.new_folder() / "photo"
    source.write_bytes(photo_of(source_format, pages))
    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", counted)
    colored = service.colorize(source, 1.0, 192, format_, languages()["en"])
    monkeypatch.undo()
    assert decoded == [source_format] * (pages if format_ == "TIFF" else 1)
    with Image.open(colored.after) as after, Image.open(colored.download) as download:
        assert after.format == "JPEG"
        difference = np.asarray(after.convert("RGB"), int) - np.asarray(download.convert("RGB"), int)
        assert np.abs(difference).max() <= 3  # by JPEG
    with Image.open(colored.before) as before:
        assert before.convert("RGB").getextrema() == ((60, 60),) * 3
