"""The model that comes with the program: small, whole, and its colors are where they belong on photos it never saw."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

from colorize import Colorizer, Hint
from colorize.models.modelfile import GRAPH_SUFFIX, SHIPPED_MODEL
from colorize.models.weights import load_generator

CARD = (SHIPPED_MODEL.parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer.load(device="cpu")


def lab(colorizer: Colorizer, photo: NDArray[np.uint8]) -> NDArray[np.float64]:
    """L*, a*, b* (H, W, 3) of the photo, colored from its gray."""
    gray = Image.fromarray(photo).convert("L")
    return np.asarray(rgb2lab(np.asarray(colorizer(gray))))


def test_it_is_small_and_says_how_it_came_about() -> None:
    files = [SHIPPED_MODEL, SHIPPED_MODEL.with_suffix(GRAPH_SUFFIX)]
    assert sum(path.stat().st_size for path in files) <= 20_000_000
    generator, info = load_generator(SHIPPED_MODEL)
    assert sum(p.numel() for p in generator.parameters()) <= 8_000_000
    assert info.training["steps"] > 0
    assert info.training["config"]["architecture"] == info.architecture == generator.architecture


def test_its_card_shows_the_numbers_that_were_measured() -> None:
    report = json.loads((Path(SHIPPED_MODEL).parent / "evaluation.json").read_text(encoding="utf-8"))
    row = re.search(r"^\| this model.*$", CARD, re.M)
    assert row
    shown = [cell.replace("−", "-").split("±")[0] for cell in row[0].split("|")[2:-1]]
    measures = {name: measure["value"] for name, measure in report["rows"]["model"]["measures"].items()}
    wanted = {"psnr": 2, "psnr_gain": 2, "cf": 1, "cf_difference": 1, "histogram_a": 3, "histogram_b": 3}
    wanted |= {"stains": 2, "frechet": 1, "frechet_across_halves": 1}
    for cell, (name, digits) in zip(shown, wanted.items(), strict=True):
        assert float(cell) == pytest.approx(measures[name], abs=0.6 * 10**-digits), name
    assert measures["psnr_gain"] >= 0.3
    assert measures["cf"] >= 0.6 * report["rows"]["truth"]["measures"]["cf"]["value"]


def test_the_evening_sky_is_blue(colorizer: Colorizer) -> None:
    sky = lab(colorizer, data.rocket())[40:250, 120:320]
    assert sky[..., 2].mean() < -10  # b*


def test_skin_is_warm_and_a_white_wall_is_not_colored(colorizer: Colorizer) -> None:
    astronaut = lab(colorizer, data.astronaut())
    face = astronaut[90:160, 200:245]
    assert face[..., 1].mean() > 4
    assert face[..., 2].mean() > 6
    helmet = astronaut[330:420, 350:370]
    assert np.abs(helmet[..., 1:].mean(axis=(0, 1))).max() < 12


def test_the_same_photo_gets_the_same_colors_mirrored_and_at_another_size(colorizer: Colorizer) -> None:
    """On average: a network is not a function of the scene alone."""
    photo = data.chelsea()
    plain = lab(colorizer, photo)
    mirrored = lab(colorizer, photo[:, ::-1])[:, ::-1]
    assert np.linalg.norm((plain - mirrored)[..., 1:], axis=2).mean() < 5
    double = Image.fromarray(photo).resize((2 * photo.shape[1], 2 * photo.shape[0]), Image.Resampling.LANCZOS)
    larger = lab(colorizer, np.asarray(double))[::2, ::2]
    assert np.linalg.norm((plain - larger)[..., 1:], axis=2).mean() < 3


@pytest.mark.parametrize(
    ("color", "y", "x"),  # another place of the saucer
    [("#3a5a90", 300, 400), ("#7a3a30", 270, 420)],  # what is near to its belief goes less far
)
def test_a_hint_is_obeyed_and_spreads_over_its_thing_but_not_over_the_picture(
    colorizer: Colorizer, color: str, y: int, x: int
) -> None:
    photo = Image.fromarray(data.coffee()).convert("L")
    plain = np.asarray(rgb2lab(np.asarray(colorizer(photo))))
    hint = Hint(420, 250, color)  # on the saucer, which it believes to be brown
    guided = np.asarray(rgb2lab(np.asarray(colorizer(photo, hints=[hint]))))
    wanted = rgb2lab(np.array([[hint.rgb()]], np.uint8))[0, 0, 1:]

    def missing(result: NDArray[np.float64], y: int, x: int) -> float:
        return float(np.linalg.norm(result[y - 3 : y + 4, x - 3 : x + 4, 1:].mean(axis=(0, 1)) - wanted))

    assert missing(guided, 250, 420) < 5 < missing(plain, 250, 420)
    assert missing(guided, y, x) < 0.4 * missing(plain, y, x)
    corner = np.linalg.norm((guided - plain)[:60, :60, 1:], axis=2)
    assert corner.mean() < 5


def test_variants_are_other_pictures(colorizer: Colorizer) -> None:
    photo = Image.fromarray(data.coffee()).convert("L").resize((300, 200))
    plain, *others = (
        np.asarray(rgb2lab(np.asarray(each))) for each in (colorizer(photo), *colorizer.variants(photo, 3))
    )
    for index, other in enumerate(others):
        assert all(np.linalg.norm(other - each, axis=2).mean() > 1 for each in (plain, *others[:index]))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_its_colors_are_further_from_the_truth_where_it_is_unsure(colorizer: Colorizer, name: str) -> None:
    photo = Image.fromarray(getattr(data, name)()).resize((300, 200))
    error = np.linalg.norm((rgb2lab(np.asarray(photo)) - lab(colorizer, np.asarray(photo)))[..., 1:], axis=2)
    unsure = np.asarray(colorizer.uncertainty(photo.convert("L")))
    surest, least_sure = np.quantile(unsure, (1 / 3, 2 / 3))
    assert error[unsure >= least_sure].mean() > 1.05 * error[unsure <= surest].mean()
