"""A forced choice, in a real browser, on a phone: the two pictures beside each other, then hidden, then answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorize.web.rating import Trials
from tests.web.conftest import LEAKS, running
from tests.web.visits import DEVICES, SCREENSHOTS, T

pytestmark = [pytest.mark.browser, *LEAKS]


def test_a_rater_sees_two_pictures_for_a_moment_and_each_answer_is_kept(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "trials"
    (folder / "pictures").mkdir(parents=True)
    for name, level in (("a.png", 200), ("b.png", 50)):
        Image.fromarray(np.full((64, 96, 3), level, np.uint8)).save(folder / "pictures" / name)
    trials = [{"id": str(i), "photo": str(i), "pair": ["truth", "m"], "pictures": ["a.png", "b.png"]} for i in range(2)]
    given = {"format": 1, "question": "real", "exposure": 0.5, "per_rater": 5, "draw": "x", "trials": trials}
    (folder / "trials.json").write_text(json.dumps(given), encoding="utf-8")
    wrong: list[str] = []
    with running(tmp_path / "server", trials=Trials(folder)) as server:
        context = browser.new_context(**DEVICES["phone"], locale="en-GB")
        page = context.new_page()
        page.set_default_timeout(200_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(server.url)
        begin = page.get_by_role("button", name=T["rate_begin"])
        begin.wait_for()  # the question is read before anything is shown for a moment
        assert page.locator(".rate-question").inner_text() == T["rate_real"]
        assert not page.locator(".rate-pair").is_visible()
        begin.click()
        page.locator(".rate-choice:enabled").first.wait_for()
        assert not begin.is_visible()
        left, right = (page.locator(".rate-choice").nth(i).bounding_box() for i in range(2))
        assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]
        assert right["x"] + right["width"] <= DEVICES["phone"]["viewport"]["width"]
        page.locator(".rate-pair.covered").wait_for()
        page.screenshot(path=SCREENSHOTS / "rating-phone.png")
        page.locator(".rate-choice >> nth=0").click()
        page.get_by_text(T["rate_count"].format(number=2, total=2)).wait_for()
        page.locator(".rate-pair:not(.covered)").wait_for()  # the next one comes by itself
        page.reload()  # goes on where it was
        page.get_by_text(T["rate_count"].format(number=2, total=2)).wait_for()
        begin.click()
        page.locator(".rate-choice:enabled").nth(1).click()
        page.get_by_text(T["rate_thanks"]).wait_for()
        context.close()
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    assert [each["number"] for each in answers] == [1, 2]
    assert [each["chosen"] for each in answers] == [answers[0]["left"], answers[1]["right"]]
    assert wrong == []
