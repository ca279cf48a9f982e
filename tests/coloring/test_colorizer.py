"""One photo in, one color photo out: lightness, size and aspect are the original's, whatever the network says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

from colorize import ColorizeOptions, Colorizer, Conditions, ConfigError, Hint, PhotoError, WeightsError
from colorize import photo as photo_files
from colorize.color.lightness import to_levels
from colorize.color.units import FloatArray
from colorize.coloring import colorizer as colorizer_module
from colorize.models.architectures import build_generator
from colorize.models.weights import save_generator
from colorize.photo import Photo
from tests.stand_ins import StandInEngine, TwoHalves, noise, one_color

_RNG = np.random.default_rng(0)
PHOTOS = {
    "noise": _RNG.integers(0, 256, (150, 70, 3), dtype=np.uint8),
    "gray noise": np.repeat(_RNG.integers(0, 256, (70, 150, 1), dtype=np.uint8), 3, axis=2),
    "gradient": np.repeat(np.linspace(0, 255, 256).round().astype(np.uint8)[None, :, None], 3, axis=2).repeat(
        40, axis=0
    ),
    "saturated": np.stack(np.meshgrid([0, 255], [0, 255], [0, 255]), -1)
    .reshape(2, 4, 3)
    .repeat(9, axis=0)
    .astype(np.uint8),
    "astronaut": data.astronaut(),
}


def lightness(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(rgb2lab(rgb)[..., 0])


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("reach", [0.3, 1.0, 3.0])
def test_lightness_is_the_originals_within_half_a_unit_at_every_pixel(name: str, reach: float) -> None:
    photo = PHOTOS[name]
    result = np.asarray(Colorizer(StandInEngine(noise(reach)))(Image.fromarray(photo), strength=2))
    assert result.shape == photo.shape
    assert np.abs(lightness(result) - lightness(photo)).max() <= 0.5
    assert (to_levels(result) == to_levels(photo)).all()


def test_photos_of_one_shape_go_through_the_network_together_and_come_back_in_order() -> None:
    photos = [Photo(Image.new("L", size, level)) for size, level in (((90, 60), 50), ((60, 90), 90), ((180, 120), 200))]
    engine = StandInEngine(lambda l: np.concatenate([l * 0, l * 0.5], axis=1))
    colorizer = Colorizer(engine)
    together = colorizer.colorize_photos(photos, size=64)
    assert sorted(shape[0] for shape in engine.asked) == [1, 2]
    for photo, result in zip(photos, together, strict=True):
        assert result.size == photo.size
        alone = colorizer(photo.image, size=64)
        assert result.image.tobytes() == alone.tobytes()


def test_16_bit_photos_keep_them() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    (result,) = Colorizer(StandInEngine(noise(0.3))).colorize_photos([Photo(levels)])
    assert (to_levels(result.levels) == levels).all()


def test_a_photo_far_larger_than_what_the_network_sees_keeps_its_levels_and_can_be_written_to() -> None:
    levels = np.random.default_rng(1).integers(0, 256, (700, 901), dtype=np.uint8)
    result = Colorizer(StandInEngine(noise(1.0)))(Image.fromarray(levels), size=64)
    assert result.mode == "RGB"
    assert (to_levels(np.asarray(result)) == levels).all()
    result.putpixel((3, 4), (1, 2, 3))
    assert result.copy().getpixel((3, 4)) == (1, 2, 3)


def test_no_color_gives_back_the_very_same_grays() -> None:
    gray = data.camera()
    for engine, strength in ((one_color(0, 0), 1.0), (one_color(0.5, -0.5), 0.0)):
        result = Colorizer(StandInEngine(engine))(gray, strength=strength)
        assert (result == gray[..., None]).all()


def test_the_networks_color_arrives_and_strength_scales_it() -> None:
    gray = np.full((50, 60), 119, np.uint8)  # L* 50
    colorizer = Colorizer(StandInEngine(one_color(0.2, -0.1)))
    for strength in (0.5, 1.0, 1.5):
        lab = rgb2lab(colorizer(gray, strength=strength))
        np.testing.assert_allclose(lab[..., 1], 22 * strength, atol=0.7)
        np.testing.assert_allclose(lab[..., 2], -11 * strength, atol=0.7)


def test_color_lands_where_the_network_put_it() -> None:
    def left_red_right_blue(l: NDArray[np.float32]) -> NDArray[np.float32]:
        ab = np.zeros((1, 2, *l.shape[2:]), np.float32)
        ab[:, 0, :, : l.shape[3] // 2] = 0.4
        ab[:, 1, :, l.shape[3] // 2 :] = -0.4
        return ab

    result = Colorizer(StandInEngine(left_red_right_blue))(np.full((512, 512), 119, np.uint8))
    lab = rgb2lab(result)
    assert lab[:, :230, 1].min() > 35
    assert lab[:, 282:, 2].max() < -35


@pytest.mark.parametrize(
    ("width", "height", "size", "seen"),
    [
        (512, 512, 256, (256, 256)),
        (1000, 250, 256, (128, 512)),
        (250, 1000, 256, (512, 128)),
        (600, 400, 256, (224, 320)),  # 313.5 × 209, up to multiples of 32
        (4000, 40, 256, (32, 1024)),  # no longer than 4 × size
        (100, 100, 256, (224, 224)),  # enlarged by no more than 2
        (1, 1, 256, (32, 32)),
        (1, 500, 256, (1024, 32)),
        (31, 33, 64, (96, 64)),
    ],
)
def test_the_network_sees_the_photos_aspect_never_a_square(
    width: int, height: int, size: int, seen: tuple[int, int]
) -> None:
    engine = StandInEngine(one_color(0.1, 0.1))
    result = Colorizer(engine)(Image.new("L", (width, height), 100), size=size)
    assert engine.asked == [(1, 1, *seen)]
    assert (result.size, result.mode) == ((width, height), "RGB")


def test_what_is_padded_is_the_photos_own_edge() -> None:
    seen: list[NDArray[np.float32]] = []

    def look(l: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(l.copy())
        return np.zeros((1, 2, *l.shape[2:]), np.float32)

    Colorizer(StandInEngine(look))(np.full((100, 75), 200, np.uint8), size=64)
    assert np.ptp(seen[0]) < 1e-6


@pytest.mark.parametrize(
    "mode",
    ["1", "L", "LA", "P", "PA", "I", "I;16", "F", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "La", "RGBa"],
)
def test_any_mode_becomes_rgb_of_the_same_size_and_keeps_its_alpha(mode: str) -> None:
    base = Image.fromarray(data.chelsea()[::8, ::8])
    if mode in ("PA", "La", "RGBa"):
        image = base.convert({"PA": "P", "La": "LA", "RGBa": "RGBA"}[mode]).convert(mode)
    elif mode == "LAB":
        image = Image.merge("LAB", base.split())
    elif mode in ("I;16", "I", "F"):
        levels = np.asarray(base.convert("L")).astype(np.float32)
        image = Image.fromarray(levels) if mode == "F" else Image.fromarray((levels * 257).astype(np.uint16))
        image = image.convert("I") if mode == "I" else image
    else:
        image = base.convert(mode)
    assert image.mode == mode
    before = image.tobytes()
    result = Colorizer(StandInEngine(one_color(0.2, 0.2)))(image)
    has_alpha = mode in ("LA", "PA", "La", "RGBA", "RGBa")
    assert (result.mode, result.size) == ("RGBA" if has_alpha else "RGB", image.size)
    result = result.convert("RGB")
    assert image.tobytes() == before  # the caller's image is left alone
    if mode in ("I;16", "I", "F", "L", "LA", "La"):
        gray = np.repeat(np.asarray(base.convert("L"))[..., None], 3, axis=2)
        assert np.abs(lightness(np.asarray(result)) - lightness(gray)).max() <= 1


@pytest.mark.parametrize(
    "options", [{"strength": -0.1}, {"strength": 2.1}, {"strength": float("nan")}, {"size": 5}, {"size": 1e9}]
)
def test_options_outside_their_range_are_told(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"must be a .*number from .* got"):
        Colorizer(StandInEngine(one_color(0, 0)))(Image.new("L", (4, 4)), **options)  # type: ignore[call-overload]


def test_files_keep_their_size_alpha_exif_and_resolution(tmp_path: Path) -> None:
    photo = Image.fromarray(data.chelsea()).convert("LA")
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    exif = Image.Exif()
    exif[0x010E] = "a cat"
    photo.save(tmp_path / "cat.png", exif=exif, dpi=(300, 300))
    colorizer = Colorizer(StandInEngine(one_color(0.1, 0.2)))
    assert colorizer.colorize_file(tmp_path / "cat.png", tmp_path / "new" / "cat.png") == tmp_path / "new" / "cat.png"
    with Image.open(tmp_path / "new" / "cat.png") as result:
        assert (result.mode, result.size) == ("RGBA", photo.size)
        assert result.getexif()[0x010E] == "a cat (colors generated by Colorize)"
        assert result.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        np.testing.assert_array_equal(np.asarray(result)[..., 3], np.asarray(photo)[..., 1])
    with pytest.raises(PhotoError, match=r"cat\.xyz: cannot write \.xyz, expected \.jpg"):
        colorizer.colorize_file(tmp_path / "cat.png", tmp_path / "cat.xyz")


def test_a_photo_that_is_open_already_gives_the_file_that_its_path_gives(tmp_path: Path) -> None:
    """Who shows a photo and colors it decodes it once; the hints are the first page's."""
    pages = [Image.new("L", (64, 64), level) for level in (90, 160)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    colorizer, hints = Colorizer(TwoHalves()), [Hint(10, 10, "#c8281e")]
    opened = list(photo_files.pages(tmp_path / "scan.tif"))
    options, conditions = ColorizeOptions(size=64), Conditions(hints)
    photo_files.save(colorizer.color_pages(opened, options, conditions, name="scan"), tmp_path / "a.tif")
    colorizer.colorize_file(tmp_path / "scan.tif", tmp_path / "b.tif", size=64, hints=hints)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    first, second = photo_files.pages(tmp_path / "a.tif")
    alone = colorizer.color([opened[1]], options)[0]
    np.testing.assert_array_equal(second.levels, alone.levels)
    assert (first.levels[10, 10] != colorizer.color([opened[0]], options)[0].levels[10, 10]).any()


def test_a_page_for_which_there_is_no_memory_is_told_with_its_files_name() -> None:
    def greedy(_: object) -> FloatArray:
        raise MemoryError

    pages = [Photo(Image.new("L", (40, 30)))]
    colored = Colorizer(StandInEngine(greedy)).color_pages(pages, ColorizeOptions(), name="scan.tif")
    with pytest.raises(
        PhotoError, match=r"^scan\.tif: not enough memory to color 40×30 px at size 256; .*smaller size"
    ):
        list(colored)


def test_a_model_file_is_loaded_and_gives_the_same_answer_every_time(tmp_path: Path) -> None:
    torch.manual_seed(1)
    save_generator(tmp_path / "model.safetensors", build_generator("unet", {"ngf": 4, "depth": 3}), {"steps": 5})
    colorizer = Colorizer.load(tmp_path / "model.safetensors", device="cpu")
    assert colorizer.info is not None
    assert (colorizer.info.architecture, colorizer.info.training) == ("unet", {"steps": 5})
    gray = data.camera()[::4, ::4]
    first = colorizer(gray, size=64)
    assert (first != gray[..., None]).any()
    np.testing.assert_array_equal(colorizer(gray, size=64), first)


def test_a_missing_model_or_device_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="no such model file"):
        Colorizer.load(tmp_path / "missing.safetensors")
    with pytest.raises(ConfigError, match="unknown device 'abacus'"):
        Colorizer.load(device="abacus")
    monkeypatch.setattr(colorizer_module, "SHIPPED_MODEL", tmp_path / "gone.safetensors")
    with pytest.raises(WeightsError, match="the model that comes with the program is missing"):
        Colorizer.load()
