"""`python -m colorize.study.play`: two of the toy problems to play with, on a page on this computer.

The game of one dimension (`distribution.py`) and the two-colored world (`two_colors.py`), trained by the project's own
`Step` while one looks on: sliders for what may go wrong. `--animation FILE` writes a game as an animated GIF instead.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorize.errors import ConfigError
from colorize.requirements import require
from colorize.system import files
from colorize.system.program import run_program
from colorize.system.threads import wait_passively

if TYPE_CHECKING:
    import gradio as gr
    from PIL import Image

OBJECTIVES = ("bce", "minimax", "lsgan", "hinge")
STEPS = 400  # of the animation
_INTERVAL = 10  # steps between two frames
_FRAME_MS = 120
_LAST_MS = 2500  # the last frame stays
_COLORS = 24  # of the animation
_RANGES: dict[str, tuple[float, float]] = {
    "k": (1, 10),
    "rate of G": (1e-4, 1e-1),
    "rate of D": (0, 1e-1),
    "head start of D": (0, 300),
    "steps": (_INTERVAL, 2000),
    "seed": (0, 1_000_000),
    "share of red": (0.5, 0.95),
}
_SHAPES = 100  # looked at


def watch_game(
    k: float, g_rate: float, d_rate: float, objective: str, frozen: bool, head_start: float, steps: float, seed: float
) -> Iterator[tuple[Image.Image, str]]:
    """Play a game of `distribution`.

    Args:
        k: updates of D per update of G.
        g_rate: of learning, of G.
        d_rate: of D; 0: after its head start it learns nothing more.
        objective: one of OBJECTIVES.
        frozen: whether D holds still while G learns.
        head_start: updates of D before the first of G.
        steps: updates of G.
        seed: of all chance.

    Yields:
        Every few steps a picture of densities and D, and a line of words.

    Raises:
        ConfigError: a value is outside its range.
    """
    from colorize.study import distribution, figures

    game = distribution.Game(
        k=_whole("k", k),
        g_lr=_bounded("rate of G", g_rate),
        d_lr=_bounded("rate of D", d_rate) or distribution.Game.d_lr,
        frozen=bool(frozen),
        warm_up=_whole("head start of D", head_start),
        d_learns=d_rate > 0,
        objective=_one_of_objectives(objective),
    )
    last = _whole("steps", steps)
    for moment in distribution.moments(game, _whole("seed", seed), last):
        if moment.step % _INTERVAL and moment.step != last:
            continue
        frame = distribution.frame_of(moment, game)
        distance = distribution.wasserstein(moment.generator(distribution.even_noise()).detach().flatten())
        told = f"step {moment.step} of {last}: Wasserstein-1 distance {distance:.3f}"
        yield figures.to_picture(partial(figures.draw_moment, frame)), told


def watch_colors(
    loss: str,
    red: float,
    k: float,
    g_rate: float,
    d_rate: float,
    objective: str,
    frozen: bool,
    steps: float,
    seed: float,
) -> Iterator[tuple[Image.Image, str]]:
    """Train a generator of the two-colored world.

    Args:
        loss: a key of `two_colors.ARMS`.
        red: the share of red shapes.
        k: updates of D per update of G.
        g_rate: of learning, of G.
        d_rate: of D; 0: it stays as it began.
        objective: one of OBJECTIVES.
        frozen: whether D holds still while G learns.
        steps: updates of G.
        seed: of all chance.

    Yields:
        Every few steps a picture of the colors given to new shapes, and a line of words.

    Raises:
        ConfigError: a value is outside its range.
    """
    import torch

    from colorize.study import figures, two_colors
    from colorize.study.distribution import Game

    if loss not in two_colors.ARMS:
        raise ConfigError(f"loss must be one of {', '.join(two_colors.ARMS)}, got {loss!r}")
    arm, share = two_colors.ARMS[loss], _bounded("share of red", red)
    settings = dataclasses.replace(two_colors.Settings(), steps=_whole("steps", steps))
    game = Game(
        k=_whole("k", k),
        g_lr=_bounded("rate of G", g_rate),
        d_lr=_bounded("rate of D", d_rate),
        frozen=bool(frozen),
        objective=_one_of_objectives(objective),
    )
    shapes = two_colors.draw_shapes(_SHAPES, share, torch.Generator().manual_seed(1))
    colors = {**two_colors.COLORS, "near": two_colors.NEAR}
    for step, generator in two_colors.training(arm, share, settings, _whole("seed", seed), game):
        if step % _INTERVAL and step != settings.steps:
            continue
        state = torch.get_rng_state()
        record = two_colors.measure(two_colors.as_used(generator, arm), arm, shapes, draws=1)
        torch.set_rng_state(state)
        generator.train()
        title = f"step {step}: {record['near']:.0%} have a color that exists"
        told = f"step {step} of {settings.steps}: {record['red']:.0%} red, {record['blue']:.0%} blue"
        yield figures.to_picture(partial(figures.draw_color_plane, record, colors, title)), told


def write_animation(target: Path, steps: int = STEPS) -> None:
    """The game with k = 5, from noise to the data, as an animated GIF.

    Args:
        target: the file, which is replaced if it is there.
        steps: updates of G.
    """
    from colorize.study.distribution import GAMES, SHOWN_GAME

    game = GAMES[SHOWN_GAME]
    pictures = [
        picture.quantize(_COLORS)
        for picture, _ in watch_game(game.k, game.g_lr, game.d_lr, game.objective, game.frozen, game.warm_up, steps, 0)
    ]
    buffer = io.BytesIO()
    durations = [*[_FRAME_MS] * (len(pictures) - 1), _LAST_MS]
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=False
    )
    with files.atomic(target) as file:
        file.write(buffer.getvalue())


def build_page() -> gr.Blocks:
    """The page, not yet served: a tab for each of the two problems."""
    import gradio as gr

    from colorize.study.distribution import Game
    from colorize.study.two_colors import ARMS, Settings

    def slider(name: str, value: float, step: float, label: str = "") -> gr.Slider:
        low, high = _RANGES[name]
        return gr.Slider(low, high, value, step=step, label=label or name, render=False)

    def told(watch: Any) -> Any:
        """Say a mistake on the page."""

        def handler(*values: Any) -> Iterator[tuple[Any, str]]:
            yield gr.skip(), "Getting ready …"  # the first time torch and matplotlib are imported: seconds
            try:
                yield from watch(*values)
            except ConfigError as error:
                raise gr.Error(str(error)) from error

        return handler

    def tab(title: str, words: str, inputs: Sequence[gr.components.Component], watch: Any) -> None:
        with gr.Tab(title):
            gr.Markdown(words)
            with gr.Row():
                with gr.Column():
                    for each in inputs:
                        each.render()  # type: ignore[no-untyped-call]
                    with gr.Row():
                        start, stop = gr.Button("Play", variant="primary"), gr.Button("Stop")
                with gr.Column():
                    picture = gr.Image(show_label=False, format="png", buttons=[])
                    line = gr.Markdown()
            # One at a time: torch's random numbers are of the whole process.
            shared: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "torch", "show_progress": "hidden"}
            running = start.click(told(watch), list(inputs), [picture, line], api_visibility="private", **shared)
            stop.click(None, cancels=[running], api_visibility="private")

    game, world = Game(), Settings()
    page = gr.Blocks(title="Two toy problems", analytics_enabled=False)
    with page:
        tab(
            "A distribution from noise",
            "G (red) makes numbers of noise; they are to be distributed as the data (black). D (blue) tells them "
            "apart, the best D there is is dotted. Try: G ten times faster with k = 1, then k = 5. D not frozen. A "
            "head start of 200 and a rate of 0: D never learns again. Minimax after a head start.",
            [
                slider("k", game.k, 1, "k, steps of D per step of G"),
                slider("rate of G", game.g_lr, 1e-4),
                slider("rate of D", game.d_lr, 1e-4),
                gr.Dropdown(list(OBJECTIVES), value=game.objective, label="objective", render=False),
                gr.Checkbox(game.frozen, label="D holds still while G learns", render=False),
                slider("head start of D", 0, 10),
                slider("steps", 500, 10),
                gr.Number(0, label="seed", precision=0, render=False),
            ],
            watch_game,
        )
        tab(
            "Red or blue",
            "Gray shapes are red or blue, and nothing in the gray tells which. Each dot is the color given to one of "
            f"{_SHAPES} new shapes; the circles hold the colors that exist. MSE ends at the mean, L1 at the median, "
            "a discriminator takes neither. About ten steps a second. Without a discriminator only the rate of G "
            "counts.",
            [
                gr.Dropdown(list(ARMS), value="gan+noise", label="loss", render=False),
                slider("share of red", 0.5, 0.05),
                slider("k", game.k, 1, "k, steps of D per step of G"),
                slider("rate of G", world.lr, 1e-4),
                slider("rate of D", world.lr, 1e-4),
                gr.Dropdown(list(OBJECTIVES), value=game.objective, label="objective", render=False),
                gr.Checkbox(game.frozen, label="D holds still while G learns", render=False),
                slider("steps", world.steps, 10),
                gr.Number(0, label="seed", precision=0, render=False),
            ],
            watch_colors,
        )
    return page


def _one_of_objectives(name: str) -> str:
    if name not in OBJECTIVES:
        raise ConfigError(f"objective must be one of {', '.join(OBJECTIVES)}, got {name!r}")
    return name


def _bounded(name: str, value: object) -> float:
    low, high = _RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name} must be from {low:g} to {high:g}, got {value!r}")
    return float(value)


def _whole(name: str, value: object) -> int:
    number = _bounded(name, value)
    if number != int(number):
        raise ConfigError(f"{name} must be a whole number, got {value!r}")
    return int(number)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m colorize.study.play", description="Two toy problems to play with, on a page on this computer."
    )
    parser.add_argument("--port", type=int, metavar="N", help="[the first free one from 7860]")
    parser.add_argument("--animation", type=Path, metavar="FILE", help="write a game as an animated GIF instead")
    given = parser.parse_args(arguments)
    wait_passively()
    return run_program("play", lambda: _run(given))


def _run(given: argparse.Namespace) -> None:
    require("study", "playing", "matplotlib", "torch", "accelerate")
    if given.animation:
        write_animation(given.animation)
        print(given.animation)
        return
    require("web", "the page to play on", "gradio")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # nothing is sent to gradio's makers
    build_page().launch(server_name="127.0.0.1", server_port=given.port, share=False, footer_links=[])


if __name__ == "__main__":
    sys.exit(main())
