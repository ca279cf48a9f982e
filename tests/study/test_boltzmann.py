"""The Boltzmann machine: its sums against longer sums, its gradients against autograd's, its chains against both."""

from __future__ import annotations

import pytest
import torch

from colorize.study.boltzmann import (
    HIDDEN,
    METHODS,
    SIDE,
    BoltzmannMachine,
    all_states,
    bars_and_stripes,
    data_moments,
    model_moments,
    train,
)

pytestmark = pytest.mark.study


@pytest.fixture
def machine() -> BoltzmannMachine:
    torch.manual_seed(0)
    machine = BoltzmannMachine()
    machine.weights += 0.5 * torch.randn(SIDE**2, HIDDEN)
    machine.visible_bias += 0.5 * torch.randn(SIDE**2)
    machine.hidden_bias += 0.5 * torch.randn(HIDDEN)
    return machine


def test_probabilities_of_all_pictures_sum_to_one(machine: BoltzmannMachine) -> None:
    pictures = all_states(SIDE**2)
    assert len(pictures.unique(dim=0)) == 2 ** (SIDE**2)
    assert torch.logsumexp(machine.log_probabilities(pictures), dim=0).item() == pytest.approx(0, abs=1e-4)


def test_patterns_have_rows_or_columns_of_one_tone() -> None:
    patterns = bars_and_stripes().view(-1, SIDE, SIDE)
    assert len(patterns) == 30
    for each in patterns:
        assert (each == each[:, :1]).all() or (each == each[:1]).all()


def test_the_difference_of_the_moments_is_the_gradient_of_the_log_likelihood(machine: BoltzmannMachine) -> None:
    data = bars_and_stripes()
    parameters = [machine.weights, machine.visible_bias, machine.hidden_bias]
    for each in parameters:
        each.requires_grad_()
    expected = torch.autograd.grad(machine.log_probabilities(data).mean(), parameters)
    positive, negative = data_moments(machine, data), model_moments(machine)
    for mine, theirs, gradient in zip(positive, negative, expected, strict=True):
        torch.testing.assert_close((mine - theirs).detach(), gradient, atol=1e-5, rtol=1e-4)


def test_long_chains_from_anywhere_have_the_machines_own_moments(machine: BoltzmannMachine) -> None:
    torch.manual_seed(1)
    chains = torch.zeros(4000, SIDE**2)
    for _ in range(60):
        chains = machine.gibbs_step(chains)
    for drawn, exact in zip(data_moments(machine, chains), model_moments(machine), strict=True):
        torch.testing.assert_close(drawn, exact, atol=0.05, rtol=0)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_makes_the_patterns_likelier(name: str) -> None:
    record = train(METHODS[name], seed=0, steps=1200, record_interval=1200)
    assert record["step"] == [0, 1200]
    assert record["log_likelihood"][1] > record["log_likelihood"][0] + 0.1
    assert record["mass"][1] > record["mass"][0]
