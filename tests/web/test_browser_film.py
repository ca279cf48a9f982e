"""A film on the page, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from colorize.web.limits import Limits
from tests.video.films import gray_of, pan, photo, shot, write_film
from tests.web.conftest import LEAKS, Running, gray, running
from tests.web.visits import DEVICES, T, Visit, visiting

pytestmark = [pytest.mark.browser, *LEAKS]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A second."""
    frames = [gray_of(frame) for frame in shot(photo("astronaut"), pan(2), 25)]
    return write_film(tmp_path_factory.mktemp("film") / "pan.mkv", frames).read_bytes()


@pytest.fixture(scope="module")
def cinema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that takes films of a second."""
    with running(tmp_path_factory.mktemp("cinema"), Limits(film=1, upload=1)) as there:
        yield there


@pytest.fixture(params=DEVICES)
def guest(request: pytest.FixtureRequest, contexts: dict[str, Any], cinema: Running) -> Iterator[Visit]:
    with visiting(contexts[request.param], cinema, f"film-{request.param}") as there:
        yield there


def test_a_film_shows_a_frame_first_then_progress_then_can_be_saved(guest: Visit, film: bytes) -> None:
    page, engine = guest.page, guest.server.engine
    engine.go.clear()
    try:
        guest.choose(("pan.mkv", film))
        page.locator(".compare .name", has_text="pan.mkv").wait_for()
        assert page.get_by_role("button", name=T["cancel"]).is_visible()
        guest.until(lambda: engine.begun)
    finally:
        engine.go.set()
    guest.result("pan.mkv")
    assert page.evaluate("document.querySelector('.canvas .after').naturalWidth") == 240
    assert page.locator(".pixels").inner_text() == "240 × 180 pixels."
    assert page.get_by_text(T["film_facts"]).is_visible()
    assert not page.locator("#settings, #reference, #hints").filter(visible=True).count()
    guest.check_layout()
    guest.check_access()
    guest.screenshot("done")
    name, content = guest.download(".download")
    assert name == "pan-color.mkv"
    container: Any = av.open(io.BytesIO(content))
    frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(frames) == 25
    assert all(frame[..., 0].mean() > frame[..., 1].mean() + 20 for frame in frames)
    # photos go on as ever
    guest.choose(("a.png", gray()))
    guest.result("a.png")
    assert page.locator("#settings").is_visible()
    assert not page.get_by_text(T["film_facts"]).is_visible()
    page.locator(".earlier").get_by_role("button", name="pan.mkv").click()
    guest.result("pan.mkv")
    assert page.locator(".download").inner_text() == "Download MKV"


@pytest.mark.parametrize("guest", ["phone"], indirect=True)
def test_a_film_is_canceled_and_nothing_of_it_stays(guest: Visit, film: bytes) -> None:
    page, engine, jobs = guest.page, guest.server.engine, guest.server.service.jobs
    engine.go.clear()
    folders = set(guest.server.store.folder.iterdir())
    try:
        begun = engine.begun
        guest.choose(("pan.mkv", film))
        guest.until(lambda: engine.begun > begun)
        page.get_by_role("button", name=T["cancel"]).press("Enter")
        page.locator(".task-words", has_text=T["canceled"]).wait_for()
        assert jobs.running() == 1  # it counts until it has stopped
    finally:
        engine.go.set()
    guest.until(lambda: not jobs.running())
    assert not page.locator(".compare").is_visible()
    (upload,) = set(guest.server.store.folder.iterdir()) - folders
    assert [path.name for path in upload.iterdir()] == ["pan.mkv"]


@pytest.mark.parametrize("guest", ["desk"], indirect=True)
def test_a_film_that_is_too_long_or_too_large_is_answered_with_a_command(guest: Visit, tmp_path: Path) -> None:
    path = write_film(tmp_path / "x.mkv", [np.full((32, 48), 90, np.uint8)] * 2, times=[0, 2000])
    guest.choose(("it's long.mkv", path.read_bytes()))
    words = "films of up to 1 seconds are taken here. On your own computer: colorize"
    guest.page.locator(".complaint", has_text=words).wait_for()
    guest.quiet()
    guest.choose(("large.mkv", bytes(1_100_000)))
    words = T["film_too_large"].format(name="large.mkv", size=1, command="colorize 'large.mkv'")
    guest.page.locator(".complaint", has_text=words).wait_for()
    guest.check_access()


def test_a_server_that_takes_no_films_says_so(browser: Any, tmp_path: Path, film: bytes) -> None:
    with running(tmp_path, Limits(film=0)) as server:
        context = browser.new_context(**DEVICES["desk"], locale="en-GB")
        visit = Visit(context, server, "films-off")
        visit.choose(("pan.mkv", film))
        words = T["films_off"].format(command="colorize 'pan.mkv'")
        visit.page.locator(".complaint", has_text=words).wait_for()
        visit.check()
        context.close()
