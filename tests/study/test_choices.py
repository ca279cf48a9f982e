"""A forced choice before and after: pictures that tell nothing, and answers counted with intervals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize.color.lightness import to_levels
from colorize.evaluation.intervals import Interval
from colorize.study.choices import main, read_answers, share_chosen
from colorize.study.run_study import made_up_photos
from colorize.web.rating import Trials

pytestmark = pytest.mark.study


def test_pictures_are_written_blind_and_the_page_takes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos, out = made_up_photos(tmp_path / "photos", count=3, side=70), tmp_path / "trials"
    command = ["prepare", "model=shipped", "--photos", str(photos), "--out", str(out), "--limit", "2", "--side", "64"]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines() == ["2 trials", str(out / "trials.json")]
    given = json.loads((out / "trials.json").read_text())
    assert [trial["pair"] for trial in given["trials"]] == [["truth", "model"]] * 2
    for trial in given["trials"]:
        truth, colored = (np.asarray(Image.open(out / "pictures" / name)) for name in trial["pictures"])
        assert truth.shape == colored.shape == (64, 64, 3)
        assert (to_levels(truth) == to_levels(colored)).all()  # told apart by color alone
        assert (truth != colored).any()
        for name in trial["pictures"]:
            with Image.open(out / "pictures" / name) as picture:
                assert picture.info == {}
            assert "truth" not in name and "model" not in name
    assert Trials(out).next_of("0")[:2] == (0, 2)
    assert main(command) == 2
    assert "has trials already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["prepare", "a", "--photos", "x", "--out", "o"], "expected models as NAME=FILE"),
        (["prepare", "a=b", "a=c", "--photos", "x", "--out", "o"], "each name once"),
        (["prepare", "truth=b", "--photos", "x", "--out", "o"], "truth is the photo itself"),
        (["prepare", "a=b", "--photos", "x", "--out", "o", "--question", "prefer"], "at least two models"),
        (["prepare", "a=b", "--photos", "x", "--out", "o", "--exposure", "-1"], "exposure must be from 0 to 60"),
        (["tally", "nowhere"], "cannot be read"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def write_answers(path: Path, *lines: dict[str, str]) -> None:
    common = {"trial": "1", "photo": "1", "question": "prefer", "left": "b", "right": "a"}
    path.write_text("".join(json.dumps(common | line) + "\n" for line in lines), encoding="utf-8")


def test_preferences_are_counted_pair_by_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = [("r", "1", "a"), ("r", "2", "a"), ("s", "1", "b"), ("s", "2", "a")]
    write_answers(tmp_path / "answers.jsonl", *({"rater": r, "photo": p, "chosen": c} for r, p, c in chosen))
    assert main(["tally", str(tmp_path), "--json", str(tmp_path / "counts.json")]) == 0
    assert capsys.readouterr().out.startswith("a preferred to b: 75.0 % (")
    (row,) = json.loads((tmp_path / "counts.json").read_text())["counts"]
    assert (row["answers"], row["raters"], row["photos"], row["share"]["value"]) == (4, 2, 2, 0.75)


def test_what_is_no_answer_is_refused_with_its_line(tmp_path: Path) -> None:
    from colorize.errors import DataError

    write_answers(tmp_path / "answers.jsonl", {"rater": "r", "chosen": "a"}, {"rater": "r", "chosen": "c"})
    with pytest.raises(DataError, match="line 2: expected an answer"):
        read_answers(tmp_path / "answers.jsonl")


def test_raters_who_agree_with_themselves_make_the_interval_wider() -> None:
    """400 answers of 20 raters, half of them chosen: independent ones, or each rater always the same."""
    rng = np.random.default_rng(0)
    independent = [(str(r), str(p), bool(rng.random() < 0.5)) for r in range(20) for p in range(20)]
    stubborn = [(str(r), str(p), r < 10) for r in range(20) for p in range(20)]
    width = {name: (i := share_chosen(a, 500)).high - i.low for name, a in (("i", independent), ("s", stubborn))}
    assert 0.08 < width["i"] < 0.2  # of one answer each it would be 0.1
    assert width["s"] > 0.35  # of 20 coins it would be 0.44


def test_where_all_answers_are_alike_the_interval_is_not_empty() -> None:
    def fooled(by: bool, raters: int) -> Interval:
        return share_chosen([(f"r{r}", f"p{p}", by) for r in range(raters) for p in range(50)], 10)

    assert fooled(False, 10) == pytest.approx((0, 0, 0.3085), abs=1e-4)  # 0 of 10, Clopper & Pearson
    assert fooled(True, 10) == pytest.approx((1, 0.6915, 1), abs=1e-4)
    assert fooled(False, 1).high == pytest.approx(0.975)  # one rater says little of others
