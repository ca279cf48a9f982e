"""Claims against intervals."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from colorize.evaluation.intervals import Interval
from colorize.study.claims import (
    CLAIMS,
    MEAN_COLOR,
    Claim,
    Decision,
    can_be_decided,
    evaluate_claim,
    from_one,
    halved,
    lead_of,
    rows_of_arms,
    rows_of_seeds,
)
from colorize.study.frontier import PREFIX

pytestmark = pytest.mark.study

HIGHER = Claim("A is higher", "psnr", "A", "B", higher=True)


def runs(**measured: list[tuple[float, float, float]]) -> list[dict[str, Any]]:
    return [
        {"arm": arm, "measures": {"psnr": {"value": value, "low": low, "high": high}}}
        for arm, intervals in measured.items()
        for value, low, high in intervals
    ]


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ([(5, 4, 6)], [(2, 1, 3)], "confirmed"),
        ([(2, 1, 3)], [(5, 4, 6)], "contradicted"),
        ([(4, 2.5, 6)], [(2, 1, 3)], "open"),
        ([(5, 4, 6), (7, 6, 8)], [(2, 1, 3), (1, 0, 2)], "confirmed"),
        ([(5, 4, 6), (3, 2, 4)], [(2, 1, 3)], "open"),  # one seed alone is not enough
        ([(1, 0, 2), (2, 1, 3)], [(5, 4, 6), (4.5, 3.5, 5)], "contradicted"),
        ([(5, 4, 6), (1, 0, 2)], [(3, 2.5, 3.5)], "open"),  # seeds that disagree
        ([(5, 3, 6)], [(2, 1, 3)], "open"),  # intervals that touch
    ],
)
def test_a_claim_is_confirmed_or_contradicted_only_where_all_seeds_intervals_lie_apart(
    a: list[tuple[float, float, float]], b: list[tuple[float, float, float]], verdict: Decision
) -> None:
    assert evaluate_claim(HIGHER, runs(A=a, B=b)).verdict == verdict
    lower = dataclasses.replace(HIGHER, better="B", worse="A", higher=False)
    assert evaluate_claim(lower, runs(A=a, B=b)).verdict == verdict


def test_at_most_half_is_held_against_half() -> None:
    claim = Claim("at most half", "psnr", "A", "B", higher=False, of_worse=halved)
    assert evaluate_claim(claim, runs(A=[(4, 3, 4.4)], B=[(10, 9, 11)])).verdict == "confirmed"
    assert evaluate_claim(claim, runs(A=[(4, 3, 4.6)], B=[(10, 9, 11)])).verdict == "open"
    assert evaluate_claim(claim, runs(A=[(6, 5.6, 7)], B=[(10, 9, 11)])).verdict == "contradicted"
    assert evaluate_claim(claim, runs(A=[(6, 5.6, 7)], B=[(10, 9, 11)])).worse == [Interval(10, 9, 11)]  # as measured


def test_where_intervals_overlap_the_difference_decides_if_it_is_not_zero() -> None:
    apart, overlapping = runs(A=[(5, 4, 6)], B=[(2, 1, 3)]), runs(A=[(4, 2.5, 6)], B=[(2, 1, 3)])
    for lead, verdict in ((Interval(2, 1, 3), "confirmed"), (Interval(-2, -3, -1), "contradicted")):
        outcome = evaluate_claim(HIGHER, overlapping, lead)
        assert (outcome.verdict, outcome.lead) == (verdict, lead)
    for touching in (Interval(1, -1, 3), Interval(1, 0, 3), Interval(-1, -3, 0)):
        assert evaluate_claim(HIGHER, overlapping, touching).verdict == "open"
    assert evaluate_claim(HIGHER, apart, Interval(-2, -3, -1))[1::3] == ("confirmed", None)


def test_a_claim_leads_by_the_difference_of_what_it_compares_in_each_draw() -> None:
    assert lead_of(HIGHER, [5, 1], [2, 2]) == [3, -1]
    assert lead_of(dataclasses.replace(HIGHER, higher=False), [5, 1], [2, 2]) == [-3, 1]
    assert lead_of(dataclasses.replace(HIGHER, higher=False, of_worse=halved), [4], [10]) == [1]
    nearer_to_one = dataclasses.replace(HIGHER, higher=False, of_better=from_one, of_worse=from_one)
    assert lead_of(nearer_to_one, [0.5], [8]) == [2]


def test_half_and_double_are_equally_far_from_one() -> None:
    assert from_one(Interval(0.5, 0.25, 0.7)).value == from_one(Interval(2, 1.5, 4)).value == 1
    assert from_one(Interval(0.5, 0.25, 0.7)).high == 2
    assert from_one(Interval(1.1, 0.9, 1.3)).low == 0  # 1 lies within
    low, high = from_one(Interval(2, 1.5, 4))[1:]
    assert 0 < low < 1 < high == 2


def test_every_expectation_names_measures_that_the_study_has() -> None:
    from colorize.study import arms

    assert arms.__doc__
    told = arms.__doc__.replace("sharpness_1, _2, _4, _8", "sharpness_1 sharpness_2 sharpness_4 sharpness_8")
    for claim in CLAIMS:
        assert claim.measure.removeprefix(PREFIX) in told
        assert {claim.better, claim.worse} <= {*arms.ARMS, MEAN_COLOR}


def test_arms_are_compared_as_the_mean_of_their_seeds_or_seed_by_seed_and_with_gray() -> None:
    seeds = runs(A=[(5, 4, 6), (3, 2, 4)], B=[(2, 1, 3)])
    pooled = {row["arm"]: {"seeds": 2, "measures": row["measures"]} for row in runs(A=[(4, 3.5, 4.5)], B=[(2, 1, 3)])}
    gray = {"measures": {"psnr": {"value": 9, "low": 8, "high": 10}}}
    study = {"runs": seeds, "arms_pooled": pooled, "mean_color": gray}
    assert evaluate_claim(HIGHER, rows_of_seeds(study)).verdict == "open"
    assert evaluate_claim(HIGHER, rows_of_arms(study)).verdict == "confirmed"
    against_gray = dataclasses.replace(HIGHER, worse=MEAN_COLOR)
    for rows in (rows_of_arms(study), rows_of_seeds(study)):
        assert can_be_decided(against_gray, rows)
        assert evaluate_claim(against_gray, rows).verdict == "contradicted"
    assert not can_be_decided(dataclasses.replace(HIGHER, worse="C"), rows_of_arms(study))
