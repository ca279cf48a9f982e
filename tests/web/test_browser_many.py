"""Many photos at once, in a real browser."""

from __future__ import annotations

import io
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from colorize.web.limits import Limits
from tests.web.conftest import LEAKS, gray, running
from tests.web.visits import BATCH, DEVICES, T, Visit

pytestmark = [pytest.mark.browser, *LEAKS]


def test_many_photos_fill_a_gallery_and_come_back_as_one_zip(visit: Visit) -> None:
    page = visit.page
    photos = [(f"photo {number}.png", gray(90, 60)) for number in range(3)]
    visit.choose(*photos, ("<b>notes.txt", b"no photo"), ("bad.png", b"none either"))
    visit.batch(3, 5)
    assert page.locator(f"{BATCH} .count").inner_text() == "Done: 3 of 5 colored · 2 failed"
    assert page.locator(f"{BATCH} .tiles img").count() == 3
    failed = {
        each.inner_text().split("\n")[-1]: each.inner_text() for each in page.locator(f"{BATCH} .tile-failed").all()
    }
    assert failed.keys() == {"bnotes.txt", "bad.png"}
    assert failed["bad.png"].startswith("expected a photo, this is no image format")
    visit.check_layout()
    visit.check_access()
    visit.screenshot("many")
    name, content = visit.download(f"{BATCH} .tiles .save >> nth=0")
    assert name == "photo 0-color.png"
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (90, 60)
    name, content = visit.download(f"{BATCH} .zip")
    assert name == "colorized.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == [f"photo {number}-color.png" for number in range(3)]


def test_the_gallery_fills_as_photos_are_done(desk: Visit) -> None:
    answer, engine = desk.server.engine.answer, desk.server.engine
    go_on = threading.Event()

    def held(l: Any) -> Any:
        if l.min() > 0.9:  # the last photo
            go_on.wait(200)
        return answer(l)

    engine.answer = held
    try:
        white = io.BytesIO()
        Image.new("L", (9, 6), 255).save(white, "PNG")
        desk.choose(*((f"{number}.png", gray(9, 6)) for number in range(17)), ("white.png", white.getvalue()))
        desk.page.locator(f"{BATCH} .count", has_text="of 18 colored").wait_for()
        tiles = desk.page.wait_for_function(f"document.querySelectorAll('{BATCH} .tiles img').length").json_value()
        assert 0 < tiles < 18
        assert not desk.page.locator(f"{BATCH} .zip").is_visible()
    finally:
        engine.answer = answer
        go_on.set()
    desk.batch(18, 18)
    assert desk.page.locator(f"{BATCH} .tiles img").count() == 18
    first = desk.page.locator(f"{BATCH} .tiles img").first.get_attribute("src")
    desk.page.locator(BATCH).get_by_role("button", name=T["batch_again"]).click()
    desk.page.wait_for_function(f"document.querySelector('{BATCH} .tiles img')?.src !== {first!r}")
    desk.batch(18, 18)


def test_batches_and_single_photos_wait_for_each_other_and_none_is_lost(fresh: Visit) -> None:
    engine = fresh.server.engine
    engine.go.clear()
    try:
        fresh.choose(("a1.png", gray()), ("a2.png", gray()))
        fresh.wait_for("body[data-colorize=working]")
        fresh.page.locator(".count", has_text="0 of 2 colored").wait_for()
        fresh.choose(("single.png", gray()))
        fresh.page.locator(".progress-words", has_text="Finding colors for single.png").wait_for()
        fresh.choose(("b1.png", gray()), ("b2.png", gray()), ("b3.png", b"none"))
        fresh.page.locator(f"{BATCH} .count", has_text=T["uploading_many"].format(number=3, total=3)).wait_for()
    finally:
        engine.go.set()
    fresh.batch(2, 3)
    fresh.result("single.png")
    assert fresh.page.locator(".count").all_inner_texts() == [
        "Done: 2 of 3 colored · 1 failed",
        "Done: 2 of 2 colored",
    ]
    assert not fresh.page.locator("progress:visible").count()
    fresh.check_layout()
    fresh.check_access()
    fresh.screenshot("both")


def test_a_folder_keeps_its_tree(desk: Visit, tmp_path: Path) -> None:
    for place in ("album/one/a.png", "album/two/a.png", "album/.hidden"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(gray())
    desk.page.set_input_files("#choose-folder", tmp_path / "album")
    desk.batch(2, 2)
    _, content = desk.download(f"{BATCH} .zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == ["album/one/a-color.png", "album/two/a-color.png"]


def test_a_tile_opens_the_photo_to_compare_and_failures_come_last(visit: Visit) -> None:
    page = visit.page
    visit.choose(("a.png", gray(90, 60)), ("bad.png", b"none"), ("b.png", gray(60, 90)))
    visit.batch(2, 3)
    tiles = page.locator(f"{BATCH} .tiles li")
    assert [each.get_attribute("class") for each in tiles.all()] == [None, None, "tile-failed"]
    page.locator(BATCH).get_by_role("button", name=T["batch_alt"].format(name="b.png")).click()
    visit.result("b.png")
    page.locator("#format").get_by_text("PNG").click()
    page.locator(".download", has_text="Download PNG").wait_for()
    assert visit.download(".download")[0] == "b-color.png"
    page.locator("#format").get_by_text("JPEG").click()
    visit.quiet()


def test_a_canceled_batch_gives_a_zip_of_what_is_done(desk: Visit) -> None:
    answer, engine = desk.server.engine.answer, desk.server.engine
    go_on = threading.Event()

    def held(l: Any) -> Any:
        if l.min() > 0.9:
            go_on.wait(200)
        return answer(l)

    engine.answer = held
    try:
        white = io.BytesIO()
        Image.new("L", (9, 6), 255).save(white, "PNG")
        desk.choose(*((f"{number}.png", gray(9, 6)) for number in range(17)), ("white.png", white.getvalue()))
        desk.page.wait_for_function(f"document.querySelectorAll('{BATCH} .tiles img').length")
        desk.page.locator(BATCH).get_by_role("button", name=T["cancel"]).click()
        done = desk.page.locator(f"{BATCH} .tiles img").count()
    finally:
        engine.answer = answer
        go_on.set()
    assert desk.page.locator(f"{BATCH} .count").inner_text() == T["batch_canceled"].format(done=done)
    desk.page.locator(f"{BATCH} .zip").wait_for()
    _, content = desk.download(f"{BATCH} .zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == done
        assert all(name.endswith("-color.png") for name in archive.namelist())
    desk.quiet()


def test_of_too_many_photos_the_first_are_taken_with_a_word_about_the_others(browser: Any, tmp_path: Path) -> None:
    with running(tmp_path, Limits(batch=3)) as server:
        context = browser.new_context(**DEVICES["desk"], locale="en-GB")
        visit = Visit(context, server, "many-limit")
        visit.choose(*((f"{number}.png", gray(9, 6)) for number in range(5)))
        words = T["too_many_photos"].format(count=3, left=2, name="3.png")
        visit.page.locator(".complaint", has_text=words).wait_for()
        visit.batch(3, 3)
        visit.check()
        context.close()
