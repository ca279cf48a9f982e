"""`--compile`: the same training by other code. "eager" is torch.compile without the compiler, which takes minutes."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from colorize.errors import ConfigError
from colorize.models.weights import load_generator
from colorize.training import loop
from colorize.training.cli import main
from colorize.training.config import TrainConfig
from tests.training.runs import SHORTEST, log, weights


# torch hides its own warning, but not from those who make errors of warnings.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_compiled_networks_learn_the_same_under_the_same_names_and_go_on_without(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_COMPILER", "eager")
    compiled, compile_ = [], nn.Module.compile

    def noted(network: nn.Module, **how: str) -> None:
        compiled.append(type(network).__name__)
        compile_(network, **how)

    monkeypatch.setattr(nn.Module, "compile", noted)
    runs = {"plain": [], "compiled": ["--compile"]}
    for name, extra in runs.items():
        assert main([str(shard), "--run", str(tmp_path / name), *SHORTEST, *extra]) == 0
    assert compiled == ["UNet", "Discriminators"]
    plain, other = (tmp_path / name for name in runs)
    for file in ("last", "state"):
        assert weights(plain / f"{file}.safetensors").keys() == weights(other / f"{file}.safetensors").keys()
    losses = [[entry["l1"] for entry in log(run) if "l1" in entry] for run in (plain, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    load_generator(other / "last.safetensors")
    assert main([str(shard), "--run", str(other), "--resume", "--no-compile", "--adversarial-steps", "2"]) == 0


def test_a_penalty_on_gradients_cannot_be_compiled() -> None:
    with pytest.raises(ConfigError, match="wgan-gp and compile exclude each other"):
        TrainConfig(compile=True, objective="wgan-gp")
