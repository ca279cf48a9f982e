"""The server as programs meet it: endpoints, limits, hostile requests, health, how it ends."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import io
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tifffile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import ExifTags, Image

from colorize import Colorizer, __version__
from colorize.color.units import FloatArray
from colorize.web.limits import Limits
from colorize.web.photo_service import PhotoService
from tests.stand_ins import TwoHalves
from tests.web.conftest import FILE, LEAKS, Running, gradio_client, gray, running

pytestmark = [pytest.mark.web, *LEAKS]

ROOT = Path(__file__).parents[2]


def is_red(content: bytes) -> bool:
    with Image.open(io.BytesIO(content)) as image:
        red, green, _ = (np.asarray(band, dtype=float).mean() for band in image.convert("RGB").split())
    return bool(red > green + 20)


# -- endpoints -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[Client]:
    with gradio_client(server) as client:
        yield client


def test_a_program_gets_a_photo_back_in_color_under_its_own_name(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "Großmutter & Tom (2).png"
    path.write_bytes(gray())
    result = Path(client.predict(photo=handle_file(path), format="TIFF", api_name="/colorize"))
    assert result.name == "Großmutter & Tom (2)-color.tif"
    with Image.open(result) as image:
        assert (image.format, image.size) == ("TIFF", (60, 40))
    assert is_red(result.read_bytes())


def test_metadata_come_along(server: Running) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Grandma"
    given = server.file(gray(format_="JPEG", exif=exif, dpi=(300, 300)), "a.jpg")
    event, (result,) = server.result("colorize", server.call("colorize", photo=given))
    assert event == "complete"
    with Image.open(io.BytesIO(server.download(result))) as image:
        assert image.getexif()[ExifTags.Base.Artist] == "Grandma"
        assert image.info["dpi"] == (300, 300)


def test_many_photos_come_back_as_one_zip_and_those_that_failed_by_name(client: Client, tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(gray())
    (tmp_path / "two.jpg").write_bytes(gray(30, 20, "JPEG"))
    (tmp_path / "bad.png").write_bytes(b"this is no photo")
    (tmp_path / "notes.txt").write_text("neither")
    given = [handle_file(path) for path in sorted(tmp_path.iterdir())]
    archive, failed = client.predict(photos=given, api_name="/colorize_batch")
    with zipfile.ZipFile(archive) as results:
        assert sorted(results.namelist()) == ["one-color.png", "two-color.jpg"]
        assert is_red(results.read("one-color.png"))
    assert [each["name"] for each in failed] == ["notes.txt", "bad.png"]
    assert failed[1]["reason"] == "expected a photo, this is no image format that can be read"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl: apt install curl")
def test_the_documentations_commands_work(server: Running, tmp_path: Path) -> None:
    document = (ROOT / "docs" / "web.md").read_text(encoding="utf-8")
    (tmp_path / "photo.jpg").write_bytes(gray(format_="JPEG"))
    (shell,) = re.findall(r"```sh\n(.*?)```", document, re.DOTALL)
    environment = os.environ | {"no_proxy": "127.0.0.1"}
    command = shell.replace("http://127.0.0.1:7860", server.url)
    subprocess.run(["sh", "-eu", "-c", command], cwd=tmp_path, env=environment, check=True)
    assert is_red((tmp_path / "photo-color.png").read_bytes())
    (python,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    names: dict[str, Any] = {}
    exec(python.replace("http://127.0.0.1:7860", server.url).replace('"photo.jpg"', f'"{tmp_path}/photo.jpg"'), names)  # noqa: S102
    assert Path(names["result"]).name == "photo-color.png"
    assert zipfile.ZipFile(names["archive"]).namelist() == ["photo-color.jpg"]
    assert names["failed"] == []
    names.clear()
    gc.collect()  # gradio's client


def test_curl_needs_only_the_photo(server: Running) -> None:
    event, (result,) = server.result("colorize", server.call("colorize", photo=server.file(gray())))
    assert event == "complete"
    assert result["orig_name"] == "photo-color.jpg"
    assert is_red(server.download(result))


def test_the_endpoints_are_documented_with_their_types(server: Running) -> None:
    named = server.http.get("/gradio_api/info").json()["named_endpoints"]
    assert set(named) == {"/colorize", "/colorize_batch", "/uncertainty"}
    for endpoint in named.values():
        assert endpoint["description"]
    parameters = {each["parameter_name"]: each for each in named["/colorize"]["parameters"]}
    assert list(parameters) == ["photo", "strength", "size", "format", "hints", "variant", "references", "regions"]
    assert parameters["strength"]["label"] == "strength of the colors, from 0 (gray) to 2"
    assert named["/colorize"]["returns"][0]["label"] == "the colorized photo"
    assert parameters["format"]["type"]["enum"] == ["JPEG", "PNG", "TIFF"]
    assert parameters["strength"]["parameter_default"] == 1.0


SQUARE = [[0, 0], [9, 0], [9, 9], [0, 9]]


@pytest.mark.parametrize(
    ("name", "content", "parameters", "expected"),
    [
        ("notes.png", b"no photo", {}, "notes.png: expected a photo, this is no image format that can be read"),
        ("a.png", gray()[:200], {}, "a.png: a damaged photo"),
        ("a.png", gray(), {"strength": 3}, "strength must be a number from 0 to 2, got 3"),
        ("a.png", gray(), {"strength": "x"}, "strength must be a number from 0 to 2, got 'x'"),
        ("a.png", gray(), {"size": 5000}, "size must be from 64 to 512"),
        ("a.png", gray(), {"size": [1]}, "size must be from 64 to 512"),
        ("a.png", gray(), {"format": "EXE"}, "format must be JPEG, PNG or TIFF"),
        ("a.png", gray(), {"hints": [{"x": 1, "y": 1, "color": "#112233"}]}, "this model has not learned hints"),
        ("a.png", gray(), {"hints": [{"x": 1, "y": 1, "color": "rod"}]}, "a hint's color must be #rrggbb"),
        (
            "a.png",
            gray(),
            {"hints": [{"x": 1, "y": 1, "color": "#112233", "colour": "#112233"}]},
            "colour is the former name of color",
        ),
        ("a.png", gray(), {"hints": [{"x": 1}]}, "hints must be a list of at most 2000 places, each with x, y and"),
        ("a.png", gray(), {"hints": ["x"]}, "hints must be a list of at most 2000 places"),
        ("a.png", gray(), {"hints": [{}] * 2001}, "hints must be a list of at most 2000 places"),
        ("a.png", gray(), {"hints": 7}, "hints must be a list of at most 2000 places"),
        ("a.png", gray(), {"hints": [{"x": 10**400, "y": 1, "color": "#112233"}]}, "hints must be a list of at most"),
        ("a.png", gray(), {"hints": [{"x": 1, "y": 1, "color": "red", "reach": -2}]}, "a hint's reach must be a"),
        ("a.png", gray(), {"regions": 7}, "regions must be a list of at most 100 outlines of 10000 corners in all"),
        ("a.png", gray(), {"regions": [{"color": "red"}]}, "regions must be a list of at most 100 outlines"),
        ("a.png", gray(), {"regions": [{"outline": SQUARE, "hue": 3}]}, "regions must be a list of at most 100"),
        ("a.png", gray(), {"regions": [{"outline": SQUARE}] * 101}, "regions must be a list of at most 100 outlines"),
        ("a.png", gray(), {"regions": [{"outline": SQUARE * 2501}]}, "regions must be a list of at most 100 outlines"),
        ("a.png", gray(), {"regions": [{"outline": [[0, 0]]}]}, "a region's outline must have three or more corners"),
        ("a.png", gray(), {"regions": [{"outline": SQUARE, "color": "rod"}]}, "a hint's color must be #rrggbb"),
        ("a.png", gray(), {"regions": [{"outline": SQUARE, "strength": -1}]}, "a region's strength must be a number"),
        ("a.png", gray(), {"references": 7}, "expected a list of uploaded files"),
        ("a.png", gray(), {"references": [{}]}, "expected an uploaded file: an object with its path"),
        ("a.png", gray(), {"variant": 1}, "this model knows one coloring only"),
        ("a.png", gray(), {"variant": 100}, "variant must be from 0 to 99"),
        ("a.png", gray(), {"variant": "1"}, "variant must be from 0 to 99"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_without_the_servers_folders(
    server: Running, name: str, content: bytes, parameters: dict[str, Any], expected: str
) -> None:
    event, answer = server.result("colorize", server.call("colorize", photo=server.file(content, name), **parameters))
    assert event == "error"
    assert answer["error"].startswith(expected)
    assert str(server.store.folder) not in json.dumps(answer)
    assert "\n" not in answer["error"]


def test_errors_are_told_in_the_askers_language(server: Running, client: Client) -> None:
    with pytest.raises(AppError, match=r"^a\.png: expected a photo"):
        client.predict(photo=handle_upload(server, b"no", "a.png"), api_name="/colorize")
    server.http.headers["Accept-Language"] = "zh-CN,zh;q=0.9,en;q=0.8"
    try:
        _, answer = server.result("colorize", server.call("colorize", photo=server.file(b"no", "a.png")))
        assert answer["error"].startswith("无法处理：a.png")
        assert server.http.get("/nothing").json()["detail"] == "这里什么也没有。"
    finally:
        del server.http.headers["Accept-Language"]


def handle_upload(server: Running, content: bytes, name: str) -> dict[str, Any]:
    return server.file(content, name) | {"orig_name": name}


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose model takes hints and has variants: two halves, each purple unless it is told a color."""
    with running(tmp_path_factory.mktemp("guided"), colorizer=Colorizer(TwoHalves())) as there:
        yield there


def test_hints_variants_and_regions_are_parameters(guided: Running) -> None:
    with gradio_client(guided) as client:
        photo = handle_upload(guided, gray(64, 64), "a.png")
        green = [{"x": 10, "y": 30, "color": "#1e8c3c"}]

        def halves(**parameters: Any) -> list[Any]:
            path = client.predict(photo=photo, format="PNG", api_name="/colorize", **parameters)
            with Image.open(path) as image:
                return [half.mean(axis=(0, 1)) for half in np.split(np.asarray(image, dtype=float), 2, axis=1)]

        purple = halves()
        left, right = halves(hints=green)
        assert left[1] > left[0]
        np.testing.assert_allclose(right, purple[1], atol=1)
        assert not np.allclose(halves(variant=1), purple)
        np.testing.assert_array_equal(halves(variant=1), halves(variant=1))
        with Image.open(client.predict(photo=photo, api_name="/uncertainty")) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (64, 64))
            assert np.asarray(image).min() > 100
        former = [{"x": 10, "y": 30, "colour": "#1e8c3c"}]
        np.testing.assert_array_equal(halves(hints=former), halves(hints=green))
        outlined = [{"outline": [[0, 0], [32, 0], [32, 64], [0, 64]], "strength": 0}]
        left, right = halves(regions=outlined)
        assert np.ptp(left) < 0.1 * np.ptp(purple[0])
        np.testing.assert_allclose(right, purple[1], atol=1)
    outside = [{"x": 64, "y": 0, "color": "#1e8c3c"}]
    _, answer = guided.result("colorize", guided.call("colorize", photo=guided.file(gray(64, 64)), hints=outside))
    assert answer["error"] == "a hint must lie within the photo's 64×64 px, got (64, 0)"


def test_a_model_without_variants_says_so(server: Running) -> None:
    _, answer = server.result("uncertainty", server.call("uncertainty", photo=server.file(gray())))
    assert answer["error"].startswith("this model knows one coloring only")


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server with small limits."""
    limits = Limits(upload=1, pixels=1, queue=2, per_client=3, batch=3, storage=5)
    with running(tmp_path_factory.mktemp("small"), limits) as there:
        yield there


def test_an_upload_beyond_the_limit_is_413_whatever_it_says_of_its_size(small: Running) -> None:
    answer = small.upload(bytes(1_200_000))
    assert answer.status_code == 413
    assert answer.json()["detail"] == "Too large: 1 MB is the most that is accepted at once."

    def unannounced() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        for _ in range(30):
            yield bytes(50_000)

    answer = small.http.post(
        "/gradio_api/upload", content=unannounced(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 413
    assert small.store.used() < 1_000_000


def test_a_photo_of_too_many_pixels_is_told_before_it_is_decoded(small: Running) -> None:
    pages = [Image.new("1", (600, 1000)) for _ in range(2)]
    content = io.BytesIO()
    pages[0].save(content, "TIFF", save_all=True, append_images=pages[1:], compression="group4")
    for name, large in (("large.png", gray(1500, 1000)), ("pages.tif", content.getvalue())):
        event, answer = small.result("colorize", small.call("colorize", photo=small.file(large, name)))
        assert event == "error"
        assert "million pixels or more, 1 million are accepted" in answer["error"]
    given = [small.file(gray(1500, 1000), "large.png"), small.file(gray(), "fine.png")]
    event, (archive, failed) = small.result("colorize_batch", small.call("colorize_batch", photos=given))
    assert [each["name"] for each in failed] == ["large.png"]
    assert zipfile.ZipFile(io.BytesIO(small.download(archive))).namelist() == ["fine-color.png"]


def test_a_pixel_of_16_bit_counts_as_three_since_it_takes_so_much_more_memory(small: Running) -> None:
    def photo(bands: int, dtype: Any, format_: str, width: int = 700) -> bytes:
        content = io.BytesIO()
        levels = np.zeros((700, width, bands), dtype).squeeze()
        if format_ == "TIFF":
            tifffile.imwrite(content, levels, compression="zlib")
        else:
            Image.fromarray(levels).save(content, format_)
        return content.getvalue()

    assert (
        small.result("colorize", small.call("colorize", photo=small.file(photo(1, np.uint8, "PNG"))))[0] == "complete"
    )
    for content in (photo(1, np.uint16, "PNG"), photo(1, np.uint16, "TIFF"), photo(3, np.uint16, "TIFF")):
        event, answer = small.result("colorize", small.call("colorize", photo=small.file(content)))
        assert event == "error"
        assert answer["error"].endswith("1 million are accepted (a pixel of 16 bit counts as three)")
    fine = small.file(photo(1, np.uint16, "PNG", 400))
    assert small.result("colorize", small.call("colorize", photo=fine))[0] == "complete"


def test_a_batch_ends_when_its_time_is_over_and_names_what_was_not_reached(tmp_path: Path) -> None:
    with running(tmp_path, Limits(seconds=1)) as there:
        answer, one_by_one = there.engine.answer, threading.Lock()

        def slow(l: FloatArray) -> FloatArray:
            with one_by_one:
                time.sleep(0.03)
            return answer(l)

        there.engine.answer = slow
        given = [there.file(gray(9, 6))] * 70  # at most 32 are under way at once
        event, (archive, failed) = there.result("colorize_batch", there.call("colorize_batch", photos=given))
        assert event == "complete"
        assert failed
        assert {each["reason"] for each in failed} == {"not reached within 1 seconds; try again with fewer photos"}
        done = zipfile.ZipFile(io.BytesIO(there.download(archive))).namelist()
        names = ["photo.png", *(f"photo ({number}).png" for number in range(2, 71))]
        assert sorted([each.replace("-color", "") for each in done] + [each["name"] for each in failed]) == sorted(
            names
        )


def test_a_batch_of_too_many_photos_is_refused(small: Running) -> None:
    one = small.file(gray())
    event, answer = small.result("colorize_batch", small.call("colorize_batch", photos=[one] * 4))
    assert (event, answer["error"]) == ("error", "1 to 3 photos at a time, got 4")


def test_a_clients_jobs_and_the_queue_are_bounded_and_nothing_is_lost(small: Running) -> None:
    photo = small.file(gray())
    small.engine.go.clear()
    try:
        calls = [small.call("colorize", photo=photo) for _ in range(3)]
        small.until(lambda: small.service.jobs.running() == 2 and small.service.jobs.waiting() == 1)
        refused = small.call("colorize", photo=photo)
        assert refused.status_code == 429
        assert refused.json()["detail"].startswith("You have 3 jobs under way, which is the most.")
        assert refused.headers["Retry-After"]
        other = httpx.Client(
            base_url=small.url, transport=httpx.HTTPTransport(local_address="127.0.0.2"), trust_env=False
        )
        with other:
            calls.append(other.post("/gradio_api/call/v2/colorize", json={"photo": photo}))
            assert calls[-1].status_code == 200
            full = other.post("/gradio_api/call/v2/colorize", json={"photo": photo})
            assert full.status_code == 503
            assert full.json()["detail"] == "Too many people are waiting. Try again in a moment."
        numbers = small.http.get("/metrics").text
        assert "colorize_queue_length 2.0" in numbers
        assert "colorize_running 2.0" in numbers
        assert 'colorize_refused_total{status="429"} 1.0' in numbers
    finally:
        small.engine.go.set()
    assert [small.result("colorize", call)[0] for call in calls] == ["complete"] * 4
    assert small.call("colorize", photo=photo).status_code == 200


def test_many_jobs_at_the_same_moment_do_not_slip_past_the_limit(small: Running) -> None:
    small.until(lambda: not small.service.jobs.of("127.0.0.1"))
    photo = small.file(gray())
    small.engine.go.clear()
    try:
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            calls = list(pool.map(lambda _: small.call("colorize", photo=photo), range(12)))
        assert sorted(call.status_code for call in calls) == [200] * 3 + [429] * 9
    finally:
        small.engine.go.set()
    for call in calls:
        if call.status_code == 200:
            assert small.result("colorize", call)[0] == "complete"


def test_uploads_and_results_are_deleted_and_examples_stay(server: Running) -> None:
    given = server.file(gray())
    _, (result,) = server.result("colorize", server.call("colorize", photo=given))
    examples = ("chelsea.jpg", "eileen-collins.jpg")  # the latter twice: also in color
    kept = {path.parent.name for path in server.store.folder.rglob("*.jpg") if path.name in examples}
    assert len(kept) == 2
    for path in server.store.folder.iterdir():
        os.utime(path, (time.time() - 3500, time.time() - 3500))
    server.store.sweep(3600)
    assert server.download(result)
    for path in server.store.folder.iterdir():
        os.utime(path, (time.time() - 3700, time.time() - 3700))
    server.store.sweep(3600)
    assert server.http.get(f"/gradio_api/file={result['path']}").status_code == 404
    answer = server.call("colorize", photo=given)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "This upload does not exist, or no longer. Send the photo again."
    assert {path.name for path in server.store.folder.iterdir()} == kept


# -- hostile requests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../../../etc/passwd",
        "{folder}/../../etc/passwd",
        "{token}/../../../etc/passwd",
        "{token}",
        "{folder}",
        "{token}/.hidden",
        "{token}/link",
        "{token}/photo.png\0.jpg",
        "http://127.0.0.1:1/photo.png",
        "file:///etc/passwd",
        "x" * 5000,
        "",
        None,
        7,
        ["/etc/passwd"],
    ],
)
def test_only_uploads_are_taken_for_files(server: Running, path: object) -> None:
    upload = Path(server.file(gray())["path"])
    (upload.parent / ".hidden").write_bytes(gray())
    with contextlib.suppress(FileExistsError):
        (upload.parent / "link").symlink_to("/etc/passwd")
    if isinstance(path, str):
        path = path.format(folder=server.store.folder, token=upload.parent)
    for file in ({"path": path, "meta": FILE}, {"path": path}, {"path": path, "url": path, "meta": FILE}):
        for ask in ({"photo": file}, {"photo": {"deep": [file]}}):
            answer = server.http.post("/gradio_api/call/v2/colorize", json=ask)
            assert answer.status_code == 422
            assert answer.json()["detail"] == "This upload does not exist, or no longer. Send the photo again."
        answer = server.http.post("/gradio_api/call/colorize", json={"data": [file, 1, 192, "PNG"]})
        assert answer.status_code == 422
        body = {"data": [file], "fn_index": 0, "session_hash": "x"}
        assert server.http.post("/gradio_api/queue/join", json=body).status_code == 422
    if isinstance(path, str) and path and "\0" not in path:
        assert server.http.get(f"/gradio_api/file={path}").status_code in (404, 307)


def test_no_address_is_fetched(server: Running) -> None:
    asked: list[bytes] = []

    def listen() -> None:
        with contextlib.suppress(OSError):
            connection, _ = trap.accept()
            asked.append(connection.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(1)
        thread = threading.Thread(target=listen)
        thread.start()
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/photo.png"
        upload = server.file(gray())
        for path in (f"/gradio_api/file={url}", f"/gradio_api/proxy={url}", f"/gradio_api/file/{url}"):
            assert server.http.get(path).status_code == 404
        event, _ = server.result("colorize", server.call("colorize", photo=upload | {"url": url, "orig_name": url}))
        assert event == "complete"
        thread.join()
    assert asked == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/deep_link?session_hash=x"),
        ("GET", "/monitoring"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/file/etc/passwd"),
        ("GET", "/gradio_api/custom_component/x/client/component/index.js"),
        ("GET", "/static/../../../../../../etc/passwd"),
        ("GET", "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        ("GET", "/assets/..%2f..%2f..%2f..%2fetc/passwd"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/api/colorize"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/login"),
        ("PUT", "/gradio_api/upload"),
        ("DELETE", "/"),
        ("OPTIONS", "/gradio_api/queue/join"),
    ],
)
def test_what_the_page_does_not_need_is_not_there(server: Running, method: str, path: str) -> None:
    # as it is: httpx would take the dots out
    request = httpx.Request(method, server.url, json={} if method == "POST" else None)
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = server.http.send(request)
    assert answer.status_code in (403, 404)
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"[" * 100_000, 400),
        (b'"text"', 400),
        (b"\xff\xfe", 400),
        (b"{}", 422),
        (b'{"data": [{"path": "/etc/passwd", "path": "/etc/passwd"}]}', 422),
        (b'{"data": "x"}', 422),
        (b'{"data": [' + b"1," * 600_000 + b"1]}", 413),
    ],
)
def test_bodies_that_are_not_what_was_asked_for_are_told_with_the_right_status(
    server: Running, body: bytes, status: int
) -> None:
    answer = server.http.post("/gradio_api/call/colorize", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_the_page_asks_nobody_else_for_anything(server: Running) -> None:
    answer = server.http.get("/")
    assert "Colorize" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]  # the browser sees to it
    assert re.findall(r"""<(?:script|link|img)[^>]*(?:src|href)=["'](?:https?:)?//[^"']*""", answer.text) == []


def test_the_study_is_there_with_all_that_it_shows_and_nothing_else(server: Running) -> None:
    page = server.http.get("/study/index.html")
    assert page.headers["content-type"].startswith("text/html")
    shown = re.findall(r"""(?:src|href)="(?!#|https?:)([^"]*)""", page.text)
    assert "shapes.jpg" in shown
    assert "<code>docs/learned-loss/data/</code>" in page.text
    for name in shown:
        assert server.http.get(f"/study/{name}").headers["content-type"] in ("image/jpeg", "image/svg+xml")
    for name in ("", "README.md", "data", "..%2fweb.md", "%2e%2e"):
        assert server.http.get(f"/study/{name}").status_code == 404


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"no form", "multipart/form-data; boundary=x"),
        (b"no form", "multipart/form-data"),
        (b"{}", "application/json"),
        (
            b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\nno file\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
    ],
)
def test_an_upload_that_is_none_is_400(server: Running, content: bytes, kind: str) -> None:
    answer = server.http.post("/gradio_api/upload", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Expected a form with files."


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../evil.png", "evil.png"),
        ("..\\..\\evil.png", "evil.png"),
        (".hidden.png", "hidden.png"),
        ("..", "photo"),
        ("a" * 400 + ".png", "a" * 176 + ".png"),
        ("Müller & Söhne #1 100%.png", "Müller & Söhne #1 100%.png"),
        ("photo\u202egnp.exe.png", "photognp.exe.png"),
        ("a\u200eb\u2066c\u2069\ufeff\u200b\u2028.png", "abc.png"),
        ("می‌خواهم 👨‍👩‍👧.png", "می‌خواهم 👨‍👩‍👧.png"),
    ],
)
def test_an_uploads_name_is_its_own_and_leads_nowhere_else(server: Running, name: str, stored: str) -> None:
    path = Path(server.file(gray(), name)["path"])
    assert path.name == stored
    assert path.parent.parent == server.store.folder
    assert server.http.get(f"/gradio_api/file={str(path).replace('%', '%25').replace('#', '%23')}").content == gray()


def test_nobodys_upload_runs_as_a_page_of_this_server(server: Running) -> None:
    page = server.file(b"<script>alert(1)</script>", "page.html")
    picture = server.file(b"<svg onload='alert(1)'/>", "picture.svg")
    for file in (page, picture):
        answer = server.http.get(f"/gradio_api/file={file['path']}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_paths_of_uploads_cannot_be_guessed(server: Running) -> None:
    first, second = (Path(server.file(gray())["path"]) for _ in range(2))  # the same photo twice
    assert first.parent != second.parent
    assert re.fullmatch(r"[0-9a-f]{32}", first.parent.name)
    assert first.parent.stat().st_mode & 0o077 == 0


def test_another_site_cannot_ask_in_a_users_name(server: Running) -> None:
    assert server.upload(gray(), **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert server.upload(gray(), **{"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_an_error_of_the_program_itself_tells_nothing(
    server: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("of /some/folder")

    monkeypatch.setattr(PhotoService, "colorize", broken)
    event, error = server.result("colorize", server.call("colorize", photo=server.file(gray())))
    assert event == "error"
    assert error == {"error": None}
    assert "of /some/folder" in capsys.readouterr().err  # for whoever runs the server


# -- health ------------------------------------------------------------------------------------------------


def test_health_and_metrics(server: Running) -> None:
    assert server.http.get("/healthz").json() == {"status": "ok", "version": __version__, "model": "RedEngine"}
    server.result("colorize", server.call("colorize", photo=server.file(gray())))
    numbers = server.http.get("/metrics")
    assert numbers.headers["content-type"].startswith("text/plain; version=")
    for name in (
        'colorize_requests_total{kind="photo",outcome="done"}',
        'colorize_seconds_count{kind="photo"}',
        'colorize_requests_total{kind="film",outcome="failed"}',
        'colorize_photos_total{outcome="failed"}',
        "colorize_queue_length 0.0",
        "colorize_running 0.0",
    ):
        assert name in numbers.text
