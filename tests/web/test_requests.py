"""Requests that gradio would not understand get an answer in words; nothing of them reaches the log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.web.conftest import LEAKS, Running, gray

pytestmark = [pytest.mark.web, *LEAKS]


@pytest.fixture
def quiet(server: Running, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Any:
    """The server, which tells nothing in its log meanwhile."""
    yield server
    assert "Traceback" not in capsys.readouterr().err + caplog.text


def test_json_is_json_whatever_it_is_called(quiet: Running) -> None:
    body = json.dumps({"photo": quiet.file(gray()), "strength": 5})
    for kind in ({}, {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "text/plain"}):
        call = quiet.http.post("/gradio_api/call/v2/colorize", content=body, headers=kind)
        assert quiet.result("colorize", call)[1]["error"] == "strength must be a number from 0 to 2, got 5"


@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [
        ("call/v2/colorize", {}, 422, "The parameter photo is missing: expected photo, strength, "),
        ("call/v2/colorize", {"photo": "FILE", "strenght": 1}, 422, "Unknown parameter strenght: expected photo, "),
        ("call/v2/nothing", {"photo": "FILE"}, 404, "There is no endpoint nothing: expected one of colorize, "),
        ("call/nothing", {"data": ["FILE"]}, 404, "There is no endpoint nothing: expected one of colorize, "),
        ("call/others", {"data": ["FILE"]}, 404, "There is no endpoint others: "),
        ("call/colorize", {"data": []}, 422, "Expected a list of 8 values as data."),
        ("call/colorize", {}, 422, "Expected a list of 8 values as data."),
        ("call/colorize", {"data": {"0": 1}}, 422, "Expected a list of 8 values as data."),
        (
            "queue/join",
            {"data": ["FILE"], "fn_index": 999, "session_hash": "a"},
            404,
            "There is no endpoint fn_index 9",
        ),
        (
            "queue/join",
            {"data": ["FILE"], "fn_index": "x", "session_hash": "a"},
            404,
            "There is no endpoint fn_index x",
        ),
        ("queue/join", {"data": ["FILE"], "session_hash": "a"}, 404, "There is no endpoint fn_index None"),
        ("queue/join", {"data": [1] * 6, "fn_index": 0}, 422, "This is not what the page sends."),
        ("queue/join", {"data": [1] * 6, "fn_index": 0, "session_hash": 7}, 422, "This is not what the page sends."),
        ("queue/join", {"data": [1], "fn_index": 0, "session_hash": "a"}, 422, "Expected a list of 8 values as data."),
        ("cancel", {"session_hash": 1, "fn_index": 0, "event_id": "b"}, 422, "This is not what the page sends."),
    ],
)
def test_what_no_endpoint_takes_is_told(
    quiet: Running, path: str, body: dict[str, Any], status: int, expected: str
) -> None:
    content = json.loads(json.dumps(body).replace('"FILE"', json.dumps(quiet.file(gray()))))
    answer = quiet.http.post(f"/gradio_api/{path}", json=content)
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(expected)


@pytest.mark.parametrize(
    "path",
    [
        "queue/data?session_hash=unknown",
        "queue/data",
        "call/colorize/unknown",
        "call/v2/colorize/unknown",
        "call/nothing/unknown",
    ],
)
def test_an_answer_that_nobody_has_asked_for_is_404(quiet: Running, path: str) -> None:
    answer = quiet.http.get(f"/gradio_api/{path}", timeout=5)
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("There is no ")


def test_an_answer_can_be_fetched_once(quiet: Running) -> None:
    call = quiet.call("colorize", photo=quiet.file(gray()))
    assert quiet.result("colorize", call)[0] == "complete"
    answer = quiet.http.get(f"/gradio_api/call/colorize/{call.json()['event_id']}", timeout=60)
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/?page=x", "/?deep_link=x", "/config?deep_link=x", "/gradio_api/info?page=x"])
def test_what_is_asked_with_an_address_changes_nothing(quiet: Running, path: str) -> None:
    assert quiet.http.get(path).status_code == 200


def asked_by_page(server: Running, value: Any = dict, **changed: Any) -> dict[str, Any]:
    """What the page's event for one photo answers, where some of what it sends is something else."""
    config = server.http.get("/config").json()
    event = next(each for each in config["dependencies"] if each["api_name"] == "colorize_1")
    sent = {
        "time": 1,
        "photos": [{"path": server.file(gray())["path"], "name": "a.png"}],
        "strength": 1,
        "size": 192,
        "format": "JPEG",
        "hints": [],
        "variant": 0,
    }
    body = {"data": [value(sent | changed)], "fn_index": event["id"], "session_hash": "page"}
    assert server.http.post("/gradio_api/queue/join", json=body).status_code == 200
    stream = server.http.get("/gradio_api/queue/data?session_hash=page").text
    (done,) = (line for line in stream.splitlines() if "process_completed" in line)
    output: dict[str, Any] = json.loads(done.removeprefix("data: "))["output"]
    return output


@pytest.mark.parametrize("strength", [5, None, "", "x", True, {}, [1]])
def test_a_strength_that_is_none_is_told_on_the_page(quiet: Running, strength: object) -> None:
    (answer,) = asked_by_page(quiet, strength=strength)["data"]
    assert answer["complaint"].startswith("strength must be a number from 0 to 2, got ")


@pytest.mark.parametrize("format_", ["EXE", None, 7, {}])
def test_a_format_that_is_none_is_told_on_the_page(quiet: Running, format_: object) -> None:
    (answer,) = asked_by_page(quiet, format=format_)["data"]
    assert answer["complaint"] == "format must be JPEG, PNG or TIFF"


@pytest.mark.parametrize("photos", [None, "x", 7, {}, [], {"photos": []}, {"photos": [1], "time": 1}, {"photos": None}])
def test_what_the_page_would_not_send_is_told(quiet: Running, photos: object) -> None:
    assert asked_by_page(quiet, lambda _: photos)["error"] == "This is not what the page sends."


@pytest.mark.parametrize("photos", [None, "x", 7, {}, [None], ["x"]])
def test_a_batch_of_what_is_no_photos_is_told(quiet: Running, photos: object) -> None:
    event, answer = quiet.result("colorize_batch", quiet.call("colorize_batch", photos=photos))
    assert event == "error"
    assert "uploaded file" in answer["error"]
