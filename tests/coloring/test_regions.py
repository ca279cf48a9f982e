"""A region gets what is said of it, and nothing beside it changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from colorize import Colorizer, ConfigError, DataError, Hint, Region
from colorize.cli import main
from colorize.color.lightness import ab_of
from colorize.color.units import FloatArray
from colorize.coloring.hint_file import read_hint_file
from tests.stand_ins import StandInEngine, one_color

GRAY = Image.new("L", (96, 64), 128)
LEFT = [(0, 0), (48, 0), (48, 64), (0, 64)]
RED = ab_of(np.array((200, 60, 60), np.uint8))


def chroma(image: Image.Image) -> FloatArray:
    return np.asarray(np.hypot(*np.moveaxis(ab_of(np.asarray(image)), -1, 0)))


@pytest.mark.parametrize("as_mask", [False, True])
def test_a_region_gets_its_color_and_nothing_else_changes(as_mask: bool) -> None:
    mask = Image.new("L", GRAY.size)
    ImageDraw.Draw(mask).rectangle((0, 0, 47, 63), fill=255)
    colorizer = Colorizer(StandInEngine(one_color(0.1, -0.2)))
    usual, result = (
        ab_of(np.asarray(colorizer(GRAY, regions=each)))
        for each in ([], [Region(mask if as_mask else LEFT, (200, 60, 60))])
    )
    np.testing.assert_allclose(result[:, :44], np.broadcast_to(RED, (64, 44, 2)), atol=0.02)
    np.testing.assert_array_equal(result[:, 52:], usual[:, 52:])


def test_a_region_is_kept_gray_or_gets_more_color() -> None:
    colorizer = Colorizer(StandInEngine(one_color(0.1, -0.1)))
    usual = chroma(colorizer(GRAY))[:, :44].mean()
    for strength in (0.0, 0.5, 2.0):
        result = chroma(colorizer(GRAY, regions=[Region(LEFT, strength=strength)]))
        assert result[:, :44].mean() == pytest.approx(strength * usual, abs=0.015)
        assert result[:, 52:].mean() == pytest.approx(usual, abs=0.001)


def test_of_regions_that_overlap_the_last_counts() -> None:
    everything = [(0, 0), (96, 0), (96, 64), (0, 64)]
    colorizer = Colorizer(StandInEngine(one_color(0.1, -0.1)))
    result = ab_of(np.asarray(colorizer(GRAY, regions=[Region(everything, "blue"), Region(LEFT, (200, 60, 60))])))
    np.testing.assert_allclose(result[32, 20], RED, atol=0.02)
    assert result[32, 80, 1] < -0.3


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ({"outline": [(0, 0), (1, 1)]}, "three or more corners"),
        ({"outline": [(0, 0), (1, 1), (2, "3")]}, "three or more corners"),
        ({"outline": [(0, 0), (1, 1), (2, float("nan"))]}, "three or more corners"),
        ({"outline": [(0, 0), (1, 1), (10**400, 2)]}, "three or more corners"),
        ({"outline": 7}, "three or more corners"),
        ({"outline": LEFT, "color": "reddish"}, "reddish"),
        ({"outline": LEFT, "strength": 3}, "from 0 to 2, got 3"),
        ({"outline": LEFT, "strength": 10**400}, "from 0 to 2, got 1000"),
    ],
)
def test_what_is_no_region_is_told(region: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Region(**region)  # type: ignore[arg-type]


def test_a_mask_of_another_size_is_told() -> None:
    with pytest.raises(ConfigError, match="must be an image of 96×64 px, got 9×9 px"):
        Colorizer(StandInEngine(one_color(0, 0)))(GRAY, regions=[Region(Image.new("L", (9, 9)), "red")])


def test_a_file_of_hints_and_regions_on_the_command_line_is_that_of_python(tmp_path: Path) -> None:
    said = {
        "hints": [{"x": 80, "y": 30, "color": "#7a2b1d"}],
        "regions": [{"outline": LEFT, "color": "steelblue"}, {"outline": LEFT[:3], "strength": 0}],
    }
    (tmp_path / "said.json").write_text(json.dumps(said))
    GRAY.save(tmp_path / "gray.png")
    assert main([str(tmp_path / "gray.png"), "--hints", str(tmp_path / "said.json"), "--device", "cpu"]) == 0
    regions = [Region(LEFT, "steelblue"), Region(LEFT[:3], strength=0)]
    expected = Colorizer.load(device="cpu")(GRAY, hints=[Hint(80, 30, "#7a2b1d")], regions=regions)
    with Image.open(tmp_path / "gray-color.png") as result:
        np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


def test_regions_on_the_command_line_are_those_of_python(tmp_path: Path) -> None:
    mask = Image.new("L", GRAY.size)
    ImageDraw.Draw(mask).ellipse((60, 10, 90, 40), fill=255)
    mask.save(tmp_path / "a coat.png")
    (tmp_path / "said.json").write_text(
        json.dumps(
            {
                "hints": [{"x": 80, "y": 30, "color": "#7a2b1d", "reach": 9}],
                "regions": [{"mask": "a coat.png", "color": "red"}],
            }
        )
    )
    GRAY.save(tmp_path / "gray.png")
    call = [str(tmp_path / "gray.png"), "--device", "cpu", "--overwrite"]
    colorizer = Colorizer.load(device="cpu")
    corners = "0,0 48,0 48,64 0,64"
    for options, hints, regions in (
        (["--region", f"{corners} steelblue", "--region", f"{corners} x0.5"], None, [("steelblue", 1), (None, 0.5)]),
        (["--region", f"{corners} gray", "--hint", "80,30,red"], [Hint(80, 30, "red")], [("gray", 1)]),
        (["--region", f"{tmp_path / 'a coat.png'} red"], None, [("red", None)]),
        (["--hints", str(tmp_path / "said.json")], [Hint(80, 30, "#7a2b1d", 9)], [("red", None)]),
    ):
        assert main([*call, *options]) == 0
        meant = [
            Region(mask, color) if strength is None else Region(LEFT, color, strength) for color, strength in regions
        ]
        expected = colorizer(GRAY, hints=hints, regions=meant)
        with Image.open(tmp_path / "gray-color.png") as result:
            np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a region must be X,Y X,Y X,Y COLOR or MASK COLOR, got ''"),
        ("red", "got 'red'"),
        ("0,0 1,1 red", "three or more corners"),
        ("0,0 9,9 9,0 reddish", "got 'reddish'"),
        ("0,0 9,9 9,0 xtwo", "after x, such as x1.4, got xtwo"),
        ("0,0 9,9 9,0 x7", "a region's strength must be a number from 0 to 2, got 7.0"),
        ("missing.png red", "missing.png"),
    ],
)
def test_a_wrong_region_is_one_line(tmp_path: Path, text: str, told: str, capfd: pytest.CaptureFixture[str]) -> None:
    GRAY.save(tmp_path / "gray.png")
    assert main([str(tmp_path / "gray.png"), "--region", text]) == 2
    said = capfd.readouterr().err
    assert told in said and said.count("\n") == 1
    assert not (tmp_path / "gray-color.png").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", "expected an object of hints and regions, got []"),
        ('{"points": []}', "expected an object of hints and regions"),
        ('{"hints": {}}', "hints must be a list, got {}"),
        (
            '{"hints": [{"x": 1, "y": 1, "color": "red", "reach": 0}]}',
            "reach must be a number of pixels above 0, got 0",
        ),
        ('{"hints": [{"x": 1}]}', 'hints, number 1: got {"x": 1}'),
        ('{"regions": [{"outline": [[0, 0]]}]}', "regions, number 1: a region's outline must have three"),
        ("{", "expected a JSON file"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "said.json"
    path.write_text(content)
    with pytest.raises((ConfigError, DataError)) as raised:
        read_hint_file(path)
    assert told in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)
