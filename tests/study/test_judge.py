"""The judge: it tells what can be told, and nothing else."""

from __future__ import annotations

import pytest
import torch

from colorize.evaluation.features import FeatureExtractor
from colorize.study.judge import taken_for_real

pytestmark = pytest.mark.study

PHOTOS, FEATURES = 200, 20


def test_what_is_different_is_seen_through_and_what_is_not_passes_half_the_time() -> None:
    real, same, other = (torch.randn(PHOTOS, FEATURES) for _ in range(3))
    other[:, 3] += 6
    assert taken_for_real(real, {"other": other}, {"other": 1})["other"].mean() < 0.05
    assert taken_for_real(real, {"other": other}, {"other": 1})["real"].mean() > 0.95
    assert 0.35 < taken_for_real(real, {"same": same}, {"same": 1})["same"].mean() < 0.65


def test_no_photo_is_judged_by_a_judge_that_has_seen_it() -> None:
    # With more features than photos a judge knows all it has learned from by heart: 0 % and 100 %, were it asked.
    real, same = torch.randn(50, 200), torch.randn(50, 200)
    verdicts = taken_for_real(real, {"same": same}, {"same": 1})
    assert 0.25 < verdicts["same"].mean() < 0.75
    assert 0.25 < verdicts["real"].mean() < 0.75


def test_one_judge_for_all_weighs_runs_as_told() -> None:
    real = torch.randn(PHOTOS, FEATURES)
    near, far = real + torch.randn_like(real), torch.randn(PHOTOS, FEATURES) + 4
    together = taken_for_real(real, {"a-0": far, "a-1": far, "b-0": near}, {"a-0": 0.5, "a-1": 0.5, "b-0": 1})
    assert set(together) == {"a-0", "a-1", "b-0", "real"}
    assert torch.equal(together["a-0"], together["a-1"])
    assert together["a-0"].mean() < 0.05 < together["b-0"].mean()
    two = taken_for_real(real, {"a": far, "b": near}, {"a": 1, "b": 1})
    assert (two["b"] == together["b-0"]).float().mean() > 0.99
    unasked = taken_for_real(real, {"a": far, "b": near}, {"a": 1, "b": 0})
    assert unasked["b"].mean() > two["b"].mean() + 0.05  # a judge that never met it


def test_the_eye_sees_color_and_gives_finite_features() -> None:
    extractor = FeatureExtractor("")
    gray = torch.rand(1, 1, 64, 64).expand(1, 3, 64, 64)
    red = gray * torch.tensor([1, 0.5, 0.5]).view(1, 3, 1, 1)
    features = extractor(torch.cat([gray, red]))
    assert features.shape == (2, 2 * (16 + 24 + 32 + 96 + 1280))
    assert features.isfinite().all()
    assert (features[0] - features[1]).abs().max() > 0
