"""What had another spelling is still understood, for one version: of commands, of Python, of files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from colorize import ConfigError, Hint
from colorize.cli import command
from colorize.former_names import FORMER_NAMES, FORMER_NOTES, with_new_names
from colorize.photo import Photo
from colorize.photo.exif import DESCRIPTION, Exif
from colorize.photo.formats import JPEG
from colorize.photo.metadata import of_result
from colorize.training.cli import main as train
from colorize.training.config import TrainConfig, read_config
from tests.stand_ins import StandInColorizer


def test_a_hint_takes_and_tells_its_color_under_the_former_name() -> None:
    hint = Hint(x=1, y=2, colour="#102030")  # type: ignore[call-arg]
    assert hint == Hint(1, 2, "#102030")
    assert hint.colour == hint.color == "#102030"


def test_both_names_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match="colour is the former name of color"):
        Hint(1, 2, color="#102030", colour="#405060")  # type: ignore[call-arg]


def test_the_command_leaves_photos_in_color_alone_under_the_former_option_which_help_no_longer_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_load", lambda *_: StandInColorizer())
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "gray.png")
    Image.merge("RGB", [Image.linear_gradient("L"), *[Image.radial_gradient("L")] * 2]).save(tmp_path / "color.png")
    assert command.main([str(tmp_path), "-o", str(tmp_path / "out"), "--skip-colour"]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["gray.png"]
    capsys.readouterr()
    assert command.main(["--help"]) == 0
    assert "colour" not in capsys.readouterr().out


def test_settings_of_a_run_are_read_under_their_former_names(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        name: 0.5 for name in FORMER_NAMES if FORMER_NAMES[name] in TrainConfig.__dataclass_fields__
    }
    assert settings
    (tmp_path / "config.json").write_text(json.dumps(settings))
    config = TrainConfig(**read_config(tmp_path / "config.json"))
    assert config == TrainConfig(**settings)
    assert {getattr(config, FORMER_NAMES[name]) for name in settings} == {0.5}
    assert not set(settings) & set(json.loads(config.to_json()))


def test_train_takes_the_former_options_which_help_no_longer_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    assert train([str(tmp_path), "--dry-run", "--min-colourfulness", "7.5"]) == 0
    assert json.loads(capsys.readouterr().out.split("\ndata:")[0])["min_colorfulness"] == 7.5
    with pytest.raises(SystemExit):
        train(["--help"])
    assert "colour" not in capsys.readouterr().out


def test_photos_that_a_run_skipped_are_counted_on_under_the_new_name() -> None:
    assert with_new_names({"grey": 3, "tiny": 1}) == {"gray": 3, "tiny": 1}


@pytest.mark.parametrize("note", FORMER_NOTES)
def test_a_result_that_says_in_the_former_spelling_how_its_colors_came_about_does_not_say_it_twice(note: str) -> None:
    described = Exif()
    described.set_text(DESCRIPTION, b"A cat" * note.startswith(" ") + note.encode())
    result = Photo(Image.new("RGB", (4, 4)), exif=described.to_bytes(), colored=True)
    assert of_result(result, JPEG).exif.text(DESCRIPTION) == described.text(DESCRIPTION)
