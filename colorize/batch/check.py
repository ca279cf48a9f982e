"""Existing results compared with their sources: whether they have kept the lightness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice, zip_longest

from colorize import photo
from colorize.batch.plan import Job
from colorize.batch.results import exists, is_result
from colorize.coloring.fidelity import Fidelity, compare
from colorize.errors import PhotoError


class Verdict(Enum):
    KEPT = "kept the lightness"
    BROKEN = "broken"
    LOSSY = "not judged: their format itself changes levels"
    FAILED = "not checked"


@dataclass(frozen=True)
class Check:
    job: Job
    verdict: Verdict
    fidelity: Fidelity | None = None  # of all pages
    message: str = ""  # why it was not checked


def check(jobs: Iterable[Job]) -> Iterator[Check]:
    """Compare the result of each job with its source, page by page.

    Sources that are results themselves are passed over. JPEG, WebP and AVIF change levels by themselves, by more than
    the promise allows: they get a figure, but no verdict.
    """
    for job in jobs:
        if not exists(job) and is_result(job):
            continue
        if job.problem or not exists(job):
            yield Check(job, Verdict.FAILED, message=job.problem or f"{job.target}: no such result of {job.source}")
            continue
        try:
            lossy = photo.writer(job.target).quality is not None
            fidelity = _compare(job)
        except PhotoError as error:
            yield Check(job, Verdict.FAILED, message=str(error))
            continue
        verdict = Verdict.LOSSY if lossy else Verdict.KEPT if fidelity.kept else Verdict.BROKEN
        yield Check(job, verdict, fidelity)


def _compare(job: Job) -> Fidelity:
    """Of all pages that the result's format can hold."""
    sources = islice(photo.pages(job.source), None if photo.writer(job.target).pages else 1)
    worst, same, pixels = 0.0, 0.0, 0
    for source, result in zip_longest(sources, photo.pages(job.target)):
        if source is None or result is None:
            raise PhotoError(f"{job.target}: {'more' if source is None else 'fewer'} pages than {job.source} has")
        try:
            page = compare(source, result)
        except PhotoError as error:
            raise PhotoError(f"{job.target}: {error}") from error
        area = source.size[0] * source.size[1]
        worst, same, pixels = max(worst, page.worst), same + page.share * area, pixels + area
    return Fidelity(worst, same / pixels)
