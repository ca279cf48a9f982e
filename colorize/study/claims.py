"""What was expected before the study ran, held against its intervals: confirmed, contradicted or open.

A claim compares two arms in one measure. It is confirmed if the intervals lie apart in the expected order for every
pair of their seeds, contradicted if they lie apart in the other order for every pair, and open otherwise. Intervals
that overlap may still differ for certain, as every run was measured on the same photos: "open" is the careful answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from colorize.evaluation.intervals import Interval

Decision = Literal["confirmed", "contradicted", "open"]


def as_measured(measure: Interval) -> Interval:
    return measure


def halved(measure: Interval) -> Interval:
    return Interval(measure.value / 2, measure.low / 2, measure.high / 2)


def from_one(measure: Interval) -> Interval:
    """|log₂ ratio|, how far a ratio is from 1: half and double are equally far."""
    value, low, high = (math.log2(max(x, 1e-9)) for x in measure)
    ends = sorted((abs(low), abs(high)))
    return Interval(abs(value), 0.0 if low <= 0 <= high else ends[0], ends[1])


@dataclass(frozen=True)
class Claim:
    """`better`'s measure is on the `higher` (or lower) side of `worse`'s, each looked at through its own function."""

    text: str
    measure: str
    better: str
    worse: str
    higher: bool
    of_better: Callable[[Interval], Interval] = as_measured
    of_worse: Callable[[Interval], Interval] = as_measured


LEARNED, AVERAGED = "l1+gan", "mse"
_SCALES = (1, 2, 4, 8)  # px
CLAIMS = (
    Claim("L1 + GAN overlaps more with the true histogram of a*", "histogram_a", LEARNED, AVERAGED, higher=True),
    Claim("L1 + GAN overlaps more with the true histogram of b*", "histogram_b", LEARNED, AVERAGED, higher=True),
    Claim("L1 + GAN has at most half of MSE's |ΔCF|", "delta_cf", LEARNED, AVERAGED, higher=False, of_worse=halved),
    *(
        Claim(
            f"the chroma sharpness of L1 + GAN is closer to 1, in blocks of {scale} px",
            f"sharpness_{scale}",
            LEARNED,
            AVERAGED,
            higher=False,
            of_better=from_one,
            of_worse=from_one,
        )
        for scale in _SCALES
    ),
    Claim("L1 + GAN is taken for real more often, by the one judge", "taken_for_real", LEARNED, AVERAGED, higher=True),
    Claim(
        "L1 + GAN is taken for real more often, by judges of their own",
        "taken_for_real_own",
        LEARNED,
        AVERAGED,
        higher=True,
    ),
    Claim("MSE has the higher PSNR", "psnr", AVERAGED, LEARNED, higher=True),
    Claim("MSE has the higher SSIM", "ssim", AVERAGED, LEARNED, higher=True),
)


class ClaimResult(NamedTuple):
    claim: Claim
    verdict: Decision
    better: list[Interval]  # as measured, one per seed
    worse: list[Interval]


def evaluate_claim(claim: Claim, runs: Sequence[dict[str, Any]]) -> ClaimResult:
    """Compare the claim with the `runs` of a study.json.

    Args:
        claim: two arms and a measure.
        runs: at least one of each of the claim's two arms.

    Returns:
        The claim with its verdict and the intervals that it was decided on, as measured.
    """
    better, worse = (_measures(runs, arm, claim.measure) for arm in (claim.better, claim.worse))
    pairs = [(b, w) for b in map(claim.of_better, better) for w in map(claim.of_worse, worse)]
    upper_lower = pairs if claim.higher else [(w, b) for b, w in pairs]
    verdict: Decision = "open"
    if all(upper.low > lower.high for upper, lower in upper_lower):
        verdict = "confirmed"
    elif all(lower.low > upper.high for upper, lower in upper_lower):
        verdict = "contradicted"
    return ClaimResult(claim, verdict, better, worse)


def _measures(runs: Sequence[dict[str, Any]], arm: str, measure: str) -> list[Interval]:
    return [Interval(**run["measures"][measure]) for run in runs if run["arm"] == arm]
