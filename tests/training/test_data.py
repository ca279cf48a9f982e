"""The stream of photos: what is found, what is skipped, and going on from anywhere in the same order."""

from __future__ import annotations

import tarfile
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from colorize.errors import DataError
from colorize.training.augment import Augment
from colorize.training.config import TrainConfig
from colorize.training.data import (
    PhotoBatches,
    RawPhoto,
    Sources,
    _read_share,
    box_side,
    decode,
    find_sources,
    is_held_out,
    kept_shares,
    next_epoch,
    read_unit,
    validation_photos,
)
from tests.training.conftest import GOOD, color_photo, encoded, files, write_shard


def config(**settings: Any) -> TrainConfig:
    defaults = {"size": 16, "n_layers": 1, "min_side": 16, "batch_size": 4, "workers": 0, "shuffle_buffer": 8}
    return TrainConfig(**{**defaults, **settings})


def batches(sources: Sources, settings: TrainConfig, **options: Any) -> PhotoBatches:
    return PhotoBatches(sources, settings, **{"hold_out": False, **options})


def fingerprints(photos: list[Tensor]) -> list[float]:
    return [photo.double().sum().item() for batch in photos for photo in batch]


def names_of_an_epoch(sources: Sources) -> list[str]:
    return [raw.key for unit in sources.units() for raw in read_unit(unit)]


def test_folders_are_searched_recursively_and_shards_by_their_contents(photo_folder: Path, shard: Path) -> None:
    in_folder, in_shard = find_sources([photo_folder]), find_sources([shard])
    assert in_folder.count() == in_shard.count() == len(files()) - 1  # all but the text file
    assert find_sources([photo_folder, shard]).count() == 2 * in_shard.count()
    assert find_sources([photo_folder.parent]).count() == 2 * in_shard.count()  # a shard inside a folder
    assert find_sources([photo_folder, photo_folder]) == in_folder  # nothing twice
    assert sorted(Path(key).name for key in names_of_an_epoch(in_folder)) == sorted(names_of_an_epoch(in_shard))


@pytest.mark.parametrize("kind", ["folder", "shard"])
def test_batches_are_uint8_boxes_and_what_is_of_no_use_is_counted(kind: str, photo_folder: Path, shard: Path) -> None:
    settings = config()
    stream = batches(find_sources([photo_folder if kind == "folder" else shard]), settings)
    for batch in islice(stream, GOOD // 4 + 1):  # more than one epoch, so every photo has been looked at
        assert batch.dtype == torch.uint8
        assert batch.shape == (4, 3, box_side(settings), box_side(settings))
    names = {"bad.png": "unreadable", "gray.png": "gray", "tiny.png": "tiny"}
    assert {Path(name).name: reason for name, reason in stream.skipped.items()} == names
    list(islice(stream, 2 * GOOD // 4))  # they come again, and count once
    assert len(stream.skipped) == 3
    assert stream.state()["skipped"] == stream.skipped


def test_the_order_depends_on_the_seed_alone(shard: Path) -> None:
    sources = find_sources([shard])
    first = fingerprints(list(islice(batches(sources, config()), 8)))
    assert fingerprints(list(islice(batches(sources, config()), 8))) == first
    assert fingerprints(list(islice(batches(sources, config(seed=1)), 8))) != first


def test_no_epoch_repeats_the_one_before(shard: Path) -> None:
    photos = fingerprints(list(islice(batches(find_sources([shard]), config()), 10)))
    assert photos[:20] != photos[20:40]
    assert len(set(photos)) > 35  # other boxes of the same photos, too; a few coincide at this size


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_goes_on_from_its_state_as_if_never_stopped(photo_folder: Path, shard: Path, workers: int) -> None:
    sources, settings = find_sources([photo_folder, shard]), config(workers=workers, source_balance=0.5)
    whole = batches(sources, settings)
    expected = list(islice(whole, 13))
    stopped = batches(sources, settings)
    list(islice(stopped, 7))
    rest = batches(sources, settings, state=stopped.state())
    assert fingerprints(list(islice(rest, 6))) == fingerprints(expected[7:])
    assert rest.state() == whole.state()


def test_large_sources_are_drawn_from_less(tmp_path: Path) -> None:
    counts = {"many": 64, "some": 16, "few": 4}
    contents = {f"{source}-{i}.png": encoded(color_photo(i)) for source, n in counts.items() for i in range(n)}
    sources = find_sources([write_shard(tmp_path / "a.tar", contents)])
    assert kept_shares(sources, 0.5) == {"many": 0.5, "some": 1.0, "few": 1.0}
    assert kept_shares(sources, 1) == {"many": 0.25, "some": 1.0, "few": 1.0}
    stream = batches(sources, config(batch_size=1, source_balance=1.0))
    epoch = 0
    while stream.state()["positions"][0][0] == 0:
        next(stream)
        epoch += 1
    assert 27 <= epoch - 1 <= 48  # 36 are expected of 84


def test_a_source_is_what_stands_before_the_number_or_the_folder(tmp_path: Path) -> None:
    for place in ("trees/a.png", "trees/b.png", "cats/deep/c.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(encoded(color_photo(0)))
    shard = write_shard(tmp_path / "dogs.tar", {"dog-1.png": b"", "dog-02.png": b"", "whatever.png": b""})
    assert set(kept_shares(find_sources([tmp_path]), 1)) == {"trees", "deep", "dog", "dogs.tar"}
    assert kept_shares(find_sources([shard]), 1)["dog"] == pytest.approx(0.75)


def test_processes_and_workers_share_the_photos_without_overlap(tmp_path: Path) -> None:
    contents = {f"{i}.png": encoded(color_photo(i)) for i in range(16)}
    sources = find_sources([write_shard(tmp_path / "a.tar", contents)])
    settings = config(batch_size=4, zoom=1.0, workers=0)
    seen = []
    for rank in range(4):
        stream = batches(sources, settings, rank=rank, world=4)
        parts = [next(stream) for _ in range(4)]  # a quarter of an epoch each
        assert [len(part) for part in parts] == [1] * 4  # and of each batch
        seen.append(fingerprints(parts))
    together = [each for one in seen for each in one]
    assert len(set(together)) == 16


@pytest.mark.parametrize("shares", [1, 2, 3, 4, 7, 16, 40])
def test_every_photo_is_in_one_share_and_all_shares_are_alike(shares: int, tmp_path: Path) -> None:
    shards = [
        write_shard(tmp_path / f"{i}.tar", {f"{i}-{k}.png": b"" for k in range(50)}) for i in range(5)
    ]  # fewer and more than there are shares
    parts = [[raw.key for raw in _read_share(shards, share, shares)] for share in range(shares)]
    together = [name for part in parts for name in part]
    assert sorted(together) == sorted(f"{i}-{k}.png" for i in range(5) for k in range(50))
    assert max(map(len, parts)) - min(map(len, parts)) <= 3
    if shares == 2:
        assert [name for name in parts[0] if name[0] in "01"] == [f"{i}-{k}.png" for i in (0, 1) for k in range(50)]


def test_files_are_dealt_into_units_of_the_same_size() -> None:
    units = Sources((), tuple(Path(f"{i:03}.jpg") for i in range(70))).units()
    assert [len(unit) for unit in units if isinstance(unit, tuple)] == [35, 35]
    assert Sources((), ()).units() == []


def test_another_number_of_processes_goes_on_with_a_new_epoch_of_every_photo_once(tmp_path: Path) -> None:
    contents = {f"{i}.png": encoded(color_photo(i)) for i in range(16)}
    sources = find_sources([write_shard(tmp_path / "a.tar", contents)])
    settings = config(batch_size=4, zoom=1.0)
    before = [batches(sources, settings, rank=rank, world=2) for rank in range(2)]
    for stream in before:
        list(islice(stream, 2))
    state = next_epoch([stream.state() for stream in before], settings)
    seen = []
    for rank in range(4):
        stream = batches(sources, settings, rank=rank, world=4, state=state)
        seen += fingerprints(list(islice(stream, 4)))
        assert stream.state()["positions"] == [[1, 4]]
    assert len(set(seen)) == 16


def test_held_out_photos_are_never_trained_on_and_are_what_is_measured_on(tmp_path: Path) -> None:
    contents = {f"{i}.png": encoded(color_photo(i, side=32)) for i in range(24)}
    sources = find_sources([write_shard(tmp_path / "a.tar", contents)])
    settings = config(holdout=4, size=32, zoom=1.0, batch_size=1, min_side=8)
    held = {name for name in contents if is_held_out(name, 4)}
    assert 0 < len(held) < 24
    measured = validation_photos(sources, settings, held_out=True)
    assert measured.shape == (len(held), 3, 32, 32)
    stream = batches(sources, settings, hold_out=True)
    list(islice(stream, 24 - len(held)))
    assert stream.state()["positions"][0][0] == 0  # all of the others fit into the first epoch
    next(stream)
    assert stream.state()["positions"][0][0] == 1


def test_validation_photos_are_always_the_same_ones_up_to_the_limit(shard: Path) -> None:
    sources = find_sources([shard])
    photos = validation_photos(sources, config(validation_photos=5), held_out=False)
    assert photos.shape == (5, 3, 16, 16)
    assert torch.equal(photos, validation_photos(sources, config(validation_photos=5), held_out=False))


def test_a_shard_that_breaks_off_gives_what_it_has_and_is_counted(shard: Path) -> None:
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 2])
    stream = batches(find_sources([shard]), config())
    list(islice(stream, 6))
    assert stream.skipped[str(shard)] == "unreadable"


def test_shards_that_break_off_anywhere_are_found_without_decoding(shard: Path) -> None:
    content = shard.read_bytes()
    find_sources([shard]).check_shards()
    with tarfile.open(shard) as archive:
        members = archive.getmembers()
    last = members[-1]
    end = last.offset_data + -(-last.size // 512) * 512
    for length in (last.offset_data + 10, last.offset + 100, end, members[3].offset):
        shard.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"photos\.tar breaks off after \d+ photos: expected whole tar files"):
            find_sources([shard]).check_shards()


def test_a_large_jpeg_is_decoded_smaller_where_that_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    color_photo(0).resize((1600, 1200), Image.Resampling.BICUBIC).save(path, quality=95)
    raw = RawPhoto("large", "large", path)
    whole, settings = decode(raw, config()), config(min_side=300)
    assert whole.size == (1600, 1200)
    assert decode(raw, settings, least_side=100).size == (400, 300)  # min_side is more than asked for
    small = decode(raw, config(), least_side=140)
    assert small.size == (200, 150)
    same = np.asarray(whole.resize(small.size, Image.Resampling.BOX)).astype(int) - np.asarray(small)
    assert np.abs(same).mean() < 2
    assert next(batches(find_sources([tmp_path]), config(batch_size=1))).shape == (1, 3, 18, 18)


def test_a_state_that_counted_skipped_photos_without_their_names_goes_on(shard: Path) -> None:
    stream = batches(find_sources([shard]), config())
    next(stream)
    state = stream.state() | {"skipped": {"grey": 3, "tiny": 1}}
    assert batches(find_sources([shard]), config(), state=state).skipped == {}


def test_empty_and_wrong_data_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such file or folder"):
        find_sources([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no photos and no tar shards in .*empty"):
        find_sources([tmp_path / "empty"])
    (tmp_path / "fake.tar").write_bytes(b"not a tar file")
    with pytest.raises(DataError, match=r"fake\.tar: expected a tar file of photos"):
        find_sources([tmp_path / "fake.tar"])


@pytest.mark.parametrize("workers", [0, 2])
def test_photos_none_of_which_can_be_used_end_with_the_counts(tmp_path: Path, workers: int) -> None:
    contents = {"a.png": b"no photo", "b.png": encoded(color_photo(1).convert("L"))}
    stream = batches(find_sources([write_shard(tmp_path / "a.tar", contents)]), config(workers=workers))
    with pytest.raises(DataError, match=r"no photo can be trained on \(.*gray"):
        next(stream)


def test_a_share_without_a_usable_photo_does_not_end_a_run_that_has_others(tmp_path: Path) -> None:
    """Units are dealt anew each epoch: a worker gets the folder of gray ones again and again."""
    for i in range(64):
        (tmp_path / "color").mkdir(exist_ok=True)
        (tmp_path / "gray").mkdir(exist_ok=True)
        color_photo(i, side=20).save(tmp_path / "color" / f"{i}.png")
        color_photo(i, side=20).convert("L").save(tmp_path / "gray" / f"{i}.png")
    sources = find_sources([tmp_path])
    assert len(sources.units()) == 2
    stream = PhotoBatches(sources, config(), hold_out=False, rank=0, world=2)
    for _ in range(200):
        next(stream)


def test_crops_flips_and_light_are_drawn_anew_for_every_photo_and_lab_is_that_of_the_result() -> None:
    torch.manual_seed(0)
    settings = config(jitter=0.5)
    ramp = torch.arange(18, dtype=torch.uint8).mul(8).add(40)
    photos = ramp.expand(64, 3, 18, 18).contiguous()  # darker to brighter from left to right, gray
    l, ab, *_ = Augment(settings, torch.device("cpu"))(photos)
    assert l.shape == (64, 1, 16, 16)
    assert ab.abs().max() < 1e-3
    flipped = (l[:, 0, 0, 0] > l[:, 0, 0, -1]).float().mean().item()
    assert 0.25 < flipped < 0.75
    plain = Augment(config(jitter=0), torch.device("cpu"))(photos).l
    corners = {round(min(each[0, 0, 0].item(), each[0, 0, -1].item()), 3) for each in plain}
    assert len(corners) == 3  # where an 18 px box can be cut to 16
    assert len({round(each.mean().item(), 4) for each in l}) > 10  # and some are lighter or darker
