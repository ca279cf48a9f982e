"""What people say: which of two pictures is the real photo, or which they prefer.

    python -m colorize.study.choices prepare mse=FILE l1+gan=FILE --photos PHOTOS… --out FOLDER
    colorize-app --trials FOLDER        # asks; anyone can host it
    python -m colorize.study.choices tally FOLDER

`prepare` colors photos by each model and writes what the page asks, see `colorize.web.rating`. With `--question real` a
picture stands against the photo itself, and a model has *fooled* a rater where its picture was chosen (Isola et al.
2017, sec. 3.2: their "fooled %", pictures shown for one second). With `--question prefer` models stand against each
other. Different from the paper: no trials with feedback to practice on, and a rater sees pictures of several models,
though each photo only once.

`tally` counts. Raters differ, and so do photos: the 95 % intervals draw both again, each photo and each rater counting
as often as drawn (Owen 2007, the pigeonhole bootstrap, which is rather too wide than too narrow).
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import itertools
import json
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from colorize.errors import ConfigError, DataError
from colorize.evaluation import SHIPPED
from colorize.evaluation.intervals import Interval
from colorize.requirements import EXTRAS, require
from colorize.system import files
from colorize.system.program import run_program
from colorize.system.threads import wait_passively

if TYPE_CHECKING:
    from PIL import Image

TRUTH = "truth"
TRIALS, ANSWERS, PICTURES = "trials.json", "answers.jsonl", "pictures"
RESAMPLES = 2000
_FIELDS = ("rater", "trial", "photo", "question", "left", "right", "chosen")


@dataclass(frozen=True)
class Question:
    """What is asked. Raises `ConfigError` for a value outside its range."""

    kind: str = "real"  # or prefer
    exposure: float = 1.0  # seconds that the pictures are shown; 0: until the answer
    per_rater: int = 40  # trials
    side: int = 256  # px, the longer one, of a picture

    def __post_init__(self) -> None:
        if not 0 <= self.exposure <= 60:
            raise ConfigError(f"exposure must be from 0 to 60 seconds, got {self.exposure:g}")
        if self.per_rater < 1:
            raise ConfigError(f"per-rater must be at least 1, got {self.per_rater}")
        if not 32 <= self.side <= 1024:
            raise ConfigError(f"side must be from 32 to 1024 px, got {self.side}")


class Answer(NamedTuple):
    rater: str
    photo: str
    question: str
    chosen: str
    other: str


class Count(NamedTuple):
    """How often one was chosen over another."""

    chosen: str
    over: str
    answers: int
    raters: int
    photos: int
    share: Interval  # of the answers


# -- before: pictures and trials ---------------------------------------------------------------------------------------


def prepare(models: Mapping[str, str], photos: Sequence[str], question: Question, limit: int, out: Path) -> int:
    """Color photos by each model and write the trials.

    Args:
        models: file of each, or "shipped", by the name that answers get.
        photos: color photos: folders, files, tar shards.
        question: what is asked.
        limit: the first photos only, at most so many.
        out: a folder, which must not hold trials yet.

    Returns:
        The number of trials.

    Raises:
        ConfigError: names or the folder do not fit.
        DataError: no photo can be used.
        WeightsError: a model cannot be read.
    """
    import numpy as np
    from PIL import Image

    from colorize.color.lightness import to_levels
    from colorize.coloring.colorizer import Colorizer

    if (out / TRIALS).exists():
        raise ConfigError(f"{out}: has trials already; choose another --out")
    if TRUTH in models:
        raise ConfigError(f"{TRUTH} is the photo itself; call the model otherwise")
    names = [TRUTH, *models] if question.kind == "real" else list(models)
    pairs = [(TRUTH, name) for name in models] if question.kind == "real" else list(itertools.combinations(names, 2))
    if not pairs:
        raise ConfigError("prefer needs at least two models to choose between")
    colorizers = {name: Colorizer.load(None if file == SHIPPED else file) for name, file in models.items()}
    trials: list[dict[str, Any]] = []
    for number, truth in enumerate(itertools.islice(_usable(photos, question.side), limit), 1):
        gray = Image.fromarray(to_levels(np.asarray(truth)))  # whose lightness is the photo's own
        pictures = {TRUTH: truth} | {name: colorizer(gray) for name, colorizer in colorizers.items()}
        written = {name: _write_picture(pictures[name], out / PICTURES) for name in names}
        trials += [
            {"photo": f"{number:04d}", "pair": list(pair), "pictures": [written[name] for name in pair]}
            for pair in pairs
        ]
        print(f"choices: photo {number}", file=sys.stderr, flush=True)
    if not trials:
        raise DataError(f"{', '.join(map(str, photos))}: expected color photos, found none that can be used")
    for trial in trials:  # known by nothing that the pictures could be told from
        trial["id"] = secrets.token_hex(6)
    given = {"format": 1, "question": question.kind, **dataclasses.asdict(question), "draw": secrets.token_hex(16)}
    del given["kind"], given["side"]
    with files.atomic(out / TRIALS) as file:
        file.write((json.dumps({**given, "trials": trials}, indent=1) + "\n").encode())
    return len(trials)


def _usable(photos: Sequence[str], side: int) -> Iterator[Image.Image]:
    """Color photos, at most `side` px."""
    from PIL import Image

    from colorize.training.config import TrainConfig
    from colorize.training.data import UnusablePhoto, decode, find_sources, read_unit

    config = TrainConfig()
    for raw in itertools.chain.from_iterable(map(read_unit, find_sources(photos).units())):
        try:
            photo = decode(raw, config, least_side=side).convert("RGB")
        except UnusablePhoto:
            continue
        photo.thumbnail((side, side), Image.Resampling.LANCZOS)
        yield photo


def _write_picture(picture: Image.Image, folder: Path) -> str:
    """Under a name that tells nothing, without metadata, which would say that a picture is colored."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.frombytes("RGB", picture.size, picture.convert("RGB").tobytes()).save(buffer, "PNG")
    name = f"{secrets.token_hex(8)}.png"
    with files.atomic(folder / name, overwrite=False) as file:
        file.write(buffer.getvalue())
    return name


# -- afterwards: the answers -------------------------------------------------------------------------------------------


def read_answers(path: Path) -> list[Answer]:
    """The answers of a file. A last line that was not written to its end is left out.

    Raises `DataError` for a file that is missing or holds something else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    answers = []
    for number, text in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
        try:
            line = json.loads(text)
            values = {name: line[name] for name in _FIELDS}
            sides = (values["left"], values["right"])
            if not all(isinstance(value, str) for value in values.values()) or values["chosen"] not in sides:
                raise ValueError
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: expected an answer, this is something else") from error
        other = sides[1] if values["chosen"] == sides[0] else sides[0]
        answers.append(Answer(values["rater"], values["photo"], values["question"], values["chosen"], other))
    return answers


def tally(answers: Sequence[Answer], resamples: int = RESAMPLES) -> list[Count]:
    """How often each was chosen.

    Args:
        answers: of one question.
        resamples: how often raters and photos are drawn again.

    Returns:
        Of "real", how often each model was taken for the photo; of "prefer", how often the first of each pair of
        models, in the order of their names, was chosen.

    Raises:
        DataError: there is no answer, or they are of different questions.
    """
    questions = {answer.question for answer in answers}
    if len(questions) != 1:
        raise DataError(f"expected answers to one question, got {', '.join(sorted(questions)) or 'none'}")
    groups: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        one, other = sorted((answer.chosen, answer.other), key=lambda name: (name == TRUTH, name))
        groups.setdefault((one, other), []).append(answer)
    return [
        Count(
            one,
            other,
            len(group),
            len({answer.rater for answer in group}),
            len({answer.photo for answer in group}),
            share_chosen([(each.rater, each.photo, each.chosen == one) for each in group], resamples),
        )
        for (one, other), group in sorted(groups.items())
    ]


def share_chosen(answers: Sequence[tuple[str, str, bool]], resamples: int) -> Interval:
    """The share of answers that are true, and its 95 % interval over raters and photos.

    Where all answers are alike, drawing again cannot show another. Then the open end is the exact bound (Clopper &
    Pearson 1934) for as many answers as there are raters, or photos if they are fewer.

    Args:
        answers: rater, photo, and whether.
        resamples: how often both are drawn again.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    _, rater = np.unique([each[0] for each in answers], return_inverse=True)
    _, photo = np.unique([each[1] for each in answers], return_inverse=True)
    chosen = np.array([each[2] for each in answers], dtype=float)
    if chosen.min() == chosen.max():
        beyond = 1 - 0.025 ** (1 / (1 + min(rater.max(), photo.max())))
        share = float(chosen[0])
        return Interval(share, max(0.0, share - beyond), min(1.0, share + beyond))
    shares: list[float] = []
    while len(shares) < resamples:
        raters, photos = (
            rng.multinomial(count, np.full(count, 1 / count)) for count in (rater.max() + 1, photo.max() + 1)
        )
        weights = raters[rater] * photos[photo]
        if weights.any():  # else no answer is by a drawn rater on a drawn photo
            shares.append(float((weights * chosen).sum() / weights.sum()))
    low, high = np.quantile(shares, [0.025, 0.975])
    return Interval(float(chosen.mean()), float(low), float(high))


def format_counts(counts: Sequence[Count]) -> str:
    """For people."""
    lines = []
    for each in counts:
        what = f"{each.chosen} taken for the photo" if each.over == TRUTH else f"{each.chosen} preferred to {each.over}"
        value, low, high = (f"{100 * share:.1f}" for share in each.share)
        of = f"{each.answers} answers, {each.raters} raters, {each.photos} photos"
        lines.append(f"{what}: {value} % ({low} to {high}); {of}")
    return "\n".join(lines)


# -- the command -------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    default = Question()
    parser = argparse.ArgumentParser(
        prog="python -m colorize.study.choices",
        description="A forced choice for people: prepare it, count the answers.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    before = commands.add_parser("prepare", help="color photos by models and write what the page asks")
    before.add_argument("models", nargs="+", metavar="NAME=FILE", help=f'model files ("{SHIPPED}": the shipped one)')
    before.add_argument("--photos", nargs="+", required=True, metavar="PHOTOS", help="color photos, none trained on")
    before.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for pictures and trials")
    before.add_argument("--question", choices=("real", "prefer"), default=default.kind, help="[%(default)s]")
    before.add_argument("--limit", type=int, default=200, metavar="N", help="the first N photos [%(default)s]")
    before.add_argument("--per-rater", type=int, default=default.per_rater, metavar="N", help="trials [%(default)s]")
    before.add_argument(
        "--exposure", type=float, default=default.exposure, metavar="S", help="seconds; 0: no limit [%(default)s]"
    )
    before.add_argument("--side", type=int, default=default.side, metavar="PX", help="the longer one [%(default)s]")
    after = commands.add_parser("tally", help="count the answers")
    after.add_argument("folder", type=Path, metavar="FOLDER", help="of the trials")
    after.add_argument("--json", type=Path, metavar="FILE", help="write them down as well")
    given = parser.parse_args(arguments)
    wait_passively()
    return run_program("choices", lambda: _run(given))


def _run(given: argparse.Namespace) -> None:
    if given.command == "tally":
        counts = tally(read_answers(given.folder / ANSWERS))
        print(format_counts(counts))
        if given.json:
            rows = [each._asdict() | {"share": each.share._asdict()} for each in counts]
            with files.atomic(given.json) as file:
                file.write((json.dumps({"format": 1, "counts": rows}, indent=1) + "\n").encode())
        return
    require("study", "preparing choices", *EXTRAS["train"])
    models = dict(each.partition("=")[::2] for each in given.models)
    if len(models) < len(given.models) or not all(name and file for name, file in models.items()):
        raise ConfigError(f"expected models as NAME=FILE, each name once, got {' '.join(given.models)}")
    if given.limit < 1:
        raise ConfigError(f"limit must be at least 1, got {given.limit}")
    question = Question(given.question, given.exposure, given.per_rater, given.side)
    print(prepare(models, given.photos, question, given.limit, given.out), "trials")
    print(given.out / TRIALS)


if __name__ == "__main__":
    sys.exit(main())
