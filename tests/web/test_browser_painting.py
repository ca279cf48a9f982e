"""Colors of one's own on the page, and other possible ones, in a real browser."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.web.conftest import LEAKS, gray
from tests.web.visits import T, Visit

pytestmark = [pytest.mark.browser, *LEAKS]

# Counts how far what is on the page moves by itself: https://web.dev/articles/cls, with what a user's input causes.
WATCH_SHIFTS = """() => {
  window.shift = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries())
      if (entry.sources.some(({node}) => !node?.parentElement?.closest?.('.dots'))) window.shift += entry.value;
  }).observe({type: 'layout-shift'});
}"""


def halves(visit: Visit) -> list[tuple[float, float, float]]:
    """The mean colors of the two halves of what can be downloaded."""
    _, content = visit.download(".download")
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image, dtype=float)
    return [tuple(half.mean(axis=(0, 1))) for half in np.split(pixels, 2, axis=1)]


def next_result(visit: Visit, act: Any) -> None:
    """Do something, and wait until the photo is shown with other colors."""
    before = visit.page.locator(".canvas .after").get_attribute("src")
    act()
    visit.page.wait_for_function(f"document.querySelector('.canvas .after').getAttribute('src') !== {before!r}")
    visit.quiet()


def at(visit: Visit, x: float, y: float) -> tuple[float, float]:
    """A place of the photo, 0 to 1, on the screen."""
    box = visit.page.locator(".canvas").bounding_box()
    assert box
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def pick(visit: Visit, name: str) -> None:
    """Pick a color of the palette."""
    if not visit.page.locator(".swatch").first.is_visible():
        visit.page.get_by_role("button", name=T["paint"]).click()
    visit.page.get_by_role("button", name=T[name], exact=True).click()
    visit.page.locator(".photo-frame").scroll_into_view_if_needed()
    visit.settle()


def put(visit: Visit, x: float, y: float) -> None:
    """Put the picked color on the photo."""
    next_result(visit, lambda: visit.page.mouse.click(*at(visit, x, y)))


def clip(visit: Visit) -> str:
    """How much of the result is cut off from the left."""
    return str(visit.page.evaluate("getComputedStyle(document.querySelector('.after')).clipPath"))


def in_view(visit: Visit, selector: str) -> float:
    """The part of an element, 0 to 1, that is on the screen and behind nothing."""
    seen = visit.page.evaluate(
        """selector => {
        const element = document.querySelector(selector), box = element.getBoundingClientRect(), places = [];
        for (let x = 0.05; x < 1; x += 0.1) for (let y = 0.05; y < 1; y += 0.1)
          places.push(document.elementFromPoint(box.left + x * box.width, box.top + y * box.height));
        return places.filter(each => element.contains(each)).length / places.length; }""",
        selector,
    )
    return float(seen)


def test_colors_are_put_on_the_photo_by_click_and_brush_and_taken_back(guide: Visit) -> None:
    page = guide.page
    red, green, blue = halves(guide)[0]
    assert blue > green
    assert red > green  # purple
    pick(guide, "green_grass")
    assert page.get_by_role("button", name=T["green_grass"]).get_attribute("aria-pressed") == "true"
    put(guide, 0.25, 0.3)
    (red, green, blue), right = halves(guide)
    assert green > red > blue
    assert right[2] > right[1]  # the other half is as it was
    # a stroke over the other half, in the color of the sky
    pick(guide, "sky_blue")

    def brush() -> None:
        page.mouse.move(*at(guide, 0.6, 0.2))
        page.mouse.down()
        page.mouse.move(*at(guide, 0.9, 0.6), steps=6)
        page.mouse.up()

    next_result(guide, brush)
    left, right = halves(guide)
    assert left[1] > left[0]
    assert right[2] > right[1] > right[0]
    assert page.locator(".marker").count() == 2
    assert page.locator(".dot").count() >= 4
    guide.check_layout()
    guide.check_access()
    guide.screenshot("painted")
    next_result(guide, page.get_by_role("button", name=T["undo"]).click)
    left, right = halves(guide)
    assert left[1] > left[0]
    assert right[0] > right[1]
    next_result(guide, lambda: page.keyboard.press("Control+Shift+z"))
    assert halves(guide)[1][2] > halves(guide)[1][1]
    next_result(guide, lambda: page.keyboard.press("Control+z"))
    page.keyboard.press("Escape")
    # other settings keep the colors
    next_result(guide, lambda: page.locator("#format").get_by_text("PNG").click())
    assert halves(guide)[0] == pytest.approx(left, abs=2)
    pick(guide, "green_grass")
    next_result(guide, page.get_by_role("button", name=T["hints_clear"]).click)
    assert halves(guide)[0][0] > halves(guide)[0][1]
    # without a color, pointers move the divider again
    page.get_by_role("button", name=T["paint_stop"]).click()
    page.mouse.click(*at(guide, 0.25, 0.3))
    assert page.locator(".split").input_value() == "25"


def test_while_one_paints_the_photo_shows_the_result_and_does_not_move(guide: Visit) -> None:
    page = guide.page
    assert "50%" in clip(guide) or float(clip(guide).split()[-1].strip("px)")) > 50  # a divider, at first
    pick(guide, "green_grass")
    assert clip(guide) == "inset(0px)"
    guide.until(lambda: in_view(guide, ".viewport") > 0.75)  # once it has scrolled there
    assert in_view(guide, ".swatch[aria-pressed=true]") > 0.5
    place = page.locator(".canvas").bounding_box()
    page.evaluate(WATCH_SHIFTS)
    guide.server.engine.go.clear()
    page.mouse.click(*at(guide, 0.25, 0.3))
    page.locator(".progress-words:visible", has_text=T["working"].format(name="halves.png")).wait_for()
    assert page.locator(".canvas").bounding_box() == place
    page.mouse.click(*at(guide, 0.75, 0.3))
    next_result(guide, guide.server.engine.go.set)
    assert page.locator(".canvas").bounding_box() == place
    assert page.locator(".marker").count() == 2
    assert page.evaluate("window.shift") == 0
    # the photo as it was, as long as one holds
    page.get_by_role("button", name=T["hold"]).hover()
    page.mouse.down()
    assert clip(guide) == "inset(0px 0px 0px 100%)"
    page.mouse.up()
    assert clip(guide) == "inset(0px)"
    guide.screenshot("painting")


def test_a_marker_is_moved_recolored_and_removed(guide: Visit) -> None:
    page, marker = guide.page, guide.page.locator(".marker")
    pick(guide, "green_grass")
    put(guide, 0.25, 0.3)
    page.mouse.move(*at(guide, 0.25, 0.3))
    page.mouse.down()
    page.mouse.move(*at(guide, 0.75, 0.3), steps=4)
    next_result(guide, page.mouse.up)
    left, right = halves(guide)
    assert right[1] > right[0] and left[0] > left[1]
    page.mouse.click(*at(guide, 0.75, 0.3))
    assert marker.get_attribute("aria-pressed") == "true"
    next_result(guide, lambda: page.get_by_role("button", name=T["sky_blue"], exact=True).click())
    assert halves(guide)[1][2] > halves(guide)[1][1]
    assert marker.count() == 1
    guide.check_access()
    next_result(guide, lambda: page.get_by_role("button", name=T["hint_remove"]).click())
    assert marker.count() == 0
    assert halves(guide)[1][0] > halves(guide)[1][1]
    # white is seen on white
    pick(guide, "white")
    put(guide, 0.25, 0.3)
    assert "rgb(37, 33, 28)" in marker.evaluate("each => getComputedStyle(each).boxShadow")


def outline(visit: Visit) -> None:
    """Choose to outline."""
    visit.page.get_by_text(T["tool_outline"], exact=True).locator("xpath=..").click()
    assert visit.page.get_by_role("radio", name=T["tool_outline"]).is_checked()


def test_what_is_outlined_gets_the_color_and_nothing_beside_it(guide: Visit) -> None:
    page = guide.page
    usual = halves(guide)
    pick(guide, "green_grass")
    outline(guide)
    corners = [(0.02, 0.02), (0.45, 0.05), (0.48, 0.95), (0.02, 0.98)]

    def draw() -> None:
        page.mouse.move(*at(guide, *corners[0]))
        page.mouse.down()
        for corner in [*corners[1:], (0.02, 0.1)]:
            page.mouse.move(*at(guide, *corner), steps=8)
        page.mouse.up()

    next_result(guide, draw)
    left, right = halves(guide)
    assert left[1] > left[0] > left[2]
    assert right == pytest.approx(usual[1], abs=1)
    assert page.locator(".marker").count() == 1
    assert page.evaluate("colorize.shown.choices.regions[0].outline.length") < 12  # only corners are kept
    # a second one, kept gray, corner by corner
    page.get_by_role("button", name=T["gray"]).click()
    guide.settle()
    for x, y in ((0.55, 0.02), (0.98, 0.02), (0.98, 0.6), (0.55, 0.6)):
        page.mouse.click(*at(guide, x, y))
    assert page.locator(".line").count() == 4
    guide.check_access()
    guide.screenshot("outlined")
    page.locator(".photo-frame").scroll_into_view_if_needed()
    guide.settle()
    next_result(guide, lambda: page.mouse.click(*at(guide, 0.55, 0.02)))
    _, right = halves(guide)
    assert max(right) - min(right) < 0.7 * (max(usual[1]) - min(usual[1]))
    next_result(guide, page.get_by_role("button", name=T["undo"]).click)
    assert halves(guide)[1] == pytest.approx(usual[1], abs=1)
    # recolored and removed without a drag
    page.mouse.click(*at(guide, *corners[0]))
    next_result(guide, lambda: page.get_by_role("button", name=T["sky_blue"], exact=True).click())
    assert halves(guide)[0][2] > halves(guide)[0][1]
    assert in_view(guide, ".remove") > 0.75  # it is round
    next_result(guide, lambda: page.get_by_role("button", name=T["hint_remove"]).click())
    assert halves(guide)[0] == pytest.approx(usual[0], abs=1)
    guide.check_layout()


@pytest.mark.parametrize("guide", ["desk"], indirect=True)
def test_an_outline_is_set_by_keys_and_taken_back_corner_by_corner(guide: Visit) -> None:
    page = guide.page
    usual = halves(guide)
    outline(guide)
    page.get_by_role("button", name=T["green_grass"]).press("Enter")
    aim = page.get_by_role("button", name=T["outline_aim"])
    assert aim.evaluate("each => each === document.activeElement")
    for key, times in ((None, 0), ("ArrowRight", 9), ("ArrowUp", 9), ("ArrowRight", 1)):
        for _ in range(times):
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    assert page.locator(".task-words").inner_text() == T["outline_corner"].format(number=4)
    page.keyboard.press("Control+z")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")  # where the third one is
    guide.quiet()
    left, right = halves(guide)
    assert left == pytest.approx(usual[0], abs=1)
    assert right[1] > usual[1][1] + 3
    assert page.locator(".marker").count() == 1
    # one that is not finished is dropped, and painting goes on
    aim.press("Enter")
    assert page.locator("polyline").count() == 2
    page.keyboard.press("Escape")
    assert page.locator("polyline").count() == 0
    assert page.locator("[data-painting]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("[data-painting]").count() == 0


@pytest.mark.parametrize("guide", ["desk"], indirect=True)
def test_from_swatch_to_photo_by_keys_and_back_and_the_focus_is_kept(guide: Visit) -> None:
    page = guide.page
    focused = "document.activeElement.getAttribute('aria-label')"
    page.locator(".swatch").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == T["skin_warm"]
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == T["hint_aim"]  # no stop between
    assert page.locator(".canvas > .aim").evaluate("each => getComputedStyle(each).opacity") == "1"
    next_result(guide, lambda: page.keyboard.press("Enter"))
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(focused).startswith("Color 1, warm skin")
    next_result(guide, lambda: page.keyboard.press("ArrowLeft"))
    assert page.evaluate(focused).startswith("Color 1")
    next_result(guide, lambda: page.keyboard.press("Delete"))
    assert page.evaluate(focused) == T["hint_aim"]
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == T["skin_warm"]
    undo = page.get_by_role("button", name=T["undo"])
    for _ in range(3):
        next_result(guide, lambda: undo.press("Enter"))
    assert undo.get_attribute("aria-disabled") == "true"
    assert undo.evaluate("each => each === document.activeElement")


@pytest.mark.parametrize("guide", ["desk"], indirect=True)
def test_a_hint_is_not_lost_when_another_photo_is_shown_at_once(guide: Visit) -> None:
    page = guide.page
    guide.choose(("other.png", gray(600, 400)))
    guide.result("other.png")
    pick(guide, "green_grass")
    page.mouse.click(*at(guide, 0.25, 0.3))
    page.locator(".earlier").get_by_role("button", name="halves.png").click()  # before 400 ms have passed
    guide.result("halves.png")
    assert page.locator(".compare .name").inner_text() == "halves.png"  # what one looks at is not taken away
    assert halves(guide)[0][0] > halves(guide)[0][1]
    page.locator(".earlier").get_by_role("button", name="other.png").click()
    guide.result("other.png")
    assert halves(guide)[0][1] > halves(guide)[0][0]
    assert page.locator(".marker").count() == 1


@pytest.mark.parametrize("guide", ["phone"], indirect=True)
def test_two_fingers_zoom_and_one_paints(guide: Visit) -> None:
    page = guide.page
    pick(guide, "green_grass")
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    wide = page.locator(".canvas").bounding_box()["width"]
    one, two, out = at(guide, 0.45, 0.4), at(guide, 0.55, 0.4), at(guide, 0.75, 0.4)
    touch("touchStart", one)
    touch("touchStart", one, two)
    touch("touchMove", one, out)
    touch("touchEnd", one)
    touch("touchEnd")
    guide.quiet()
    assert page.locator(".canvas").bounding_box()["width"] > 2 * wide
    assert page.locator(".marker").count() == 0
    assert page.evaluate("scrollX") == 0
    box = page.locator(".viewport").bounding_box()
    assert box

    def tap() -> None:
        place = box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"]
        touch("touchStart", place)
        touch("touchEnd")

    next_result(guide, tap)
    assert page.locator(".marker").count() == 1


@pytest.mark.parametrize("guide", ["desk"], indirect=True)
def test_a_color_of_another_photo_is_put_on_the_photo_by_keys_alone(guide: Visit) -> None:
    page, sent = guide.page, len(guide.asked)
    content = io.BytesIO()
    Image.new("RGB", (90, 60), (30, 140, 60)).save(content, "PNG")
    page.set_input_files(
        "#choose-dropper", {"name": "green.png", "mimeType": "image/png", "buffer": content.getvalue()}
    )
    page.get_by_role("button", name=T["dropper_aim"]).press("Enter")
    assert page.locator(".own input").input_value() == "#1e8c3c"
    assert not [url for url in guide.asked[sent:] if "upload" in url]  # it stays with the user
    aim = page.get_by_role("button", name=T["hint_aim"])
    for _ in range(4):
        aim.press("ArrowLeft")
    next_result(guide, lambda: aim.press("Enter"))
    (red, green, _), right = halves(guide)
    assert green > red + 20
    assert right[0] > right[1]
    page.set_input_files("#choose-dropper", {"name": "none.png", "mimeType": "image/png", "buffer": b"no photo"})
    complaint = guide.wait_for(".complaint:not([hidden])")
    assert complaint.inner_text().strip() == T["dropper_failed"].format(name="none.png")
    page.get_by_role("button", name=T["close"]).click()
    assert not complaint.is_visible()


def test_swatches_are_large_enough_for_fingers_and_seen_in_forced_colors(guide: Visit) -> None:
    page = guide.page
    pick(guide, "green_grass")
    sizes = page.locator(".swatch").evaluate_all("all => all.map(each => [each.offsetWidth, each.offsetHeight])")
    assert len(sizes) == 19
    assert min(min(size) for size in sizes) >= 40
    names = page.locator(".swatch").evaluate_all("all => all.map(each => each.ariaLabel)")
    assert len(set(names)) == 19
    page.emulate_media(forced_colors="active")
    color = "getComputedStyle(document.querySelector('.swatch[data-color=\"#6f9440\"]')).backgroundColor"
    assert page.evaluate(color) == "rgb(111, 148, 64)"
    guide.screenshot("forced")
    page.emulate_media(forced_colors="none")


def test_other_colors_stand_in_a_strip_and_hatching_shows_where_the_model_is_unsure(guide: Visit) -> None:
    page, strip = guide.page, guide.page.locator(".others-strip button")
    page.get_by_role("button", name=T["unsure"]).click()
    page.locator(".canvas .veil:not([hidden])").wait_for(state="attached")
    assert page.get_by_text(T["unsure_info"]).is_visible()
    # everywhere, for two colors that are far apart are just as possible; over After alone
    assert page.evaluate(
        """async () => {
        const style = document.querySelector('.canvas .veil').style, image = new Image();
        image.src = style.maskImage.split('"')[1];
        await image.decode();
        const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, image.width, image.height).data
          .every((each, at) => at % 4 < 3 || each === 255); }"""
    )
    assert page.evaluate("getComputedStyle(document.querySelector('.canvas .veil')).clipPath") == clip(guide)
    page.get_by_role("button", name=T["variants"]).click()
    strip.nth(6).wait_for()
    guide.quiet()
    assert strip.count() == 7
    assert strip.first.get_attribute("aria-pressed") == "true"
    assert strip.first.bounding_box()["width"] >= 130
    guide.check_layout()
    guide.check_access()
    guide.screenshot("others")
    page.get_by_role("button", name=T["unsure"]).click()
    assert not page.locator(".canvas .veil").is_visible()
    first = halves(guide)
    found = []
    for variant in (1, 2, 3, 4):
        next_result(guide, strip.nth(variant).click)
        assert strip.nth(variant).get_attribute("aria-pressed") == "true"
        found.append(halves(guide))
    # Seven and a half units towards the one or the other color are ten levels and more of red or of blue.
    assert all(np.abs(np.subtract(colors, first)).max(axis=1).min() > 9 for colors in found)
    next_result(guide, strip.nth(1).click)
    assert halves(guide) == found[0]  # the same one each time
    # a color of one's own makes others of them
    pick(guide, "green_grass")
    put(guide, 0.25, 0.3)
    assert strip.count() == 0


@pytest.mark.parametrize("guide", ["desk", "phone"], indirect=True)
def test_the_divider_is_where_the_pointer_is_in_full_screen_and_a_tall_photo_fits(guide: Visit) -> None:
    page = guide.page
    guide.choose(("tall.png", gray(100, 1400)))
    guide.result("tall.png")
    assert page.evaluate("document.documentElement.scrollHeight") < 2400
    assert page.locator(".viewport").bounding_box()["height"] < 700
    guide.choose(("portrait.png", gray(400, 600)))
    guide.result("portrait.png")
    page.get_by_role("button", name=T["full_screen"]).click()
    page.wait_for_function("document.fullscreenElement")
    page.wait_for_function("document.querySelector('.viewport').clientHeight === innerHeight")
    guide.settle()
    box = page.locator(".canvas").bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(400 / 600, rel=0.01)
    x, y = at(guide, 0.25, 0.5)
    page.mouse.click(x, y)
    line = page.locator(".photo-frame > .split-line").bounding_box()
    assert line
    assert line["x"] == pytest.approx(x, abs=box["width"] / 100)
    assert float(clip(guide).split()[-1].strip("px)")) == pytest.approx(0.25 * box["width"], abs=box["width"] / 100)
    page.evaluate("document.exitFullscreen()")
    page.wait_for_function("!document.fullscreenElement")


@pytest.mark.parametrize("guide", ["desk"], indirect=True)
def test_a_double_click_zooms_and_keys_move_the_photo(guide: Visit) -> None:
    page = guide.page
    small = page.locator(".zoom").inner_text()
    page.mouse.dblclick(*at(guide, 0.2, 0.5))
    assert page.locator(".zoom").inner_text() != small
    left = "document.querySelector('.viewport').scrollLeft"
    before = page.evaluate(left)
    page.locator(".viewport").press("ArrowRight")
    assert page.evaluate(left) > before
    pick(guide, "green_grass")  # also while one paints, also by the wheel
    before = page.evaluate(left)
    page.mouse.move(*at(guide, 0.5, 0.5))
    page.mouse.wheel(90, 0)
    page.wait_for_function(f"{left} > {before}")
    page.keyboard.press("Escape")
    page.locator(".viewport").press("0")
    assert page.locator(".zoom").inner_text() == small


def test_hints_and_variants_have_no_place_where_the_model_does_not_know_them(desk: Visit) -> None:
    for place in ("#hints", "#others", ".swatch"):
        assert desk.page.locator(place).count() == 0
