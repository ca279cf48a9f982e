"""What a person may say about colors is checked against what a model declares that it takes."""

from __future__ import annotations

import pytest
from PIL import Image

from colorize import Colorizer, ConfigError
from colorize.coloring.conditions import Conditions
from colorize.options import ColorizeOptions
from colorize.photo import Photo
from tests.stand_ins import StandInEngine, TwoHalves, one_color

REFERENCE = Conditions(reference=Image.new("RGB", (4, 4), "red"))


@pytest.mark.parametrize(
    ("conditions", "kinds"),
    [
        (Conditions(), set()),
        (Conditions(seed=3), set()),
        (Conditions(hints=[]), {"hints"}),
        (REFERENCE, {"reference"}),
    ],
)
def test_a_model_has_to_have_learned_all_but_the_seed(conditions: Conditions, kinds: set[str]) -> None:
    assert conditions.kinds == kinds


def test_a_reference_is_refused_by_a_model_without_features() -> None:
    for engine in (StandInEngine(one_color(0, 0)), TwoHalves()):
        with pytest.raises(ConfigError, match="cannot follow a reference photo") as raised:
            Colorizer(engine).color([Photo(Image.new("L", (8, 8)))], ColorizeOptions(), [REFERENCE])
        assert "\n" not in str(raised.value)


def test_a_model_that_declares_it_takes_a_reference_is_not_refused() -> None:
    engine = StandInEngine(one_color(0, 0))
    engine.takes = frozenset({"reference"})
    Colorizer(engine).check_can([REFERENCE])
    with pytest.raises(ConfigError, match="has not learned hints"):
        Colorizer(engine).check_can([Conditions(hints=[])])


def test_each_photo_has_conditions_of_its_own() -> None:
    """Also where the network sees them in one shape: photos of different seeds do not share a prediction."""
    engine = TwoHalves()
    photos = [Photo(Image.new("L", (96, 64), 128))] * 3
    options, conditions = ColorizeOptions(size=78), [Conditions(seed=seed) for seed in (None, 1, 2)]
    together = Colorizer(engine).color(photos, options, conditions)
    for page, asked, colored in zip(photos, conditions, together, strict=True):
        (alone,) = Colorizer(engine).color([page], options, [asked])
        assert colored.image.tobytes() == alone.image.tobytes()
