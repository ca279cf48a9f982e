"""The film service by itself: what is shown first, the limits, and what is left of a film that is canceled."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from colorize.coloring.colorizer import Colorizer
from colorize.errors import PhotoError
from colorize.web.film_service import FilmProgress, FilmService
from colorize.web.limits import Limits
from colorize.web.photo_service import PhotoService
from colorize.web.store import Store
from colorize.web.texts import languages
from colorize.web.turns import JobCanceledError, QueuedJob
from tests.video.films import gray_of, pan, photo, shot, write_film
from tests.web.conftest import LEAKS, RedEngine

pytestmark = [pytest.mark.film, *LEAKS]
T = languages()["en"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A second."""
    frames = [gray_of(frame) for frame in shot(photo("astronaut"), pan(2), 25)]
    return write_film(tmp_path_factory.mktemp("film") / "pan.mkv", frames).read_bytes()


def service(store: Store, **limits: int) -> FilmService:
    return FilmService(PhotoService(Colorizer(RedEngine()), store, Limits(**limits)))


def steps(films: FilmService, store: Store, content: bytes, job: QueuedJob | None = None) -> Iterator[FilmProgress]:
    source = store.new_folder() / "pan.mkv"
    source.write_bytes(content)
    return films.colorize(source, "my film.mkv", 1.0, 192, T, job or QueuedJob())


def test_first_a_frame_before_and_after_then_the_whole_film(tmp_path: Path, film: bytes) -> None:
    store = Store(tmp_path)
    first, *_, last = steps(service(store), store, film)
    assert first.result is None
    with Image.open(first.before) as before, Image.open(first.after) as after:
        assert before.size == after.size == first.size == (240, 180)
        gray, red = np.asarray(before.convert("RGB"), int), np.asarray(after.convert("RGB"), int)
    assert np.ptp(gray, axis=2).max() == 0
    of_film: Any = av.open(io.BytesIO(film))
    off = [np.abs(each.to_ndarray(format="rgb24").astype(int) - gray).mean() for each in of_film.decode(video=0)]
    assert np.argmin(off) in (12, 13)  # the one in the middle
    luma = np.array([0.299, 0.587, 0.114])
    assert np.abs(red @ luma - gray @ luma).mean() < 3  # before and after are the same one
    assert red[..., 0].mean() > red[..., 1].mean() + 20
    assert (last.done, last.result.name if last.result else "") == (25, "pan-color.mkv")
    container: Any = av.open(io.BytesIO(last.result.read_bytes()))  # type: ignore[union-attr]
    frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(frames) == 25
    assert all(frame[..., 0].mean() > frame[..., 1].mean() + 20 for frame in frames)
    assert str(last.result) == str(store.find(str(last.result)))  # it can be downloaded


def test_of_a_canceled_film_nothing_is_left(tmp_path: Path, film: bytes) -> None:
    store, job = Store(tmp_path), QueuedJob()
    going = steps(service(store), store, film, job)
    next(going)
    job.stop.set()
    with pytest.raises(JobCanceledError):
        for _ in going:
            pass
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["pan.mkv"]
    assert store.used() == 0  # but the upload, which was not counted here


def test_a_disk_that_answers_too_late_ends_the_film(
    tmp_path: Path, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*_: Any, **__: Any) -> None:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr("colorize.video.film.colorize_film", too_late)
    store = Store(tmp_path)
    going = steps(service(store), store, film)
    with pytest.raises(TimeoutError):
        for _ in zip(range(9), going, strict=False):
            pass


def test_a_film_that_nobody_waits_for_ends(tmp_path: Path, film: bytes) -> None:
    store = Store(tmp_path)
    going: Any = steps(service(store), store, film)
    next(going)
    going.close()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["pan.mkv"]


def test_films_are_taken_unless_they_are_switched_off_or_their_extra_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert service(Store(tmp_path)).problem == ""
    assert service(Store(tmp_path), film=0).problem == "films_off"
    monkeypatch.setattr("colorize.web.film_service.is_installed", lambda module: module != "cv2")
    assert service(Store(tmp_path)).problem == "films_missing"


def test_a_film_that_is_too_long_is_answered_with_the_command_for_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    frames = [np.full((32, 48), 90, np.uint8)] * 2
    path = write_film(tmp_path / "long.mkv", frames, times=[0, 2000])
    with pytest.raises(PhotoError) as caught:
        next(steps(service(store, film=1), store, path.read_bytes()))
    assert str(caught.value) == T["film_too_long"].format(name="my film.mkv", most=1, command="colorize 'my film.mkv'")


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {path}\n",
        "ffconcat version 1.0\nfile other.mkv\n",
    ],
)
def test_a_film_that_leads_to_another_file_is_refused(tmp_path: Path, film: bytes, text: str) -> None:
    store = Store(tmp_path)
    path = store.new_folder() / "pan.mkv"
    path.with_name("other.mkv").write_bytes(film)
    path.write_text(text.format(path=path.with_name("other.mkv")), encoding="utf-8")
    with pytest.raises(PhotoError, match=r"pan\.mkv: expected a film, cannot be opened"):
        next(service(store).colorize(path, "pan.mkv", 1.0, 192, T, QueuedJob()))


def test_a_film_that_the_codec_does_not_take_is_told_before_anything_is_shown(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = write_film(tmp_path / "odd.mkv", [np.full((31, 47), 90, np.uint8)] * 2)
    with pytest.raises(PhotoError, match=r"^pan\.mkv: has 47×31 px of yuv420p, codec x264 takes no odd side"):
        next(steps(service(store), store, path.read_bytes()))


def test_what_is_no_film_is_told_without_the_servers_folders(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(PhotoError) as caught:
        next(steps(service(store), store, b"no film"))
    assert str(caught.value).startswith("pan.mkv: ")
    assert str(tmp_path) not in str(caught.value)
