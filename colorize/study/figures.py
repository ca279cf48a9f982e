"""The study's figures. Each is drawn from one JSON file alone, so that it can be drawn again without training.

matplotlib is imported only here, when something is drawn: the extra `study` brings it. Colors are those of Okabe & Ito
(2008), told apart by the color-blind; what is true is black or gray everywhere.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from colorize.errors import DataError
from colorize.requirements import require
from colorize.system import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

TRUE, FAINT = "#000000", "#9a9a9a"
ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, OCHRE = (
    *("#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7"),
    "#8c7a00",  # Okabe & Ito's yellow, darkened: it has to be seen on white
)
ARM_COLORS = {
    "mse": ORANGE,
    "l1": SKY,
    "cross-entropy": GREEN,
    "gan": PURPLE,
    "l1+gan": VERMILION,
    "l1+pixelgan": BLUE,
    "l1+imagegan": OCHRE,
    "l1+lsgan": "#f0a58a",  # the same D under other objectives: shades of vermilion
    "l1+hinge": "#9c3a00",
    "l1+wgan-gp": "#5c2200",
}
ARM_LABELS = {
    "mse": "MSE",
    "l1": "L1",
    "cross-entropy": "cross-entropy",
    "gan": "GAN only",
    "l1+gan": "L1 + GAN (70×70)",
    "l1+pixelgan": "L1 + PixelGAN (1×1)",
    "l1+imagegan": "L1 + whole-image GAN",
    "l1+lsgan": "L1 + LSGAN",
    "l1+hinge": "L1 + hinge GAN",
    "l1+wgan-gp": "L1 + WGAN-GP",
    "truth": "truth",
    "gray": "gray",
}
_STYLE = Path(__file__).with_name("figures.mplstyle")
_WIDE = 10.0  # inches
_DECIMALS = re.compile(r"(\.\d\d)\d+")


class Plot(NamedTuple):
    """One figure: its file's stem is its name in `FIGURES`."""

    source: str  # the JSON file's stem
    suffix: str
    draw: Callable[[dict[str, Any], Path], Figure]  # (what the JSON holds, its folder)
    shows: str  # for those who cannot see it


def require_matplotlib() -> None:
    """Raises `MissingExtra` where the extra that draws is not installed."""
    require("study", "drawing figures", "matplotlib")


def of_source(source: str) -> list[str]:
    """The figures drawn from `source`.json."""
    return [name for name, plot in FIGURES.items() if plot.source == source]


def file_name(name: str) -> str:
    return f"{name}{FIGURES[name].suffix}"


def draw_from(data: Path, names: Sequence[str], out: Path) -> Iterator[Path]:
    """Draw figures out of the JSON files in `data` into the folder `out`.

    Args:
        data: the folder of the JSON files, and of the strips that a study's belong to.
        names: of the figures, keys of `FIGURES`.
        out: the folder for the figures, which is made if it is not there.

    Yields:
        Each figure's path, once it is written.

    Raises:
        DataError: a file is missing or holds something else.
        MissingExtra: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib import rc_context

    for name in names:
        plot = FIGURES[name]
        result = read_json(data / f"{plot.source}.json")
        buffer = io.BytesIO()
        try:
            with rc_context(fname=_STYLE):
                figure = plot.draw(result, data)
                _save(figure, buffer, plot.suffix)
        except (KeyError, IndexError) as error:
            raise DataError(f"{data / plot.source}.json: figure {name} needs {error}, which is not there") from error
        target = out / file_name(name)
        with files.atomic(target) as file:
            file.write(buffer.getvalue())
        yield target


def read_json(path: Path) -> dict[str, Any]:
    """Raises `DataError` for what is no JSON object of format 1."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except ValueError as error:
        raise DataError(f"{path}: expected JSON, got something else ({error})") from error
    if not isinstance(result, dict) or result.get("format") != 1:
        raise DataError(f"{path}: expected a JSON object of format 1")
    return result


def _save(figure: Figure, buffer: io.BytesIO, suffix: str) -> None:
    if suffix == ".svg":
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", dpi=150, metadata={"Date": None})
        # A hundredth of a point is less than anyone sees, and half the file.
        buffer.write(re.sub(r' d="[^"]*"', lambda path: _DECIMALS.sub(r"\1", path[0]), drawn.getvalue()).encode())
    else:
        figure.savefig(buffer, format="jpeg", dpi=110, pil_kwargs={"quality": 86})


def _figure(width: float, height: float, gap: float = 0.04) -> Figure:
    """An empty one of so many inches, `gap` inches between its parts."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure((width, height), layout=ConstrainedLayoutEngine(w_pad=gap, h_pad=gap, wspace=gap, hspace=gap))


# -- a distribution learned from noise ---------------------------------------------------------------------------------


def draw_frames(result: dict[str, Any], _data: Path) -> Figure:
    """Goodfellow et al. 2014, figure 1: the densities and D, and below them where G sends z.

    Args:
        result: what `distribution.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: a column for each frame of the shown game's first play.
    """
    from colorize.study.distribution import SHOWN_GAME

    frames = result["games"][SHOWN_GAME]["plays"][0]["frames"]
    figure = _figure(_WIDE, 3.4)
    axes = figure.subplots(2, len(frames), sharex=True, sharey="row", height_ratios=[3, 1], squeeze=False)
    for i, frame in enumerate(frames):
        _frame(axes[0, i], frame)
        axes[0, i].set_title(f"step {frame['step']}")
        arrows = axes[1, i]
        for z, x in zip(frame["z"], frame["g"], strict=True):
            arrows.plot([_on_axis(z, frame), x], [0, 1], color=VERMILION, linewidth=0.7)
        arrows.set_yticks([0, 1], ["z", "x"])
        arrows.grid(visible=False)
        arrows.set_ylim(0, 1)
    axes[0, 0].set_ylabel("density;  D(x)")
    _legend_above(figure, axes[0, 0])
    return figure


def draw_games(result: dict[str, Any], _data: Path) -> Figure:
    """Where every way to play has ended.

    Args:
        result: what `distribution.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: a panel for each game, with its first play's last frame.
    """
    games = result["games"]
    figure = _figure(_WIDE, 2.6)
    axes = figure.subplots(1, len(games), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (name, game) in zip(axes, games.items(), strict=True):
        _frame(ax, game["plays"][0]["frames"][-1])
        ax.set_title(name)
    axes[0].set_ylabel("density;  D(x)")
    _legend_above(figure, axes[0])
    return figure


def draw_distances(result: dict[str, Any], _data: Path) -> Figure:
    """Wasserstein-1 and KL by step for every way to play, and D's own reading of the distance.

    Args:
        result: what `distribution.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: three panels, with a line for every play; in the third, the shown game's plays only.
    """
    from colorize.study.distribution import SHOWN_GAME

    figure = _figure(_WIDE, 3.0)
    w1, kl, reading = figure.subplots(1, 3)
    colors = dict(zip(result["games"], (SKY, BLUE, ORANGE, VERMILION, GREEN, FAINT), strict=False))
    for name, game in result["games"].items():
        for ax, key in ((w1, "w1"), (kl, "kl")):
            for i, each in enumerate(game["plays"]):
                label = name if i == 0 else None
                ax.plot(each["step"], each[key], color=colors[name], label=label, linewidth=0.9, alpha=0.8)
    for ax, title in ((w1, "Wasserstein-1 distance"), (kl, "KL(G ‖ data), nats")):
        ax.set(yscale="log", xlabel="step of G", title=title)
    _legend_above(figure, w1)
    for i, each in enumerate(result["games"][SHOWN_GAME]["plays"]):
        reading.plot(each["step"], each["jsd"], color=TRUE, label="true" if i == 0 else None, linewidth=0.9)
        label = "read from D's loss: log 2 − loss" if i == 0 else None
        reading.plot(each["step"][1:], each["d_reading"][1:], color=VERMILION, label=label, linewidth=0.9)
    reading.axhline(math.log(2), color=FAINT, linestyle=":", linewidth=1)
    reading.set(title=f"Jensen-Shannon divergence, nats ({SHOWN_GAME})", xlabel="step of G")
    reading.legend()
    return figure


def _frame(ax: Axes, frame: dict[str, Any]) -> None:
    ax.fill_between(frame["x"], frame["generated"], step="mid", color=VERMILION, alpha=0.35, linewidth=0, label="G")
    ax.plot(frame["x"], frame["data"], color=TRUE, label="data")
    ax.plot(frame["x"], frame["best_d"], color=BLUE, linestyle=":", linewidth=1, label="best D")
    ax.plot(frame["x"], frame["d"], color=BLUE, label="D")
    ax.set(ylim=(0, 1.25), yticks=[0, 0.5, 1])


def draw_moment(frame: dict[str, Any]) -> Figure:
    """One moment of a game alone: densities and D.

    Args:
        frame: as of `distribution.frame_of`.

    Returns:
        The figure, small.
    """
    figure = _figure(4.8, 2.7)
    ax = figure.subplots()
    _frame(ax, frame)
    ax.set_title(f"step {frame['step']}")
    ax.legend(loc="upper right", fontsize=7)
    return figure


def draw_color_plane(record: dict[str, Any], colors: dict[str, Any], title: str) -> Figure:
    """The colors that one generator gives to shapes, in the plane of a* and b*.

    Args:
        record: as of `two_colors.measure`.
        colors: "red", "blue" and "near", as `two-colors.json` holds them.
        title: of the figure.

    Returns:
        The figure, small; the circles hold the colors that exist.
    """
    figure = _figure(3.6, 3.9)
    ax = figure.subplots()
    _color_plane(ax, record, colors, VERMILION)
    ax.set(xlabel="a*", ylabel="b*")
    ax.set_title(title, fontsize=8)
    return figure


def to_picture(draw: Callable[[], Figure]) -> Image:
    """A figure as a PIL image, in the style of all others."""
    from matplotlib import rc_context
    from PIL import Image

    buffer = io.BytesIO()
    with rc_context(fname=_STYLE):
        draw().savefig(buffer, format="png", dpi=110)
    return Image.open(buffer).convert("RGB")


def _legend_above(figure: Figure, ax: Axes) -> None:
    """One legend for all panels, above them."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))


def _on_axis(z: float, frame: dict[str, Any]) -> float:
    """z in (0, 1), spread over the shown part of the x axis."""
    low, high = frame["x"][0], frame["x"][-1]
    return float(low + z * (high - low))


# -- why minimax stalls ------------------------------------------------------------------------------------------------


def draw_saturation(result: dict[str, Any], _data: Path) -> Figure:
    """The two losses' slopes; the gradients a sure D leaves to G; and the games after that.

    Args:
        result: what `saturation.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: four panels, the last two for the games by SGD and by Adam.
    """
    colors = {"minimax": SKY, "bce": VERMILION}
    labels = {"minimax": "minimax: log(1 − D)", "bce": "non-saturating: −log D"}
    figure = _figure(_WIDE, 3.0)
    slopes, norms, *games = figure.subplots(1, 4)
    for name, color in colors.items():
        slopes.plot(result["slopes"]["verdict"], result["slopes"][name], color=color, label=labels[name])
        for record in result["head_start"]:
            norms.plot(record["step"], record[name], color=color, linewidth=0.9)
        for ax, optimizer in zip(games, ("sgd", "adam"), strict=True):
            for record in result["games"][optimizer][name]:
                ax.plot(record["step"], record["w1"], color=color, linewidth=0.9)
    slopes.set(title="slope of G's loss by D's logit", xlabel="D(G(z))")
    slopes.legend(loc="center right")
    norms.set(title="G's gradient while D learns alone", xlabel="step of D", yscale="log")
    for ax, optimizer in zip(games, ("SGD", "Adam"), strict=True):
        ax.set(title=f"then both learn, G by {optimizer}", xlabel="step of G", ylim=(0, None))
    games[0].set_ylabel("Wasserstein-1 distance")
    return figure


# -- the two-colored world --------------------------------------------------------------------------------------------


def draw_two_colors(result: dict[str, Any], _data: Path) -> Figure:
    """The color each shape got, in the plane of a* and b*.

    Args:
        result: what `two-colors.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: a row for each frequency of red, a panel for each loss; the circles hold the colors that exist.
    """
    figure = _figure(_WIDE, 2.6 * len(result["cases"]))
    cases = result["cases"]
    rows = figure.subfigures(len(cases), 1, squeeze=False)[:, 0]
    for row, case in zip(rows, cases, strict=True):
        arms = case["arms"]
        axes = row.subplots(1, len(arms), sharex=True, sharey=True, squeeze=False)[0]
        for ax, (arm, record) in zip(axes, arms.items(), strict=True):
            _color_plane(ax, record, result["colors"], TWO_COLOR_ARMS[arm][1])
            ax.set_title(f"{TWO_COLOR_ARMS[arm][0]}: {record['near']:.0%} exist", fontsize=8)
        axes[0].set_ylabel(f"red {case['red']:.0%}, blue {1 - case['red']:.0%}\nb*")
        for ax in axes:
            ax.set_xlabel("a*")
    return figure


def draw_shapes(result: dict[str, Any], _data: Path) -> Figure:
    """The same gray shapes, what they may be, and what every loss makes of them.

    Args:
        result: what `two-colors.json` holds; the first of its cases is drawn.
        _data: its folder, which is not needed here.

    Returns:
        The figure: a column for each shape; a row for what is seen, for one truth, and for each draw of each loss.
    """
    rows = []
    for key, drawn in result["cases"][0]["pictures"].items():
        label = {"gray": "seen", "truth": "one truth"}.get(key) or TWO_COLOR_ARMS[key][0]
        for i, packed in enumerate(drawn):
            rows.append((f"{label}, draw {i + 1}" if len(drawn) > 1 else label, _unpacked(packed)))
    columns = len(rows[0][1])
    figure = _figure(0.62 * columns + 1.6, 0.62 * len(rows))
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row, (label, images) in zip(axes, rows, strict=True):
        for ax, image in zip(row, images, strict=True):
            ax.imshow(image, interpolation="nearest")
            ax.set_axis_off()
        row[0].text(-0.15, 0.5, label, transform=row[0].transAxes, ha="right", va="center")
    return figure


def _unpacked(packed: dict[str, Any]) -> Any:
    """Pictures (N, H, W, 3) out of `two_colors`' text."""
    import numpy as np

    return np.frombuffer(zlib.decompress(base64.b64decode(packed["zlib"])), np.uint8).reshape(packed["shape"])


TWO_COLOR_ARMS = {
    "mse": ("MSE", ORANGE),
    "l1": ("L1", SKY),
    "gan": ("GAN", VERMILION),
    "gan+noise": ("GAN with noise", GREEN),
    "gan+dropout": ("GAN with dropout", PURPLE),
}


def _color_plane(ax: Axes, record: dict[str, Any], colors: dict[str, Any], color: str) -> None:
    from matplotlib.patches import Circle

    for name, side in (("red", 12), ("blue", -12)):
        center = colors[name]
        ax.add_patch(Circle(center, colors["near"], fill=False, edgecolor=TRUE, linewidth=1))
        ax.annotate(name, center, (0, side), textcoords="offset points", ha="center", va="center")
    a, b = zip(*record["points"], strict=True)
    ax.plot(a, b, ".", color=color, markersize=3, alpha=0.5, markeredgewidth=0, rasterized=True)
    ax.set(xlim=(-15, 95), ylim=(-95, 75), aspect="equal")


# -- a Boltzmann machine -----------------------------------------------------------------------------------------------

METHOD_COLORS = {"CD-1": ORANGE, "CD-10": BLUE, "PCD-1": VERMILION, "PCD-1, falling rate": GREEN, "exact": TRUE}


def draw_likelihoods(result: dict[str, Any], _data: Path) -> Figure:
    """The exact log-likelihood by step: each method's first seed, and where all seeds have ended.

    Args:
        result: what `boltzmann.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: two panels on one scale, in nats per pattern.
    """
    figure = _figure(_WIDE, 3.2)
    curves, ends = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    best = -math.log(result["patterns"])
    for ax in (curves, ends):
        ax.axhline(
            best, color=FAINT, linestyle=":", linewidth=1, label="the most there is: −log 30" if ax is curves else None
        )
    for i, (method, plays) in enumerate(result["methods"].items()):
        color = METHOD_COLORS[method]
        curves.plot(plays[0]["step"], plays[0]["log_likelihood"], color=color, label=method, linewidth=0.9)
        ends.plot([i] * len(plays), [play["log_likelihood"][-1] for play in plays], "o", color=color, markersize=4)
    curves.set(xlabel="update", ylabel="log-likelihood, nats per pattern", ylim=(-8, best + 0.3))
    ends.set_xticks(
        range(len(result["methods"])), [name.replace(", ", ",\n") for name in result["methods"]], fontsize=6
    )
    ends.set_title("at the end, each seed")
    _legend_above(figure, curves)
    return figure


def draw_machines(result: dict[str, Any], _data: Path) -> Figure:
    """What each machine draws, and its weights as pictures.

    Args:
        result: what `boltzmann.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: a row for each method's first seed, samples on the left, weights on the right.
    """
    side, methods = result["side"], result["methods"]
    figure = _figure(_WIDE, 0.5 * len(methods) + 0.3)
    axes = figure.subplots(len(methods), 2, squeeze=False, width_ratios=[20, result["hidden"]])
    for row, (method, plays) in zip(axes, methods.items(), strict=True):
        _tiles(row[0], plays[0]["samples"], side, "gray_r")
        _tiles(row[1], plays[0]["weights"], side, "RdBu_r")
        row[0].set_ylabel(method.replace(", ", ",\n"), rotation=0, ha="right", va="center")
    axes[0, 0].set_title("drawn by 1000 Gibbs steps from noise")
    axes[0, 1].set_title("weights of each hidden unit")
    return figure


def _tiles(ax: Axes, pictures: list[list[float]], side: int, colors: str) -> None:
    """Pictures of side × side pixels in a row."""
    import numpy as np
    from matplotlib import colormaps

    values = np.asarray(pictures, dtype=float).reshape(-1, side, side)
    gap = np.full((len(values), side, 1), np.nan)
    strip = np.concatenate([values, gap], axis=2).transpose(1, 0, 2).reshape(side, -1)[:, :-1]
    largest = float(np.abs(values).max())
    shades = colormaps[colors].with_extremes(bad=FAINT if colors == "gray_r" else "white")
    ax.imshow(strip, cmap=shades, vmin=0 if colors == "gray_r" else -largest, vmax=largest, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(colors == "gray_r")


# -- one hidden layer --------------------------------------------------------------------------------------------------


def draw_widths(result: dict[str, Any], _data: Path) -> Figure:
    """By a rule: how far from it by width, and three fits. By a coin: what each loss makes of every width.

    Args:
        result: what `approximation.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: three panels, two for the rule and one for the coin.
    """
    figure = _figure(_WIDE, 3.0)
    errors, fits, tossed = figure.subplots(1, 3)
    widths = [record["width"] for record in result["rule"]]
    for seed in range(len(result["rule"][0]["rms"])):
        errors.plot(
            widths, [record["rms"][seed] for record in result["rule"]], "o-", color=BLUE, markersize=3, linewidth=0.9
        )
    errors.set(xscale="log", yscale="log", xlabel="hidden units", title="by a rule: distance from it, a* (RMS)")
    errors.set_xticks(widths, [str(width) for width in widths])
    errors.minorticks_off()
    fits.plot(result["x"], result["truth"], color=TRUE, linewidth=1, label="the rule")
    for record, color in zip(result["rule"][::3], (SKY, ORANGE, VERMILION), strict=False):
        fits.plot(result["x"], record["a"], color=color, label=f"{record['width']} units", linewidth=0.9)
    fits.set(xlabel="place", title="by a rule: a* given")
    fits.legend(fontsize=6)
    for loss, color in (("mse", ORANGE), ("l1", SKY)):
        for i, record in enumerate(result["coin"][loss]):
            label = ARM_LABELS[loss] if i == 0 else None
            tossed.plot(result["x"], record["a"], color=color, label=label, linewidth=0.7, alpha=0.8)
    for name, a in result["colors"].items():
        tossed.axhline(a, color=FAINT, linestyle=":", linewidth=1)
        tossed.annotate(name, (-1, a), (2, 2), textcoords="offset points", fontsize=7)
    tossed.set(xlabel="place", title=f"by a coin, red {result['red_share']:.0%}: every width")
    tossed.legend(loc="center right")
    return figure


# -- the study of photographs ------------------------------------------------------------------------------------------


_SHOWN = 80  # of a* and b*, to either side: beyond there is hardly a color


def draw_histograms(result: dict[str, Any], _data: Path) -> Figure:
    """Shares of a* and b* over all pixels, truth and each arm, log scale (as Isola et al. 2017, figure 7).

    Args:
        result: what `study.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: a* above and b* below, a column for each arm's first seed.
    """
    runs = _first_seeds(result)
    figure = _figure(_WIDE, 3.4)
    axes = figure.subplots(2, len(runs), sharex=True, sharey=True, squeeze=False)
    truth = result["truth"]["histograms"]
    for row, channel in zip(axes, "ab", strict=True):
        width = 220 / len(truth[channel])
        levels = [-110 + width * (i + 0.5) for i in range(len(truth[channel]))]
        shown = [i for i, level in enumerate(levels) if abs(level) <= _SHOWN]
        x = [levels[i] for i in shown]
        for ax, run in zip(row, runs, strict=True):
            arm = run["arm"]
            floor = 1e-6
            true, mine = truth[channel], run["histograms"][channel]
            above = [max(true[i], floor) for i in shown]
            ax.fill([*x, x[-1], x[0]], [*above, floor, floor], color="#d0d0d0", linewidth=0)
            ax.plot(x, [mine[i] if mine[i] > floor else math.nan for i in shown], color=ARM_COLORS[arm])
            overlap = run["measures"][f"histogram_{channel}"]["value"]
            ax.text(0.97, 0.93, f"{overlap:.2f}", transform=ax.transAxes, ha="right", va="top", fontsize=8)
            ax.set(yscale="log", ylim=(1e-6, 1), xlim=(-_SHOWN, _SHOWN))
            if channel == "a":
                ax.set_title(ARM_LABELS[arm].replace(" + ", " +\n", 1), fontsize=8)
            else:
                ax.set_xlabel("a* above, b* below", fontsize=7)
        row[0].set_ylabel(f"share of pixels, {channel}*")
    return figure


INTERVALS = {
    "histogram_a": "histogram overlap, a*  →",
    "histogram_b": "histogram overlap, b*  →",
    "kl_a": "KL(truth ‖ arm), a*  ←",
    "kl_b": "KL(truth ‖ arm), b*  ←",
    "cf_difference": "CF − truth's  → 0 ←",
    "sharpness_2": "chroma sharpness, 2 px  → 1 ←",
    "stains": "stains  ←",
    "frechet": "Fréchet distance  ←",
    "psnr": "PSNR, dB  →",
    "ssim": "SSIM  →",
}


def draw_intervals(result: dict[str, Any], _data: Path) -> Figure:
    """The arms with their 95 % intervals, small dots below for their seeds; the arrow points to better.

    Args:
        result: what `study.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: a panel for each measure of `INTERVALS` that all arms have, with a line for each arm.
    """
    rows = _rows(result)
    shown = {measure: title for measure, title in INTERVALS.items() if all(measure in row.measures for row in rows)}
    figure = _figure(_WIDE, 1.2 + 0.36 * len(rows))
    axes = figure.subplots(2, math.ceil(len(shown) / 2), sharey=True).flatten()
    for ax, (measure, title) in zip(axes, shown.items(), strict=False):
        for y, row in enumerate(rows):
            _row_interval(ax, y, row, measure)
        ideal = {"cf_difference": 0, "sharpness_2": 1}.get(measure)
        if ideal is not None:
            ax.axvline(ideal, color=TRUE, linewidth=0.8)
        if measure in ("psnr", "ssim"):
            ax.axvline(result["gray"]["measures"][measure]["value"], color=FAINT, linewidth=1, linestyle="--")
        ax.set_title(title, fontsize=8.5)
    for ax in axes[len(shown) :]:
        ax.remove()
    _row_labels(axes[0], rows)
    return figure


def draw_sharpness(result: dict[str, Any], _data: Path) -> Figure:
    """Energy of chroma's gradient over the truth's, by the size of blocks.

    Args:
        result: what `study.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: one panel, with a line for each run, both scales logarithmic.
    """
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    scales = result["protocol"]["scales"]
    figure = _figure(6.4, 3.4)
    ax = figure.subplots()
    runs = _by_arm(result)
    for i, run in enumerate(runs):
        measures = [run["measures"][f"sharpness_{scale}"] for scale in scales]
        x = [scale * 2 ** (0.045 * (i - (len(runs) - 1) / 2)) for scale in scales]
        for position, measure in zip(x, measures, strict=True):
            ax.plot([position] * 2, [measure["low"], measure["high"]], color=ARM_COLORS[run["arm"]], linewidth=1)
        label = ARM_LABELS[run["arm"]] if run["seed"] == 0 else None
        marker = "o-" if run["seed"] == 0 else "s:"
        ax.plot(
            x,
            [m["value"] for m in measures],
            marker,
            color=ARM_COLORS[run["arm"]],
            label=label,
            markersize=3.5,
            lw=0.8,
        )
    ax.axhline(1, color=TRUE, linewidth=0.8)
    ax.set(xscale="log", yscale="log", xlabel="blocks of so many px", ylabel="chroma's gradient energy / truth's")
    ax.set_xticks(scales, [str(scale) for scale in scales])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_judge(result: dict[str, Any], _data: Path) -> Figure:
    """The share of each arm's photos taken for real: by the one judge, and by one that knows only this run.

    Args:
        result: what `study.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: a panel for each of the two, with a line for each arm, small dots below for its seeds.
    """
    rows = _rows(result)
    figure = _figure(8.0, 1.0 + 0.22 * len(rows))
    together, alone = figure.subplots(1, 2, sharey=True)
    own = result["judge"]["own"]
    for y, row in enumerate(rows):
        _row_interval(together, y, row, "taken_for_real")
        _row_interval(alone, y, row, "taken_for_real_own")
        for run in row.runs:
            _interval(alone, y, own[run["name"]], FAINT, "|")
    real = result["judge"]["real"]
    together.axvspan(real["low"], real["high"], color="#e0e0e0")
    together.axvline(real["value"], color=FAINT)
    together.set_title("one judge for all arms (gray: real photos)", fontsize=8.5)
    alone.set_title("a judge of its own (gray: real photos)", fontsize=8.5)
    for ax in (together, alone):
        ax.set(xlim=(0, 1), xlabel="share taken for real")
    _row_labels(together, rows)
    return figure


def draw_frontier(result: dict[str, Any], _data: Path) -> Figure:
    """Closeness to the photo, and to how often each color occurs, against colorfulness, by strength.

    Args:
        result: what `study.json` holds.
        _data: its folder, which is not needed here.

    Returns:
        The figure: a panel for each of the two, with a line for each arm's first seed; large: its colors as they are.
    """
    figure = _figure(_WIDE, 3.6)
    closeness, frequency = figure.subplots(1, 2)
    for run in _first_seeds(result):
        points = [point["measures"] for point in run["frontier"]]
        x = [point["cf_difference"]["value"] for point in points]
        color, own = ARM_COLORS[run["arm"]], run["measures"]
        kl = [point["kl_a"]["value"] + point["kl_b"]["value"] for point in points]
        closeness.plot(
            x, [point["psnr"]["value"] for point in points], "o-", color=color, markersize=2.5, linewidth=0.9
        )
        frequency.plot(x, kl, "o-", color=color, markersize=2.5, linewidth=0.9, label=ARM_LABELS[run["arm"]])
        here = own["cf_difference"]["value"]
        closeness.plot(here, own["psnr"]["value"], "o", color=color, markersize=6)
        frequency.plot(here, own["kl_a"]["value"] + own["kl_b"]["value"], "o", color=color, markersize=6)
    for ax, title in ((closeness, "PSNR, dB  →"), (frequency, "KL(truth ‖ arm), a* + b*  ←")):
        ax.axvline(0, color=TRUE, linewidth=0.8)
        ax.set(xlabel="colorfulness − truth's", title=title)
    frequency.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_strips(result: dict[str, Any], data: Path) -> Figure:
    """The same photos under every arm.

    Args:
        result: what `study.json` holds.
        data: its folder, in which the strips are.

    Returns:
        The figure: a row for each photo; a column for the truth, for gray and for each arm.

    Raises:
        DataError: a strip is missing or cannot be read.
    """
    import numpy as np

    from colorize import photo
    from colorize.errors import PhotoError

    photos, arms = result["strips"]["photos"], result["strips"]["arms"]
    pictures: list[list[Any]] = []
    for each in photos:
        row = []
        for arm in arms:
            try:
                row.append(np.asarray(photo.open(strip_path(data, arm, each["name"])).image.convert("RGB")))
            except PhotoError as error:
                raise DataError(f"the strips of the study are missing: {error}") from error
        pictures.append(row)
    ratios = [row[0].shape[0] / row[0].shape[1] for row in pictures]
    width = _WIDE / len(arms)
    figure = _figure(_WIDE, width * sum(ratios) + 0.35, gap=0.01)
    axes = figure.subplots(len(photos), len(arms), height_ratios=ratios, squeeze=False)
    for i, row in enumerate(pictures):
        for j, (picture, arm) in enumerate(zip(row, arms, strict=True)):
            axes[i, j].imshow(picture)
            axes[i, j].set_axis_off()
            if i == 0:
                axes[i, j].set_title(ARM_LABELS[arm].replace(" + ", " +\n", 1).replace(" (", "\n("), fontsize=7.5)
    return figure


def strip_path(data: Path, arm: str, name: str) -> Path:
    """A sample photo under an arm: as the study wrote it, or the smaller one of the report's own folder.

    Args:
        data: the folder that study.json is in.
        arm: an arm, "truth" or "gray".
        name: of the photo, without its suffix.

    Returns:
        The path of the smaller one where there is one, else that of the other, which may be missing.
    """
    folder = data / "strips" / arm
    small = folder / f"{name}.jpg"
    return small if small.is_file() else folder / f"{name}.png"


def _first_seeds(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [run for run in _by_arm(result) if run["seed"] == 0]


def _by_arm(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs, in the order of `ARM_COLORS` and then of their seeds."""
    order = list(ARM_COLORS)
    return sorted(result["runs"], key=lambda run: (order.index(run["arm"]), run["seed"]))


class _Row(NamedTuple):
    """Of a figure: an arm as the mean of its seeds, or its only one."""

    arm: str
    measures: dict[str, dict[str, float]]
    runs: list[dict[str, Any]]


def _rows(result: dict[str, Any]) -> list[_Row]:
    """The arms, in the order of `_by_arm`."""
    runs = itertools.groupby(_by_arm(result), key=lambda run: run["arm"])
    return [_Row(arm, result["arms_pooled"][arm]["measures"], list(seeds)) for arm, seeds in runs]


def _row_interval(ax: Axes, y: float, row: _Row, measure: str) -> None:
    """The interval of an arm, and where its seeds are if there are several."""
    color = ARM_COLORS[row.arm]
    _interval(ax, y, row.measures[measure], color, "o")
    if len(row.runs) > 1:
        seeds = [run["measures"][measure]["value"] for run in row.runs]
        ax.plot(seeds, [y + 0.3] * len(seeds), ".", color=color, markersize=3)


def _interval(ax: Axes, y: float, measure: dict[str, float], color: str, marker: str) -> None:
    ax.plot([measure["low"], measure["high"]], [y, y], color=color, linewidth=1.6, solid_capstyle="butt")
    ax.plot(measure["value"], y, marker, color=color, markersize=4.5)


def _row_labels(ax: Axes, rows: Sequence[_Row]) -> None:
    ax.set_yticks(range(len(rows)), [ARM_LABELS[row.arm] for row in rows])
    ax.invert_yaxis()  # shared by its neighbors


FIGURES: dict[str, Plot] = {
    "frames": Plot("distribution", ".svg", draw_frames, "D, the data's density and G's, at five moments of the game"),
    "games": Plot("distribution", ".svg", draw_games, "where every way to play has ended"),
    "distances": Plot("distribution", ".svg", draw_distances, "Wasserstein-1 and KL falling, and D's own reading"),
    "saturation": Plot("saturation", ".svg", draw_saturation, "minimax leaves G no gradient when D is sure"),
    "likelihoods": Plot("boltzmann", ".svg", draw_likelihoods, "the exact log-likelihood by update, for each method"),
    "machines": Plot("boltzmann", ".svg", draw_machines, "what each machine draws, and its weights as pictures"),
    "widths": Plot("approximation", ".svg", draw_widths, "one hidden layer by its width: by a rule, by a coin"),
    "shapes": Plot("two-colors", ".jpg", draw_shapes, "gray shapes and what every loss makes of them"),
    "colors": Plot("two-colors", ".svg", draw_two_colors, "the colors given, and the two that exist"),
    "strips": Plot("study", ".jpg", draw_strips, "the same photographs colored under every loss"),
    "histograms": Plot("study", ".svg", draw_histograms, "how often each a* and b* occurs: truth and every arm"),
    "intervals": Plot("study", ".svg", draw_intervals, "the measures of every arm with their intervals"),
    "sharpness": Plot("study", ".svg", draw_sharpness, "chroma sharpness by scale"),
    "frontier": Plot("study", ".svg", draw_frontier, "each arm at many strengths of its colors"),
    "judge": Plot("study", ".svg", draw_judge, "the share of photos that a judge takes for real"),
}
