"""Settings: every default in one place, every wrong value told in one line."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from colorize.errors import ConfigError
from colorize.training.config import TrainConfig, read_config


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"architecture": "resnet"}, "architecture must be one of unet, mobile-unet, context-unet, got 'resnet'"),
        ({"objective": "magic"}, "objective must be one of"),
        ({"schedule": "magic"}, "schedule must be one of cosine"),
        ({"losses": {"l1": "much"}}, "losses: l1 must be a number, got 'much'"),
        ({"losses": {"l1": -1.0}}, "losses: l1 must be at least 0, got -1.0"),
        ({"discriminators": ["patch", "cat"]}, "discriminator must be one of patch, pixel, image, got 'cat'"),
        (
            {"discriminators": ["pixel", "image"], "discriminator_scale": 2},
            "size must be at least 192 for the image discriminator, got 128",
        ),
        ({"discriminators": []}, "discriminators: expected at least one"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number, got 2.5"),
        ({"batch_size": True}, "batch_size must be a whole number, got True"),
        ({"g_lr": "fast"}, "g_lr must be a number, got 'fast'"),
        ({"g_lr": float("nan")}, "g_lr must be a number, got nan"),
        ({"g_lr": 10**400}, "g_lr must be a number, got 1000"),
        ({"g_lr": -1.0}, "g_lr must be at least 0, got -1.0"),
        ({"ema": 1.0}, "ema must be at least 0 and below 1, got 1.0"),
        ({"zoom": 0.0}, "zoom must be above 0 and at most 1, got 0.0"),
        ({"hints": 1.5}, "hints must be a share from 0 to 1, got 1.5"),
        ({"degraded": 2}, "degraded must be a share from 0 to 1, got 2"),
        ({"source_balance": -0.5}, "source_balance must be at least 0, got -0.5"),
        ({"spectral_norm": 1}, "spectral_norm must be true or false, got 1"),
        ({"generator_settings": [64]}, r"generator_settings must be a JSON object, got \[64\]"),
    ],
)
def test_a_wrong_value_says_what_was_expected_and_what_came(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        TrainConfig(**settings)


def test_json_and_back_is_the_same_config(tmp_path: Path) -> None:
    config = TrainConfig(
        discriminators=("pixel", "patch"), generator_settings={"widths": [8, 8, 8, 8]}, spectral_norm=True
    )
    (tmp_path / "config.json").write_text(config.to_json())
    assert TrainConfig(**read_config(tmp_path / "config.json")) == config


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "expected JSON"),
        ("[1]", "expected a JSON object with settings, got list"),
        ('{"learning_rate": 1}', "unknown setting 'learning_rate'"),
    ],
)
def test_a_wrong_recipe_names_the_file(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(ConfigError, match=rf"recipe\.json: .*{told}"):
        read_config(tmp_path / "recipe.json")
    with pytest.raises(ConfigError, match=r"missing\.json: cannot be read"):
        read_config(tmp_path / "missing.json")


def test_a_recipe_inherits_what_it_does_not_say_itself(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "first.json").write_text('{"ndf": 5, "g_lr": 0.5, "losses": {"l1": 1.0, "mse": 1.0}}')
    (tmp_path / "deep/second.json").write_text('{"inherits": "../first.json", "g_lr": 0.25, "losses": {"huber": 1.0}}')
    (tmp_path / "third.json").write_text('{"inherits": "deep/second.json", "d_lr": 0.125}')
    read = read_config(tmp_path / "third.json")
    assert read == {"ndf": 5, "g_lr": 0.25, "d_lr": 0.125, "losses": {"huber": 1.0}}  # losses go as a whole


@pytest.mark.parametrize(
    ("parent", "told"),
    [
        ('"heir.json"', r"heir\.json: inherits from heir\.json, which inherits from it"),
        ('"other.json"', r"other\.json: inherits from heir\.json, which inherits from it"),
        ('"missing.json"', r"missing\.json: cannot be read"),
        ("7", r"heir\.json: inherits must be the name of a file, got 7"),
    ],
)
def test_a_recipe_that_cannot_inherit_names_the_file(tmp_path: Path, parent: str, told: str) -> None:
    (tmp_path / "heir.json").write_text(f'{{"inherits": {parent}}}')
    (tmp_path / "other.json").write_text('{"inherits": "heir.json"}')
    with pytest.raises(ConfigError, match=told):
        read_config(tmp_path / "heir.json")


def test_every_setting_says_what_it_is() -> None:
    for field in dataclasses.fields(TrainConfig):
        assert len(field.metadata["help"]) > 10


def test_the_recipes_that_come_with_the_program_are_valid() -> None:
    recipes = sorted((Path(__file__).parents[2] / "recipes").glob("*.json"))
    assert recipes
    for recipe in recipes:
        config = TrainConfig(**read_config(recipe))
        assert json.loads(config.to_json())["size"] == config.size


def test_the_losses_of_a_former_config_are_terms_now(tmp_path: Path) -> None:
    former = {
        "generator_settings": {"head": "ab+bins"},
        "reconstruction": "l1",
        "distribution_weight": 0.02,
        "perceptual_weight": 0.2,
        "perceptual": "features.safetensors",
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(former))
    config = TrainConfig(**read_config(path))
    assert config.losses == {"l1": 1.0, "distribution": 0.02, "perceptual": 0.2}
    assert config.feature_network == "features.safetensors"
    path.write_text(json.dumps({"reconstruction": "none"}))
    assert TrainConfig(**read_config(path)).losses == {}
