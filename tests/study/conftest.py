"""What several tests of the study start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from colorize.study import toy_problems


@pytest.fixture(scope="session")
def toy_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of all toy problems in their quick form."""
    folder = tmp_path_factory.mktemp("toys")
    for name in toy_problems.TOY_PROBLEMS:
        toy_problems.write_json(folder / f"{name}.json", toy_problems.run_toy_problem(name, quick=True))
    return folder
