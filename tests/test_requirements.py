"""What the project declares that it needs, and what a program says that misses it."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest

from colorize.errors import MissingExtra
from colorize.requirements import DISTRIBUTION, EXTRAS, require
from tests.environments import PROJECT, ROOT, declared, of_extra


def test_require_names_what_is_missing_first() -> None:
    require("dev", "nothing", "sys")
    with pytest.raises(MissingExtra, match=r"^it needs no_such_thing, which is not installed: pip install 'colorize-"):
        require("web", "it", "sys", "no_such_thing")


# What is declared


def test_every_module_that_is_looked_for_comes_with_its_extra() -> None:
    for extra, modules in EXTRAS.items():
        records = "\n".join(distribution(each.name).read_text("RECORD") or "" for each in of_extra(extra))
        for module in modules:
            assert re.search(rf"^{module}(/__init__)?\.py,", records, re.MULTILINE), f"{extra}: {module}"


def test_everything_for_users_is_in_all_and_everything_at_all_in_dev() -> None:
    names = {extra: {requirement.name for requirement in of_extra(extra)} for extra in [*EXTRAS, "all", "dev"]}
    assert names["all"] == set().union(*(names[extra] for extra in EXTRAS))
    assert names["all"] < names["dev"]
    assert set(EXTRAS) | {"all", "dev", "docs", "fuzz"} == set(PROJECT["optional-dependencies"])


def test_torch_and_torchvision_are_chosen_as_a_pair() -> None:
    """An upper bound of one of them would make pip take two that were not built together."""
    bounds = {str(r.specifier) for r in declared("all") if r.name in ("torch", "torchvision")}
    assert bounds == {">=2.11", ">=0.26"}


# The name


def test_the_name_of_the_distribution_stands_in_one_place_of_the_program() -> None:
    assert PROJECT["name"] == DISTRIBUTION
    named = [path for path in (ROOT / "colorize").rglob("*") if path.suffix in (".py", ".html", ".js", ".json", ".md")]
    assert [path.name for path in named if DISTRIBUTION in path.read_text(encoding="utf-8")] == ["requirements.py"]


def test_every_pip_command_that_is_shown_installs_this_project_and_an_extra_that_exists() -> None:
    """`pip install colorize` would install another project."""
    command = re.compile(r"pip install (?:-\S+ )*['\"]?(colorize[\w-]*|\.)(?:\[([\w,]+)\])?")
    shown = [found for path in documents() for found in command.findall(path.read_text(encoding="utf-8"))]
    assert len(shown) > 5
    for name, extras in shown:
        assert name in (DISTRIBUTION, ".")
        assert {each for each in extras.split(",") if each} <= set(PROJECT["optional-dependencies"])


def documents() -> list[Path]:
    """What people read or run, and the program."""
    suffixes = (".md", ".py", ".html", ".js", ".json", ".toml", ".yaml", "")
    folders = [ROOT / name for name in ("colorize", "docs", "scripts", "benchmarks", "recipes", ".ci")]
    paths = [*ROOT.iterdir(), *(path for folder in folders for path in folder.rglob("*"))]
    return [path for path in paths if path.is_file() and path.suffix in suffixes and path.name != ".git"]
