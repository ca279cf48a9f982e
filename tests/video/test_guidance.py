"""What a person says of single frames: hints and regions that move along, frames in color that fade into ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from colorize.color.lightness import ab_of
from colorize.color.units import FloatArray
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.conditions import Conditions
from colorize.coloring.engine import AUTOMATIC, Features, NetworkConditions
from colorize.coloring.hints import Hint
from colorize.coloring.regions import Region
from colorize.errors import ConfigError, FilmError
from colorize.options import ColorizeOptions, FilmOptions
from colorize.video import FilmResult, colored_frames, colorize_film, film
from colorize.video.guidance import FrameConditions, Layer, Points, Said
from colorize.video.motion import motion_between
from colorize.video.steady import FADE, steady_colors
from tests.stand_ins import StandInEngine, one_color
from tests.video.films import Gray, gray_of, pan, photo, planes, shot, write_film

pytestmark = pytest.mark.film

FFV1 = FilmOptions(codec="ffv1")
SIZE = (96, 72)
RED, BLUE = (200, 40, 40), (40, 60, 200)


class Obedient:
    """An engine that finds all gray, and takes hints where they are."""

    stride, bins, takes = 8, None, frozenset({"hints"})

    def __init__(self) -> None:
        self.hinted: list[FloatArray] = []

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        hints = np.zeros((1, 3, *l.shape[2:]), np.float32) if conditions.hints is None else conditions.hints
        self.hinted.append(hints[0])
        return np.zeros((len(l), 2, *l.shape[2:]), np.float32)

    def predict_distribution(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        raise ValueError

    def predict_features(self, l: FloatArray) -> Features:
        raise ValueError


@pytest.fixture(scope="module")
def frames() -> list[Gray]:
    return [gray_of(each) for each in shot(photo("chelsea"), pan(1, 0.5), 140, SIZE)]


def color(source: Path, conditions: FrameConditions, engine: Any = None, **more: Any) -> list[NDArray[Any]]:
    """Cr of each frame, as far as it is above gray."""
    target = source.with_name("color.mkv")
    options = FilmOptions(codec="ffv1", **more)
    colorizer = Colorizer(engine or Obedient())
    again = ColorizeOptions(overwrite=True)
    colorize_film(source, target, again, options, conditions=conditions, colorizer=colorizer)
    return [each[2].astype(int) - 128 for each in planes(target)]


def test_a_hint_moves_with_what_it_lies_on_to_the_end_of_its_shot(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames[:60])
    engine = Obedient()
    cr = color(source, {0: Conditions([Hint(70, 50, RED)])}, engine, cuts=(40,))
    places = [np.argwhere(each[2]).mean(axis=0) for each in engine.hinted[:10]]
    rows, columns = np.array(places).T * SIZE[1] / 144  # the network sees it twice as large
    assert np.abs(columns - (70 - np.arange(0, 40, 4))).max() < 3  # the camera moves by (1, 0.5)
    assert np.abs(rows - (50 - np.arange(0, 40, 4) / 2)).max() < 3
    assert all(each[2].sum() >= 5 for each in engine.hinted[:10])
    assert not any(each[2].any() for each in engine.hinted[10:])  # another shot
    assert all(each.max() > 25 for each in cr[:24]) and not any(each.any() for each in cr[40:])


def test_a_hint_that_is_lost_from_sight_ends() -> None:
    one, other = (gray_of(each) for each in shot(photo("chelsea"), pan(6), 2, (160, 120)))
    hints = np.zeros((4, 120, 160), np.float32)
    for column in (2, 80, 159):
        hints[:, 60, column] = 0.5, 0.2, 1, column + 1
    points = Points().with_hints(hints, one)
    there, _ = motion_between(one, other)
    assert len(points.places) == 3
    moved = points.moved(there, other)
    assert np.allclose(moved.places, [[74, 60], [153, 60]], atol=1.5)  # the first one has left the picture
    assert list(moved.reach) == [81, 160]
    assert len(points.moved(there, 255 - other).places) < 2  # something else is there


def test_a_frame_in_color_is_carried_and_fades(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames)
    cr = [each.mean() for each in color(source, {20: Conditions(reference=Image.new("RGB", SIZE, RED))}, cuts=())]
    assert cr[20] == max(cr) > 20
    assert cr[0] == cr[3] == 0  # no further back than frames are held
    assert 0 < cr[10] < cr[18] < cr[20] > cr[30] > cr[60] > cr[100] > 0
    assert cr[20 + FADE] == cr[139] == 0


def test_a_frame_in_color_has_its_colors_at_full_weight(tmp_path: Path) -> None:
    truth = shot(photo("coffee"), pan(0.5), 12, SIZE)
    source = write_film(tmp_path / "film.mkv", [gray_of(each) for each in truth])
    given = {0.2: Conditions(reference=Image.fromarray(truth[5]))}  # seconds
    frames = list(colored_frames(source, conditions=given, colorizer=Colorizer(Obedient())))

    def error(number: int) -> float:
        """As a share of that of gray."""
        true, found = ab_of(truth[number]), ab_of(np.asarray(frames[number].to_ndarray(format="rgb24"), np.uint8))
        return float(np.abs(found - true).mean() / np.abs(true).mean())

    assert error(5) < 0.25
    assert error(11) < 0.35


def test_frames_in_color_stay_in_their_shot_and_the_later_one_counts(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames[:60])
    given = {
        0: Conditions(reference=Image.new("RGB", SIZE, RED)),
        30: Conditions(reference=Image.new("RGB", SIZE, BLUE)),
    }
    cr = [each.mean() for each in color(source, given, cuts=(50,))]
    assert cr[0] > 20 > 0 > cr[30] and cr[0] > cr[20] > cr[28] > cr[30]
    assert not any(cr[50:])


def test_a_frame_in_color_is_a_reference_for_its_shot(tmp_path: Path) -> None:
    """The model of the program: what the colors of a frame fade into looks for them."""
    truth = shot(photo("coffee"), pan(0.4), 24, SIZE)
    strange = [np.ascontiguousarray(each[..., ::-1]) for each in truth]  # blue coffee
    levels = [gray_of(each) for each in strange]
    colorizer = Colorizer.load(device="cpu", engine="onnx")
    source = write_film(tmp_path / "film.mkv", levels)

    def distance(conditions: FrameConditions) -> float:
        last = list(colored_frames(source, conditions=conditions, colorizer=colorizer))[-1].to_ndarray(format="rgb24")
        return float(np.abs(last.astype(int) - strange[-1]).mean())

    assert distance({0: Conditions(reference=Image.fromarray(strange[0]))}) < 0.4 * distance({})


def test_a_picture_that_is_carried_no_more_is_still_looked_for() -> None:
    asked: list[tuple[int, ...]] = []

    def predict(levels: Gray, hints: FloatArray | None = None, pictures: tuple[int, ...] = ()) -> FloatArray:
        asked.append(pictures)
        return np.zeros((2, *levels.shape), np.float32)

    levels = np.random.default_rng(0).integers(0, 255, (24, 32)).astype(np.uint8)
    said = Said(None, np.full((2, 24, 32), 0.3, np.float32), 7)
    count = FADE + 20
    marked = ((number, levels, number in (0, count - 8)) for number in range(count))
    colors = [each.ab for each in steady_colors(marked, predict, say=lambda number: [said] if number == 4 else [])]
    assert np.allclose(colors[4], 0.3) and np.allclose(colors[count - 9], 0)
    assert asked == [()] + [(7,)] * ((count - 8) // 4 - 1) + [()] * 2


@pytest.fixture
def resumable(frames: list[Gray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FilmResult]:
    monkeypatch.setattr(film, "LEAST", 1)
    monkeypatch.setattr(film, "MOST", 1)
    source = write_film(tmp_path / "film.mkv", frames)

    def run(name: str, stop_at: int | None = None, conditions: FrameConditions | None = None) -> FilmResult:
        def progress(done: int, total: int | None) -> None:
            if done == stop_at:
                raise KeyboardInterrupt

        said = {0: Conditions([Hint(70, 50, RED)]), 2.0: Conditions([Hint(80, 60, BLUE)])}
        return colorize_film(
            source,
            tmp_path / name,
            film_options=FilmOptions(codec="ffv1", cuts=()),
            conditions=said if conditions is None else conditions,
            colorizer=Colorizer(Obedient()),
            progress=progress,
        )

    return run


def test_a_film_with_hints_that_is_stopped_becomes_the_same(
    resumable: Callable[..., FilmResult], tmp_path: Path
) -> None:
    resumable("whole.mkv")
    for stop_at in (40, 139):
        with pytest.raises(KeyboardInterrupt):
            resumable("stopped.mkv", stop_at)
    assert resumable("stopped.mkv").resumed > 80
    for left, right in zip(planes(tmp_path / "whole.mkv"), planes(tmp_path / "stopped.mkv"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def test_a_film_with_frames_in_color_goes_on_where_they_have_faded(
    resumable: Callable[..., FilmResult], tmp_path: Path
) -> None:
    said = {4: Conditions(reference=Image.new("RGB", SIZE, RED))}
    resumable("whole.mkv", None, said)
    with pytest.raises(KeyboardInterrupt):
        resumable("stopped.mkv", 139, said)
    with pytest.raises(FilmError, match=r"is half done with hints and frames in color [0-9a-f]{16};"):
        resumable("stopped.mkv")
    assert resumable("stopped.mkv", None, said).resumed > 4 + FADE
    for left, right in zip(planes(tmp_path / "whole.mkv"), planes(tmp_path / "stopped.mkv"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def inner(count: int, margin: int) -> list[tuple[slice, slice]]:
    """Where in Cr a box that begins at 50, 30 and is 24 × 20 px large has moved to, narrower by a margin each side."""
    return [
        np.s_[
            round((30 - t / 2 + margin) / 2) : round((50 - t / 2 - margin) / 2),
            round((50 - t + margin) / 2) : round((74 - t - margin) / 2),
        ]
        for t in range(count)
    ]


BOX = [(50, 30), (74, 30), (74, 50), (50, 50)]


@pytest.mark.parametrize("as_mask", [False, True])
def test_a_region_moves_with_what_it_lies_on_to_the_end_of_its_shot(
    frames: list[Gray], tmp_path: Path, as_mask: bool
) -> None:
    source = write_film(tmp_path / "film.mkv", frames[:50])
    mask = Image.new("L", SIZE)
    mask.paste(255, (50, 30, 74, 50))
    cr = color(source, {0: Conditions(regions=[Region(mask if as_mask else BOX, RED)])}, cuts=(40,))
    for each, within, around in zip(cr[:40], inner(40, 4), inner(40, -5), strict=True):
        assert each[within].min() > 20
        beside = np.ones(each.shape, bool)
        beside[around] = False
        assert not each[beside].any()
    assert not any(each.any() for each in cr[40:])  # another shot


def test_a_region_is_kept_gray_or_gets_more_color_and_the_later_one_counts(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames[:24])

    def within(conditions: FrameConditions) -> list[float]:
        cr = color(source, conditions, StandInEngine(one_color(0.1, 0.0)))
        return [float(each[its].mean()) for each, its in zip(cr, inner(24, 4), strict=True)]

    usual = within({})
    for strength in (0.0, 0.5, 2.0):
        shares = np.divide(within({0: Conditions(regions=[Region(BOX, strength=strength)])}), usual)
        assert np.abs(shares - strength).max() < 0.2
    later = [(30, 20), (60, 20), (60, 44), (30, 44)]  # where the box is at frame 20 and around it
    both = within({0: Conditions(regions=[Region(BOX, strength=0)]), 20: Conditions(regions=[Region(later, RED)])})
    assert max(both[:3]) < 0.2 * usual[0]
    assert both[3] < both[10] < both[16] < both[20] > 20


def test_a_region_ends_where_it_is_hidden() -> None:
    one, other = (gray_of(each) for each in shot(photo("chelsea"), pan(6), 2, (160, 120)))
    change = np.zeros((3, 120, 160), np.float32)
    change[0] = 0.5
    _, back = motion_between(one, other)
    there = Layer.at_home(change).moved(back).here
    assert (there[0, 20:-20, 20:130] > 0.48).mean() > 0.95
    assert np.median(there[0, :, 156:]) == 0  # has come into the picture since


def test_a_film_with_regions_that_is_stopped_becomes_the_same(
    resumable: Callable[..., FilmResult], tmp_path: Path
) -> None:
    said = {0: Conditions(regions=[Region(BOX, RED)]), 2.0: Conditions([Hint(5, 5, BLUE)], regions=[Region(BOX, BLUE)])}
    resumable("whole.mkv", None, said)
    for stop_at in (45, 139):
        with pytest.raises(KeyboardInterrupt):
            resumable("stopped.mkv", stop_at, said)
    with pytest.raises(FilmError, match="is half done with hints and frames in color"):
        resumable("stopped.mkv", None, {**said, 0: Conditions(regions=[Region(BOX, RED, 0.9)])})
    assert resumable("stopped.mkv", None, said).resumed > 80
    for left, right in zip(planes(tmp_path / "whole.mkv"), planes(tmp_path / "stopped.mkv"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def test_what_is_said_of_frames_that_are_not_there_is_told(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames[:20])
    hints = Conditions([Hint(1, 1, RED)])
    result = colorize_film(
        source,
        tmp_path / "color.mkv",
        film_options=FFV1,
        conditions={5: hints, 20: hints, 7.5: hints},
        colorizer=Colorizer(Obedient()),
    )
    assert result.left_out == (
        "what is given for the frame at 7.5 s: there is no such frame",
        "what is given for frame 20: there is no such frame",
    )


def test_a_part_of_a_film_takes_what_is_said_of_its_own_frames(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames[:50])
    red, blue = (Conditions(reference=Image.new("RGB", SIZE, each)) for each in (RED, BLUE))
    cr = color(source, {0.2: blue, 1.0: red}, start=1.0)
    assert cr[0].mean() > 20


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({3: Conditions([Hint(96, 5, RED)])}, r"frame 3: a hint must lie within the photo's 96×72 px, got \(96, 5\)"),
        (
            {0.5: Conditions(Image.new("RGBA", (20, 20)))},
            "the frame at 0.5 s: a mask of hints must be an image",
        ),
        ({3: Conditions(reference=Image.new("RGB", (72, 96), RED))}, "frame 3: expected the whole frame in color"),
        ({3: Conditions(seed=1)}, "frame 3: a frame of a film takes hints, regions, and one reference"),
        ({3: Conditions(regions=[Region(Image.new("L", (9, 9)))])}, "frame 3: a region's mask must be an image of 96"),
        ({-1: Conditions([Hint(1, 1, RED)])}, "frame -1: expected the number of a frame or a time"),
    ],
)
def test_what_is_not_for_a_film_is_one_sentence(
    conditions: FrameConditions, said: str, frames: list[Gray], tmp_path: Path
) -> None:
    source = write_film(tmp_path / "film.mkv", frames[:2])
    with pytest.raises(ConfigError, match=said) as caught:
        color(source, conditions)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv"]
