"""A forced choice, asked by the real server and answered by simulated raters whose habits are known."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorize.errors import DataError
from colorize.study import choices
from colorize.web.rating import Trials
from tests.web.conftest import LEAKS, Running, running

pytestmark = [pytest.mark.web, *LEAKS]

PHOTOS = 30
FOOLED = {"good": 0.5, "bad": 0.05}  # how often simulated raters take a model's picture for the photo
RATERS = [f"{number:016x}" for number in range(8)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trials as `choices prepare` writes them, each picture of one color."""
    folder = tmp_path_factory.mktemp("trials")
    (folder / "pictures").mkdir()
    trials: list[dict[str, object]] = []
    for photo in range(PHOTOS):
        for model in FOOLED:
            files = [f"{model}{photo}{who}.png" for who in "ab"]
            for name, level in zip(files, (200, 50), strict=True):
                Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(folder / "pictures" / name)
            trials.append(
                {"id": f"{len(trials):04x}", "photo": f"{photo:04d}", "pair": ["truth", model], "pictures": files}
            )
    given = {"format": 1, "question": "real", "exposure": 1.0, "per_rater": 20, "draw": "a", "trials": trials}
    (folder / "trials.json").write_text(json.dumps(given), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def asking(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), trials=Trials(folder)) as there:
        yield there


def answer(asking: Running, rater: str, trial: str, side: str) -> bool:
    given = asking.http.post(f"/trials/{rater}", json={"trial": trial, "chosen": side})
    assert given.status_code == 200, given.text
    counts: bool = given.json()["counts"]
    return counts


def test_simulated_raters_are_counted_as_they_answered(folder: Path, asking: Running, tmp_path: Path) -> None:
    models = {trial["id"]: trial["pair"][1] for trial in json.loads((folder / "trials.json").read_text())["trials"]}
    rng, seen, lefts = random.Random(0), [], 0
    for rater in RATERS:
        for number in range(20):
            asked = asking.http.get(f"/trials/{rater}").json()
            assert (asked["done"], asked["total"], asked["question"]) == (number, 20, "real")
            assert not {"truth", *FOOLED} & {str(value) for value in asked.values()}
            trial = asked["trial"]
            picture = asking.http.get(f"/trials/{rater}/{trial}/left.png")
            left_is_truth = (
                picture.content == (folder / "pictures" / f"{models[trial]}{int(trial, 16) // 2}a.png").read_bytes()
            )
            lefts += left_is_truth
            fooled = rng.random() < FOOLED[models[trial]]
            assert answer(asking, rater, trial, "left" if left_is_truth != fooled else "right")
            seen.append((models[trial], fooled))
        assert not answer(asking, rater, trial, "left")  # the first answer counts
        assert asking.http.get(f"/trials/{rater}").json()["trial"] is None
    assert 0.4 < lefts / len(seen) < 0.6

    counts = {count.chosen: count for count in choices.tally(choices.read_answers(folder / "answers.jsonl"))}
    assert set(counts) == set(FOOLED)
    for model, count in counts.items():
        told = [fooled for name, fooled in seen if name == model]
        assert count.answers == len(told)
        assert count.raters == len(RATERS)
        assert count.share.value == pytest.approx(sum(told) / len(told))
        assert count.share.low <= FOOLED[model] <= count.share.high
    assert counts["bad"].share.high < counts["good"].share.low

    # Started again, nothing is asked twice; a line that was not written to its end is gone.
    shutil.copytree(folder, tmp_path / "again")
    with (tmp_path / "again" / "answers.jsonl").open("ab") as file:
        file.write(b'{"rater": "00')
    assert Trials(tmp_path / "again").next_of(RATERS[0])[2] is None
    lines = (tmp_path / "again" / "answers.jsonl").read_bytes()
    assert lines == (folder / "answers.jsonl").read_bytes()


def test_a_rater_sees_each_photo_once_and_raters_see_other_orders(folder: Path) -> None:
    trials = Trials(folder)
    orders = [trials.order(rater) for rater in RATERS]
    assert all(len({trial.photo for trial in order}) == len(order) == 20 for order in orders)
    assert len({tuple(trial.id for trial in order) for order in orders}) == len(RATERS)
    assert [trial.id for trial in Trials(folder).order(RATERS[0])] == [trial.id for trial in orders[0]]


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/trials/short", None, 404),
        ("GET", f"/trials/{'f' * 16}/0000/middle.png", None, 404),
        ("GET", f"/trials/{'f' * 16}/ffff/left.png", None, 404),
        ("GET", f"/trials/{'f' * 16}/..%2F..%2Ftrials.json/left.png", None, 404),
        ("GET", "/pictures/good0a.png", None, 404),
        ("POST", f"/trials/{'f' * 16}", [1], 400),
    ],
)
def test_what_nobody_was_asked_is_refused(
    method: str, path: str, content: object, status: int, asking: Running
) -> None:
    assert asking.http.request(method, path, json=content).status_code == status


def test_answers_to_what_was_not_asked_do_not_count_nor_those_of_another_site(asking: Running) -> None:
    rater = "e" * 16
    trial = asking.http.get(f"/trials/{rater}").json()["trial"]
    for given in (
        {},
        {"trial": "zz", "chosen": "left"},
        {"trial": trial, "chosen": "middle"},
        {"trial": [], "chosen": 1},
    ):
        assert asking.http.post(f"/trials/{rater}", json=given).json() == {"counts": False}
    other = asking.http.post(f"/trials/{rater}", json={"trial": trial}, headers={"Origin": "https://elsewhere.org"})
    assert other.status_code == 403
    assert asking.http.get(f"/trials/{rater}").json()["done"] == 0


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"question": "x"}, {"trials": []}, {"trials": [{"id": "1"}]}, {"exposure": "long"}],
)
def test_trials_of_another_kind_are_refused_in_one_line(change: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    given = json.loads((folder / "trials.json").read_text()) | change
    (tmp_path / "trials.json").write_text(json.dumps(given), encoding="utf-8")
    with pytest.raises(DataError, match=r"trials\.json: expected"):
        Trials(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        Trials(tmp_path / "nowhere")


def test_a_picture_is_none_outside_of_its_folder(folder: Path, tmp_path: Path) -> None:
    given = json.loads((folder / "trials.json").read_text())
    given["trials"][0]["pictures"][0] = "../trials.json"
    shutil.copytree(folder, tmp_path / "trials")
    (tmp_path / "trials" / "trials.json").write_text(json.dumps(given), encoding="utf-8")
    with pytest.raises(DataError, match="is missing"):
        Trials(tmp_path / "trials")
