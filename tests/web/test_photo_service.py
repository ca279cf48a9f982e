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
from colorize.errors import ConfigError, PhotoError
from colorize.web.limits import Limits
from colorize.web.photo_service import FORMATS, MAX_REFERENCES, Given, PhotoService, parse_color_request
from colorize.web.store import Store
from colorize.web.texts import languages
from colorize.web.turns import JobCanceledError, QueuedJob
from tests.coloring.test_reference import ByLightness, two_halves
from tests.web.conftest import LEAKS, RedEngine

pytestmark = [pytest.mark.web, *LEAKS]  # of the files before this one


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


# -- references --------------------------------------------------------------------------------------------------------

T = languages()["en"]
DARK_RED, LIGHT_BLUE = (120, 20, 20), (120, 150, 250)


def upload(store: Store, name: str, image: Image.Image) -> Given:
    path = store.new_folder() / name
    image.save(path)
    return Given(path, name)


def followed(store: Store, *references: Given) -> tuple[tuple[str, ...], np.ndarray]:
    """The notes, and the mean colors of the dark and the light half, of a photo colored like others."""
    service = PhotoService(Colorizer(ByLightness()), store, Limits())
    photo = upload(store, "gray.png", two_halves(DARK_RED, LIGHT_BLUE).convert("L"))
    done = service.colorize(photo.path, 1.0, 192, "PNG", T, parse_color_request([], 0, T, references))
    with Image.open(done.download) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=float)
    return done.notes, np.stack([half.mean(axis=(0, 1)) for half in np.split(pixels, 2, axis=1)])


def test_a_photo_takes_the_colors_of_a_reference(tmp_path: Path) -> None:
    store = Store(tmp_path)
    notes, (dark, light) = followed(store, upload(store, "like.png", two_halves(DARK_RED, LIGHT_BLUE, turned=True)))
    assert notes == ()
    assert dark[0] > dark[1] + 40
    assert light[2] > light[1] + 40
    notes, (dark, light) = followed(store)
    assert dark[1] > dark[0]  # green by itself
    assert light[1] > light[0]


def test_a_reference_that_cannot_be_followed_is_told_by_name_and_the_photo_is_colored_all_the_same(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    none = store.new_folder() / "none.png"
    none.write_bytes(b"no photo")
    notes, (dark, _) = followed(
        store,
        upload(store, "gray.png", two_halves((40, 40, 40), (200, 200, 200))),
        upload(store, "small.png", Image.new("RGB", (20, 200), "red")),
        Given(none, "none.png"),
    )
    assert notes == (
        T["reference_gray"].format(name="gray.png"),
        T["reference_small"].format(name="small.png"),
        "none.png: expected a photo, this is no image format that can be read",
    )
    assert dark[1] > dark[0]


def test_more_references_than_allowed_and_a_model_that_follows_none_are_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    like = upload(store, "like.png", two_halves(DARK_RED, LIGHT_BLUE))
    with pytest.raises(ConfigError, match="4 photos in color are the most"):
        parse_color_request([], 0, T, [like] * (MAX_REFERENCES + 1))
    service = PhotoService(Colorizer(RedEngine()), store, Limits())
    with pytest.raises(PhotoError, match="this model cannot follow a photo in color"):
        service.colorize(like.path, 1.0, 192, "PNG", T, parse_color_request([], 0, T, [like]))


def test_the_network_looks_at_a_photo_once_however_many_photos_it_is_compared_with(tmp_path: Path) -> None:
    store, engine = Store(tmp_path), ByLightness()
    service = PhotoService(Colorizer(engine), store, Limits())
    photo = upload(store, "gray.png", two_halves(DARK_RED, LIGHT_BLUE).convert("L"))
    references = [
        upload(store, f"{number}.png", two_halves(DARK_RED, LIGHT_BLUE, turned=number > 0)) for number in range(3)
    ]
    request = parse_color_request([], 0, T, references)
    service.colorize(photo.path, 1.0, 192, "PNG", T, request)
    assert engine.looked == 1 + len(references)


@pytest.mark.parametrize("language", ["de", "fr", "es", "zh-CN"])
def test_what_is_wrong_with_a_file_is_told_in_the_users_language(tmp_path: Path, language: str) -> None:
    texts, store = languages()[language], Store(tmp_path)
    service = PhotoService(Colorizer(RedEngine()), store, Limits())
    files = {"none.png": b"no photo", "empty.png": b"", "cut.png": photo_of("PNG", 1)[:60]}
    told = {"none.png": "not_a_photo", "empty.png": "empty_file", "cut.png": "damaged_photo"}
    given = []
    for name, content in files.items():
        path = store.new_folder() / name
        path.write_bytes(content)
        given.append(Given(path, name))
        with pytest.raises(PhotoError) as refused:
            service.colorize(path, 1.0, 192, "JPEG", texts)
        assert f"{name}: {texts[told[name]]}" in str(refused.value)
    *_, progress = service.colorize_batch(given, 1.0, 192, texts)
    for name, reason in progress.failed.items():
        assert texts[told[name]] in reason
    assert progress.failed.keys() == files.keys()
