"""The page as a browser or an API client meets it, and the program that serves it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from torch import nn

from colorize.models import build_generator
from colorize.models.weights import save_generator
from colorize.web.cli import main

ROOT = Path(__file__).parents[1]

# gradio's client leaves its event loop and connections open.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Page(NamedTuple):
    url: str
    client: Client
    temporary: Path  # its folder for temporary files


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """`app.py` with a model that colours everything red, until Ctrl-C."""
    folder = tmp_path_factory.mktemp("page")
    generator = build_generator("mobile-unet", {"widths": (8, 8, 8, 8)})
    head = generator.head
    assert isinstance(head, nn.Conv2d) and head.bias is not None
    nn.init.zeros_(head.weight)
    nn.init.constant_(head.bias, 0.4)
    save_generator(folder / "red.safetensors", generator, {})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--model", str(folder / "red.safetensors")]
    temporary = folder / "temporary"
    temporary.mkdir()
    proxies = {"http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9"}  # nothing answers there
    environment = os.environ | proxies | {"TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout and process.stderr
            url = f"http://127.0.0.1:{port}/"
            said = process.stdout.readline()
            assert url in said, process.stderr.read()
            yield Page(url, Client(url, verbose=False, analytics_enabled=False), temporary)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
            assert "Traceback" not in process.stderr.read()
            assert list(temporary.iterdir()) == []
        finally:
            process.kill()


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    path = tmp_path / "Grandma 1931.tif"
    Image.linear_gradient("L").resize((60, 40)).save(path)
    return path


def colorize(page: Page, path: Path, strength: float = 1, format_: str = "PNG") -> tuple[Path, Path, Path]:
    """What the page answers: before, after, download."""
    (before, after), download = page.client.predict(handle_file(path), strength, format_, api_name="/colorize")
    return Path(before), Path(after), Path(download["value"])


def test_an_upload_comes_back_in_colour_beside_itself_and_for_download(page: Page, grey: Path) -> None:
    before, after, download = colorize(page, grey)
    with Image.open(before) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (60, 40), "L")  # which every browser shows
    with Image.open(after) as image:
        assert image.size == (60, 40)
        red, green, _ = (np.asarray(band, dtype=float).mean() for band in image.convert("RGB").split())
        assert red > green + 20
    assert download.read_bytes() == after.read_bytes()


@pytest.mark.parametrize(("format_", "name"), [("PNG", "Grandma 1931-color.png"), ("JPEG", "Grandma 1931-color.jpg")])
def test_the_download_has_the_chosen_format_and_a_name_of_its_own(
    page: Page, grey: Path, format_: str, name: str
) -> None:
    *_, download = colorize(page, grey, format_=format_)
    assert download.name == name
    with Image.open(download) as image:
        assert image.format == format_


def test_strength_0_stays_grey(page: Page, grey: Path) -> None:
    *_, download = colorize(page, grey, strength=0)
    with Image.open(download) as image:
        assert np.ptp(np.asarray(image).astype(int), axis=2).max() == 0


def test_a_file_that_is_no_photo_is_told_by_its_name_without_the_server_s_folders(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("this is no photo")
    with pytest.raises(AppError, match=r"^notes\.png: expected a photo, this is no image format that can be read"):
        colorize(page, path)


def test_no_photo_gives_no_result_and_nothing_to_download(page: Page) -> None:
    compared, download = page.client.predict(None, 1, "PNG", api_name="/colorize")
    assert compared is None
    assert not (download.get("value") if isinstance(download, dict) else download)


def test_the_examples_are_photos_without_colour(page: Page) -> None:
    (examples,) = (each for each in page.client.config["components"] if each["type"] == "dataset")
    assert len(examples["props"]["samples"]) == 3
    for ((sample),) in examples["props"]["samples"]:
        with Image.open(sample["path"]) as image:
            assert np.ptp(np.asarray(image.convert("RGB")).astype(int), axis=2).max() <= 2  # JPEG rounds


def test_the_page_asks_nobody_else_for_anything(page: Page) -> None:
    with urlopen(page.url) as answer:
        html = answer.read().decode()
    assert "Colorize" in html
    assert re.findall(r"""<(?:script|link|img)[^>]*(?:src|href)=["'](?:https?:)?//(?!127\.0\.0\.1)[^"']*""", html) == []


def test_all_its_files_are_in_one_folder_of_its_own(page: Page, grey: Path) -> None:
    colorize(page, grey)
    (folder,) = page.temporary.iterdir()  # nothing beside it; after Ctrl-C it is gone, see `page`
    assert folder.name.startswith("colorize-")
    assert folder.stat().st_mode & 0o077 == 0


# -- the program -----------------------------------------------------------------------------------------------------


def test_help_names_every_option_and_imports_nothing_that_takes_time() -> None:
    code = "import sys, app; sys.argv = ['app.py', '--help']; app.main()"
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert {"--host", "--port", "--model"} <= set(re.findall(r"--\w+", done.stdout))
    assert not {"torch", "gradio", "numpy", "PIL"} & set(re.findall(r"\| +(\w+)$", done.stderr, re.MULTILINE))


def test_a_port_in_use_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"app.py: cannot listen on 127.0.0.1:{port} (")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", "70000"], "app.py: --port must be from 1 to 65535, got 70000"),
        (["--host", "no.such.host.invalid"], "app.py: --host no.such.host.invalid: is no address of a computer"),
        (["--host", "192.0.2.1"], "app.py: cannot listen on 192.0.2.1 ("),
        (["--model", "missing.safetensors"], "app.py: missing.safetensors: "),
    ],
)
def test_wrong_options_are_one_line_and_exit_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(told)
    assert error.count("\n") == 1
