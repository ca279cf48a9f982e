"""Shards out of a folder: small, shuffled, named after their folders, and gone on with where they were stopped."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from colorize.training import shards
from colorize.training.data import find_sources, kept_shares
from tests.training.conftest import color_photo


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(12):
        place = tmp_path / "photos" / ("cats" if i < 5 else "trees")
        place.mkdir(parents=True, exist_ok=True)
        color_photo(i, side=90).save(place / f"{i}.jpg")
    color_photo(0, side=90).convert("L").save(tmp_path / "photos/cats/gray.jpg")
    (tmp_path / "photos/cats/bad.jpg").write_bytes(b"no photo")
    return tmp_path / "photos"


def members(out: Path) -> dict[str, bytes]:
    found = {}
    for shard in sorted(out.glob("*.tar")):
        with tarfile.open(shard) as archive:
            for member in archive:
                file = archive.extractfile(member)
                assert file is not None
                found[member.name] = file.read()
    return found


@pytest.mark.parametrize(("extra", "kind"), [([], "WEBP"), (["--format", "jpeg"], "JPEG")])
def test_shards_hold_the_photos_small_and_shuffled_under_their_sources_names(
    folder: Path, tmp_path: Path, extra: list[str], kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "shards"
    assert shards.main([str(folder), "--out", str(out), "--side", "70", "--per-shard", "8", *extra]) == 0
    told = capfd.readouterr()
    assert told.out.splitlines() == [str(out / "photos-0000.tar"), str(out / "photos-0001.tar")]
    assert sum(told.err.count(f"1 {reason}") for reason in ("gray", "unreadable")) == 2
    found = members(out)
    assert len(found) == 12
    assert list(found) != sorted(found)
    for content in found.values():
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == kind
            assert min(image.size) == 70
    sources = find_sources([out])
    sources.check_shards()
    assert set(kept_shares(sources, 1)) == {"cats", "trees"}


def test_a_photo_smaller_than_the_side_stays_as_it_is(folder: Path, tmp_path: Path) -> None:
    assert shards.main([str(folder), "--out", str(tmp_path / "shards")]) == 0
    with Image.open(io.BytesIO(next(iter(members(tmp_path / "shards").values())))) as image:
        assert min(image.size) == 90


def test_the_same_command_makes_what_is_missing_and_another_one_is_refused(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "shards"
    command = [str(folder), "--out", str(out), "--side", "70", "--per-shard", "5"]
    assert shards.main(command) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "photos-0001.tar").unlink()
    capfd.readouterr()
    assert shards.main(command) == 0
    assert capfd.readouterr().out == f"{out / 'photos-0001.tar'}\n"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert json.loads((out / "shards.json").read_text())["settings"]["side"] == 70
    assert shards.main([*command, "--quality", "50"]) == 2
    assert "holds shards of other photos or settings" in capfd.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (["--side", "2"], "side must be at least 16, got 2"),
        (["--quality", "101"], "quality must be at most 100, got 101"),
        (["--format", "bmp"], "format must be one of webp, jpeg, got 'bmp'"),
        (["--out", "{folder}"], "expected a new folder or one with shards.json"),
        (["{shards}"], "this is a shard already"),
        (["{missing}"], "no such file or folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    extra: list[str], told: str, folder: Path, shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    places = {"{folder}": str(folder), "{shards}": str(shard), "{missing}": str(tmp_path / "missing")}
    given = [str(folder), *(places.get(each, each) for each in extra)]
    if "--out" not in extra:
        given += ["--out", str(tmp_path / "out")]
    assert shards.main(given) == 2
    err = capfd.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
