"""Photos come in every form that Python has them in, and come back in the same; what is no photo is told."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from colorize import Colored, ColorizeError, Colorizer, Conditions, ConfigError, Hint, PhotoError
from colorize.color.lightness import to_levels
from colorize.coloring.album import Album
from tests.stand_ins import StandInEngine, TwoHalves, one_color

ROOT = Path(__file__).parents[2]
LEVELS = np.random.default_rng(0).integers(0, 256, (24, 40), dtype=np.uint8)


@pytest.fixture
def colorizer() -> Colorizer:
    return Colorizer(StandInEngine(one_color(0.2, -0.1)))


def expected(colorizer: Colorizer) -> NDArray[np.uint8]:
    return np.asarray(colorizer(Image.fromarray(LEVELS)))


@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "f2", "f4", "f8"])
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_an_array_gives_an_array_of_its_type(colorizer: Colorizer, dtype: str, channels: int | None) -> None:
    scale = {"u1": 1, "u2": 257, ">u2": 257}.get(dtype, 1 / 255)
    array = (LEVELS.astype(np.float64) * scale).astype(dtype)
    if channels is not None:
        array = np.repeat(array[..., None], channels, axis=2)
    before = array.copy()
    result = colorizer(array)
    assert result.dtype == dtype
    assert result.shape == (24, 40, 4 if channels == 4 else 3)
    result[0, 0, 0] += 0  # the caller's own
    np.testing.assert_array_equal(array, before)
    if channels == 4:
        np.testing.assert_array_equal(result[..., 3], before[..., 3])
    levels = result[..., :3].astype(np.float64) / scale
    np.testing.assert_allclose(levels, expected(colorizer), atol=1.0)


def test_16_bit_and_floats_keep_their_fine_levels(colorizer: Colorizer) -> None:
    levels = np.arange(960, dtype=np.uint16).reshape(24, 40) * 60
    np.testing.assert_array_equal(to_levels(colorizer(levels)), levels)
    fine = colorizer(levels / np.float64(65535))
    np.testing.assert_array_equal(to_levels(np.rint(fine * 65535).astype(np.uint16)), levels)


@pytest.mark.parametrize("form", ["path", "text", "bytes", "file"])
def test_a_file_in_any_form_gives_an_image(colorizer: Colorizer, tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(LEVELS).save(path)
    content = io.BytesIO(path.read_bytes())
    given: Any = {"path": path, "text": str(path), "bytes": content.getvalue(), "file": content}[form]
    result = colorizer(given)
    assert result.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(result), expected(colorizer))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.uint8])
def test_a_tensor_gives_a_tensor(colorizer: Colorizer, channels: int, dtype: torch.dtype) -> None:
    values = torch.from_numpy(LEVELS.copy())[None, None].repeat(2, channels, 1, 1)
    given = (values if dtype == torch.uint8 else values / 255).to(dtype)
    result = colorizer(given)
    assert (result.shape, result.dtype) == ((2, 3, 24, 40), dtype)
    levels = result[1].double().permute(1, 2, 0).numpy() * (1 if dtype == torch.uint8 else 255)
    np.testing.assert_allclose(levels, expected(colorizer), atol=3.0 if dtype == torch.bfloat16 else 1.0)


def test_an_image_keeps_its_alpha_and_is_the_callers(colorizer: Colorizer) -> None:
    image = Image.fromarray(LEVELS).convert("LA")
    image.putalpha(Image.fromarray(LEVELS[::-1].copy()))
    result = colorizer(image)
    assert result.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(result)[..., 3], LEVELS[::-1])
    result.putpixel((0, 0), (1, 2, 3, 4))
    assert image.mode == "LA"


def test_an_image_on_its_side_comes_upright(colorizer: Colorizer) -> None:
    image = Image.fromarray(LEVELS)
    image.getexif()[0x0112] = 6
    assert colorizer(image).size == (24, 40)


def test_whole_numbers_up_to_255_are_levels_and_not_black(colorizer: Colorizer) -> None:
    image = Image.fromarray(LEVELS.astype(np.int32))
    assert image.mode == "I"
    np.testing.assert_allclose(np.asarray(colorizer(image)), expected(colorizer), atol=1)  # by way of 16 bit


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (5, "got int"),
        (None, "got None"),
        ([[1, 2]], "got list"),
        (LEVELS.astype(np.int32), r"got an array \(24, 40\) of int32"),
        (LEVELS > 3, r"got an array \(24, 40\) of bool"),
        (LEVELS[0], r"got an array \(40,\) of uint8"),
        (np.zeros((0, 4)), r"got an array \(0, 4\) of float64"),
        (np.zeros((4, 4, 2)), r"got an array \(4, 4, 2\) of float64"),
        (LEVELS.astype(float), r"got an array \(24, 40\) of float64 from 0 to 255"),
        (np.full((4, 4), np.nan), r"got an array \(4, 4\) of float64 from nan to nan"),
        (torch.zeros(3, 4), r"got a tensor \(3, 4\) of float32"),
        (torch.zeros(1, 2, 4, 4), r"got a tensor \(1, 2, 4, 4\) of float32"),
        (torch.full((1, 1, 4, 4), 3.0), r"got a tensor \(1, 1, 4, 4\) of float32 from 3 to 3"),
        (torch.zeros(1, 1, 4, 4, dtype=torch.int64), r"got a tensor \(1, 1, 4, 4\) of int64"),
        (io.StringIO(), "got a file opened as text"),
    ],
)
def test_what_is_no_photo_is_told_with_what_came(colorizer: Colorizer, given: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^expected a photo: a PIL image, .*; {told}"):
        colorizer(given)


@pytest.mark.parametrize("given", [b"no photo", "missing.jpg", io.BytesIO()])
def test_a_file_that_is_no_photo_is_told(colorizer: Colorizer, given: Any) -> None:
    with pytest.raises(PhotoError):
        colorizer(given)


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ({"hints": 5}, "hints must be a list of Hint, or an image with alpha, got 5"),
        ({"hints": "red"}, "hints must be a list of Hint, or an image with alpha, got 'red'"),
        ({"hints": [(1, 2, "red")]}, r"hints must be a list of Hint, .* got \(1, 2, 'red'\)"),
        ({"reference": "photo.jpg"}, "a reference must be a PIL image, a list of them or an Album, got str"),
        ({"reference": [None]}, "a reference must be a PIL image, a list of them or an Album, got NoneType"),
        ({"reference": [Album([])]}, "a reference must be a PIL image, a list of them or an Album, got Album"),
        ({"regions": 5}, "regions must be a list of Region, got 5"),
        ({"seed": -1}, "a seed must be a whole number from 0 up, got -1"),
        ({"seed": 1.5}, "a seed must be a whole number from 0 up, got 1.5"),
        ({"seed": True}, "a seed must be a whole number from 0 up, got True"),
    ],
)
def test_what_is_no_condition_is_told(conditions: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Conditions(**conditions)


def test_what_is_no_path_and_not_several_photos_is_told(colorizer: Colorizer) -> None:
    for source, target in ((5, "a.png"), ("a.png", 5)):
        with pytest.raises(ConfigError, match="must be a path, got int"):
            colorizer.colorize_file(source, target)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="model must be a path, got int"):
        Colorizer.load(5)  # type: ignore[arg-type]
    several = "images must be several photos, such as a list of them, got"
    for one, told in (("a.png", "str"), (Image.new("L", (3, 3)), "Image"), (5, "int")):
        with pytest.raises(ConfigError, match=f"{several} {told}"):
            colorizer.map(one)  # type: ignore[arg-type]


def test_wrong_numbers_of_variants_and_places_are_told() -> None:
    with pytest.raises(ConfigError, match="n must be a whole number from 0 to 99, got -1"):
        Colorizer(TwoHalves()).variants(LEVELS, -1)
    with pytest.raises(ConfigError, match="a hint's x must be a number of pixels, got '1'"):
        Hint("1", 2, "red")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected one photo, got a tensor of 2"):
        Colorizer(TwoHalves()).uncertainty(torch.zeros(2, 1, 8, 8))


def test_variants_are_in_the_form_of_the_photo() -> None:
    first, second = Colorizer(TwoHalves()).variants(LEVELS, 2)
    assert isinstance(first, np.ndarray)
    assert first.shape == second.shape == (24, 40, 3)


def test_many_photos_come_lazily_in_order_and_one_that_fails_stops_none(tmp_path: Path) -> None:
    taken = []

    def images() -> Iterator[Any]:
        for number in range(7):
            taken.append(number)
            yield str(tmp_path / "missing.png") if number == 2 else np.full((24, 40), number, np.uint8)

    engine = StandInEngine(one_color(0.2, 0))
    results = Colorizer(engine).map(images(), batch_size=3)
    assert taken == []
    first = next(results)
    assert taken == [0, 1, 2]
    every = [first, *results]
    assert [each.error is None for each in every] == [True, True, False, True, True, True, True]
    assert [shape[0] for shape in engine.asked] == [2, 3, 1]
    for number, each in enumerate(every):
        if number != 2:
            assert each.source is not None
            np.testing.assert_array_equal(to_levels(each.result), np.full((24, 40), number))
    assert isinstance(every[2].error, PhotoError)
    with pytest.raises(PhotoError, match=r"missing\.png: no such file"):
        every[2].after  # noqa: B018
    with pytest.raises(ConfigError, match="batch_size must be a whole number from 1 to 1024, got 0"):
        Colorizer(engine).map([], batch_size=0)


def test_memory_that_is_too_little_for_several_is_enough_for_each() -> None:
    def answer(l: NDArray[np.float32]) -> NDArray[np.float32]:
        if l.mean() > 0.9:
            raise MemoryError
        return one_color(0.2, 0)(l)

    images = [np.full((24, 40), level, np.uint8) for level in (10, 255, 20)]
    every = list(Colorizer(StandInEngine(answer)).map(images))
    assert [str(each.error or "") for each in every] == ["", "not enough memory to color 40×24 px", ""]


def test_a_notebook_shows_before_and_after(colorizer: Colorizer) -> None:
    (shown,) = colorizer.map([Image.new("L", (2000, 1000), 90)])
    html = shown._repr_html_()
    assert html.count("<img ") == html.count("data:image/jpeg;base64,") == 2
    assert (shown.before.size, shown.after.mode, repr(shown)) == ((2000, 1000), "RGB", "<Colored: 2000×1000 px>")
    failed = Colored("a", error=ColorizeError("a <b>"))
    assert failed._repr_html_() == "<p>a &lt;b&gt;</p>"


def test_a_colorizer_goes_into_another_process() -> None:
    loaded = Colorizer.load(device="cpu")
    other: Colorizer = pickle.loads(pickle.dumps(loaded))  # noqa: S301  # our own
    np.testing.assert_array_equal(other(LEVELS), loaded(LEVELS))


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ("cuda:x", "unknown device 'cuda:x'"),
        ("cpu:0", "unknown device 'cpu:0'"),
        ("cuda:99", "device 'cuda:99' is not available here"),
    ],
)
def test_a_card_is_named_by_its_number(device: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Colorizer.load(device=device)


def test_a_file_gets_the_quality_and_format_that_are_asked_for(colorizer: Colorizer, tmp_path: Path) -> None:
    Image.fromarray(LEVELS).save(tmp_path / "a.png")
    for quality in (30, 100):
        colorizer.colorize_file(tmp_path / "a.png", tmp_path / f"{quality}.dat", quality=quality, format="JPG")
        with Image.open(tmp_path / f"{quality}.dat") as image:
            assert image.format == "JPEG"
    assert (tmp_path / "30.dat").stat().st_size < (tmp_path / "100.dat").stat().st_size / 2
    with pytest.raises(ConfigError, match="unknown format 'gif'"):
        colorizer.colorize_file(tmp_path / "a.png", tmp_path / "a.jpg", format="gif")


CALLER = """
from pathlib import Path
from typing import assert_type

import numpy as np
from PIL import Image

from colorize import Colorizer, ColorizeError, Colored, Hint

colorizer = Colorizer.load(device="cuda:0", engine="torch")
image = colorizer(Image.new("L", (3, 3)), strength=1.2, hints=[Hint(1, 2, "red")])
assert_type(image, Image.Image)
assert_type(colorizer(Path("a.jpg")), Image.Image)
assert_type(colorizer(b""), Image.Image)
array = colorizer(np.zeros((3, 3), np.uint8))
print(array.shape, array.dtype)
assert_type(colorizer.variants(image, 3), list[Image.Image])
for colored in colorizer.map([Path("a.jpg"), image], batch_size=8):
    assert_type(colored, Colored)
    assert_type(colored.after, Image.Image)
    assert_type(colored.error, ColorizeError | None)
assert_type(colorizer.colorize_file("a.tif", "b.jpg", quality=90), Path)
assert_type(colorizer.uncertainty(image), Image.Image)
"""


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
def test_a_callers_file_has_types_that_hold(checker: str, tmp_path: Path) -> None:
    """Pyright as `pip install basedpyright` brings it: 280 MB with its Node.js, so not one of the extra dev."""
    pytest.importorskip(checker, reason=f"no {checker}: pip install {checker}")
    (tmp_path / "caller.py").write_text(CALLER)
    settings = {"include": ["caller.py"], "typeCheckingMode": "strict", "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    words = {
        "mypy": ["--strict", "--follow-imports=silent", "--config-file=", str(tmp_path / "caller.py")],
        "basedpyright": ["--pythonpath", sys.executable, "--project", str(tmp_path)],
    }[checker]
    call = [sys.executable, "-m", checker, *words]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
