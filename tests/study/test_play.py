"""The toy problems as a page to play with: what is shown moves, and nothing outside its range is taken."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from colorize.errors import ConfigError
from colorize.study.distribution import best_verdict, read_logits
from colorize.study.play import build_page, watch_colors, watch_game, write_animation
from colorize.training.losses import OBJECTIVES

pytestmark = pytest.mark.study


@pytest.mark.parametrize("objective", ["bce", "lsgan"])
def test_a_game_moves_while_it_is_watched(objective: str) -> None:
    seen = list(watch_game(1, 2e-3, 2e-3, objective, frozen=True, head_start=0, steps=20, seed=0))
    assert [told.split(":")[0] for _, told in seen] == ["step 0 of 20", "step 10 of 20", "step 20 of 20"]
    assert len({picture.tobytes() for picture, _ in seen}) == 3


def test_the_two_colored_world_moves() -> None:
    seen = list(watch_colors("mse", 0.5, 1, 5e-3, 1e-3, "bce", frozen=True, steps=10, seed=0))
    assert [told.split(":")[0] for _, told in seen] == ["step 0 of 10", "step 10 of 10"]
    assert seen[0][0].tobytes() != seen[1][0].tobytes()


@pytest.mark.parametrize("changes", [{"k": 2}, {"d_rate": 0}, {"objective": "lsgan"}, {"frozen": False}])
def test_each_way_to_play_changes_what_the_two_colored_world_becomes(changes: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"k": 1, "g_rate": 5e-3, "d_rate": 5e-3, "objective": "bce", "frozen": True}
    *_, (as_usual, _) = watch_colors("gan", 0.5, **usual, steps=10, seed=0)
    *_, (changed, _) = watch_colors("gan", 0.5, **{**usual, **changes}, steps=10, seed=0)
    assert as_usual.tobytes() != changed.tobytes()


@pytest.mark.parametrize("objective", ["bce", "lsgan", "hinge"])
def test_the_best_d_of_each_objective_says_what_is_read(objective: str) -> None:
    """By descent on one number per place: where p and q are alike it says ½, and more where p is larger."""
    p, q = torch.tensor([0.2, 0.5, 0.6]), torch.tensor([0.6, 0.5, 0.2])
    logits = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([logits], 0.1)
    for _ in range(100):
        optimizer.zero_grad()
        losses = [_loss(objective, *place) for place in zip(p, q, logits, strict=True)]
        torch.stack(losses).sum().backward()
        optimizer.step()
    read = read_logits(logits.detach(), objective)
    if objective == "hinge":  # it only says which is larger
        assert read[0] < 0.02 and read[2] > 0.98
    else:
        torch.testing.assert_close(read, best_verdict(p, q), atol=0.02, rtol=0)


def _loss(objective: str, real: torch.Tensor, made: torch.Tensor, logit: torch.Tensor) -> torch.Tensor:
    """D's loss at a place where real examples come with one weight and made ones with another."""
    far = {"bce": 50.0, "lsgan": 0.0, "hinge": 2.0}[objective]  # where the other half of the loss is 0
    both = OBJECTIVES[objective].discriminator
    zero = both(torch.tensor([1.0 if objective == "lsgan" else far]), torch.tensor([-far]))
    on_real = both(logit[None], torch.tensor([-far])) - zero
    on_made = both(torch.tensor([1.0 if objective == "lsgan" else far]), logit[None]) - zero
    return real * on_real + made * on_made


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((0, 2e-3, 2e-3, "bce", True, 0, 10, 0), "k must be from 1 to 10, got 0"),
        ((1.5, 2e-3, 2e-3, "bce", True, 0, 10, 0), "k must be a whole number"),
        ((1, 2.0, 2e-3, "bce", True, 0, 10, 0), "rate of G must be from 0.0001 to 0.1"),
        ((1, 2e-3, None, "bce", True, 0, 10, 0), "rate of D must be"),
        ((1, 2e-3, 2e-3, "none", True, 0, 10, 0), "objective must be one of bce, minimax, lsgan, hinge"),
        ((1, 2e-3, 2e-3, "bce", True, 0, 10**9, 0), "steps must be from 10 to 2000"),
    ],
)
def test_a_value_outside_its_range_is_refused(values: tuple[Any, ...], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        next(watch_game(*values))
    with pytest.raises(ConfigError, match="loss must be one of"):
        next(watch_colors("none", 0.5, 1, 1e-3, 1e-3, "bce", frozen=True, steps=10, seed=0))


def test_an_animation_moves_and_is_small(tmp_path: Path) -> None:
    write_animation(tmp_path / "game.gif", steps=20)
    with Image.open(tmp_path / "game.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 3
    shown = Path(__file__).parents[2] / "docs" / "game.gif"
    assert shown.stat().st_size < 500_000
    with Image.open(shown) as animation:
        assert getattr(animation, "n_frames", 1) == 41


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # gradio leaves an event loop open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_page_has_a_tab_for_each_problem() -> None:
    page = build_page()
    labels = {getattr(block, "label", None) for block in page.blocks.values()}
    assert {"A distribution from noise", "Red or blue", "objective", "D holds still while G learns"} <= labels
    del page
    gc.collect()
