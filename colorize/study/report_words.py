"""What the report's templates do not say themselves, in each language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Words:
    """Of one language. What is missing in `arms` and `claims` is said in English."""

    name: str
    interval: str  # of value, low and high
    never: str  # in the place of a number of steps that was not reached
    drawn: str  # by a command
    seed: str  # of an arm
    verdicts: Mapping[str, str]
    by_difference: str  # what follows a verdict that the difference decides
    arms: dict[str, str] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)


_SHARPNESS = "the chroma sharpness of L1 + GAN is closer to 1, in blocks of {} px"
WORDS = {
    "en": Words(
        name="English",
        interval="{} ({} to {})",
        never="more than there were",
        drawn="Drawn by `{}`.",
        seed="{}, seed {}",
        verdicts={each: each for each in ("confirmed", "contradicted", "open")},
        by_difference=", by the difference: {}",
    ),
    "zh": Words(
        name="中文",
        interval="{}（{} 至 {}）",
        never="走完也没有减半",
        drawn="由 `{}` 绘制。",
        seed="{}，种子 {}",
        verdicts={"confirmed": "成立", "contradicted": "相反", "open": "未定"},
        by_difference="，由差决定：{}",
        arms={
            "cross-entropy": "交叉熵",
            "gan": "只用 GAN",
            "gan+noise": "GAN 加噪声",
            "gan+dropout": "GAN 加 dropout",
            "l1+imagegan": "L1 + 整图 GAN",
        },
        claims={
            "L1 + GAN overlaps more with the true histogram of a*": "L1 + GAN 与真实 a* 直方图的重叠更多",
            "L1 + GAN overlaps more with the true histogram of b*": "L1 + GAN 与真实 b* 直方图的重叠更多",
            "L1 + GAN has at most half of MSE's |ΔCF|": "L1 + GAN 的 |ΔCF| 不超过 MSE 的一半",
            **{_SHARPNESS.format(n): f"L1 + GAN 的彩度清晰度更接近 1，{n} px 的块" for n in (1, 2, 4, 8)},
            "L1 + GAN is taken for real more often, by the one judge": "共同的裁判更常把 L1 + GAN 当作真的",
            "L1 + GAN is taken for real more often, by judges of their own": "各自的裁判更常把 L1 + GAN 当作真的",
            "L1 + GAN is taken for real more often than gray with the mean color, by the one judge": (
                "共同的裁判把 L1 + GAN 当作真的，多于平均颜色的灰图"
            ),
            "L1 + GAN is taken for real more often than gray with the mean color, by judges of their own": (
                "各自的裁判把 L1 + GAN 当作真的，多于平均颜色的灰图"
            ),
            "MSE has the higher PSNR": "MSE 的 PSNR 更高",
            "MSE has the higher SSIM": "MSE 的 SSIM 更高",
            "as colorful as the truth, L1 + GAN is closer to the photo (PSNR) than MSE made as colorful": (
                "与真实同样鲜艳时，L1 + GAN 比 MSE 更接近照片（PSNR）"
            ),
            "as colorful as the truth, L1 + GAN is taken for real more often, by judges of their own": (
                "与真实同样鲜艳时，各自的裁判更常把 L1 + GAN 当作真的"
            ),
        },
    ),
}
