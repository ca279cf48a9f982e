"""The two-colored world: gray tells nothing, and each loss gives the answer that theory says."""

from __future__ import annotations

import pytest
import torch

from colorize.color.tensors import lab_to_rgb, rgb_to_lab
from colorize.study.two_colors import (
    ARMS,
    COLORS,
    Settings,
    best_answers,
    draw_shapes,
    is_red_is_blue,
    mean_colors,
    measure,
    train,
)
from colorize.training.losses import RECONSTRUCTIONS

pytestmark = pytest.mark.study


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_gray_tells_nothing_of_the_color() -> None:
    red, blue = draw_shapes(20, 1.0, rng()), draw_shapes(20, 0.0, rng())
    assert torch.equal(red.l, blue.l)
    assert not torch.equal(red.ab, blue.ab)
    for shapes in (red, blue):  # both colors exist, so that nothing is clipped and lightness is what it says
        rgb = lab_to_rgb(shapes.l, shapes.ab, clip=False)
        assert rgb.min() >= 0
        assert rgb.max() <= 1
        torch.testing.assert_close(rgb_to_lab(rgb)[0], shapes.l, atol=1e-4, rtol=0)


def test_shapes_lie_within_their_picture_and_are_as_often_red_as_they_should_be() -> None:
    shapes = draw_shapes(1000, 0.75, rng())
    assert shapes.masks.flatten(1).sum(dim=1).min() > 50
    for edge in (shapes.masks[..., 0], shapes.masks[..., -1], shapes.masks[..., 0, :], shapes.masks[..., -1, :]):
        assert edge.mean() < 0.05  # a shape may touch, but is not cut off
    red, blue = is_red_is_blue(mean_colors(shapes.ab, shapes.masks))
    assert (red ^ blue).all()
    assert red.float().mean() == pytest.approx(0.75, abs=0.04)


def test_purple_is_neither_and_what_is_close_counts() -> None:
    (red_a, red_b), (blue_a, blue_b) = COLORS["red"], COLORS["blue"]
    answers = torch.tensor([[red_a, red_b + 9.9], [red_a, red_b - 10.1], [blue_a - 7, blue_b + 7], [40.0, -10.0]])
    red, blue = is_red_is_blue(answers)
    assert red.tolist() == [True, False, False, False]
    assert blue.tolist() == [False, False, True, False]


@pytest.mark.parametrize("share", [0.5, 0.75])
@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_what_is_said_to_be_the_best_answer_is(loss: str, share: float) -> None:
    """Against every answer on a grid, with the project's own losses."""
    truth = torch.tensor([COLORS["red"]] * round(4 * share) + [COLORS["blue"]] * round(4 * (1 - share)))

    def expected(answer: torch.Tensor) -> float:
        return RECONSTRUCTIONS[loss](answer.expand(4, 2), truth).item()

    grid = [torch.tensor([a, b]) for a in torch.arange(0, 81, 5.0) for b in torch.arange(-80, 61, 5.0)]
    least = min(expected(answer) for answer in grid)
    if loss in (answers := best_answers(share)):
        assert expected(torch.tensor(answers[loss])) <= least + 1e-6
    else:  # L1 between two equally frequent colors: anything in between is as good
        assert share == 0.5
        for middle in ([40.0, -10.0], [20.0, 40.0], [55.0, 30.0]):
            assert expected(torch.tensor(middle)) == pytest.approx(least)


SMALL = Settings(steps=150, batch_size=8, ngf=4, depth=3, ndf=8, lr=5e-3, shapes=40, draws=4)


def test_mse_answers_with_the_mean_which_is_no_color_that_exists_and_l1_with_the_more_frequent_one() -> None:
    for red in (0.5, 0.75):
        shapes = draw_shapes(SMALL.shapes, red, rng(9))
        result = measure(train(ARMS["mse"], red, SMALL, seed=0), ARMS["mse"], shapes, SMALL.draws)
        assert result["mean"] == pytest.approx(best_answers(red)["mse"], abs=9)
        assert result["near"] < 0.1
    result = measure(train(ARMS["l1"], 0.75, SMALL, seed=0), ARMS["l1"], shapes, SMALL.draws)
    assert torch.tensor(result["mean"]).dist(torch.tensor(COLORS["red"])) < 15
    assert result["blue"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("red", [0.5, 0.75])
def test_the_adversarial_loss_commits_to_colors_that_exist_and_with_noise_gives_one_shape_both(red: float) -> None:
    settings, arm = Settings(), ARMS["gan+noise"]
    shapes = draw_shapes(settings.shapes, red, rng(9))
    result = measure(train(arm, red, settings, seed=0), arm, shapes, settings.draws)
    assert result["near"] >= 0.9
    assert result["both"] > 0.5
    assert result["red_of_near"] == pytest.approx(red, abs=0.25)
