"""How programs end."""

from __future__ import annotations

import errno

import pytest

from colorize.errors import ConfigError, DataError, MissingExtra, TrainingError, WeightsError
from colorize.system.program import run_program


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("wrong"), 2),
        (MissingExtra("wrong"), 2),
        (DataError("wrong"), 2),
        (WeightsError("wrong"), 2),
        (TrainingError("wrong"), 1),
        (OSError("wrong"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_goes_wrong_is_one_line_and_an_exit_status(
    error: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert run_program("study", fail, interrupted="wrong") == status
    assert capsys.readouterr() == ("", "study: wrong\n")


def test_what_nobody_expects_is_raised_and_what_goes_well_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        run_program("study", lambda: 1 // 0)
    assert run_program("study", lambda: None) == 0
    assert run_program("study", lambda: 3) == 3
    assert capsys.readouterr() == ("", "")


def test_a_file_that_the_system_refuses_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "out/key.json")

    assert run_program("panel", fail) == 1
    assert capsys.readouterr().err == "panel: out/key.json: No such file or directory\n"
