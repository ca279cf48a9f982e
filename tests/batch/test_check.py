"""`--verify` tells results that kept the lightness from those that did not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize.batch.check import Verdict, check
from colorize.batch.pipeline import run
from colorize.batch.plan import plan
from colorize.cli import main
from colorize.coloring.colorizer import Colorizer
from colorize.options import ColorizeOptions
from tests.stand_ins import StandInEngine, one_color


@pytest.fixture
def colored(tmp_path: Path) -> tuple[Path, Path]:
    """Photos of several formats, and a folder of their results."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    levels = np.random.default_rng(0).integers(0, 256, (30, 40), dtype=np.uint8)
    pages = [Image.fromarray(levels), Image.fromarray(levels[:20]), Image.fromarray(levels[:10])]
    for name in ("a.png", "b.bmp", "c.jpg"):
        pages[0].save(source / name)
    pages[0].save(source / "d.tif", save_all=True, append_images=pages[1:])
    colorizer = Colorizer(StandInEngine(one_color(0.2, 0.3)))
    assert all(result.size for result in run(plan([source], target), lambda: colorizer, ColorizeOptions()))
    return source, target


def verdicts(source: Path, target: Path) -> dict[str, Verdict]:
    return {each.job.target.name: each.verdict for each in check(plan([source], target))}


def test_what_this_program_makes_is_kept_and_lossy_formats_are_not_judged(colored: tuple[Path, Path]) -> None:
    kept, lossy = Verdict.KEPT, Verdict.LOSSY
    assert verdicts(*colored) == {"a.png": kept, "b.bmp.png": kept, "c.jpg": lossy, "d.tif": kept}


def test_results_with_other_light_pages_or_size_and_missing_ones_are_told(
    colored: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    source, target = colored
    with Image.open(target / "a.png") as image:
        image.point(lambda level: min(level + 4, 255)).save(target / "a.png")
    Image.new("RGB", (9, 9)).save(target / "b.bmp.png")
    with Image.open(target / "d.tif") as image:
        image.copy().save(target / "d.tif")  # its first page alone
    (target / "c.jpg").unlink()
    (source / "e.png").write_text("no photo")
    (target / "e.png").write_text("no photo")
    assert verdicts(source, target) == {
        "a.png": Verdict.BROKEN,
        **dict.fromkeys(("b.bmp.png", "c.jpg", "d.tif", "e.png"), Verdict.FAILED),
    }
    assert main(["--verify", str(source), "-o", str(target)]) == 1
    stdout, stderr = capfd.readouterr()
    assert stdout.startswith(f"{target / 'a.png'}: lightness kept at ")
    assert stderr.splitlines() == [
        f"colorize: {target / 'a.png'}: the lightness of {source / 'a.png'} was not kept",
        f"colorize: {target / 'b.bmp.png'}: expected a result of 40×30 px like its source, got 9×9",
        f"colorize: {target / 'c.jpg'}: no such result of {source / 'c.jpg'}",
        f"colorize: {target / 'd.tif'}: fewer pages than {source / 'd.tif'} has",
        f"colorize: {source / 'e.png'}: expected a photo, this is no image format that can be read",
        "colorize: 1 broken, 4 not checked",
    ]


def test_nothing_is_written_and_no_model_loaded(
    colored: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source, target = colored
    before = sorted(target.parent.rglob("*"))
    monkeypatch.setattr("colorize.cli.command._load", None)
    assert main(["--verify", str(source), "-o", str(target)]) == 0
    stdout, stderr = capfd.readouterr()
    assert len(stdout.splitlines()) == 4
    assert stderr == "colorize: 3 kept the lightness, 1 not judged: their format itself changes levels\n"
    assert sorted(target.parent.rglob("*")) == before
