"""Cuts are found where they are, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorize.video.cuts import mark_cuts
from tests.video.films import Gray, grainy, gray_of, pan, photo, shot

pytestmark = pytest.mark.film

SIZE = (111, 83)  # width and height that the network sees, 96² pixels


def cuts_of(frames: Sequence[Gray]) -> list[int]:
    marked = list(mark_cuts(enumerate(frames)))
    assert [number for number, _ in marked] == list(range(len(frames)))
    return [number for number, is_cut in marked if is_cut]


def a_shot(image: Gray, count: int, random: np.random.Generator) -> list[Gray]:
    """With a camera that moves and perhaps shakes, perhaps with grain and a flickering exposure."""
    height, width = image.shape
    scale = random.uniform(1.0, min(height / 180, width / 240)) * 240 / SIZE[0]
    start = [random.uniform(0, max(1, side - shown * scale)) for side, shown in zip((width, height), SIZE, strict=True)]
    speed, shake = random.normal(0, 1.5, 2), random.choice([0, 1.5])
    grain, flicker, nearer = random.choice([0, 2, 4.5]), random.choice([0, 0, 0.12]), random.choice([1, 1.004, 0.996])
    frames = []
    for t in range(count):
        moved = start + speed * t + random.normal(0, 1, 2) * shake
        place = np.array([[scale * nearer**t, 0, moved[0]], [0, scale * nearer**t, moved[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(image, place, SIZE, flags=flags, borderMode=cv2.BORDER_REFLECT)
        noisy = seen * (1 + random.normal(0, flicker)) + random.normal(0, grain, seen.shape)
        frames.append(noisy.clip(0, 255).astype(np.uint8))
    return frames


USED = ("astronaut", "chelsea", "coffee", "rocket", "camera", "coins", "brick", "gravel", "page", "clock")
HELD_OUT = ("moon", "retina", "hubble_deep_field", "immunohistochemistry", "grass", "text", "cell", "horse")


def gray_photo(name: str) -> Gray:
    """A photo of scikit-image, 560 pixels wide."""
    image = Image.fromarray(np.asarray(getattr(data, name)())).convert("L")
    return np.asarray(image.resize((560, max(300, round(image.height * 560 / image.width)))))


@pytest.mark.slow
@pytest.mark.parametrize(("names", "seed"), [(USED, 123), (HELD_OUT, 1), (HELD_OUT + USED, 2)])
def test_of_200_cuts_hardly_one_is_missed_and_hardly_one_is_too_many(names: Sequence[str], seed: int) -> None:
    random = np.random.default_rng(seed)
    images = [gray_photo(name) for name in names]
    frames: list[Gray] = []
    cuts = []
    before = -1
    for _ in range(201):
        others = [number for number in range(len(images)) if number != before]
        before = int(random.choice(others))
        cuts.append(len(frames))
        frames += a_shot(images[before], int(random.integers(6, 90)), random)
    found = set(cuts_of(frames))
    true = set(cuts[1:])
    assert len(found & true) >= 0.98 * len(true)
    assert len(found - true) <= len(frames) / 25 / 600  # one in ten minutes


def test_cuts_between_moving_shots_are_found() -> None:
    random = np.random.default_rng(3)
    images = [gray_of(photo(name)) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    lengths = (20, 9, 40, 30)
    frames = [each for image, count in zip(images, lengths, strict=True) for each in a_shot(image, count, random)]
    assert cuts_of(frames) == [20, 29, 69]


def test_a_pan_with_grain_has_no_cut() -> None:
    frames = grainy([gray_of(each) for each in shot(photo("astronaut"), pan(5, 2), 40, SIZE)])
    assert cuts_of(frames) == []


def test_one_frame_and_shots_of_one_frame() -> None:
    gray = [gray_of(photo(name, 111))[:70] for name in ("astronaut", "chelsea", "coffee", "rocket")]
    assert cuts_of(gray[:1]) == []
    assert cuts_of([]) == []
    still = [gray[0]] * 20 + [gray[1]] * 20
    assert cuts_of(still) == [20]
    assert cuts_of(still[:21]) == [20]
    assert cuts_of(still[19:]) == [1]
