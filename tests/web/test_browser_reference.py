"""Photos in color that a photo is colored like, in a real browser with the shipped model."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data

from colorize.coloring.colorizer import Colorizer
from tests.web.conftest import LEAKS, Running, gray, running
from tests.web.visits import DEVICES, T, Visit, in_script, visiting

pytestmark = [pytest.mark.browser, *LEAKS]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("shipped"), colorizer=Colorizer.load(device="cpu")) as there:
        yield there


@pytest.fixture(params=DEVICES)
def guest(request: pytest.FixtureRequest, contexts: dict[str, Any], shipped: Running) -> Iterator[Visit]:
    """Someone who has colored the astronaut."""
    with visiting(contexts[request.param], shipped, f"reference-{request.param}") as there:
        there.choose(("astronaut.png", png(astronaut().convert("L"))))
        there.result("astronaut.png")
        yield there


def astronaut() -> Image.Image:
    return Image.fromarray(data.astronaut()).resize((300, 300))


def blue_suit() -> Image.Image:
    """The same scene with red and blue exchanged, turned round."""
    red, green, blue = ImageOps.mirror(astronaut()).split()
    return Image.merge("RGB", (blue, green, red))


def png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def choose(visit: Visit, *photos: tuple[str, bytes]) -> None:
    files = [{"name": name, "mimeType": "image/png", "buffer": content} for name, content in photos]
    visit.page.set_input_files("#choose-reference", files)


def tiles(visit: Visit) -> list[str | None]:
    return [each.get_attribute("alt") for each in visit.page.locator(".reference-tiles img").all()]


def suit(visit: Visit) -> float:
    """How much redder than blue the astronaut's suit is, in what can be downloaded."""
    with Image.open(io.BytesIO(visit.download(".download")[1])) as image:
        red, _, blue = np.asarray(image, dtype=float)[180:280, 40:120].mean(axis=(0, 1))
    return float(red - blue)


def test_a_photo_is_colored_like_another_until_that_is_removed(guest: Visit) -> None:
    page = guest.page
    first = suit(guest)
    choose(guest, ("blue.png", png(blue_suit())))
    page.locator(".reference-tiles li").wait_for()
    guest.quiet()
    assert tiles(guest) == [T["reference_alt"].format(name="blue.png")]
    assert page.locator(".reference-notes").inner_text() == ""
    assert suit(guest) < first - 20
    assert page.locator(".earlier").is_hidden()  # a reference is no photo to be colored
    guest.check_layout()
    guest.check_access()
    guest.screenshot("one")
    remove = page.get_by_role("button", name=T["reference_remove"].format(name="blue.png"))
    box = remove.bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 40
    remove.press("Enter")
    assert page.evaluate("document.activeElement.id") == "choose-reference"  # the focus is not lost
    guest.quiet()
    assert tiles(guest) == []
    assert suit(guest) == first


def test_gray_and_unrelated_references_are_told_and_the_most_is_kept_to(guest: Visit) -> None:
    page, notes = guest.page, guest.page.locator(".reference-notes")
    coffee = Image.fromarray(data.coffee()).resize((300, 200))
    choose(guest, ("gray.png", gray()), ("coffee.png", png(coffee)))
    page.locator(".reference-tiles li").nth(1).wait_for()
    guest.quiet()
    assert notes.inner_text() == " ".join(
        (T["reference_gray"].format(name="gray.png"), T["reference_unrelated"].format(name="coffee.png"))
    )
    assert notes.get_attribute("role") == "status"
    guest.check_access()
    guest.screenshot("notes")
    choose(guest, *((f"{number}.png", png(coffee)) for number in range(3)))
    page.locator(".complaint", has_text=T["too_many_references"].format(most=4)).wait_for()
    guest.quiet()
    assert len(tiles(guest)) == 4
    assert page.locator("#choose-reference").is_disabled()


@pytest.mark.parametrize("guest", ["desk"], indirect=True)
def test_a_reference_is_dropped_on_its_place_and_belongs_to_its_photo(guest: Visit) -> None:
    page = guest.page
    first = suit(guest)
    page.evaluate(
        f"""() => {{ const data = new DataTransfer();
        data.items.add(new File([{in_script(png(blue_suit()))}], 'blue.png', {{type: 'image/png'}}));
        for (const kind of ['dragover', 'drop'])
          document.querySelector('.reference').dispatchEvent(
            new DragEvent(kind, {{dataTransfer: data, bubbles: true, cancelable: true}})); }}"""
    )
    page.locator(".reference-tiles li").wait_for()
    guest.quiet()
    assert suit(guest) < first - 20
    guest.choose(("other.png", png(astronaut().convert("L"))))
    guest.result("other.png")
    assert tiles(guest) == []
    assert suit(guest) == first
    page.locator(".earlier").get_by_role("button", name="astronaut.png").click()
    guest.result("astronaut.png")
    assert len(tiles(guest)) == 1
    # the photos stay while the language is changed, and so do these
    page.get_by_label(T["language"]).select_option("de")
    page.locator(".reference-tiles img[alt*='blue.png']").wait_for()
    page.evaluate("localStorage.clear()")
    page.context.clear_cookies()


def test_there_is_no_place_for_references_where_the_model_follows_none(desk: Visit) -> None:
    assert desk.page.locator("#reference, #choose-reference").count() == 0
