"""The page as people use it, in a real browser: one photo, words and looks."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorize.coloring.colorizer import Colorizer
from colorize.web.hosts import Hosts
from colorize.web.texts import languages
from tests.web.conftest import LEAKS, Running, behind_a_proxy, gray, running
from tests.web.test_proxies import caddy, nginx
from tests.web.visits import DEVICES, PARTS, T, Visit, in_script

pytestmark = [pytest.mark.browser, *LEAKS]

# -- one photo -------------------------------------------------------------------------------------------------------


def test_one_photo_chosen_compared_and_saved(visit: Visit) -> None:
    visit.check_layout()  # as it is when one comes
    visit.check_access()
    visit.choose(("Grandma (1931) & Tom.png", gray(600, 400)))
    visit.result("Grandma (1931) & Tom.png")
    page = visit.page
    assert page.locator(".pixels").inner_text() == "600 × 400 pixels."
    assert "guess" in page.locator(".compare .known").inner_text()
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
    desk.quiet()
    _, content = desk.download(".download")
    with Image.open(io.BytesIO(content)) as image:
        assert np.ptp(np.asarray(image).astype(int), axis=2).max() <= 2
    slider.fill("1")
    desk.quiet()


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
    assert T["had_color"] in desk.page.locator(".compare .known").inner_text()
    desk.choose(("gray.png", gray()))
    desk.result("gray.png")
    assert T["had_color"] not in desk.page.locator(".compare .known").inner_text()


def test_a_photo_of_several_pages_is_told_what_its_download_holds(desk: Visit) -> None:
    content = io.BytesIO()
    pages = [Image.new("L", (80, 60), level) for level in (60, 120, 180)]
    pages[0].save(content, "TIFF", save_all=True, append_images=pages[1:])
    desk.choose(("album.tif", content.getvalue()))
    desk.result("album.tif")
    known = desk.page.locator(".compare .known")
    assert T["first_page"] in known.inner_text()
    desk.page.locator("#format").get_by_text("TIFF").click()
    desk.page.locator(".download", has_text="Download TIFF").wait_for()
    assert T["first_page"] not in known.inner_text()
    with Image.open(io.BytesIO(desk.download(".download")[1])) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
    desk.page.locator("#format").get_by_text("JPEG").click()
    desk.page.locator(".download", has_text="Download JPEG").wait_for()
    assert T["first_page"] in known.inner_text()


def test_a_photo_can_be_pasted(desk: Visit) -> None:
    desk.page.evaluate(
        f"""() => {{ const data = new DataTransfer();
        data.items.add(new File([{in_script(gray())}], 'image.png', {{type: 'image/png'}}));
        document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: data, bubbles: true}})); }}"""
    )
    desk.result("image.png")


def test_a_name_is_shown_without_what_makes_it_look_like_another(desk: Visit) -> None:
    desk.choose(("photo\u202egnp.exe.png", gray()))
    desk.result("photognp.exe.png")
    assert desk.page.locator(".compare .name").inner_text() == "photognp.exe.png"


def test_a_photo_can_be_dropped_anywhere(desk: Visit) -> None:
    desk.drop(f"data.items.add(new File([{in_script(gray())}], 'dropped.png', {{type: 'image/png'}}));")
    desk.result("dropped.png")


@pytest.mark.parametrize("fresh", ["desk"], indirect=True)
def test_the_page_can_be_used_by_keys_alone(fresh: Visit) -> None:
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
    fresh.until(lambda: choosers)
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
    assert complaint.inner_text().strip() == "notes.png: expected a photo, this is no image format that can be read"
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
        page.locator(".progress-words", has_text="Finding colors for slow.png …").wait_for()
        assert page.locator(".compare .task-bar").is_visible()
        visit.screenshot("working")
        page.locator(".compare").get_by_role("button", name=T["cancel"]).click()
        page.locator(".task-words", has_text=T["canceled"]).wait_for()
        assert not page.locator(".compare .task-bar").is_visible()
        visit.choose(("first.png", gray()))
        page.locator(".progress-words", has_text="Finding colors for first.png …").wait_for()
        visit.choose(("second.png", gray()))
        page.locator(".progress-words", has_text=T["waiting"]).wait_for()
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


def test_the_shipped_model_colors_on_every_device(browser: Any, tmp_path: Path) -> None:
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


def test_the_page_is_dark_where_the_system_is(fresh: Visit) -> None:
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


def test_gradios_elements_that_the_style_names_are_on_the_page(desk: Visit) -> None:
    """Where another gradio has renamed one, the rule in page.css would quietly do nothing."""
    css = re.sub(r"/\*.*?\*/", "", (PARTS / "page.css").read_text(encoding="utf-8"), flags=re.S)
    selectors = " ".join(re.findall(r"([^{};]+)\{", css))
    files = [path for path in PARTS.iterdir() if path.suffix in (".html", ".js") and path.name != "gradio.js"]
    own = "\n".join(path.read_text(encoding="utf-8") for path in files)
    classes = {
        name for name in re.findall(r"\.([a-z][\w-]*)", selectors) if not re.search(rf"(?<![\w-]){name}(?![\w-])", own)
    }
    assert {"gradio-container", "html-container", "tab-wrapper"} <= classes
    assert not {name for name in classes if not desk.page.locator(f".{name}").count()}
    for selector in ("gradio-app footer", ".gradio-container .block"):
        assert selector in selectors
        assert desk.page.locator(selector).count(), selector


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
