"""ICC profiles: what a photo's levels mean, turned into sRGB."""

from __future__ import annotations

import io
import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from colorize.color.units import (
    LAST_LEVEL,
    SRGB_GAMMA,
    SRGB_KNEE_LEVEL,
    SRGB_OFFSET,
    SRGB_SCALE,
    SRGB_SLOPE,
    STEP_16,
    srgb_encode,
)
from colorize.photo.image import to_8_bit

_ROUNDING = 2  # levels by which lcms misses gray
_GAMMAS = 0.1, 4.0  # that make sense

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def srgb() -> bytes:
    """sRGB's profile, the same bytes each time: lcms puts in when it was made."""
    made = bytearray(_SRGB.tobytes())
    made[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(made)


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert an image from its embedded profile.

    Args:
        image: RGB, L or CMYK.
        profile: of the image; one that cannot be used is ignored, as viewers do.

    Returns:
        The image in sRGB: L stays L, the others become RGB.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "L":
            return image.point(to_8_bit(_gray_table(profile, _space(source))[::STEP_16]).tolist())
        if image.mode == "RGB" and is_srgb(profile):
            return image
        return _to_rgb(image, source)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def gray_to_srgb(levels: NDArray[np.uint16], profile: bytes) -> NDArray[np.uint16]:
    """Convert 16-bit gray from its embedded profile.

    Args:
        levels: (H, W).
        profile: of the levels; one that cannot be used is ignored.

    Returns:
        sRGB's levels (H, W).
    """
    try:
        return _gray_table(profile, _space(ImageCms.ImageCmsProfile(io.BytesIO(profile))))[levels]
    except (ImageCms.PyCMSError, OSError, ValueError):
        return levels


def neutral_table(profile: bytes) -> list[int] | None:
    """sRGB's level for each level (256) of gray that is saved as RGB with this profile; None if it has a tint there."""
    if is_srgb(profile):
        return list(range(LAST_LEVEL + 1))
    try:
        ramp = np.repeat(np.arange(LAST_LEVEL + 1, dtype=np.uint8)[None, :, None], 3, axis=2)
        converted = np.asarray(to_srgb(Image.fromarray(ramp), profile))[0].astype(np.int16)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return converted[:, 1].tolist() if np.ptp(converted, axis=1).max() <= _ROUNDING else None


def neutral_profile(profile: bytes) -> bytes | None:
    """A profile of gray for gray that is saved as RGB with this one, whose three curves are one; None if they are not.

    lcms converts 16 bit exactly for gray only, as Pillow has it.
    """
    tags = _tags(profile)
    curves = [tags.get(name) for name in (b"rTRC", b"gTRC", b"bTRC")]
    if b"A2B0" in tags or curves[0] is None or curves.count(curves[0]) < 3:
        return None
    return _gray_profile(curves[0])


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """The contents of a profile by their names (ICC.1:2022, 7.3)."""
    count = int.from_bytes(profile[128:132], "big")
    entries = (
        struct.unpack_from(">4sII", profile, 132 + 12 * each) for each in range(min(count, (len(profile) - 132) // 12))
    )
    return {name: profile[at : at + size] for name, at, size in entries}


def gamma_table(gamma: float) -> list[int] | None:
    """sRGB's level for each level (256) whose light is level ** (1 / gamma); None if that is about sRGB itself."""
    if not _GAMMAS[0] <= gamma <= _GAMMAS[1] or abs(gamma * 2.2 - 1) < 0.05:
        return None
    light = np.linspace(0, 1, LAST_LEVEL + 1) ** (1 / gamma)
    return [round(value * LAST_LEVEL) for value in srgb_encode(light).tolist()]


def _to_rgb(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
    assert converted is not None  # it is None only when done in place
    return converted


def _space(profile: ImageCms.ImageCmsProfile) -> str:
    return str(profile.profile.xcolor_space).strip()


@lru_cache(maxsize=8)  # the photos of a folder come from the same scanner
def _gray_table(profile: bytes, space: str) -> NDArray[np.uint16]:
    """sRGB's 16-bit level for each 16-bit level of gray (65536,).

    Raises `PyCMSError` for a profile that is not one of gray.
    """
    if space != "GRAY":
        raise ImageCms.PyCMSError(f"a profile of {space} for gray")
    ramp = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    # Exactly: lcms, left to itself, takes too few points in the darks of gray profiles.
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.ImageCmsProfile(io.BytesIO(_gray_srgb())),
        "I;16",
        "I;16",
        flags=ImageCms.Flags.NOOPTIMIZE,
    )
    return np.asarray(transform.apply(Image.fromarray(ramp))).reshape(-1)


@lru_cache(maxsize=8)
def is_srgb(profile: bytes) -> bool:
    """Whether it is RGB's and changes no level by more than the rounding: sRGB has been written down in many ways."""
    steps = np.linspace(0, LAST_LEVEL, 18).astype(np.uint8)
    probe = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(18, -1, 3)
    try:
        converted = np.asarray(_to_rgb(Image.fromarray(probe), ImageCms.ImageCmsProfile(io.BytesIO(profile))))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return False
    return int(np.abs(converted.astype(np.int16) - probe).max()) <= 1


def _gray_srgb() -> bytes:
    """A gray profile with sRGB's curve, as a parametric curve of type 3 (ICC.1:2022, 10.18)."""
    constants = (SRGB_GAMMA, 1 / SRGB_SCALE, SRGB_OFFSET / SRGB_SCALE, 1 / SRGB_SLOPE, SRGB_KNEE_LEVEL)
    return _gray_profile(struct.pack(">4s4xHxx5i", b"para", 3, *(round(value * 65536) for value in constants)))


def _gray_profile(curve: bytes) -> bytes:
    """A gray profile with this curve."""
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)  # D50
    start = 128 + 4 + 2 * 12
    directory = struct.pack(">I4sII4sII", 2, *(b"wtpt", start, len(white)), *(b"kTRC", start + len(white), len(curve)))
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x3i48x",
        start + len(white) + len(curve),
        0x04200000,
        *(b"mntr", b"GRAY", b"XYZ "),
        b"acsp",
        *(63190, 65536, 54061),
    )
    return header + directory + white + curve
