"""The page as people use it, in a real browser, on a phone and on a desk.

Screenshots are left in screenshots/, which git does not keep.
"""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorize.coloring.colorizer import Colorizer
from colorize.web.hosts import Hosts
from colorize.web.texts import languages
from tests.stand_ins import TwoHalves
from tests.web.conftest import LEAKS, Running, behind_a_proxy, gray, running
from tests.web.test_proxies import caddy, nginx

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip(
        "no Chromium: these tests need a browser (Debian, Ubuntu: apt install chromium; else CHROMIUM=/path/to/it)",
        allow_module_level=True,
    )
sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: pip install axe-playwright-python")

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "screenshots"
PARTS = ROOT / "colorize" / "web" / "parts"
T = languages()["en"]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
DEVICES: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1440, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
SERIOUS = ("serious", "critical")
BATCH = ".batch:first-child"  # the newest

pytestmark = [pytest.mark.browser, *LEAKS]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Visit:
    """Someone on the page."""

    def __init__(self, context: Any, server: Running, name: str, url: str = "") -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.server = server
        self.url = url or server.url
        self.name = name
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._hear)
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(self.url)
        self.page.locator(".examples-strip button").first.wait_for()

    def _hear(self, said: Any) -> None:
        # An icon the browser looks for by itself, and not where a proxy shows the page.
        if said.type == "error" and not said.location["url"].endswith("/favicon.ico"):
            self.wrong.append(said.text)

    def check(self) -> None:
        """Nothing has gone wrong unseen, and nobody else was asked for anything."""
        wrong, asked = self.wrong[:], self.asked[:]
        self.wrong.clear()
        self.asked.clear()
        assert wrong == []
        assert [url for url in asked if not url.startswith((self.url, "data:", "blob:"))] == []

    def choose(self, *photos: tuple[str, bytes]) -> None:
        files = [{"name": name, "mimeType": "image/png", "buffer": content} for name, content in photos]
        self.page.set_input_files("#choose-photos", files)

    def wait_for(self, selector: str) -> Any:
        found = self.page.locator(selector)
        found.first.wait_for()
        return found

    def result(self, name: str) -> None:
        """Wait until the photo called so is shown in color."""
        self.page.locator(".compare .name", has_text=name).wait_for()
        self.wait_for("body:not([data-colorize=working])")

    def batch(self, done: int, total: int) -> None:
        """Wait until so many of a batch are shown in color, and it has ended."""
        self.page.locator(f"{BATCH} .count", has_text=T["batch_done"].format(done=done, total=total)).wait_for()
        self.wait_for("body:not([data-colorize=working])")

    def download(self, selector: str) -> tuple[str, bytes]:
        with self.page.expect_download() as started:
            self.page.locator(selector).click()
        return started.value.suggested_filename, Path(started.value.path()).read_bytes()

    def drop(self, script: str) -> None:
        """Let fall onto the page what `script` puts into `data`, a DataTransfer."""
        self.page.evaluate(
            f"""() => {{ const data = new DataTransfer(); {script}
            for (const kind of ['dragover', 'drop'])
              document.body.dispatchEvent(new DragEvent(kind, {{dataTransfer: data, bubbles: true, cancelable: true}}));
            }}"""
        )

    def screenshot(self, what: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.wait_for_timeout(150)  # transitions
        self.page.screenshot(path=SCREENSHOTS / f"{self.name}-{what}.png", full_page=True)

    def check_access(self) -> None:
        """No serious violation of what axe knows of the accessibility guidelines, contrast AA among it."""
        found = axe.Axe().run(self.page).response["violations"]
        serious = [
            f"{each['id']} ({each['impact']}): {node['target']}: {node.get('failureSummary', '')}"
            for each in found
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]
        assert serious == []

    def check_layout(self) -> None:
        """Nothing sticks out to the side."""
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.fixture(scope="module")
def contexts(browser: Any) -> dict[str, Any]:
    """One for each device, so that what gradio's page loads is loaded once."""
    return {name: browser.new_context(**device, locale="en-GB") for name, device in DEVICES.items()}


@pytest.fixture(scope="module")
def visits(contexts: dict[str, Any], server: Running) -> dict[str, Visit]:
    """One page for each device, on which most tests go on where the last one ended, as people do."""
    return {name: Visit(context, server, name) for name, context in contexts.items()}


@pytest.fixture(params=DEVICES)
def visit(request: pytest.FixtureRequest, visits: dict[str, Visit]) -> Iterator[Visit]:
    yield visits[request.param]
    visits[request.param].check()


@pytest.fixture
def desk(visits: dict[str, Visit]) -> Iterator[Visit]:
    yield visits["desk"]
    visits["desk"].check()


@pytest.fixture(params=DEVICES)
def fresh(request: pytest.FixtureRequest, contexts: dict[str, Any], server: Running) -> Iterator[Visit]:
    """Someone who has just come."""
    there = Visit(contexts[request.param], server, request.param)
    there.page.bring_to_front()
    try:
        yield there
        there.check()
    finally:
        there.page.close()


def in_script(content: bytes) -> str:
    return f"Uint8Array.from(atob('{base64.b64encode(content).decode()}'), each => each.charCodeAt(0))"


# -- one photo -------------------------------------------------------------------------------------------------------


def test_one_photo_chosen_compared_and_saved(visit: Visit) -> None:
    visit.check_layout()  # as it is when one comes
    visit.check_access()
    visit.choose(("Grandma (1931) & Tom.png", gray(600, 400)))
    visit.result("Grandma (1931) & Tom.png")
    page = visit.page
    assert page.locator(".pixels").inner_text() == "600 × 400 pixels."
    assert "guess" in page.locator(".compare .facts").inner_text()
    for shown, words in ((".before", "alt_before"), (".after", "alt_after")):
        assert page.locator(shown).get_attribute("alt") == T[words].format(name="Grandma (1931) & Tom.png")
        assert page.evaluate(f"document.querySelector('.canvas {shown}').naturalWidth") == 600  # full size
    visit.check_layout()
    visit.check_access()
    visit.screenshot("one")
    name, content = visit.download(".download")
    assert name == "Grandma (1931) & Tom-color.jpg"
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("JPEG", (600, 400))
    page.locator("#format").get_by_text("TIFF").click()
    page.locator(".download", has_text="Download TIFF").wait_for()
    name, content = visit.download(".download")
    assert name == "Grandma (1931) & Tom-color.tif"
    with Image.open(io.BytesIO(content)) as image:
        red, green, _ = (np.asarray(band, dtype=float).mean() for band in image.split())
        assert red > green + 20
    page.locator("#format").get_by_text("JPEG").click()
    page.locator(".download", has_text="Download JPEG").wait_for()


def test_the_divider_moves_by_pointer_and_keys_and_the_photo_can_be_enlarged(visit: Visit) -> None:
    visit.choose(("divided.png", gray(600, 400)))
    visit.result("divided.png")
    page, split = visit.page, visit.page.locator(".split")
    box = page.locator(".viewport").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.up()
    assert split.input_value() == "25"
    clip = "getComputedStyle(document.querySelector('.after')).clipPath"
    moved = page.evaluate(clip)
    split.press("ArrowRight")
    assert split.input_value() == "26"
    assert page.evaluate(clip) != moved
    assert split.get_attribute("aria-label") == T["compare_slider"]
    page.get_by_role("button", name=T["zoom_in"]).click()
    page.get_by_role("button", name=T["zoom_in"]).click()
    wide = page.evaluate("document.querySelector('.canvas').clientWidth")
    assert wide == pytest.approx(2.25 * box["width"], rel=0.01)
    # off the divider, the enlarged photo itself is moved
    before = page.evaluate("document.querySelector('.viewport').scrollLeft")
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.up()
    assert page.evaluate("document.querySelector('.viewport').scrollLeft") > before
    assert split.input_value() == "26"
    page.get_by_role("button", name=T["zoom_fit"]).click()
    assert page.evaluate("document.querySelector('.canvas').clientWidth") == pytest.approx(box["width"], rel=0.01)


def test_strength_changes_the_photo_that_is_shown_also_by_keys(desk: Visit) -> None:
    desk.choose(("strong.png", gray()))
    desk.result("strong.png")
    first = desk.page.locator(".after").get_attribute("src")
    slider = desk.page.locator("#strength input[type=range]")
    slider.press("Home")
    desk.page.wait_for_function(f"document.querySelector('.after').src !== {first!r}")
    desk.wait_for("body:not([data-colorize=working])")
    _, content = desk.download(".download")
    with Image.open(io.BytesIO(content)) as image:
        assert np.ptp(np.asarray(image).astype(int), axis=2).max() <= 2
    slider.fill("1")
    desk.wait_for("body:not([data-colorize=working])")


def test_an_example_needs_one_click(fresh: Visit) -> None:
    fresh.screenshot("empty")
    lead = T["choose_here" if fresh.name == "phone" else "drop_here"]  # nothing is dropped on a phone
    assert fresh.page.locator(".zone-lead").inner_text().strip() == lead
    assert fresh.page.locator(".zone-fine").inner_text().endswith("They are deleted after 60 minutes.")
    fresh.page.get_by_role("button", name=T["example_cat"]).click()
    fresh.result("chelsea.jpg")
    assert fresh.download(".download")[0] == "chelsea-color.jpg"


def test_a_photo_in_color_is_told_to_have_new_ones(desk: Visit) -> None:
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)).resize((80, 60)).save(
        content, "PNG"
    )
    desk.choose(("color.png", content.getvalue()))
    desk.result("color.png")
    assert T["had_color"] in desk.page.locator(".compare .facts").inner_text()
    desk.choose(("gray.png", gray()))
    desk.result("gray.png")
    assert T["had_color"] not in desk.page.locator(".compare .facts").inner_text()


def test_a_photo_can_be_pasted(desk: Visit) -> None:
    desk.page.evaluate(
        f"""() => {{ const data = new DataTransfer();
        data.items.add(new File([{in_script(gray())}], 'image.png', {{type: 'image/png'}}));
        document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: data, bubbles: true}})); }}"""
    )
    desk.result("image.png")


def test_a_photo_can_be_dropped_anywhere(desk: Visit) -> None:
    desk.drop(f"data.items.add(new File([{in_script(gray())}], 'dropped.png', {{type: 'image/png'}}));")
    desk.result("dropped.png")


@pytest.mark.parametrize("fresh", ["desk"], indirect=True)
def test_by_keys_alone(fresh: Visit) -> None:
    page = fresh.page
    choosers: list[Any] = []
    page.on(
        "filechooser", lambda chooser: choosers.append(chooser)
    )  # long before: playwright does not wait until the browser knows
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "choose-photos":
            break
    assert page.evaluate("document.activeElement.id") == "choose-photos"
    assert "solid" in page.evaluate(
        "getComputedStyle(document.querySelector('label[for=choose-photos]')).outlineStyle"
    )  # the focus is seen
    page.keyboard.press("Space")
    fresh.server.until(lambda: page.wait_for_timeout(20) or choosers)
    choosers[0].set_files([{"name": "keys.png", "mimeType": "image/png", "buffer": gray()}])
    fresh.result("keys.png")
    labels = []
    for _ in range(14):
        page.keyboard.press("Tab")
        labels.append(page.evaluate("(e => e.getAttribute('aria-label') ?? e.innerText)(document.activeElement)"))
    assert T["compare_slider"] in labels
    assert "Download JPEG" in labels


def test_what_is_no_photo_is_told_on_the_page(visit: Visit) -> None:
    visit.choose(("notes.png", b"no photo"))
    complaint = visit.wait_for(".complaint:not([hidden])")
    assert complaint.inner_text() == "notes.png: expected a photo, this is no image format that can be read"
    assert complaint.get_attribute("role") == "alert"
    visit.check_access()
    visit.choose(("fine.png", gray()))
    visit.result("fine.png")
    assert not complaint.is_visible()


def test_progress_is_told_cancel_works_and_a_second_photo_queues(visit: Visit) -> None:
    page, engine = visit.page, visit.server.engine
    engine.go.clear()
    try:
        visit.choose(("slow.png", gray()))
        page.locator(".task-words", has_text="Finding colors for slow.png …").wait_for()
        assert page.locator(".task-bar").is_visible()
        visit.screenshot("working")
        page.get_by_role("button", name=T["cancel"]).click()
        page.locator(".task-words", has_text=T["canceled"]).wait_for()
        assert not page.locator(".task-bar").is_visible()
        visit.choose(("first.png", gray()))
        page.locator(".task-words", has_text="Finding colors for first.png …").wait_for()
        visit.choose(("second.png", gray()))
        page.locator(".task-words", has_text=T["waiting"]).wait_for()
    finally:
        engine.go.set()
    visit.result("second.png")
    visit.server.until(lambda: not visit.server.service.jobs.running())
    # the first is not lost
    page.locator(".earlier").get_by_role("button", name="first.png").click()
    visit.result("first.png")
    assert visit.download(".download")[0] == "first-color.jpg"
    assert page.locator(".earlier").get_by_role("button", name="slow.png").count() == 0


def test_a_server_that_has_no_room_says_so_and_the_page_goes_on(desk: Visit) -> None:
    server = desk.server
    server.until(lambda: not server.service.jobs.of("127.0.0.1"))
    photo = server.file(gray())
    server.engine.go.clear()
    try:
        calls = [server.call("colorize", photo=photo) for _ in range(8)]
        desk.choose(("a.png", gray()))
        complaint = desk.wait_for(".complaint:not([hidden])")
        assert complaint.inner_text().startswith("You have 8 jobs under way, which is the most.")
        desk.page.wait_for_function("document.body.dataset.colorize !== 'working'")
        desk.check_access()
    finally:
        server.engine.go.set()
    assert {server.result("colorize", call)[0] for call in calls} == {"complete"}
    assert desk.wrong == ["Failed to load resource: the server responded with a status of 429 (Too Many Requests)"]
    desk.wrong.clear()
    desk.choose(("room.png", gray()))
    desk.result("room.png")


def test_with_the_shipped_model(browser: Any, tmp_path: Path) -> None:
    """Its screenshots are those of the README: scripts/page_pictures.py."""
    with running(tmp_path, colorizer=Colorizer.load()) as server:
        for device, settings in DEVICES.items():
            context = browser.new_context(**settings, locale="en-GB")
            visit = Visit(context, server, f"model-{device}")
            visit.page.get_by_role("button", name=T["example_astronaut"]).click()
            visit.result("eileen-collins.jpg")
            visit.screenshot("one")
            _, content = visit.download(".download")
            with Image.open(io.BytesIO(content)) as image:
                assert np.ptp(np.asarray(image).astype(int), axis=2).mean() > 10
            visit.check()
            context.close()


# -- many ------------------------------------------------------------------------------------------------------------


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
    name, content = visit.download(f"{BATCH} .tiles a >> nth=0")
    assert name == "photo 0.png"
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (90, 60)
    name, content = visit.download(f"{BATCH} .zip")
    assert name == "colorized.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == [name for name, _ in photos]


def test_the_gallery_fills_as_photos_are_done(desk: Visit) -> None:
    answer, engine = desk.server.engine.answer, desk.server.engine
    go_on = threading.Event()

    def held(l: Any) -> Any:
        if l.min() > 0.9:  # the last photo
            go_on.wait()
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
    desk.page.get_by_role("button", name=T["batch_again"]).click()
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
        fresh.page.locator(".task-words", has_text="Finding colors for single.png").wait_for()
        fresh.choose(("b1.png", gray()), ("b2.png", gray()), ("b3.png", b"none"))
        fresh.page.locator(".task-words", has_text=T["waiting"]).wait_for()
    finally:
        engine.go.set()
    fresh.batch(2, 3)
    fresh.result("single.png")
    assert fresh.page.locator(".count").all_inner_texts() == [
        "Done: 2 of 3 colored · 1 failed",
        "Done: 2 of 2 colored",
    ]
    assert not fresh.page.locator(".task-bar").is_visible()
    fresh.check_layout()
    fresh.check_access()
    fresh.screenshot("both")


def test_gradios_elements_that_the_style_names_are_on_the_page(desk: Visit) -> None:
    """Where another gradio has renamed one, the rule in page.css would quietly do nothing."""
    css = re.sub(r"/\*.*?\*/", "", (PARTS / "page.css").read_text(encoding="utf-8"), flags=re.S)
    selectors = " ".join(re.findall(r"([^{};]+)\{", css))
    own = "\n".join(path.read_text(encoding="utf-8") for path in PARTS.iterdir() if path.suffix in (".html", ".js"))
    classes = {
        name for name in re.findall(r"\.([a-z][\w-]*)", selectors) if not re.search(rf"(?<![\w-]){name}(?![\w-])", own)
    }
    assert {"gradio-container", "html-container", "tab-wrapper"} <= classes
    assert {name for name in classes if not desk.page.locator(f".{name}").count()} == {"dark"}  # not in a light room
    for selector in ("footer .divider", "#settings [data-testid=block-info] + div"):
        assert selector in selectors
        assert desk.page.locator(selector).count(), selector


def test_a_folder_keeps_its_tree(desk: Visit, tmp_path: Path) -> None:
    for place in ("album/one/a.png", "album/two/a.png", "album/.hidden"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(gray())
    desk.page.set_input_files("#choose-folder", tmp_path / "album")
    desk.batch(2, 2)
    _, content = desk.download(f"{BATCH} .zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == ["album/one/a.png", "album/two/a.png"]


# -- words and looks -------------------------------------------------------------------------------------------------


def test_how_it_works_is_readable(visit: Visit) -> None:
    visit.page.get_by_role("tab", name=T["tab_how"]).click()
    visit.page.get_by_role("heading", name=T["how_learned"]).wait_for()
    visit.page.wait_for_function("document.querySelector('.study img').naturalWidth")
    with visit.page.context.expect_page() as opened:
        visit.page.get_by_role("link", name=T["how_study"]).click()
    opened.value.get_by_role("heading", name="The learned loss against MSE blur").wait_for()
    opened.value.close()
    visit.check_layout()
    visit.check_access()
    visit.screenshot("how")
    visit.page.get_by_role("tab", name=T["tab_colorize"]).click()


def test_in_the_dark(fresh: Visit) -> None:
    fresh.page.emulate_media(color_scheme="dark")
    fresh.page.reload()
    fresh.page.locator(".examples-strip button").first.wait_for()
    fresh.choose(("a.png", gray(600, 400)))
    fresh.result("a.png")
    red, green, blue = fresh.page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert max(red, green, blue) < 60
    fresh.check_access()
    fresh.screenshot("dark-one")
    fresh.page.get_by_role("tab", name=T["tab_how"]).click()
    fresh.check_access()


def test_the_page_speaks_the_browsers_language(browser: Any, server: Running) -> None:
    words = languages()["zh-CN"]
    context = browser.new_context(**DEVICES["desk"], locale="zh-CN")
    visit = Visit(context, server, "desk-zh")
    assert visit.page.locator("html").get_attribute("lang") == "zh-CN"
    for key in ("tagline", "drop_here", "tab_how", "choose_photos"):
        visit.page.get_by_text(words[key]).first.wait_for()
    visit.choose(("a.png", b"no photo"))
    assert visit.wait_for(".complaint:not([hidden])").inner_text().startswith("无法处理：a.png")
    visit.choose(("a.png", gray(600, 400)))
    visit.result("a.png")
    visit.page.get_by_text(words["strength"]).wait_for()
    visit.screenshot("one")
    context.close()


def test_behind_a_reverse_proxy_in_a_place_of_its_own(browser: Any, tmp_path: Path) -> None:
    with running(tmp_path, root_path="/photos") as server, behind_a_proxy(server, "/photos") as url:
        context = browser.new_context(**DEVICES["desk"], locale="en-GB")
        visit = Visit(context, server, "desk-proxy", url)
        visit.choose(("a.png", gray()))
        visit.result("a.png")
        assert visit.page.evaluate("document.querySelector('.canvas .after').naturalWidth") == 60
        assert visit.download(".download")[0] == "a-color.jpg"
        visit.choose(("a.png", gray()), ("b.png", gray()))
        visit.batch(2, 2)
        visit.check()
        context.close()


@pytest.mark.parametrize("proxy", [caddy, nginx], ids=["caddy", "nginx"])
def test_behind_a_real_proxy_with_tls_on_another_port(browser: Any, tmp_path: Path, proxy: Any) -> None:
    store, folder = tmp_path / "store", tmp_path / "proxy"
    store.mkdir()
    folder.mkdir()
    with running(store, hosts=Hosts("127.0.0.1", ["localhost"])) as server, proxy(server, folder) as url:
        context = browser.new_context(**DEVICES["desk"], locale="en-GB", ignore_https_errors=True)
        visit = Visit(context, server, "desk-tls", f"{url}/")
        visit.choose(("a.png", gray()))
        visit.result("a.png")
        assert visit.page.evaluate("document.querySelector('.canvas .after').naturalWidth") == 60
        visit.choose(("a.png", gray()), ("b.png", gray()))
        visit.batch(2, 2)
        visit.check()
        context.close()


# -- colors of one's own, and others --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose model takes hints and has variants: two halves, each purple unless it is told a color."""
    with running(tmp_path_factory.mktemp("guided"), colorizer=Colorizer(TwoHalves())) as there:
        yield there


@pytest.fixture(params=DEVICES)
def guide(request: pytest.FixtureRequest, contexts: dict[str, Any], guided: Running) -> Iterator[Visit]:
    there = Visit(contexts[request.param], guided, f"hints-{request.param}")
    there.page.bring_to_front()
    try:
        there.choose(("halves.png", gray(600, 400)))
        there.result("halves.png")
        yield there
        there.check()
    finally:
        there.page.close()


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
    visit.wait_for("body:not([data-colorize=working])")


def at(visit: Visit, x: float, y: float) -> tuple[float, float]:
    """A place of the photo, 0 to 1, on the screen."""
    visit.page.locator(".photo-frame").scroll_into_view_if_needed()
    box = visit.page.locator(".viewport").bounding_box()
    assert box
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def test_colors_are_put_on_the_photo_by_click_and_brush_and_taken_back(guide: Visit) -> None:
    page, foliage = guide.page, guide.page.get_by_role("button", name="Foliage 2")
    red, green, blue = halves(guide)[0]
    assert blue > green
    assert red > green  # purple
    foliage.click()
    assert foliage.get_attribute("aria-pressed") == "true"
    next_result(guide, lambda: page.mouse.click(*at(guide, 0.25, 0.3)))
    (red, green, blue), right = halves(guide)
    assert green > red > blue
    assert right[2] > right[1]  # the other half is as it was
    assert page.locator(".split").input_value() == "50"  # the divider has not moved
    # a stroke over the other half, in the color of the sky
    page.get_by_role("button", name="Sky 2").click()

    def brush() -> None:
        page.mouse.move(*at(guide, 0.6, 0.2))
        page.mouse.down()
        page.mouse.move(*at(guide, 0.9, 0.8), steps=6)
        page.mouse.up()

    next_result(guide, brush)
    left, right = halves(guide)
    assert left[1] > left[0]
    assert right[2] > right[1] > right[0]
    assert page.locator(".dot:not(.small)").count() == 2
    assert page.locator(".dot.small").count() >= 4
    guide.check_layout()
    guide.check_access()
    guide.screenshot("painted")
    next_result(guide, page.get_by_role("button", name=T["undo"]).click)
    left, right = halves(guide)
    assert left[1] > left[0]
    assert right[0] > right[1]
    # other settings keep the colors
    next_result(guide, lambda: page.locator("#format").get_by_text("PNG").click())
    assert halves(guide)[0] == pytest.approx(left, abs=2)
    next_result(guide, page.get_by_role("button", name=T["hints_clear"]).click)
    assert halves(guide)[0][0] > halves(guide)[0][1]
    # without a color, pointers move the divider again
    page.keyboard.press("Escape")
    page.mouse.click(*at(guide, 0.25, 0.3))
    assert page.locator(".split").input_value() == "25"
    page.locator("#format").get_by_text("JPEG").click()


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
    assert guide.wait_for(".complaint:not([hidden])").inner_text() == T["dropper_failed"].format(name="none.png")


def test_other_colors_stand_in_a_strip_and_a_veil_shows_where_the_model_is_unsure(guide: Visit) -> None:
    page, strip = guide.page, guide.page.locator(".others-strip button")
    page.get_by_role("button", name=T["unsure"]).click()
    page.locator(".veil:not([hidden])").wait_for()
    path = page.evaluate("document.querySelector('.veil').style.maskImage").split('"')[1]
    with Image.open(io.BytesIO(guide.server.http.get(path).content)) as image:
        assert np.asarray(image).min() > 100  # two colors that are far apart are just as possible, everywhere
    page.get_by_role("button", name=T["variants"]).click()
    strip.nth(6).wait_for()
    guide.wait_for("body:not([data-colorize=working])")
    assert strip.count() == 7
    assert strip.first.get_attribute("aria-pressed") == "true"
    guide.check_layout()
    guide.check_access()
    guide.screenshot("others")
    page.get_by_role("button", name=T["unsure"]).click()
    assert not page.locator(".veil").is_visible()
    first = halves(guide)
    found = []
    for variant in (1, 2, 3, 4):
        next_result(guide, strip.nth(variant).click)
        assert strip.nth(variant).get_attribute("aria-pressed") == "true"
        found.append(halves(guide))
    assert all(abs(color[0] - was[0]) > 15 for colors in found for color, was in zip(colors, first, strict=True))
    next_result(guide, strip.nth(1).click)
    assert halves(guide) == found[0]  # the same one each time
    # a color of one's own makes others of them
    page.get_by_role("button", name="Foliage 2").click()
    next_result(guide, lambda: page.mouse.click(*at(guide, 0.25, 0.3)))
    assert strip.count() == 0


def test_hints_and_variants_have_no_place_where_the_model_does_not_know_them(desk: Visit) -> None:
    for place in ("#hints", "#others", ".swatch"):
        assert desk.page.locator(place).count() == 0
