"""What docs/training.md, docs/extend.md and the tutorial say is so: the code trains, the options and files exist."""

from __future__ import annotations

import argparse
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.distributed.run import get_args_parser

from colorize.models.encoders import ENCODERS
from colorize.models.patchgan import DISCRIMINATORS
from colorize.training import loop, runlog, shards
from colorize.training.augment import AUGMENTATIONS
from colorize.training.cli import _parser, main
from colorize.training.config import CHANGEABLE
from colorize.training.phases import PHASES
from colorize.training.terms import TERMS
from tests.training.test_seams import SHORT, TINY

DOCS = Path(__file__).parents[2] / "docs"
TRAINING = (DOCS / "training.md").read_text(encoding="utf-8")
EXTEND = (DOCS / "extend.md").read_text(encoding="utf-8")


def commands(page: str, program: str) -> list[list[str]]:
    """The words of every command of `program` that stands in a page."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.S)).replace("\\\n", " ")
    lines = [shlex.split(line) for line in blocks.splitlines()]
    return [line[line.index(program) + 1 :] for line in lines if program in line]


@pytest.fixture
def tables_as_before() -> Iterator[None]:
    """The page's code adds to the package's own tables."""
    tables = (ENCODERS, DISCRIMINATORS, AUGMENTATIONS, TERMS)
    before, phases = [dict(table) for table in tables], list(PHASES)
    yield
    for table, entries in zip(tables, before, strict=True):
        table.clear()  # type: ignore[attr-defined]
        table.update(entries)  # type: ignore[attr-defined]
    PHASES[:] = phases


@pytest.mark.usefixtures("tables_as_before")
def test_the_code_of_the_page_on_extending_trains_as_its_command_says(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "keep_freed_memory", lambda: False)
    (code,) = re.findall(r"```python\n(.*?)```", EXTEND, re.S)
    added: dict[str, object] = {"__name__": "mine"}
    exec(compile(code, "docs/extend.md", "exec"), added)  # noqa: S102
    (words,) = commands(EXTEND, "mine.py")
    given = dict(itertools.pairwise(words))
    settings = json.dumps(TINY | json.loads(given["--generator-settings"]))
    extra = json.loads(given["--extra"])
    run = tmp_path / "run"
    said = words[words.index("--losses") : words.index("--extra")]
    short = ["--generator-steps", "1", "--discriminator-steps", "1", "--adversarial-steps", "1"]
    assert main([
        *(str(shard), "--run", str(run), "--architecture", given["--architecture"], "--generator-settings", settings),
        *(*said, "--extra", json.dumps(dict.fromkeys(extra, 1)), *SHORT, *short),
    ]) == 0  # fmt: skip
    entries = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    train = [entry for entry in entries if entry["kind"] == "train"]
    assert train[-1]["phase"] == "polish"
    assert set(json.loads(given["--losses"])) <= set(train[-1])
    start = tmp_path / "start.pt"
    encoder = ENCODERS["pooled"]()
    torch.save(encoder.state_dict(), start)
    ENCODERS["pooled"]().load_start(start)


def test_the_commands_of_the_tutorial_go_on_from_the_shipped_model(
    shard: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(DOCS.parent)
    dry, real = commands((DOCS / "tutorials" / "train.md").read_text(encoding="utf-8"), "train.py")
    for _, *options in (dry, [*real, "--dry-run"]):
        assert main([str(shard), *options]) == 0, capsys.readouterr().err


def test_every_option_and_file_that_the_page_on_training_names_exists(capsys: pytest.CaptureFixture[str]) -> None:
    actions: list[argparse.Action] = _parser()._actions
    known = {name for action in actions for name in action.option_strings}
    with pytest.raises(SystemExit):
        shards.main(["--help"])
    known |= set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    known |= {name for action in get_args_parser()._actions for name in action.option_strings}  # of torchrun
    known |= set(
        re.findall(r'"(--[a-z-]+)"', (DOCS.parent / "benchmarks" / "processes.py").read_text(encoding="utf-8"))
    )
    known |= {"--num_processes", "--strict"}  # of accelerate and kubernetes-validate
    named = set(re.findall(r"--[a-z][a-z0-9_-]+", TRAINING + EXTEND))
    assert named <= known, named - known
    helped = next(action.help or "" for action in actions if "--losses" in action.option_strings)
    for term in TERMS:
        assert f"`{term}`" in TRAINING
        assert re.search(rf"\b{term}\b", helped)
    may_change = TRAINING.split("A run goes on as it began, but for:")[1].split("*")[1]
    for name in CHANGEABLE:
        assert f"`--{name.replace('_', '-')}`" in may_change
    assert runlog.__doc__ is not None
    rows = TRAINING.split("## The run folder")[1]
    for line in runlog.__doc__.splitlines()[2:]:
        name = line.split()[0].split("*")[0].removesuffix("step-").rstrip("/") if line.strip() else ""
        if name and not name.startswith("events"):
            assert f"`{name}" in rows, name
