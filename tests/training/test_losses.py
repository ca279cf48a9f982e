"""The losses against their closed forms."""

import math

import pytest
import torch
from torch import Tensor, nn

from colorize.color.tensors import lab_to_rgb
from colorize.color.units import AB_RANGE
from colorize.errors import ConfigError
from colorize.models.bins import AbBins
from colorize.models.imagenet import BACKBONES
from colorize.training.losses import (
    HUBER_DELTA,
    OBJECTIVES,
    RECONSTRUCTIONS,
    Distillation,
    Perceptual,
    bce_discriminator,
    bce_generator,
    cross_entropy,
    gradient_penalty,
    hinge_discriminator,
    huber,
    l1,
    lsgan_discriminator,
    minimax_generator,
    mse,
    palette,
    skin,
    stains,
    wasserstein_discriminator,
)


def test_bce_of_an_undecided_discriminator_is_two_log_two_and_log_two_for_g() -> None:
    undecided = torch.zeros(3, 1, 4, 5)
    assert bce_discriminator(undecided, undecided).item() == pytest.approx(2 * math.log(2))
    assert bce_generator(undecided).item() == pytest.approx(math.log(2))


def test_bce_agrees_with_the_formula() -> None:
    real, fake = torch.randn(2, 1, 3, 3), torch.randn(2, 1, 3, 3)
    expected = -torch.sigmoid(real).log().mean() - (1 - torch.sigmoid(fake)).log().mean()
    assert bce_discriminator(real, fake).item() == pytest.approx(expected.item(), rel=1e-5)
    assert bce_generator(fake).item() == pytest.approx(-torch.sigmoid(fake).log().mean().item(), rel=1e-5)


def test_bce_stays_finite_when_d_is_sure_and_g_still_learns() -> None:
    fake = torch.full((1, 1, 1, 1), -200.0, requires_grad=True)  # D is sure that it is fake
    loss = bce_generator(fake)
    loss.backward()
    assert loss.item() == pytest.approx(200)
    assert fake.grad is not None
    assert fake.grad.item() == pytest.approx(-1)  # log(1 − D) would give 0 here


def test_l1_is_the_mean_absolute_difference_and_mse_the_mean_square() -> None:
    assert l1(torch.tensor([1.0, -2.0]), torch.tensor([0.0, 1.0])).item() == pytest.approx(2)
    assert mse(torch.tensor([1.0, -2.0]), torch.tensor([0.0, 1.0])).item() == pytest.approx(5)


def test_at_the_optimal_d_the_game_is_worth_twice_the_jensen_shannon_divergence_less_log_4() -> None:
    """Goodfellow et al. 2014, theorem 1, on two distributions over four outcomes; counts make means expectations."""
    real, fake = torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.tensor([1.0, 1.0, 2.0, 6.0])
    p, q = real / real.sum(), fake / fake.sum()
    optimal = (p / q).log()  # logit of p/(p + q)
    at_real, at_fake = optimal.repeat_interleave(real.int()), optimal.repeat_interleave(fake.int())
    middle = (p + q) / 2
    jsd = ((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()) / 2
    value = -bce_discriminator(at_real, at_fake)
    assert value.item() == pytest.approx(-math.log(4) + 2 * jsd.item(), abs=1e-6)
    for nearby in (optimal + 0.1, optimal * 0.9):  # no other D does better
        moved = bce_discriminator(nearby.repeat_interleave(real.int()), nearby.repeat_interleave(fake.int()))
        assert -moved < value


def test_minimax_stalls_when_d_is_sure_and_the_non_saturating_form_does_not() -> None:
    gradients = {}
    for name in ("minimax", "bce"):
        fake = torch.full((1,), -10.0, requires_grad=True)  # D(fake) = 0.00005
        OBJECTIVES[name].generator(fake).backward()
        assert fake.grad is not None
        gradients[name] = fake.grad.item()
    assert gradients["minimax"] == pytest.approx(-torch.sigmoid(torch.tensor(-10.0)).item(), rel=1e-4)
    assert gradients["bce"] == pytest.approx(-1, abs=1e-4)
    logits = torch.randn(50)
    assert minimax_generator(logits).item() == pytest.approx((1 - torch.sigmoid(logits)).log().mean().item(), rel=1e-5)


def test_d_s_best_verdicts() -> None:
    right, wrong = torch.ones(4), torch.zeros(4)
    assert lsgan_discriminator(right, wrong) == 0
    assert lsgan_discriminator(wrong, right) == 2
    assert (
        hinge_discriminator(torch.full((4,), 1.5), torch.full((4,), -3.0)) == 0
    )  # beyond the margin nothing is gained
    assert hinge_discriminator(wrong, wrong) == 2
    assert wasserstein_discriminator(torch.tensor([3.0]), torch.tensor([1.0])) == -2


def test_the_penalty_of_a_linear_critic_of_slope_1_is_0_and_of_slope_3_is_4() -> None:
    direction = nn.functional.normalize(torch.randn(2 * 4 * 4), dim=0)
    photos = torch.randn(5, 2, 4, 4, requires_grad=True)
    for slope, expected in ((1.0, 0.0), (3.0, 4.0)):
        verdicts = photos.flatten(1) @ (slope * direction)
        (gradient,) = torch.autograd.grad(verdicts.sum(), photos)
        assert gradient_penalty(gradient).item() == pytest.approx(expected, abs=1e-5)


def test_the_best_answer_is_the_mean_for_mse_and_the_median_for_l1_and_huber_lies_between() -> None:
    colors = torch.tensor([-0.6, 0.05, 0.1, 0.25, 0.9])  # what one gray may be
    answers = torch.linspace(-1, 1, 2001)

    def best(loss: object) -> float:
        assert callable(loss)
        losses: Tensor = torch.stack([loss(answer.expand(5), colors) for answer in answers])
        return answers[losses.argmin()].item()

    assert best(mse) == pytest.approx(colors.mean().item(), abs=1e-3)
    assert best(l1) == pytest.approx(0.1, abs=1e-3)
    assert 0.11 < best(huber) < colors.mean() - 0.01
    two = torch.tensor([-0.5, 0.5])  # red or blue: the mean is neither
    assert mse(torch.zeros(2), two) < min(mse(two[:1].expand(2), two), mse(two[1:].expand(2), two))


def test_cross_entropy_is_the_plain_one_under_a_uniform_prior_and_weighs_rare_colors_otherwise() -> None:
    bins = AbBins()
    logits, ab = torch.randn(2, len(bins), 3, 4), (torch.rand(2, 2, 6, 8) - 0.5) / 2
    small = nn.functional.avg_pool2d(ab, 2)  # the truth at the logits' size
    nearest, shares = bins.encode(small)
    target = torch.zeros_like(logits).scatter_(1, nearest, shares)
    plain = nn.functional.cross_entropy(logits, target, reduction="none")  # (2, 3, 4)
    assert cross_entropy(logits, ab, bins).item() == pytest.approx(plain.mean().item(), rel=1e-5)

    bins.prior.copy_(torch.softmax(3 * torch.randn(len(bins)), 0))
    weighted = (bins.weights()[nearest[:, 0]] * plain).mean()
    assert cross_entropy(logits, ab, bins).item() == pytest.approx(weighted.item(), rel=1e-5)
    assert weighted.item() != pytest.approx(plain.mean().item(), rel=1e-2)


def test_the_best_answer_to_cross_entropy_is_the_distribution_that_was_shared_out() -> None:
    bins, truth = AbBins(), torch.tensor([0.1, -0.2]).view(1, 2, 1, 1)
    nearest, shares = bins.encode(truth)
    best = torch.full((1, len(bins), 1, 1), -50.0).scatter_(1, nearest, shares.log())
    entropy = -(shares * shares.log()).sum()
    assert cross_entropy(best, truth, bins).item() == pytest.approx(entropy.item(), rel=1e-4)
    for _ in range(5):
        assert cross_entropy(best + torch.randn_like(best), truth, bins) > entropy


def test_huber_is_half_the_square_near_and_straight_far() -> None:
    near, far = torch.tensor([HUBER_DELTA / 2]), torch.tensor([HUBER_DELTA * 5])
    zero = torch.zeros(1)
    assert huber(near, zero).item() == pytest.approx(0.5 * near.item() ** 2 / HUBER_DELTA)
    assert huber(far, zero).item() == pytest.approx(far.item() - HUBER_DELTA / 2)


def test_every_objective_and_reconstruction_gives_a_scalar_with_a_gradient() -> None:
    for objective in OBJECTIVES.values():
        logits = torch.randn(2, 1, 3, 3, requires_grad=True)
        for loss in (objective.discriminator(torch.randn(2, 1, 3, 3), logits), objective.generator(logits)):
            assert loss.shape == ()
            (gradient,) = torch.autograd.grad(loss, logits)
            assert gradient.abs().sum() > 0
    for name, reconstruction in RECONSTRUCTIONS.items():
        ab = torch.randn(2, 2, 3, 3, requires_grad=True)
        (gradient,) = torch.autograd.grad(reconstruction(ab, torch.zeros(2, 2, 3, 3)), ab)
        assert (gradient.abs().sum() > 0) == (name != "none")


def test_distillation_is_0_for_the_teachers_own_features_and_teaches_the_encoder_alone() -> None:
    torch.manual_seed(0)
    distillation = Distillation("").train()
    l, ab = torch.rand(2, 1, 64, 64) * 2 - 1, torch.rand(2, 2, 64, 64) - 0.5
    theirs = list(distillation.teacher.see(lab_to_rgb(l, ab)))
    assert distillation(theirs, l, ab).item() == pytest.approx(0, abs=1e-5)
    assert distillation([-each for each in theirs], l, ab).item() == pytest.approx(2, abs=1e-5)
    mine = [torch.randn_like(each, requires_grad=True) for each in theirs]
    distillation(mine, l, ab).backward()
    assert [each.grad is not None and bool(each.grad.any()) for each in mine] == [False, False, True, True, True]
    assert not any(p.requires_grad for p in distillation.parameters())
    others = [torch.randn(2, channels, 8, 8) for channels in BACKBONES["efficientnet_lite0"].channels]
    with pytest.raises(ConfigError, match=r"with \[32, 96, 1280\] channels, as mobilenet_v2 has, .* got \[40, 112"):
        distillation(others, l, ab)


def test_an_even_color_has_no_stains_though_it_is_wrong_and_a_patch_within_a_thing_has() -> None:
    l = torch.zeros(1, 1, 32, 32)
    truth = torch.zeros(1, 2, 32, 32)
    truth[:, 0, :, 16:] = 0.4  # two things of like lightness
    swapped = truth.flip(3)
    patched = swapped.clone()
    patched[:, 1, 8:16, 4:12] = 0.3
    patched.requires_grad_()
    assert stains(l, truth, truth).item() == 0
    assert stains(l, torch.zeros_like(truth), truth).item() == 0
    assert stains(l, swapped, truth).item() < 1e-3
    loss = stains(l, patched, truth)
    assert loss.item() > 0.01
    (gradient,) = torch.autograd.grad(loss, patched)
    assert gradient.isfinite().all()
    assert (gradient[0, 1, 8:16, 4:12] > 0).all()  # the patch is pulled to what is around it
    assert gradient[..., 16:].abs().max() < 1e-6 + 0.1 * gradient.abs().max()  # the other thing is hardly asked


def test_skin_costs_where_the_truth_has_it_and_where_the_answer_has_and_nowhere_else() -> None:
    hand, sky, white = torch.tensor([[15.0, 18.0], [-5.0, -20.0], [0.0, 0.0]]) / AB_RANGE
    truth = torch.stack([hand, white, sky, white], dim=1).view(1, 2, 1, 4)
    answer = torch.stack([white, hand, white, sky], dim=1).view(1, 2, 1, 4).requires_grad_()
    loss = skin(answer, truth)
    assert loss.item() == pytest.approx(2 * (15 + 18) / AB_RANGE / 4)  # the first two
    (gradient,) = torch.autograd.grad(loss, answer)
    assert gradient.abs().sum(dim=(0, 1, 2)).bool().tolist() == [True, True, False, False]
    assert skin(truth, truth).item() == 0


def test_the_palette_is_the_same_wherever_its_colors_are_and_a_pale_one_is_pulled_outward() -> None:
    torch.manual_seed(0)
    l = torch.zeros(2, 1, 16, 16)
    truth = torch.rand(2, 2, 16, 16) - 0.5
    assert palette(l, truth, truth).item() == 0
    assert palette(l, truth.flip(0), truth).item() < 1e-6
    pale = (truth.flip(0) * 0.5).requires_grad_()
    loss = palette(l, pale, truth)
    assert 0.1 < loss.item() < 0.15  # of numbers even in ±.5, half as far: .125 of a* and of b*
    (gradient,) = torch.autograd.grad(loss, pale)
    outward = -(gradient * pale).sum(dim=1)[:, ::2, ::2]
    assert (outward > 0).float().mean() > 0.9
    dark = torch.linspace(-1, 1, 16).expand(2, 1, 16, 16)
    swapped = (truth.sort(dim=3).values, truth.sort(dim=3, descending=True).values)
    assert palette(dark, *swapped).item() > 0.02  # the same colors, at another lightness


def test_the_perceptual_loss_is_0_for_the_truth_and_pulls_colors_toward_it_from_outside_of_srgb_too() -> None:
    torch.manual_seed(0)
    perceptual = Perceptual("").train()  # a random network sees differences as well
    l = torch.rand(1, 1, 32, 32) * 2 - 1
    truth = torch.rand(1, 2, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3) * 0.6 - 0.3
    assert perceptual(l, truth, truth).item() == 0
    losses = []
    for far in (0.1, 0.3, 3.0):
        ab = (truth + far).requires_grad_()
        loss = perceptual(l, ab, truth)
        loss.backward()
        losses.append(loss.item())
        assert ab.grad is not None
        assert ab.grad.isfinite().all()
        assert ab.grad.any()
    assert 0 < losses[0] < losses[1] < losses[2]
    assert not any(p.requires_grad or p.grad is not None for p in perceptual.parameters())
    assert not any(module.training for module in perceptual.features.modules())
