"""`python -m colorize.study.publish DATA --out FOLDER`: the study as pages for a reader who doubts it.

DATA is the folder that `python -m colorize.study` wrote, or the `data` folder of an earlier report. The numbers of the
problems of `colorize.study.toy_problems` are taken from it too; those that are missing are made, which takes a while.
The folder afterwards:

    README.md, README.zh.md  the report in English and in Chinese
    index.html               both, with a switch
    NAME.svg, NAME.jpg       its figures
    data/                    all that they are made from: the same command on it makes the same pages again

With `--figure NAME` one figure is drawn and nothing else. The words are in `report.md` and `report.zh.md`; every number
in them is worked out here, and so is whether what was expected is confirmed.
"""

from __future__ import annotations

import argparse
import io
import math
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from colorize.errors import ConfigError, DataError
from colorize.evaluation.intervals import Interval
from colorize.requirements import install_command, require
from colorize.study.arms import all_runs
from colorize.study.claims import (
    AVERAGED,
    CLAIMS,
    LEARNED,
    MEAN_COLOR,
    ClaimResult,
    can_be_decided,
    evaluate_claim,
    rows_of_arms,
    rows_of_seeds,
)
from colorize.study.figures import (
    ARM_LABELS,
    FIGURES,
    TWO_COLOR_ARMS,
    draw_from,
    file_name,
    read_json,
    require_matplotlib,
    strip_path,
)
from colorize.study.frontier import PREFIX
from colorize.study.report_words import WORDS, Words
from colorize.study.toy_problems import TOY_PROBLEMS, run_toy_problem, write_json
from colorize.system import files
from colorize.system.program import run_program

STUDY = "study"
TEMPLATES = {"en": Path(__file__).with_name("report.md"), "zh": Path(__file__).with_name("report.zh.md")}
PAGES = {"en": "README.md", "zh": "README.zh.md"}
DOCUMENTS = "docs/learned-loss"  # where the project keeps its own report
_STRIP_SIDE = 160  # px, the longer one, of the sample photos kept in data/
_STYLE = """\
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; }
img { max-width: 100%; } table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left; font-variant-numeric: tabular-nums; }
code { font-size: .9em; background: #f4f4f4; } pre { background: #f4f4f4; padding: .7rem; overflow-x: auto; }
sub { line-height: 1.3; display: block; font-size: .85em; color: #444; vertical-align: baseline; }
#zh:checked ~ main:lang(en), #en:checked ~ main:lang(zh) { display: none; }
"""


def collect(data: Path, out: Path, *, quick: bool = False) -> Path:
    """Bring all that the report is made from together.

    Args:
        data: the study's folder, or a report's data.
        out: the report's folder.
        quick: whether toy problems that are missing are run in their quick form.

    Returns:
        `out`/data, which `data` may be already.

    Raises:
        DataError: the study is missing.
    """
    from colorize import photo

    kept = out / "data"
    study = read_json(data / f"{STUDY}.json")
    if kept.resolve() != data.resolve():
        write_json(kept / f"{STUDY}.json", study)
        for arm in study["strips"]["arms"]:
            for each in study["strips"]["photos"]:
                picture = photo.open(strip_path(data, arm, each["name"])).image.convert("RGB")
                picture.thumbnail((_STRIP_SIDE, _STRIP_SIDE))
                buffer = io.BytesIO()
                picture.save(buffer, "JPEG", quality=88)
                with files.atomic(kept / "strips" / arm / f"{each['name']}.jpg") as file:
                    file.write(buffer.getvalue())
    for name in TOY_PROBLEMS:
        if (data / f"{name}.json").is_file():
            result = read_json(data / f"{name}.json")
        elif (kept / f"{name}.json").is_file():
            continue
        else:
            print(f"report: {name}: running this toy problem", file=sys.stderr, flush=True)
            result = run_toy_problem(name, quick=quick)
        if kept.resolve() != data.resolve() or not (kept / f"{name}.json").is_file():
            write_json(kept / f"{name}.json", result)
    return kept


def render(data: Path, language: str = "en", *, in_html: bool = False) -> str:
    """The report as Markdown, out of the JSON files in `data`.

    Args:
        data: the folder that `collect` gave.
        language: a key of `TEMPLATES`.
        in_html: whether it becomes a part of the HTML page, where the other language is beside it.

    Raises:
        DataError: the report needs what is not there.
    """
    from jinja2 import Environment, StrictUndefined, TemplateError

    study = read_json(data / f"{STUDY}.json")
    results = {name: read_json(data / f"{name}.json") for name in TOY_PROBLEMS}
    distribution, two_colors = results["distribution"], results["two-colors"]
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False
    )
    words = WORDS[language]
    environment.filters |= {
        "percent": percent,
        "number": number,
        "interval": partial(interval, pattern=words.interval),
        "steps": partial(steps, never=words.never),
        "general": "{:g}".format,
    }
    try:
        rows, arms = rows_of_arms(study), _measures_of_arms(study)
        leads = {key: Interval(**lead) for key, lead in study["leads"].items()}
        outcomes = [
            evaluate_claim(claim, rows, leads.get(claim.key)) for claim in CLAIMS if can_be_decided(claim, rows)
        ]
        return environment.from_string(TEMPLATES[language].read_text(encoding="utf-8")).render(
            study=study,
            runs=_sorted_runs(study),
            arms=arms,
            seeds=_seeds(study),
            apart_by_seeds=_count_apart_by_seeds(study),
            training_photos=_training_photos(study),
            hours=sum(run["seconds"] for run in study["runs"]) / 3600,
            strengths=[point["strength"] for point in study["runs"][0]["frontier"]],
            levelings=_levelings(study),
            decided={each.claim.measure: each.verdict for each in outcomes if each.claim.worse != MEAN_COLOR},
            by_intervals=sum(each.verdict == "confirmed" and each.lead is None for each in outcomes),
            apart=_are_apart,
            other_lambdas=_other_lambdas(study),
            own_real=sorted(each["value"] for each in study["judge"]["own"].values()),
            missing=_missing(study, words),
            outcomes=[_told(outcome, words) for outcome in outcomes],
            verdicts=Counter(outcome.verdict for outcome in outcomes),
            games={name: game_facts(game) for name, game in distribution["games"].items()},
            distribution=distribution,
            saturation=saturation_facts(results["saturation"]),
            boltzmann=boltzmann_facts(results["boltzmann"]),
            approximation=approximation_facts(results["approximation"]),
            cases=two_colors["cases"],
            two_colors=two_colors,
            two_color_arms={
                arm: words.arms.get(arm, label) if "+" in arm else label for arm, (label, _) in TWO_COLOR_ARMS.items()
            },
            labels=ARM_LABELS | words.arms,
            figure=partial(figure_block, drawn=words.drawn),
            in_html=in_html,
            with_frechet=bool(study["protocol"]["frechet"]),
            objectives_agree=_objectives_agree(study),
            figures=[(name, plot, figure_command(name), source_command(plot.source)) for name, plot in FIGURES.items()],
            log2=math.log(2),
            install=install_command("study"),
        )
    except (TemplateError, KeyError, IndexError) as error:
        raise DataError(f"{data}: the report needs what is not there ({error})") from error


def to_html(pages: Mapping[str, str]) -> str:
    """One page in HTML, with a switch of languages that needs no script.

    Args:
        pages: Markdown by language; the first one is shown at first.

    Returns:
        The page.
    """
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark").enable("table")
    first, title = next(iter(pages)), next(iter(pages.values())).splitlines()[0].removeprefix("# ")
    switch = "".join(
        f'<input type="radio" name="language" id="{language}"{" checked" if language == first else ""}>'
        f'<label for="{language}" lang="{language}">{WORDS[language].name}</label>\n'
        for language in pages
    )
    bodies = "".join(f'<main lang="{language}">\n{markdown.render(text)}</main>\n' for language, text in pages.items())
    return (
        f'<!doctype html>\n<html lang="{first}">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n{switch}{bodies}</body>\n</html>\n"
    )


def html_page(data: Path) -> str:
    """The report in HTML, in all languages."""
    return to_html({language: render(data, language, in_html=True) for language in TEMPLATES})


def write_report(data: Path, out: Path) -> list[Path]:
    """Figures and pages of what is in `data`.

    Args:
        data: the folder that `collect` gave.
        out: the report's folder.

    Returns:
        The paths of the pages: README.md, README.zh.md and index.html in `out`.

    Raises:
        DataError: a file is missing or holds something else.
        MissingExtra: matplotlib is not installed.
    """
    pages = {out / PAGES[language]: render(data, language) for language in TEMPLATES}
    pages[out / "index.html"] = html_page(data)
    for path in draw_from(data, list(FIGURES), out):
        print(f"report: {path}", file=sys.stderr, flush=True)
    for path, text in pages.items():
        with files.atomic(path) as file:
            file.write(text.encode())
    return list(pages)


# -- what the words need -----------------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """0.937 → 94 %."""
    return f"{100 * share:.0f} %"


def number(value: float, digits: int = 2) -> str:
    """With a minus sign that is one.

    Args:
        value: the number.
        digits: after the point.

    Returns:
        −1.234 as "−1.23".
    """
    return f"{value:.{digits}f}".replace("-", "−")


def interval(measure: Mapping[str, float] | Interval, digits: int = 2, *, pattern: str = "{} ({} to {})") -> str:
    """0.52 (0.50 to 0.54).

    Args:
        measure: the value and the ends of its interval, also as the object in study.json.
        digits: of each number, after the point.
        pattern: of value, low and high.

    Returns:
        The text.
    """
    each = measure if isinstance(measure, Interval) else Interval(**measure)
    return pattern.format(*(number(value, digits) for value in each))


def steps(count: float, *, never: str = "more than there were") -> str:
    """Of which there may be too few.

    Args:
        count: may be infinite.
        never: what is then said.
    """
    return never if math.isinf(count) else f"{count:.0f}"


def figure_block(name: str, caption: str, *, drawn: str = "Drawn by `{}`.") -> str:
    """A figure with its caption and the command that makes it.

    Args:
        name: a key of `FIGURES`.
        caption: whole sentences, in Markdown.
        drawn: says by which command.

    Returns:
        Markdown.
    """
    plot = FIGURES[name]
    return f"![{plot.shows}]({file_name(name)})\n\n<sub>{caption} {drawn.format(figure_command(name))}</sub>"


def figure_command(name: str) -> str:
    """Draws one figure from the numbers in the repository."""
    return f"python -m colorize.study.publish {DOCUMENTS}/data --out FOLDER --figure {name}"


def source_command(source: str) -> str:
    """Makes the numbers, and its figures with them if it is a toy problem."""
    if source == STUDY:
        photos = "--data PHOTOS… --validation PHOTOS…"
        return f"python -m colorize.study {photos} --encoder-start hub --features FILE --out FOLDER"
    return f"python -m colorize.study.toy_problems {source} --out FOLDER"


def game_facts(game: Mapping[str, Any]) -> dict[str, Any]:
    """Medians over the plays of a game of `distribution`; `late` is each play's mean over the second half, sorted."""
    plays = game["plays"]

    def at(key: str, i: int) -> float:
        values: list[float] = [play[key][i] for play in plays]
        return statistics.median(values)

    half = len(plays[0]["w1"]) // 2
    return {
        "plays": len(plays),
        "w1_start": at("w1", 0),
        "w1_end": at("w1", -1),
        "kl_start": at("kl", 0),
        "kl_end": at("kl", -1),
        "sigma_end": at("sigma", -1),
        "late": sorted(statistics.fmean(play["w1"][half:]) for play in plays),
        "smallest_sigma": min(min(play["sigma"][half:]) for play in plays),
        "verdict": statistics.median(play["verdict_on_generated"] for play in plays),
    }


def saturation_facts(result: Mapping[str, Any]) -> dict[str, Any]:
    """Medians over seeds: D's verdict and the gradients when its head start ends; how soon G then gets going."""
    last = {
        key: statistics.median(record[key][-1] for record in result["head_start"])
        for key in ("verdict", "minimax", "bce")
    }
    return {
        **result,
        "last": last,
        "ratio": last["bce"] / last["minimax"],
        "halfway": {
            optimizer: {name: _halfway(plays) for name, plays in games.items()}
            for optimizer, games in result["games"].items()
        },
    }


def _halfway(plays: Sequence[Mapping[str, Any]]) -> float:
    """The median step at which the distance has first halved; infinite where it never does."""
    return statistics.median(
        next((step for step, w1 in zip(p["step"], p["w1"], strict=True) if w1 <= p["w1"][0] / 2), math.inf)
        for p in plays
    )


def boltzmann_facts(result: Mapping[str, Any]) -> dict[str, Any]:
    """Of each method, over its seeds: the median of its highest log-likelihood and of its last, the lowest last one."""
    methods = {}
    for name, plays in result["methods"].items():
        ends = [play["log_likelihood"][-1] for play in plays]
        methods[name] = {
            "highest": statistics.median(max(play["log_likelihood"]) for play in plays),
            "end": statistics.median(ends),
            "lowest_late": min(min(play["log_likelihood"][len(play["step"]) // 2 :]) for play in plays),
            "mass": statistics.median(play["mass"][-1] for play in plays),
        }
    drawn = len(result["methods"]["exact"][0]["samples"])
    return {**result, "methods": methods, "best": -math.log(result["patterns"]), "drawn": drawn}


def approximation_facts(result: Mapping[str, Any]) -> dict[str, Any]:
    """By the rule: medians of the distance by width. By the coin: the lowest and highest mean a* over all widths."""
    return {
        **result,
        "widest": max(record["width"] for record in result["rule"]),
        "rms": {record["width"]: statistics.median(record["rms"]) for record in result["rule"]},
        "coin_means": {
            loss: [spread(mean for record in records for mean in record["mean"]) for spread in (min, max)]
            for loss, records in result["coin"].items()
        },
        "mean": result["red_share"] * result["colors"]["red"] + (1 - result["red_share"]) * result["colors"]["blue"],
    }


def _told(outcome: ClaimResult, words: Words) -> dict[str, str]:
    """A row of the table of what was expected: of the learned loss, and of what it is held against."""
    claim = outcome.claim
    measure = claim.measure.removeprefix(PREFIX)
    digits = 3 if measure == "ssim" else 1 if measure == "delta_cf" else 2
    better, worse = (
        "; ".join(interval(each, digits, pattern=words.interval) for each in seeds)
        for seeds in (outcome.better, outcome.worse)
    )
    learned, other = (better, worse) if claim.better == LEARNED else (worse, better)
    lead = outcome.lead and words.by_difference.format(interval(outcome.lead, digits, pattern=words.interval))
    return {
        "text": words.claims.get(claim.text, claim.text),
        "verdict": words.verdicts[outcome.verdict],
        "by": lead or "",
        "learned": learned,
        "other": other,
    }


def _measures_of_arms(study: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Of each arm, as the mean of its seeds."""
    return {arm: row["measures"] for arm, row in study["arms_pooled"].items()}


def _objectives_agree(study: Mapping[str, Any]) -> bool:
    """Whether, by KL of a*, every adversarial objective beside L1 is nearer to the truth than MSE, for certain."""
    arms = _measures_of_arms(study)
    objectives = [arms[arm]["kl_a"] for arm in (LEARNED, "l1+lsgan", "l1+hinge", "l1+wgan-gp") if arm in arms]
    return AVERAGED in arms and all(each["high"] < arms[AVERAGED]["kl_a"]["low"] for each in objectives)


def _seeds(study: Mapping[str, Any]) -> int:
    """Of the arm that has the most."""
    return max(Counter(run["arm"] for run in study["runs"]).values())


def _count_apart_by_seeds(study: Mapping[str, Any]) -> int:
    """Of how many claims the intervals of all seeds of one arm lie apart from those of all seeds of the other."""
    rows = rows_of_seeds(study)
    claims = [claim for claim in CLAIMS if can_be_decided(claim, rows)]
    return sum(evaluate_claim(claim, rows).verdict != "open" for claim in claims)


def _training_photos(study: Mapping[str, Any]) -> int | None:
    """How many thousand, about: those that λ was chosen on are one in so many."""
    choice = study["lambda"]
    return round(choice["photos"] * study["settings"]["holdout"] / 1000) if choice else None


def _are_apart(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether two intervals lie apart."""
    return one["low"] > other["high"] or other["low"] > one["high"]


def _other_lambdas(study: Mapping[str, Any]) -> list[str]:
    """The larger λ whose KL is hardly worse than the chosen one's, and whose PSNR is higher."""
    choice = study["lambda"]
    if not choice:
        return []
    divergence = {each["weight"]: each["kl_a"] + each["kl_b"] for each in choice["tried"]}
    psnr = {each["weight"]: each["psnr"] for each in choice["tried"]}
    chosen = choice["chosen"]
    return [
        f"{weight:g}"
        for weight in divergence
        if weight > chosen and divergence[weight] < 1.1 * divergence[chosen] and psnr[weight] > psnr[chosen]
    ]


def _levelings(study: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of each arm, the strengths at which its seeds are as colorful as the truth."""
    reached: dict[str, list[str]] = {}
    for run in _sorted_runs(study):
        strength = run["leveling"]
        reached.setdefault(run["arm"], []).extend([] if strength is None else [number(strength)])
    return reached


def _missing(study: Mapping[str, Any], words: Words) -> list[str]:
    """What the whole study trains and this one has not."""
    trained = {(run["arm"], run["seed"]) for run in study["runs"]}
    labels = ARM_LABELS | words.arms
    return [words.seed.format(labels[arm], seed) for arm, seed in all_runs() if (arm, seed) not in trained]


def _sorted_runs(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    order = list(ARM_LABELS)
    return sorted(study["runs"], key=lambda run: (order.index(run["arm"]), run["seed"]))


# -- the command -------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m colorize.study.publish",
        description="Write the study's report, in Markdown and in HTML, with its figures.",
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="the study's folder, or a report's data")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the pages and figures")
    parser.add_argument("--figure", metavar="NAME", help=f"draw this one only: {', '.join(FIGURES)}")
    given = parser.parse_args(arguments)
    return run_program("report", lambda: _run(given))


def _run(given: argparse.Namespace) -> None:
    require_matplotlib()  # told before the work
    if given.figure:
        if given.figure not in FIGURES:
            raise ConfigError(f"unknown figure {given.figure!r}: expected one of {', '.join(FIGURES)}")
        written = list(draw_from(given.data, [given.figure], given.out))
    else:
        require("study", "the report", "jinja2", "markdown_it")
        written = write_report(collect(given.data, given.out), given.out)
    for path in written:
        print(path)


if __name__ == "__main__":
    sys.exit(main())
