"""A person's own defaults: from the command line, else the environment, else colorize.toml, else the program's."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from colorize.cli import command, main
from colorize.cli.arguments import Arguments
from colorize.cli.defaults import SETTINGS
from tests.stand_ins import StandInColorizer


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "_load", lambda *_: StandInColorizer())
    monkeypatch.chdir(tmp_path)
    Image.new("L", (12, 9), 100).save(tmp_path / "a.png")
    return tmp_path


def shown(capfd: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """What is said of each setting that has a value."""
    assert main([*arguments, "--show-config"]) == 0
    lines = [line.split(" = ") for line in capfd.readouterr().out.splitlines() if not line.startswith("#")]
    return {name: value for name, value in lines}  # noqa: C416  # pairs, as mypy sees them


def test_each_source_gives_way_to_the_one_before(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert shown(capfd)["size"] == "256  # default"
    (here / "colorize.toml").write_text('size = 64\nskip-color = true\nformat = "webp"\nstrength = 1\n')
    settings = shown(capfd)
    assert settings["size"] == "64  # colorize.toml"
    assert settings["skip-color"] == "true  # colorize.toml"
    assert settings["strength"] == "1.0  # colorize.toml"
    monkeypatch.setenv("COLORIZE_SIZE", "96")
    assert shown(capfd)["size"] == "96  # environment, COLORIZE_SIZE"
    monkeypatch.setenv("COLORIZE_OVERWRITE", "1")
    assert shown(capfd)["overwrite"] == "true  # environment, COLORIZE_OVERWRITE"
    assert shown(capfd, "--size", "128")["size"] == "128  # command line"
    assert main(["a.png"]) == 0
    assert capfd.readouterr().out == "a.png-color.webp\n"


def test_what_is_shown_is_a_file_that_says_the_same(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--show-config", "--quality", "80", "-o", 'na"me']) == 0
    written = capfd.readouterr().out
    assert tomllib.loads(written)["output"] == 'na"me'
    (here / "again.toml").write_text(written)
    settings = shown(capfd, "--config", "again.toml")
    assert settings["quality"] == "80  # again.toml"
    assert {name.replace("-", "_") for name in settings} | {"format", "look", "crf", "model"} == set(SETTINGS)


def test_a_file_is_found_here_or_at_home_or_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "home"))
        (here / "home/colorize").mkdir(parents=True)
        (here / "home/colorize/colorize.toml").write_text("size = 32")
        assert shown(capfd)["size"].startswith("32  # ")
    (here / "colorize.toml").write_text("size = 64")
    (here / "other.toml").write_text("size = 96")
    assert shown(capfd)["size"] == "64  # colorize.toml"
    assert shown(capfd, "--config", "other.toml")["size"] == "96  # other.toml"
    monkeypatch.setenv("COLORIZE_CONFIG", "other.toml")
    assert shown(capfd)["size"] == "96  # other.toml"


def test_paths_in_a_file_are_meant_from_its_folder(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "sub").mkdir()
    (here / "sub/my.toml").write_text('output = "colored"')
    assert main(["a.png", "--config", "sub/my.toml"]) == 0
    assert capfd.readouterr().out == "sub/colored/a.png\n"


def test_defaults_that_do_not_suit_a_call_are_meant_for_others(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "colorize.toml").write_text('overwrite = true\nvariants = 2\nskip-color = true\ncodec = "av1"\n')
    assert main(["a.png"]) == 0
    assert main(["a.png", "--verify"]) == 1  # the stand-in does not keep the lightness
    assert main(["a.png", "--dry-run"]) == 0
    assert "do not go together" not in capfd.readouterr().err
    (here / "colorize.toml").write_text('format = "png"\n')
    assert main(["a.png", "-o", "named.jpg"]) == 0
    with Image.open(here / "named.jpg") as image:
        assert image.format == "JPEG"
    arguments = Arguments(
        ["-"], variants=2, skip_color=True, sources={"variants": "DEFAULT_MAP", "skip_color": "DEFAULT_MAP"}
    )
    assert (arguments.options().variants, arguments.options().skip_color) == (0, False)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("size = ", "colorize.toml: expected a configuration in TOML"),
        ('size = "big"', "colorize.toml: size must be a whole number, got 'big'"),
        ("overwrite = 1", "colorize.toml: overwrite must be true or false, got 1"),
        ("size = true", "colorize.toml: size must be a whole number, got True"),
        ("watch = true", "colorize.toml: unknown setting 'watch': expected one of output, overwrite"),
        ("size = 1", "size must be a whole number from 32 to 2048, got 1"),
    ],
)
def test_a_wrong_file_is_one_line(here: Path, content: str, told: str, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "colorize.toml").write_text(content)
    assert main(["a.png"]) == 2
    stderr = capfd.readouterr().err
    assert told in stderr
    assert stderr.count("\n") == 1


def test_a_file_that_is_not_there_and_a_wrong_variable_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["a.png", "--config", "missing.toml"]) == 2
    assert capfd.readouterr().err == (
        "colorize: missing.toml: the configuration cannot be read (No such file or directory)\n"
    )
    monkeypatch.setenv("COLORIZE_SIZE", "big")
    assert main(["a.png"]) == 2
    assert capfd.readouterr().err == (
        "colorize: Invalid value for '--size': 'big' is not a valid int, from the environment or the command line "
        "(COLORIZE_SIZE) (see colorize --help)\n"
    )
