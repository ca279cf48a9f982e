"""The table of a job's states: every state can be reached, every way ends, and no other step is taken."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from colorize.batch.flights import AT_WORK, NEXT, Flight, State
from colorize.batch.plan import Job
from colorize.batch.results import Outcome
from colorize.errors import PhotoError

JOB = Job(Path("a.png"), Path("b.png"))


def reachable(state: State) -> set[State]:
    """From a state, in any number of steps."""
    found = {state}
    waiting = [state]
    while waiting:
        further = NEXT[waiting.pop()] - found
        found |= further
        waiting += further
    return found


def test_every_state_is_reached_and_leads_to_the_end() -> None:
    assert set(NEXT) == reachable(State.NEW) == set(State)
    assert all(State.FINISHED in reachable(state) for state in State)
    assert not NEXT[State.FINISHED]


def test_a_step_that_the_table_does_not_have_is_refused() -> None:
    for state in State:
        for other in State:
            flight = Flight(JOB)
            flight.state = state
            future = Future[None]() if other in AT_WORK else None
            if other in NEXT[state]:
                flight.transition(other, future)
                assert flight.state is other
            else:
                with pytest.raises(AssertionError):
                    flight.transition(other, future)


def test_a_failure_is_final_but_where_memory_ran_out() -> None:
    failed, out_of_memory = Flight(JOB), Flight(JOB)
    for flight in (failed, out_of_memory):
        flight.transition(State.MEASURING, Future())
    failed.fail(PhotoError("a damaged photo"))
    assert failed.result is not None
    assert (failed.state, failed.result.outcome, failed.result.message) == (
        State.FINISHED,
        Outcome.FAILED,
        "a damaged photo",
    )
    error = PhotoError("not enough memory")
    error.__cause__ = MemoryError()
    out_of_memory.fail(error)
    assert (out_of_memory.state, out_of_memory.result) == (State.RETRY_ALONE, None)
