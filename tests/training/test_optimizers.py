"""What G alone is trained with."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from colorize.training.checkpoint import load_optimizer, load_state, save_state
from colorize.training.optimizers import Muon, orthogonalize

LR, DECAY = 1e-2, 0.01


def network() -> nn.Sequential:
    torch.manual_seed(0)
    first = nn.Conv2d(4, 16, 3, padding=1, bias=False)  # with one its gradient would be nothing but rounding
    alone = nn.Conv2d(16, 16, 3, padding=1, groups=16)
    return nn.Sequential(first, nn.BatchNorm2d(16), alone, nn.Conv2d(16, 2, 1))


def muon(g: nn.Module) -> Muon:
    return Muon([{"params": list(g.parameters())}], lr=LR, weight_decay=DECAY)


def train(g: nn.Module, optimizer: Optimizer, seeds: range) -> None:
    for seed in seeds:
        x = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        (g(x) - x[:, :2].square()).abs().mean().backward()
        optimizer.step()


def weights(g: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in g.parameters()]


def test_orthogonalizing_gives_every_direction_about_the_same_weight() -> None:
    torch.manual_seed(0)
    for shape in ((32, 96), (96, 32)):
        matrix = 1e-5 * torch.randn(shape) @ torch.diag(torch.logspace(0, -1, shape[1]))
        before, after = torch.linalg.svdvals(matrix), torch.linalg.svdvals(orthogonalize(matrix))
        assert before.max() / before.min() > 5
        assert 0.6 < after.min() < after.max() < 1.3
        assert (orthogonalize(matrix) * matrix).sum() > 0  # still downhill


def test_a_matrix_moves_by_the_same_size_however_small_its_gradient() -> None:
    moved = []
    for scale in (1e-6, 1.0):
        g = nn.Linear(32, 64, bias=False)
        optimizer = muon(g)
        before = g.weight.detach().clone()
        g.weight.grad = scale * torch.randn(64, 32, generator=torch.Generator().manual_seed(0))
        optimizer.step()
        moved.append(g.weight.detach() - before * (1 - LR * DECAY))
    assert torch.allclose(moved[0], moved[1], atol=1e-6)
    assert 0.1 < float(moved[0].square().mean().sqrt()) / LR < 0.3  # as AdamW's steps


def test_what_is_no_matrix_learns_as_with_adamw() -> None:
    ours, theirs = network(), network()
    for g in (ours, theirs):
        g[0].weight.requires_grad_(False)  # the one matrix
    train(ours, muon(ours), range(5))
    train(theirs, AdamW(theirs.parameters(), LR, weight_decay=DECAY), range(5))
    for mine, expected in zip(weights(ours), weights(theirs), strict=True):
        assert torch.allclose(mine, expected, atol=1e-6)


def test_a_convolution_over_all_channels_is_a_matrix() -> None:
    g = network()
    matrices = [p for group in muon(g).param_groups if group["matrices"] for p in group["params"]]
    assert len(matrices) == 1
    assert matrices[0] is g[0].weight


def test_an_interrupted_training_with_muon_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    unbroken, broken = network(), network()
    train(unbroken, muon(unbroken), range(6))
    first = muon(broken)
    train(broken, first, range(3))
    save_state(tmp_path / "state.safetensors", {"g": first.state_dict()})
    second = muon(broken)
    load_optimizer(second, load_state(tmp_path / "state.safetensors")["g"])
    train(broken, second, range(3, 6))
    for mine, expected in zip(weights(broken), weights(unbroken), strict=True):
        assert torch.equal(mine, expected)
