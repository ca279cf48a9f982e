"""A handful of made-up color photos, in a folder and in a shard, with what has to be skipped among them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

GOOD = 20


def color_photo(seed: int, side: int = 40) -> Image.Image:
    """Soft blobs of color."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((side, side + seed % 3), Image.Resampling.BICUBIC)


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def files() -> dict[str, bytes]:
    """Name → content: 20 photos to train on, one of each kind that is skipped, and one that is no photo at all."""
    contents = {f"good-{i:02d}.png": encoded(color_photo(i)) for i in range(GOOD)}
    contents["bad.png"] = b"this is not a photo"
    contents["gray.png"] = encoded(color_photo(50).convert("L"))
    contents["tiny.png"] = encoded(color_photo(51, side=8))
    contents["notes.txt"] = b"not looked at"
    return contents


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for i, (name, content) in enumerate(files().items()):
        (folder / ("deeper" if i % 2 else ".") / name).write_bytes(content)
    return folder


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    return write_shard(tmp_path / "photos.tar", files())


def write_shard(path: Path, contents: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(autouse=True)
def quiet_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training sets the allocator for the whole process; tests do not need that."""
    monkeypatch.setattr("colorize.training.loop.keep_freed_memory", lambda: False)


@pytest.fixture(scope="package")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `SMALL` on the photos of `shard` that has come to its end: to look at and to copy, not to change."""
    from colorize.training.cli import main  # with torch, which other steps do not import
    from tests.training.runs import SMALL

    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("colorize.training.loop.keep_freed_memory", lambda: False)
        assert main([str(write_shard(folder / "photos.tar", files())), "--run", str(folder / "run"), *SMALL]) == 0
    return folder / "run"
