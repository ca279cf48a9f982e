"""What was expected before the study ran, held against its intervals: confirmed, contradicted or open.

A claim compares two rows in one measure: arms as the mean of their seeds, or, more strictly, every seed of one arm with
every seed of the other. It is confirmed if the intervals lie apart in the expected order, contradicted if they lie
apart in the other order. If they overlap, the interval of the difference decides, where it is known and 0 is outside;
else it is open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
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

    @property
    def key(self) -> str:
        """What study.json knows it by, whatever its words."""
        return f"{self.measure}: {self.better}, {self.worse}"


LEARNED, AVERAGED = "l1+gan", "mse"
MEAN_COLOR = "mean-color"  # no arm: the photos with their mean color at every pixel
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
    *(
        Claim(
            f"L1 + GAN is taken for real more often than gray with the mean color, {judge}",
            name,
            LEARNED,
            MEAN_COLOR,
            higher=True,
        )
        for judge, name in (("by the one judge", "taken_for_real"), ("by judges of their own", "taken_for_real_own"))
    ),
    Claim("MSE has the higher PSNR", "psnr", AVERAGED, LEARNED, higher=True),
    Claim("MSE has the higher SSIM", "ssim", AVERAGED, LEARNED, higher=True),
    Claim(
        "as colorful as the truth, L1 + GAN is closer to the photo (PSNR) than MSE made as colorful",
        "leveled_psnr",
        LEARNED,
        AVERAGED,
        higher=True,
    ),
    Claim(
        "as colorful as the truth, L1 + GAN is taken for real more often, by judges of their own",
        "leveled_taken_for_real_own",
        LEARNED,
        AVERAGED,
        higher=True,
    ),
)


class ClaimResult(NamedTuple):
    claim: Claim
    verdict: Decision
    better: list[Interval]  # as measured: one of an arm, or one of each of its seeds
    worse: list[Interval]
    lead: Interval | None  # as of `lead_of`, where the verdict is by it: where the intervals overlap


def rows_of_arms(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a study.json that claims are decided on, each with an "arm" and "measures"."""
    arms = [{"arm": arm, **row} for arm, row in study["arms_pooled"].items()]
    return [*arms, {"arm": MEAN_COLOR, **study["mean_color"]}]


def rows_of_seeds(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same with a row for each seed."""
    return [*study["runs"], {"arm": MEAN_COLOR, **study["mean_color"]}]


def can_be_decided(claim: Claim, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether both of a claim's arms are there, and have been measured so.

    Args:
        claim: two arms and a measure.
        rows: as of `rows_of_arms`.
    """
    there = {row["arm"] for row in rows if claim.measure in row["measures"]}
    return {claim.better, claim.worse} <= there


def lead_of(claim: Claim, better: Iterable[float], worse: Iterable[float]) -> list[float]:
    """By how much a claim holds in each draw of the photos: above 0 where it does.

    Args:
        claim: two arms and a measure.
        better: the measure of the one that is expected to be better, in each draw.
        worse: of the other one, in the same draws.

    Returns:
        The differences of what the claim compares.
    """

    def seen(through: Callable[[Interval], Interval], value: float) -> float:
        return through(Interval(value, value, value)).value

    sign = 1 if claim.higher else -1
    return [sign * (seen(claim.of_better, b) - seen(claim.of_worse, w)) for b, w in zip(better, worse, strict=True)]


def evaluate_claim(claim: Claim, rows: Sequence[Mapping[str, Any]], lead: Interval | None = None) -> ClaimResult:
    """Compare the claim with what was measured.

    Args:
        claim: two arms and a measure.
        rows: as of `rows_of_arms`: at least one of each of the claim's two arms.
        lead: the interval of `lead_of`, if it was measured.

    Returns:
        The claim with its verdict and the intervals that it was decided on, as measured.
    """
    better, worse = (_measures(rows, arm, claim.measure) for arm in (claim.better, claim.worse))
    pairs = [(b, w) for b in map(claim.of_better, better) for w in map(claim.of_worse, worse)]
    upper_lower = pairs if claim.higher else [(w, b) for b, w in pairs]
    if all(upper.low > lower.high for upper, lower in upper_lower):
        return ClaimResult(claim, "confirmed", better, worse, None)
    if all(lower.low > upper.high for upper, lower in upper_lower):
        return ClaimResult(claim, "contradicted", better, worse, None)
    if lead is None or lead.low <= 0 <= lead.high:
        return ClaimResult(claim, "open", better, worse, lead)
    return ClaimResult(claim, "confirmed" if lead.low > 0 else "contradicted", better, worse, lead)


def _measures(rows: Sequence[Mapping[str, Any]], arm: str, measure: str) -> list[Interval]:
    return [Interval(**row["measures"][measure]) for row in rows if row["arm"] == arm]
