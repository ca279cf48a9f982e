"""Colors that stay with what they belong to, by the shipped model on films whose motion is known."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from colorize.color.lightness import ab_of
from colorize.color.units import AB_RANGE, FloatArray
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.engine import Engine
from colorize.coloring.engine.graph_engine import GraphEngine
from colorize.models.modelfile import GRAPH_SUFFIX, SHIPPED_MODEL
from colorize.options import REACH, FilmOptions
from colorize.video import steady
from colorize.video.motion import motion_between
from colorize.video.steady import steady_colors
from tests.video.films import Gray, Place, gray_of, pan, photo, shot, two_layers, zoom
from tests.video.steadiness import Compared, Predictions, compare, measure, small, steadied

pytestmark = pytest.mark.film

COUNT = 40
FILMS: dict[str, tuple[str, Place, float]] = {
    "pan": ("chelsea", pan(2, 0.7), 0),
    "zoom": ("astronaut", zoom(1.01, (280, 250)), 0),
    "pan with grain": ("rocket", pan(-1.5, 1.0, (250, 60)), 5),
    "fast pan with grain": ("astronaut", pan(5, 2), 5),
    "slow pan with grain": ("coffee", pan(0.3), 6),
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Colorizer.load(device="cpu", engine="onnx").engine


@pytest.fixture(scope="module")
def measured(engine: Engine) -> dict[str, Compared]:
    return {name: of_film(name, engine) for name in FILMS}


def of_film(name: str, engine: Engine) -> Compared:
    image, place, grain = FILMS[name]
    return compare(engine, shot(photo(image), place, COUNT), place, grain)


def ratios(measured: dict[str, Compared], what: str) -> list[float]:
    """Of each film ours to the colors frame by frame."""
    return [getattr(each.ours, what) / getattr(each.alone, what) for each in measured.values()]


def test_colors_of_a_film_with_grain_are_steady_and_true(engine: Engine) -> None:
    alone, _, ours = of_film("fast pan with grain", engine)
    assert ours.next <= alone.next / 4
    assert ours.fourth <= alone.fourth / 3
    assert ours.flicker <= alone.flicker / 3
    assert ours.chroma >= 0.95 * alone.chroma
    assert ours.error <= alone.error


@pytest.mark.slow
def test_colors_change_a_quarter_as_much_from_frame_to_frame(
    measured: dict[str, Compared],
) -> None:
    assert max(ratios(measured, "next")) <= 1 / 4
    assert np.mean(ratios(measured, "next")) <= 0.12


@pytest.mark.slow
def test_colors_change_a_third_as_much_over_four_frames(measured: dict[str, Compared]) -> None:
    assert max(ratios(measured, "fourth")) <= 1 / 3


@pytest.mark.slow
def test_colors_flicker_a_third_as_much_by_their_histograms(measured: dict[str, Compared]) -> None:
    assert max(ratios(measured, "flicker")) <= 1 / 3


@pytest.mark.slow
def test_colors_lose_no_chroma_and_no_truth(measured: dict[str, Compared]) -> None:
    """On average, films are no further from the truth than the network on every frame, and 5 % paler at most.

    A single film may be, for two reasons. The mean of what the network says of a picture and of its mirror image is
    truer for most pictures, but not for all: so steadying is measured against the same question, asked of every frame.
    And the ten key frames are a sample of the forty, which may happen to be less true than the rest: by 2.1 % at most
    in 24 films of other photos (`benchmarks/films.py --truth`).
    """
    assert np.mean(ratios(measured, "chroma")) >= 0.95
    assert min(ratios(measured, "chroma")) >= 0.93
    assert np.mean(ratios(measured, "error")) <= 1
    assert max(each.ours.error / each.both_ways.error for each in measured.values()) <= 1.02
    assert min(each.ours.chroma / each.both_ways.chroma for each in measured.values()) >= 0.95


def test_what_flies_in_front_takes_no_colors_from_behind(engine: Engine) -> None:
    count = 24
    back = shot(photo("coffee"), pan(-1, 0, (140, 60)), count)
    truth = two_layers(back, [photo("astronaut")[20:200, 140:380]] * count, 5)
    frames = [small(gray_of(each)) for each in truth]
    predictions = Predictions(engine)
    height, width = frames[0].shape

    def error(colors: list[FloatArray]) -> float:
        true = [ab_of(cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA)) for each in truth]  # type: ignore[arg-type]
        pairs = zip(colors, true, strict=True)
        return float(np.mean([np.linalg.norm(np.moveaxis(ab, 0, -1) - its, axis=-1).mean() for ab, its in pairs]))

    assert error(steadied(frames, predictions)) <= error([predictions(each) for each in frames])


def test_what_is_another_level_step_by_step_keeps_no_colors_of_before() -> None:
    """A mouth that closes: a dark disc gets as light as what is around it. The network sees blue in the dark only."""
    height, width, closed = 96, 128, 13
    rows, columns = np.indices((height, width))
    disc = np.hypot(rows - 48, columns - 64) < 8
    skin = 150 + np.random.default_rng(0).integers(0, 12, (height, width))
    frames = [(skin - disc * max(0, 130 - 10 * t)).astype(np.uint8) for t in range(30)]

    def predict(levels: Gray) -> FloatArray:
        dark = levels < 90
        return np.stack([np.where(dark, -0.1, 0.3), np.where(dark, -0.3, 0.2)]).astype(np.float32)

    marked = ((number, each, number == 0) for number, each in enumerate(frames))
    for each in steady_colors(marked, predict):
        if each.frame >= closed:
            blue = (0.2 - each.ab[1, disc]) / 0.5  # 0 is none, 1 is as before
            assert blue.mean() < 0.03


def test_nothing_is_carried_across_a_cut(engine: Engine) -> None:
    before = [small(gray_of(each)) for each in shot(photo("coffee"), pan(1), 11)]
    after = [small(gray_of(each)) for each in shot(photo("astronaut"), pan(1), 18)]
    predictions = Predictions(engine)
    whole = steadied([*before, *after], predictions, cuts=(11,))
    assert all(np.array_equal(a, b) for a, b in zip(whole[:11], steadied(before, predictions), strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(whole[11:], steadied(after, predictions), strict=True))


def test_the_network_sees_every_fourth_frame_and_the_first_of_a_shot(engine: Engine) -> None:
    frames = [small(gray_of(each)) for each in shot(photo("coffee"), pan(1), 19)]
    predictions = Predictions(engine)
    steadied(frames, predictions, cuts=(10, 11))
    assert FilmOptions().every == 4
    assert predictions.asked == 3 + 1 + 2


def test_frames_come_out_as_soon_as_all_is_known_of_them() -> None:
    taken = 0

    def frames() -> Iterator[tuple[int, Gray, bool]]:
        nonlocal taken
        for taken in range(1, 100):
            yield taken, np.full((20, 30), taken, np.uint8), taken == 1

    for done in steady_colors(frames(), lambda levels: np.zeros((2, *levels.shape), np.float32)):
        assert taken <= done.frame + REACH


def test_motion_is_found_and_trusted_where_it_can_be_seen() -> None:
    one, other = (gray_of(each) for each in shot(photo("chelsea"), pan(3, -2), 2, (160, 120)))
    there, back = motion_between(one, other)
    inner = np.s_[..., 10:-10, 10:-10]
    assert np.abs(np.median(there.flow[inner], axis=(1, 2)) - (-3, 2)).max() < 0.2
    assert np.abs(np.median(back.flow[inner], axis=(1, 2)) - (3, -2)).max() < 0.2
    assert there.confidence[inner].mean() > 0.9
    unlike, _ = motion_between(one, gray_of(shot(photo("astronaut"), pan(0), 1, (160, 120))[0]))
    assert unlike.confidence.mean() < 0.4


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (15, 15), (16, 16)])
def test_tiny_frames_are_colored_too(shape: tuple[int, int]) -> None:
    frames = [np.full(shape, 90, np.uint8)] * 5
    marked = ((number, each, number == 0) for number, each in enumerate(frames))
    for each in steady_colors(marked, lambda levels: np.full((2, *levels.shape), 0.2, np.float32)):
        assert np.abs(each.ab * AB_RANGE - 22).max() < 1e-3


def test_what_the_network_changes_its_mind_about_slowly_keeps_its_color() -> None:
    """A wall and a sky, whose colors drift apart while nothing moves."""
    rows = np.repeat(np.array([60, 200], np.uint8), 24)[:, None]
    levels = np.broadcast_to(rows, (48, 64)) + np.random.default_rng(0).integers(0, 9, (48, 64)).astype(np.uint8)
    count = 200
    asked = 0

    def predict(levels: Gray) -> FloatArray:
        nonlocal asked
        turn = asked * 4 / count * np.pi / 3  # by 60° in all
        asked += 1
        sky = levels > 120
        angle = np.where(sky, 4 + turn, 1 - turn)
        return (0.25 * np.stack([np.cos(angle), np.sin(angle)])).astype(np.float32)

    marked = ((number, levels, number == 0) for number in range(count))
    colors = [each.ab.reshape(2, 2, -1).mean(axis=-1) * AB_RANGE for each in steady_colors(marked, predict)]  # (2, 2)
    moved = np.linalg.norm(colors[-1] - colors[0], axis=0)
    chroma = np.linalg.norm(colors[-1], axis=0)
    alone = 2 * 0.25 * AB_RANGE * np.sin(np.pi / 6)
    assert (moved < 0.6 * alone).all()
    assert (chroma > 0.85 * 0.25 * AB_RANGE).all()


def test_a_picture_in_which_the_network_sees_ever_more_color_does_not_stay_pale() -> None:
    levels = np.random.default_rng(0).integers(0, 255, (48, 64)).astype(np.uint8)
    asked = 0

    def predict(levels: Gray) -> FloatArray:
        nonlocal asked
        asked += 1
        return np.full((2, *levels.shape), 0.1 + 0.002 * asked, np.float32)

    marked = ((number, levels, number == 0) for number in range(200))
    chroma = [float(np.hypot(*each.ab).mean()) for each in steady_colors(marked, predict)]
    alone = [float(np.hypot(0.1 + 0.002 * (number / 4 + 1), 0.1 + 0.002 * (number / 4 + 1))) for number in range(200)]
    assert min(np.divide(chroma, alone)[:-REACH]) > 0.95  # the mean of the last ones knows nothing of what comes


@pytest.mark.slow
def test_taking_out_drift_costs_a_zoom_no_chroma_and_no_truth(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    place = zoom(1.003, (280, 250))
    truth = shot(photo("astronaut"), place, 130)
    frames = [small(gray_of(each)) for each in truth]
    predictions = Predictions(engine)
    ours = measure(steadied(frames, predictions)[48:], truth[48:], lambda t: place(t + 48))
    monkeypatch.setattr(steady, "_SETTLED", 1 << 30)
    without = measure(steadied(frames, predictions)[48:], truth[48:], lambda t: place(t + 48))
    assert ours.chroma >= 0.95 * without.chroma
    assert ours.error <= 1.01 * without.error


def test_motion_is_the_same_whatever_was_looked_at_before() -> None:
    one, other = (gray_of(each) for each in shot(photo("chelsea"), pan(1, 0.5), 2, (96, 72)))
    before = motion_between(one, other)
    motion_between(one[:32, :32].copy(), other[:32, :32].copy())  # so small that OpenCV chooses other scales
    for earlier, now in zip(before, motion_between(one, other), strict=True):
        assert np.array_equal(earlier.flow, now.flow)


def test_colors_are_the_same_with_any_number_of_threads(engine: Engine) -> None:
    frames = [small(gray_of(each)) for each in shot(photo("coffee"), pan(1), 9)]
    threads = cv2.getNumThreads()
    try:
        results = []
        for count in (1, 3):
            cv2.setNumThreads(count)
            own = GraphEngine(SHIPPED_MODEL.with_suffix(GRAPH_SUFFIX), SHIPPED_MODEL, count)
            results.append(steadied(frames, Predictions(own)))
    finally:
        cv2.setNumThreads(threads)
    assert all(np.array_equal(one, other) for one, other in zip(*results, strict=True))


def test_a_fade_from_black_is_no_reason_to_stay_pale(engine: Engine) -> None:
    still = small(gray_of(shot(photo("coffee"), pan(0), 1, (96, 72))[0]))
    faded = [(still * min(1.0, t / 24)).astype(np.uint8) for t in range(90)]
    predictions = Predictions(engine)
    chroma = np.hypot(*steadied(faded, predictions)[-1]).mean()
    assert chroma > 0.9 * np.hypot(*predictions(still)).mean()


def test_a_shot_goes_on_from_a_key_frame_with_the_same_colors(engine: Engine) -> None:
    frames = [small(gray_of(each)) for each in shot(photo("coffee"), pan(1), 60, (96, 72))]
    predictions = Predictions(engine)
    for every, at in ((4, 8), (7, 5)):
        marked = ((number, each, number == 0) for number, each in enumerate(frames))
        whole = list(steady_colors(marked, predictions, every))
        middle = whole[at * every]
        assert middle.state is not None
        first = at * every - middle.state.overlap
        rest = steady_colors(
            ((number, each, number == first) for number, each in enumerate(frames[first:], first)),
            predictions,
            every,
            middle.state,
        )
        again = {each.frame: each.ab for each in rest}
        assert all(np.array_equal(again[each.frame], each.ab) for each in whole[at * every :])
