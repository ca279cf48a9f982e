"""How quick the page is in a browser: `python benchmarks/page_speed.py [--turns 5] [--pixels 2]`

Starts the server on the loopback and visits it in Chromium (`CHROMIUM=/path/to/it`), each time as somebody new: without
a cache, then drops a gray JPEG photo on the page. Prints, as the median and the worst of the turns, the time until the
page can be used, from the drop until the own photo is painted and until it is painted in color, and the requests and
bytes of the page before that (compressed, as sent).
"""

from __future__ import annotations

import argparse
import base64
import importlib
import io
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright
from skimage import data

served = importlib.import_module("web_load").served
_CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
_READY = "document.querySelector('.examples-strip button') && document.body.dataset.colorize === 'empty'"
_DROP = """content => {
  const data = new DataTransfer(), bytes = Uint8Array.from(atob(content), each => each.charCodeAt(0));
  data.items.add(new File([bytes], 'own.jpg', {type: 'image/jpeg'}));
  const start = performance.now(), times = window.times = {};
  const painted = name => requestAnimationFrame(() => setTimeout(() => times[name] ??= performance.now() - start));
  const look = () => {
    const [before, after] = ['.before', '.after'].map(each => document.querySelector(`.canvas ${each}`));
    if (before.src.startsWith('blob:')) painted('own');
    if (after.src && !document.querySelector('.compare').classList.contains('colorless')) painted('color');
  };
  const changes = {subtree: true, childList: true, attributes: true};
  new MutationObserver(look).observe(document.querySelector('.compare'), changes);
  document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--pixels", type=float, default=2.0, help="millions of the photo")
    parser.add_argument("--model", type=Path, help="model file; without it the one that comes with the program")
    options = parser.parse_args()
    photo = gray(options.pixels)
    with (
        tempfile.TemporaryFile() as log,
        served(options.model, log) as (url, _),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        turns = [visit(browser, url, photo) for _ in range(options.turns + 1)][1:]  # the first warms the server up
        browser.close()
    print(f"{options.turns} visits, a photo of {options.pixels:g} MP, {len(photo) / 1e6:.1f} MB; milliseconds\n")
    print("| | median | worst |\n|---|---:|---:|")
    for name, words in (
        ("use", "until the page can be used"),
        ("own", "from drop to own photo"),
        ("color", "from drop to color"),
    ):
        times = [turn[name] for turn in turns]
        print(f"| {words} | {statistics.median(times):.0f} | {max(times):.0f} |")
    print(f"\nthe page: {turns[-1]['requests']:.0f} requests, {turns[-1]['bytes'] / 1000:.0f} kB")
    return 0


def visit(browser: Any, url: str, photo: bytes) -> dict[str, float]:
    """Times in milliseconds, requests and bytes, of somebody new."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(200_000)
    network = context.new_cdp_session(page)
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    network.send("Network.enable")
    page.goto(url, wait_until="commit")
    page.wait_for_function(_READY)
    use = page.evaluate("performance.now()")
    page.wait_for_load_state("networkidle")
    found = {"use": use, "requests": len(sizes), "bytes": sum(sizes)}
    page.evaluate(_DROP, base64.b64encode(photo).decode())
    page.wait_for_function("window.times.color")
    found |= page.evaluate("window.times")
    context.close()
    return found


def gray(millions: float) -> bytes:
    """A photograph, enlarged to so many pixels."""
    image = Image.fromarray(data.astronaut()).convert("L")
    side = round((millions * 1e6) ** 0.5)
    content = io.BytesIO()
    image.resize((side, side), Image.Resampling.LANCZOS).save(content, "JPEG", quality=90)
    return content.getvalue()


if __name__ == "__main__":
    sys.exit(main())
