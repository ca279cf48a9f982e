"""A forced choice between two pictures, for people: which of two is the real photo, which do you prefer?

The folder is written by `python -m colorize.study.choices prepare`, whose other half counts the answers:

    trials.json      {"format": 1, "question": "real" or "prefer", "exposure": s, "per_rater": n, "draw",
                     "trials": [{"id", "photo", "pair": [name, name], "pictures": [file, file]}]}
    pictures/        the pictures, under names that tell nothing
    answers.jsonl    a line each: {"rater", "number", "trial", "photo", "question", "left", "right", "chosen"}

A rater is a random number of the browser's, and sees each photo once: who saw it twice would know the picture that came
again. Which pair of a photo that is, in what order photos come, and which picture is on the left is drawn from the
rater's number and `draw`, so that nothing is lost when the server is started again. What a browser is sent does not
tell which picture is which.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from colorize.errors import DataError

TRIALS, ANSWERS, PICTURES = "trials.json", "answers.jsonl", "pictures"
SIDES = ("left", "right")
QUESTIONS = ("real", "prefer")
_MOST_ANSWERS = 200_000  # some 40 MB
_RATERS_KEPT = 1000  # whose order need not be drawn again


@dataclass(frozen=True)
class Trial:
    """Two pictures of a photo, as one rater sees them."""

    id: str
    photo: str
    names: tuple[str, str]  # whose colors are on the left, and on the right
    pictures: tuple[str, str]  # files


class Trials:
    """The trials of a folder and the answers to them. Raises `DataError` for a folder that is something else."""

    def __init__(self, folder: Path) -> None:
        self._pictures = folder / PICTURES
        self._answers = folder / ANSWERS
        self._lock = threading.Lock()
        path = folder / TRIALS
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
            if given["format"] != 1 or given["question"] not in QUESTIONS:
                raise ValueError("another format")
            self.question: str = given["question"]
            self.exposure = float(given["exposure"])
            self._per_rater = int(given["per_rater"])
            self._draw = str(given["draw"])
            self._by_photo: dict[str, list[dict[str, Any]]] = {}
            for trial in given["trials"]:
                (_, _), (_, _) = trial["pair"], trial["pictures"]
                self._by_photo.setdefault(trial["photo"], []).append(trial)
            ids = [trial["id"] for trial in given["trials"]]
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: expected trials as `colorize.study.choices prepare` writes them") from error
        if not ids or len(set(ids)) < len(ids):
            raise DataError(f"{path}: expected at least one trial, and each id once")
        missing = [f for each in self._by_photo.values() for t in each for f in t["pictures"] if not self._file(f)]
        if missing:
            raise DataError(f"{self._pictures / missing[0]}: this picture is missing")
        self._answered = self._read_answers()
        self.order = lru_cache(_RATERS_KEPT)(self._order)

    def next_of(self, rater: str) -> tuple[int, int, Trial | None]:
        """What a rater has to judge next.

        Args:
            rater: any text.

        Returns:
            How many trials are answered, how many there are, and the next; None at the end.
        """
        order = self.order(rater)
        left = [trial for trial in order if (rater, trial.id) not in self._answered]
        return len(order) - len(left), len(order), left[0] if left else None

    def picture(self, rater: str, trial_id: str, side: str) -> Path | None:
        """The file of a picture; None where this rater has no such trial.

        Args:
            rater: any text.
            trial_id: that of a trial.
            side: left or right.
        """
        trial = self._trial(rater, trial_id)
        if trial is None or side not in SIDES:
            return None
        return self._file(trial.pictures[SIDES.index(side)])

    def answer(self, rater: str, trial_id: str, side: str) -> bool:
        """Write an answer down; it is on the disk afterwards.

        Args:
            rater: any text.
            trial_id: that of the trial.
            side: left or right, what was chosen.

        Returns:
            Whether it counts: not if this rater has no such trial, has answered it, or there are too many answers.

        Raises:
            DataError: it cannot be written.
        """
        trial = self._trial(rater, trial_id)
        if trial is None or side not in SIDES:
            return False
        with self._lock:
            if (rater, trial_id) in self._answered or len(self._answered) >= _MOST_ANSWERS:
                return False
            left, right = trial.names
            line = {"rater": rater, "number": self.order(rater).index(trial) + 1, "trial": trial.id}
            line |= {"photo": trial.photo, "question": self.question, "left": left, "right": right}
            self._append(line | {"chosen": trial.names[SIDES.index(side)]})
            self._answered.add((rater, trial_id))
        return True

    def _order(self, rater: str) -> tuple[Trial, ...]:
        rng = random.Random(hashlib.sha256(f"{self._draw}:{rater}".encode()).digest())
        trials = []
        for photo in sorted(self._by_photo):
            given = rng.choice(self._by_photo[photo])
            (a, b), (picture_a, picture_b) = given["pair"], given["pictures"]
            if rng.random() < 0.5:
                (a, b), (picture_a, picture_b) = (b, a), (picture_b, picture_a)
            trials.append(Trial(given["id"], photo, (a, b), (picture_a, picture_b)))
        rng.shuffle(trials)
        return tuple(trials[: self._per_rater])

    def _trial(self, rater: str, trial_id: str) -> Trial | None:
        return next((trial for trial in self.order(rater) if trial.id == trial_id), None)

    def _file(self, name: object) -> Path | None:
        """A picture by the name in trials.json, which leads out of no folder."""
        path = self._pictures / str(name)
        return path if path.name == name and path.is_file() else None

    def _read_answers(self) -> set[tuple[str, str]]:
        """Who has answered what. A line that was not written to its end is removed."""
        try:
            with open(self._answers, "ab+") as file:
                file.seek(0)
                content = file.read()
                whole = content[: content.rfind(b"\n") + 1]
                file.truncate(len(whole))
            lines = [json.loads(line) for line in whole.splitlines()]
            return {(line["rater"], line["trial"]) for line in lines}
        except OSError as error:
            raise DataError(f"{self._answers}: cannot be written ({error.strerror})") from error
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{self._answers}: expected answers as this server writes them, JSON lines") from error

    def _append(self, line: dict[str, Any]) -> None:
        """A whole line in one piece, or nothing."""
        text = json.dumps(line).encode() + b"\n"
        try:
            with open(self._answers, "ab", buffering=0) as file:
                size = file.tell()
                if file.write(text) < len(text):
                    file.truncate(size)
                    raise OSError(None, "the disk is full")
                os.fsync(file.fileno())
        except OSError as error:
            raise DataError(f"{self._answers}: cannot be written ({error.strerror})") from error
