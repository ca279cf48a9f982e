"""Someone on the page, in a real browser: on a desk, a tablet and a phone.

Screenshots are left in screenshots/, which git does not keep.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorize.web.texts import languages

if TYPE_CHECKING:
    from tests.web.conftest import Running

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
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
    "tablet": {"viewport": {"width": 768, "height": 1024}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
SERIOUS = ("serious", "critical")
BATCH = ".batch:first-child"  # the newest


class Visit:
    """Someone on the page."""

    def __init__(self, context: Any, server: Running, name: str, url: str = "") -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(200_000)  # milliseconds; a busy machine takes more than a minute to load the page
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
        assert not wrong, "\n".join(wrong)
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
        self.quiet()

    def quiet(self) -> None:
        """Wait until all that was asked for is done, colors put on a photo a moment ago among it."""
        self.page.wait_for_function(
            """document.body.dataset.colorize !== 'working' && [...colorize.photos.values()].every(({soon}) => !soon)"""
        )

    def settle(self) -> None:
        """Wait until everything is where it belongs after a change of sizes."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so, while the page goes on."""
        self.server.until(lambda: self.page.wait_for_timeout(20) or condition())

    def batch(self, done: int, total: int) -> None:
        """Wait until so many of a batch are shown in color, and it has ended."""
        self.page.locator(f"{BATCH} .count", has_text=T["batch_done"].format(done=done, total=total)).wait_for()
        self.quiet()

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
        from axe_playwright_python.sync_playwright import Axe  # there, as a browser is

        # Colors on their way to others have contrasts that nobody stays with.
        self.page.evaluate(
            """() => Promise.allSettled(
                document.getAnimations().filter(each => each instanceof CSSTransition).map(each => each.finished))"""
        )
        found = Axe().run(self.page).response["violations"]
        serious = [
            f"{each['id']} ({each['impact']}): {node['target']}: {node.get('failureSummary', '')}"
            for each in found
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]
        assert not serious, "\n".join(serious)

    def check_layout(self) -> None:
        """Nothing sticks out to the side, and the page is in the middle."""
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        left, right = self.page.evaluate(
            "(({left, right}) => [left, document.documentElement.clientWidth - right])"
            "(document.querySelector('.masthead').getBoundingClientRect())"
        )
        assert abs(left - right) < 2


@contextmanager
def visiting(context: Any, server: Running, name: str) -> Iterator[Visit]:
    """Someone on a page of their own, in front of the other tabs; it is checked and closed in the end."""
    there = Visit(context, server, name)
    there.page.bring_to_front()
    try:
        yield there
        there.check()
    finally:
        there.page.close()


def in_script(content: bytes) -> str:
    return f"Uint8Array.from(atob('{base64.b64encode(content).decode()}'), each => each.charCodeAt(0))"
