"""The report: pages and figures out of numbers, and one line for what is missing."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorize.errors import DataError
from colorize.study import figures, publish, toy_problems
from colorize.study.arms import MAIN
from colorize.study.claims import CLAIMS
from colorize.study.figures import ARM_COLORS, FIGURES, draw_from, file_name
from colorize.study.publish import html_page, main, render, to_html
from colorize.study.report_words import WORDS

pytestmark = pytest.mark.study

LARGEST = 200_000  # bytes of a figure


def a_measure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1 * abs(value), "high": value + 0.1 * abs(value)}


def a_study() -> dict[str, Any]:
    """A study.json as `colorize.study.arms` describes it, its numbers made up."""
    rng = np.random.default_rng(0)
    names = ["histogram_a", "histogram_b", "kl_a", "kl_b", "cf", "cf_difference", "delta_cf", "psnr", "ssim"]
    names += [f"sharpness_{scale}" for scale in (1, 2, 4, 8)]
    names += ["stains", "taken_for_real", "taken_for_real_half", "taken_for_real_own", "frechet"]
    names += [
        f"leveled_{name}"
        for name in ("psnr", "histogram_a", "histogram_b", "kl_a", "kl_b", "stains", "taken_for_real_own")
    ]

    def histograms() -> dict[str, list[float]]:
        return {channel: rng.dirichlet(np.ones(110)).tolist() for channel in "ab"}

    def measures() -> dict[str, dict[str, float]]:
        return {name: a_measure(rng.uniform(0.2, 0.9)) for name in names}

    runs = [
        {
            "name": f"{arm}-{seed}",
            "arm": arm,
            "seed": seed,
            "command": f"python train.py DATA --seed {seed}",
            "seconds": 10.0,
            "steps": 3,
            "photos_seen": 6,
            "measures": measures(),
            "histograms": histograms(),
            "frontier": [{"strength": strength, "measures": measures()} for strength in (0.5, 1.0, 2.0)],
            "leveling": None if arm == "l1" else 1.5,
        }
        for arm, seed in (*((arm, 0) for arm in ARM_COLORS), ("mse", 1), ("l1+gan", 1))
    ]
    pooled: dict[str, Any] = {arm: {"seeds": 2 if arm in MAIN else 1, "measures": measures()} for arm in ARM_COLORS}
    for row in (*(run for run in runs if run["arm"] == "l1"), pooled["l1"]):  # pale at every strength
        row["measures"] = {name: each for name, each in row["measures"].items() if not name.startswith("leveled_")}
    return {
        "format": 1,
        "command": "python -m colorize.study --quick",
        "device": "cpu",
        "cpus": 2,
        "versions": {"python": "3.11", "torch": "2.14", "colorize": "0.1.0"},
        "settings": {
            "architecture": "unet",
            "adversarial_steps": 3,
            "batch_size": 2,
            "size": 96,
            "reconstruction_weight": 10.0,
            "holdout": 50,
            "generator_settings": {"widths": [16]},
        },
        "protocol": {
            "photos": 12,
            "size": 32,
            "scales": [1, 2, 4, 8],
            "text": "as users",
            "judge": "a judge",
            "stains": "within a*",
            "frechet": {"features": 9, "network": "a*", "file": "a.safetensors", "is_apart": True, "floor": 1.5},
        },
        "truth": {"measures": measures(), "histograms": histograms()},
        "gray": {"measures": measures()},
        "mean_color": {"ab": [3.0, 8.0], "measures": measures()},
        "shipped": {"measures": {name: each for name, each in measures().items() if name != "taken_for_real"}},
        "lambda": {
            "rule": "the best a* of λ",
            "steps": 7,
            "photos": 9,
            "gray_psnr": 20.0,
            "chosen": 5.0,
            "tried": [{"weight": 5.0, "kl_a": 0.25, "kl_b": 0.5, "psnr": 21.25}],
        },
        "arms_pooled": pooled,
        "leads": {claim.key: {"value": -0.5, "low": -0.6, "high": -0.4} for claim in CLAIMS},
        "runs": runs,
        "judge": {
            "real": a_measure(0.8),
            "real_half": a_measure(0.6),
            "own": {run["name"]: a_measure(0.8) for run in runs},
        },
        "strips": {
            "photos": [{"name": "cat", "file": "cat.png", "credit": "nobody"}],
            "arms": ["truth", "gray", *ARM_COLORS],
        },
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, toy_results: Path) -> Path:
    """A study's folder, and the toy problems in their quick form beside it."""
    folder = tmp_path_factory.mktemp("data") / "study"
    shutil.copytree(toy_results, folder)
    study = a_study()
    (folder / "study.json").write_text(json.dumps(study), encoding="utf-8")
    for i, arm in enumerate(study["strips"]["arms"]):
        (folder / "strips" / arm).mkdir(parents=True)
        Image.new("RGB", (64, 48), (20 * i, 100, 50)).save(folder / "strips" / arm / "cat.png")
    return folder


def test_one_command_writes_both_pages_figures_and_what_they_are_made_from(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = ["saturation", "shapes", "judge"]  # one of each file; the slow test draws all
    monkeypatch.setattr(
        publish, "draw_from", lambda given, names, out: draw_from(given, names if len(names) == 1 else drawn, out)
    )
    out = tmp_path / "report"
    assert main([str(data), "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(out / name) for name in ("README.md", "README.zh.md", "index.html")
    ]
    markdown, chinese, html = ((out / name).read_text() for name in ("README.md", "README.zh.md", "index.html"))
    for name in FIGURES:
        assert (out / file_name(name)).is_file() == (name in drawn)
        assert f"]({file_name(name)})" in markdown
        assert f"]({file_name(name)})" in chinese
        assert f'src="{file_name(name)}"' in html
    assert not re.search("{{|{%", markdown + chinese)
    assert html.count("<table>") == len(re.findall(r"^\|(?:-+\|)+$", markdown + chinese, re.MULTILINE))

    # What is left in data/ makes the same pages again.
    kept = out / "data"
    assert render(kept) == markdown
    assert render(kept, "zh") == chinese
    assert main([str(kept), "--out", str(tmp_path / "again"), "--figure", "judge"]) == 0
    assert (tmp_path / "again" / "judge.svg").read_bytes() == (out / "judge.svg").read_bytes()
    assert [path.name for path in (tmp_path / "again").iterdir()] == ["judge.svg"]


@pytest.mark.slow
def test_every_figure_is_drawn_and_small(data: Path, tmp_path: Path) -> None:
    for path in draw_from(data, list(FIGURES), tmp_path):
        assert 1000 < path.stat().st_size < LARGEST, path.name


def test_numbers_in_the_words_are_those_of_the_files(data: Path) -> None:
    markdown = render(data)
    study = json.loads((data / "study.json").read_text())
    psnr = next(run for run in study["runs"] if run["name"] == "l1+imagegan-0")["measures"]["psnr"]
    assert publish.interval(psnr) in markdown
    assert publish.interval(study["arms_pooled"]["l1+gan"]["measures"]["cf_difference"], 1) in markdown
    assert "| 5 | 0.750 | 21.25 |" in markdown  # of how λ was chosen
    assert "| L1 | not reached |" in markdown
    assert "| the shipped model |" in markdown
    assert "| L1 + GAN (70×70) | 1.50, 1.50 |" in markdown  # the strengths of its seeds
    assert f"vary by {publish.interval(study['arms_pooled']['l1+gan']['measures']['stains'])} more" in markdown
    table = markdown.split("| expected |")[1].split("\n\n")[0]
    verdicts = re.findall(r"\*\*(confirmed|contradicted|open)\*\*", table)
    assert len(verdicts) == len(CLAIMS)
    for verdict in ("confirmed", "contradicted", "open"):
        assert re.search(rf"{verdicts.count(verdict)}( of\s+\d+ are)? {verdict}", markdown)
    assert 0 < table.count("**contradicted**, by the difference: −0.5") < len(CLAIMS)
    assert "open" not in verdicts


def test_both_languages_say_the_same_numbers_and_the_page_has_a_switch_without_a_script(data: Path) -> None:
    english, chinese = render(data), render(data, "zh")

    def measured(text: str) -> list[str]:
        """The numbers of all intervals, in the tables that both have."""
        rows = [line for line in text.splitlines() if line.startswith("|")]
        return re.findall(r"−?\d+\.\d+", "\n".join(row for row in rows if "(" in row or "（" in row))

    assert measured(english) == measured(chinese)
    verdicts = {"confirmed": "成立", "contradicted": "相反", "open": "未定"}
    for word, theirs in verdicts.items():
        assert english.count(f"| **{word}**") == chinese.count(f"| **{theirs}**")
    assert {claim.text for claim in CLAIMS} == set(WORDS["zh"].claims)
    page = html_page(data)
    assert page.count("<main lang=") == page.count('type="radio"') == 2
    assert "<script" not in page
    assert "README" not in page


def test_numbers_are_written_as_people_write_them() -> None:
    assert publish.interval({"value": -1.234, "low": -2, "high": 0.5}) == "−1.23 (−2.00 to 0.50)"
    assert publish.percent(0.937) == "94 %"
    assert publish.steps(float("inf")) == "more than there were"
    assert "<table>" in to_html({"en": "# T\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--figure", "nonsense"], "unknown figure 'nonsense': expected one of frames, games"),
        (["--figure", "judge"], "there is no such file"),
        ([], "there is no such file"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    arguments: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--out", str(tmp_path / "out"), *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("report: ") and told.count("\n") == 1
    assert expected in told
    assert not (tmp_path / "out").exists()


def test_numbers_of_something_else_are_refused_and_nothing_is_written(data: Path, tmp_path: Path) -> None:
    for text in ("no json", "[1]", '{"format": 2}', '{"format": 1}'):
        (tmp_path / "saturation.json").write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"saturation\.json: "):
            list(draw_from(tmp_path, ["saturation"], tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_toy_problem_writes_its_numbers_and_figures(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = json.loads((data / "saturation.json").read_text())
    monkeypatch.setattr(toy_problems, "run_toy_problem", lambda *_args, **_more: made)
    assert toy_problems.main(["saturation", "--quick", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "saturation.svg")]
    assert json.loads((tmp_path / "saturation.json").read_text()) == made
    assert made["command"] == "python -m colorize.study.toy_problems saturation --seed 0 --quick --out FOLDER"
    assert toy_problems.main(["saturation", "--seed", "-1", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "toy_problems: seed must be at least 0, got -1\n"


def test_without_matplotlib_one_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(toy_problems, "run_toy_problem", lambda *_args, **_more: pytest.fail("worked in vain"))
    assert toy_problems.main(["distribution", "--out", str(tmp_path)]) == 2
    assert "pip install 'colorize-photos[study]'" in capsys.readouterr().err


def test_pictures_survive_being_text(data: Path) -> None:
    packed = json.loads((data / "two-colors.json").read_text())["cases"][0]["pictures"]["truth"][0]
    pictures = figures._unpacked(packed)
    assert pictures.shape[1:] == (32, 32, 3)
    colors = {tuple(pixel) for pixel in pictures.reshape(-1, 3).tolist()}
    assert any(r > 150 > 100 > b for r, _, b in colors)
    assert any(b > 150 > 100 > r for r, _, b in colors)


DOCUMENTS = Path(__file__).parents[2] / "docs" / "learned-loss"


def test_the_projects_own_report_is_what_its_numbers_make() -> None:
    """Draw and write it again after a change: python -m colorize.study.publish docs/learned-loss/data --out …"""
    markdown = render(DOCUMENTS / "data")
    assert (DOCUMENTS / "README.md").read_text(encoding="utf-8") == markdown
    assert (DOCUMENTS / "README.zh.md").read_text(encoding="utf-8") == render(DOCUMENTS / "data", "zh")
    assert (DOCUMENTS / "index.html").read_text(encoding="utf-8") == html_page(DOCUMENTS / "data")
    for name in FIGURES:
        assert 1000 < (DOCUMENTS / file_name(name)).stat().st_size < LARGEST, name


def test_in_the_projects_own_report_mse_gives_no_color_that_exists_and_the_adversarial_loss_does() -> None:
    for case in json.loads((DOCUMENTS / "data" / "two-colors.json").read_text(encoding="utf-8"))["cases"]:
        assert case["arms"]["mse"]["near"] < 0.05
        assert case["arms"]["gan+noise"]["near"] > 0.9
        assert case["arms"]["gan+noise"]["both"] > 0.5
