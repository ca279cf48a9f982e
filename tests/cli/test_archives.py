"""What `colorize cluster` tells on the way, and when a store is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from colorize.batch.results import Entry, Outcome
from colorize.cli.archives import _Progress
from colorize.cli.session import Session
from colorize.cli.terminal import Interrupt
from colorize.coloring.conditions import NO_CONDITIONS
from colorize.errors import ClusterError
from colorize.options import ColorizeOptions
from colorize.system.program import FAILED
from tests.stand_ins import StandInColorizer


def test_progress_tells_rate_time_left_and_workers_of_the_last_minute() -> None:
    now = [0.0]
    progress = _Progress(1000, clock=lambda: now[0])
    for second, worker in [(10, "a"), (20, "b"), (50, "b"), (100, "b")]:
        now[0] = second
        progress.add(worker, 30)
    assert str(progress) == "120 of 1000, 1.0 photos/s, 15 min left, 1 worker"
    now[0] = 599
    assert not progress.is_due()
    now[0] = 600
    assert progress.is_due()
    assert not progress.is_due()


def test_a_store_that_is_lost_ends_the_run_with_what_was_done_and_how_to_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def entries() -> Iterator[Entry]:
        yield Entry("s3://a/1.jpg", "s3://b/1.jpg", Outcome.DONE)
        raise ClusterError("s3://b: cannot be written to (no such bucket)")

    session = Session(StandInColorizer, ColorizeOptions(), NO_CONDITIONS, Interrupt())
    assert session.tell(entries(), 2) == FAILED
    told = capsys.readouterr()
    assert told.out == "s3://b/1.jpg\n"
    assert told.err.splitlines() == [
        "colorize: 1 colorized",
        "colorize: s3://b: cannot be written to (no such bucket); run the same command to continue",
    ]
