"""The README says what is so: its tree, its links, its commands and their options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperOption

from colorize.cli import command
from colorize.training import cli as training_cli
from colorize.web import cli as web_cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tree() -> set[str]:
    """The files and folders of the block under "What is where", as paths."""
    block = re.search(r"## What is where\n\n```\n(.*?)```", README, re.S)
    assert block
    paths, parents = set(), [""]
    for line in block[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r"\s{2,}", line.strip())[0].split(", ")
        for name in names:
            paths.add("/".join([*parents[1 : depth + 1], name.rstrip("/")]))
        if names[-1].endswith("/"):
            parents = [*parents[: depth + 1], names[-1].rstrip("/")]
    return paths


def test_the_tree_names_every_room_and_nothing_that_is_not_there() -> None:
    named = tree()
    missing = {path for path in named if not (ROOT / path).exists()}
    assert not missing
    rooms = {f"colorize/{path.parent.name}" for path in (ROOT / "colorize").glob("*/__init__.py")}
    assert rooms <= named


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("program", ["colorize", "train.py", "app.py"])
def test_every_option_that_is_shown_exists(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    if program == "colorize":
        assert command.main(["--help"]) == 0
    else:
        with pytest.raises(SystemExit):
            {"train.py": training_cli, "app.py": web_cli}[program].main(["--help"])
    told = capsys.readouterr().out
    blocks = re.findall(r"```sh\n(.*?)```", README, re.S)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    commands = [line for line in lines if program in line[:2]]
    assert commands or program == "app.py"  # which stands in a sentence
    for words in commands:
        for word in words:
            if word.startswith("-"):
                assert word in told, word
    if program == "app.py":
        named = re.findall(r"`(--[a-z-]+)`", README.split("**In the browser.**")[1].split("\n\n")[0])
        assert named
        assert all(option in told for option in named)
    if program == "train.py":
        for option in re.findall(r"`(--[a-z-]+)", README.split("## Train")[1].split("## How")[0]):
            assert option in told or option in ("--model",), option


def test_the_options_of_the_command_are_described_as_its_help_says_them() -> None:
    """If this fails, put the text it shows into docs/command.md."""
    parsed = typer.main.get_command(command.app)
    rows = ["| option | | without it |", "|---|---|---|"]
    for option in parsed.params:
        if not isinstance(option, TyperOption) or option.hidden:
            continue
        names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len))
        value = f" {option.metavar}" if option.metavar else ""
        default = "" if option.default in (None, False) else f"`{option.default}`"
        rows.append(f"| {names}{value} | {option.help} | {default} |")
    assert "\n".join(rows) in (ROOT / "docs" / "command.md").read_text(encoding="utf-8"), "\n".join(rows)
