"""From drop to done, in a real browser: what is shown at once, what survives a broken connection, what is left."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorize.web.limits import Limits
from colorize.web.texts import languages
from tests.web.cable import Cable
from tests.web.conftest import LEAKS, Running, gray, running
from tests.web.visits import DEVICES, T, Visit, in_script

pytestmark = [pytest.mark.browser, *LEAKS]
AFTER = "document.querySelector('.canvas .after').getAttribute('src')"


def test_ones_own_photo_is_there_at_once_with_progress_over_it(fresh: Visit) -> None:
    page, engine = fresh.page, fresh.server.engine
    engine.go.clear()
    try:
        fresh.choose(("own.png", gray(600, 400)))
        page.locator(".canvas .before[src^='blob:']").wait_for()
        assert page.locator(".canvas .before").evaluate("each => each.naturalWidth") == 600
        page.locator(".progress-words", has_text="Finding colors for own.png …").wait_for()
        assert page.locator(".compare .task-bar").is_visible()
        assert not page.locator(".split-line").last.is_visible()
        fresh.check_access()
        fresh.screenshot("own")
        place = page.locator(".canvas").bounding_box()
    finally:
        engine.go.set()
    fresh.result("own.png")
    assert page.locator(".canvas").bounding_box() == place


@pytest.fixture
def cut(browser: Any, server: Running) -> Iterator[tuple[Visit, Cable]]:
    """Someone on the page, and the connection to the server."""
    cable, context = Cable(server.url), browser.new_context(**DEVICES["desk"], locale="en-GB")
    visit = Visit(context, server, "cut", cable.url)
    try:
        yield visit, cable
    finally:
        context.close()
        cable.cut()


def lose(visit: Visit, cable: Cable) -> None:
    """Cut the connection while a photo is colored."""
    visit.choose(("first.png", gray()))
    visit.result("first.png")
    engine = visit.server.engine
    engine.go.clear()
    try:
        visit.choose(("second.png", gray()))
        visit.until(lambda: visit.server.service.jobs.running())
        visit.page.locator(".progress-words", has_text="Finding colors for second.png").wait_for()
        cable.cut()
        visit.page.locator(".away:not([hidden])", has_text=T["away"]).wait_for()
        assert visit.page.locator(".compare .name").inner_text() == "second.png"
        assert visit.page.locator(".canvas .before").evaluate("each => each.naturalWidth")
    finally:
        engine.go.set()


def test_a_broken_connection_is_told_and_the_page_goes_on_without_losing_the_photo(cut: tuple[Visit, Cable]) -> None:
    visit, cable = cut
    lose(visit, cable)
    cable.mend(visit.server.url)
    visit.result("second.png")
    assert not visit.page.locator(".away").is_visible()
    assert visit.download(".download")[0] == "second-color.jpg"
    visit.choose(("third.png", gray()))
    visit.result("third.png")
    assert not visit.page.locator(".complaint").is_visible()


def test_a_server_that_was_started_anew_gets_the_photos_again(cut: tuple[Visit, Cable], tmp_path: Path) -> None:
    visit, cable = cut
    lose(visit, cable)
    with running(tmp_path) as other:
        cable.mend(other.url)
        visit.result("second.png")
        visit.page.locator(".earlier").get_by_role("button", name="first.png").click()
        visit.page.wait_for_function(f"{AFTER}?.includes({json.dumps(str(other.store.folder))})")
        visit.result("first.png")
        cable.cut()
        visit.choose(("third.png", gray()))
        visit.page.locator(".away:not([hidden])").wait_for()
        cable.mend(other.url)
        visit.result("third.png")
        visit.page.close()


def test_a_photo_dropped_on_how_it_works_is_shown(desk: Visit) -> None:
    desk.page.get_by_role("tab", name=T["tab_how"]).click()
    desk.page.get_by_role("heading", name=T["how_learned"]).wait_for()
    desk.drop(f"data.items.add(new File([{in_script(gray())}], 'elsewhere.png', {{type: 'image/png'}}));")
    desk.page.locator(".compare .name:visible", has_text="elsewhere.png").wait_for()
    desk.result("elsewhere.png")


@pytest.mark.parametrize("fresh", ["desk"], indirect=True)
def test_name_pictures_and_link_change_together(fresh: Visit) -> None:
    page = fresh.page
    for name in ("one.png", "two.png"):
        fresh.choose((name, gray()))
        fresh.result(name)
    page.evaluate(
        """() => {
        const at = selector => document.querySelector(`.compare ${selector}`), seen = window.seen = new Set();
        const look = () => seen.add([
          at('.name').textContent, at('.download').download, at('.before').alt, at('.after').alt].join());
        look();
        new MutationObserver(look).observe(at('figcaption'), {subtree: true, childList: true, attributes: true});
        new MutationObserver(look).observe(at('.canvas'), {subtree: true, childList: true, attributes: true});
        }"""
    )
    page.locator(".earlier").get_by_role("button", name="one.png").click()
    fresh.result("one.png")
    assert page.evaluate("[...window.seen]") == [
        ",".join(
            (
                name,
                name.replace(".png", "-color.jpg"),
                T["alt_before"].format(name=name),
                T["alt_after"].format(name=name),
            )
        )
        for name in ("two.png", "one.png")
    ]


@pytest.mark.parametrize("fresh", ["desk"], indirect=True)
def test_choices_belong_to_their_photo(fresh: Visit) -> None:
    page = fresh.page
    fresh.choose(("one.png", gray()))
    fresh.result("one.png")
    page.locator("#format").get_by_text("PNG").click()
    page.locator(".download", has_text="Download PNG").wait_for()
    page.locator("#strength input").fill("0.5")
    fresh.quiet()
    fresh.choose(("two.png", gray()))
    fresh.result("two.png")
    page.locator("#format").get_by_text("TIFF").click()
    page.locator(".download", has_text="Download TIFF").wait_for()
    page.locator("#strength input").fill("2")
    fresh.quiet()
    page.locator(".earlier").get_by_role("button", name="one.png").click()
    page.locator(".compare .name", has_text="one.png").wait_for()
    page.locator(".download", has_text="Download PNG").wait_for()
    assert page.locator("#format :checked").input_value() == "PNG"
    assert page.locator("#strength input").input_value() == "0.5"


def test_before_and_after_are_saved_as_one_picture(desk: Visit) -> None:
    desk.choose(("show.png", gray(300, 400)))
    desk.result("show.png")
    name, content = desk.download(".picture")
    assert name == "show-before-and-after.jpg"
    with Image.open(io.BytesIO(content)) as image:
        assert image.size[0] == 600
        pixels = np.asarray(image).astype(int)
    left, right = pixels[380, 150], pixels[380, 450]
    assert np.ptp(left) <= 6
    assert right[0] > right[1] + 20


@pytest.mark.parametrize("fresh", ["desk"], indirect=True)
def test_ones_photos_are_deleted_at_once(fresh: Visit) -> None:
    store = fresh.server.store
    fresh.until(lambda: not fresh.server.service.jobs.running())  # of earlier tests
    before = set(store.folder.iterdir())
    fresh.choose(("a.png", gray()))
    fresh.result("a.png")
    fresh.choose(("b.png", gray()), ("c.png", gray()))
    fresh.batch(2, 2)
    assert len(set(store.folder.iterdir()) - before) == 5
    assert "The server deletes this photo at" in fresh.page.locator(".until").inner_text()
    fresh.page.get_by_role("button", name=T["delete_now"]).click()
    fresh.page.locator(".complaint", has_text=T["deleted"]).wait_for()
    assert set(store.folder.iterdir()) == before
    assert fresh.page.evaluate("document.body.dataset.colorize") == "empty"
    # gradio says so of a stream that ends as the page is loaded anew
    fresh.wrong = [each for each in fresh.wrong if "AbortError" not in each]


def test_the_page_warns_before_photos_are_deleted(browser: Any, tmp_path: Path) -> None:
    with running(tmp_path, Limits(kept=1)) as server:
        context = browser.new_context(**DEVICES["desk"], locale="en-GB")
        context.clock.install()
        visit = Visit(context, server, "expiry")
        visit.choose(("old.png", gray()))
        visit.page.locator(".compare .name", has_text="old.png").wait_for()
        while visit.page.evaluate("document.body.dataset.colorize") != "settled":
            visit.page.clock.run_for(500)
        assert not visit.page.locator(".complaint").is_visible()
        visit.page.clock.fast_forward(55_000)
        visit.page.clock.run_for(2000)
        assert (
            visit.wait_for(".complaint:not([hidden])").inner_text().startswith("old.png is deleted from the server at")
        )
        context.close()


def test_someone_who_has_just_come_sees_what_it_does(fresh: Visit) -> None:
    page = fresh.page
    page.wait_for_function("document.querySelector('.demo-after').naturalWidth")
    box = page.locator(".demo-frame").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    assert page.locator(".demo input").input_value() == "25"
    fresh.check_access()
    fresh.choose(("a.png", gray()))
    fresh.result("a.png")
    assert not page.locator(".demo").is_visible()


@pytest.mark.parametrize("fresh", ["desk"], indirect=True)
def test_light_and_dark_and_the_language_are_switched_and_the_photos_stay(fresh: Visit) -> None:
    page, words = fresh.page, languages()["zh-CN"]
    fresh.choose(("a.png", gray(600, 400)))
    fresh.result("a.png")
    page.get_by_role("button", name=T["theme"]).click()
    assert page.evaluate("document.body.classList.contains('dark')")
    fresh.check_access()
    languages_menu = page.get_by_label(T["language"])
    assert languages_menu.evaluate("menu => getComputedStyle(menu).appearance") == "auto"  # with an arrow
    languages_menu.select_option("zh-CN")
    page.get_by_role("tab", name=words["tab_how"]).wait_for()
    fresh.result("a.png")
    assert page.evaluate("document.body.classList.contains('dark')")
    assert page.locator(".download").inner_text() == words["download"].format(format="JPEG")
    fresh.choose(("b.png", b"no photo"))  # the server's words, too
    assert fresh.wait_for(".complaint:not([hidden])").inner_text().strip().startswith("无法处理：b.png")
    page.get_by_label(words["language"]).select_option("en")
    page.get_by_role("tab", name=T["tab_how"]).wait_for()
    page.evaluate("localStorage.clear()")
    page.context.clear_cookies()


@pytest.mark.parametrize("name", ["de", "es", "fr"])
def test_every_language_has_room_and_gradios_words_are_in_it(browser: Any, server: Running, name: str) -> None:
    words = languages()[name]
    context = browser.new_context(**DEVICES["phone"], locale=name)
    visit = Visit(context, server, f"phone-{name}")
    assert visit.page.locator("html").get_attribute("lang") == name
    visit.page.get_by_role("tab", name=words["tab_how"]).wait_for()
    visit.choose(("a.png", gray(600, 400)))
    visit.result("a.png")
    assert visit.page.locator(".download").inner_text() == words["download"].format(format="JPEG")
    visit.check_layout()
    visit.check_access()
    visit.screenshot("one")
    visit.check()
    context.close()


def test_nothing_looks_left_over_from_gradio(fresh: Visit) -> None:
    fresh.choose(("a.png", gray()))
    fresh.result("a.png")
    page = fresh.page
    assert not page.locator("footer:visible").count()
    assert not page.locator("input[type=number]:visible, .label-wrap:visible, .wrap.default:visible").count()
    page.get_by_role("button", name=T["programs"]).click()
    page.get_by_text("/colorize_batch").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert all("404" in each for each in fresh.wrong)  # of what gradio asks for there, the guard answers the API alone
    fresh.wrong.clear()
