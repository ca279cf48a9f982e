"""A run knows which program trained it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from colorize import __version__
from colorize.training.provenance import commit, program


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a package in it."""
    package = tmp_path / "project/package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (tmp_path / "project/.gitignore").write_text("venv/\n")
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "-c", "core.hooksPath="]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path / "project"), *words], check=True, env=environment)
    return package


def test_the_commit_is_that_of_the_checkout_and_says_when_files_were_changed(checkout: Path) -> None:
    clean = commit(checkout)
    assert len(clean) == 40
    (checkout / "__init__.py").write_text("changed = True\n")
    assert commit(checkout) == f"{clean}-dirty"


def test_a_package_that_only_lies_inside_another_checkout_has_no_commit(checkout: Path, tmp_path: Path) -> None:
    installed = checkout.parent / "venv/other"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    assert commit(installed) == commit(tmp_path / "nowhere") == ""


def test_the_program_tells_its_versions() -> None:
    told = program()
    assert told["colorize"] == __version__
    assert told["threads"] >= 1
