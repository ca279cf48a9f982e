"""A bucket on an S3 server of this machine: what is listed, put and told.

`pip install 'moto[server]' s3fs` brings the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="needs the extra ray")
pytest.importorskip("s3fs", reason="no s3fs: pip install s3fs")

import fsspec.config

from colorize.cluster.inventory import CHECK, DONE, NEW, keep, take_inventory
from colorize.cluster.storage import Storage
from colorize.errors import ClusterError, DataError, PhotoError
from colorize.options import ColorizeOptions

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:(botocore|moto|werkzeug)")


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": s3_server, "use_listings_cache": False})
    storage = Storage("s3://scans/archive")
    storage.files.mkdir("scans")
    yield storage
    if storage.files.exists("scans"):
        storage.files.rm("scans", recursive=True)


def test_what_is_put_comes_back_and_leaves_nothing_else(bucket: Storage, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    bucket.put(tmp_path / "a", "box/a b+ü.tif")
    assert bucket.files.find("scans") == ["scans/archive/box/a b+ü.tif"]
    assert bucket.fetch("box/a b+ü.tif", tmp_path / "b").read_bytes() == b"content"
    assert bucket.exists("box/a b+ü.tif")
    assert bucket.list().folders == ["box"]
    assert bucket.trouble(writing=True) == bucket.trouble(writing=False) == ""


def test_a_plan_knows_what_is_done_and_what_has_changed_by_etags(bucket: Storage, tmp_path: Path) -> None:
    target = Storage("s3://scans/color")
    for number in range(3):
        bucket.files.pipe_file(f"scans/archive/{number}.tif", b"scan %d" % number)

    def states() -> list[str]:
        inventory = take_inventory(bucket, target, ColorizeOptions(), tmp_path)
        keep(inventory, target)
        return [row.state for row in inventory.rows()]

    assert states() == [NEW] * 3
    target.files.pipe_file("scans/color/1.tif", b"result")
    assert states() == [NEW, DONE, NEW]
    bucket.files.pipe_file("scans/archive/1.tif", b"another scan")
    assert states() == [NEW, CHECK, NEW]


def test_a_bucket_that_is_not_there_is_one_line(bucket: Storage, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^s3://no-such-bucket/scans: no such folder or bucket$"):
        take_inventory(Storage("s3://no-such-bucket/scans"), bucket, ColorizeOptions(), tmp_path)
    told = Storage("s3://no-such-bucket/color").trouble(writing=True)
    assert told == "s3://no-such-bucket/color: cannot be written to (The specified bucket does not exist)"


def test_a_bucket_that_vanishes_is_told_by_what_cannot_be_read_any_longer(bucket: Storage, tmp_path: Path) -> None:
    bucket.files.pipe_file("scans/archive/1.tif", b"scan")
    bucket.files.rm("scans", recursive=True)
    with pytest.raises(PhotoError, match=r"^s3://scans/archive/1\.tif: cannot be read \("):
        bucket.fetch("1.tif", tmp_path / "1")
    assert bucket.trouble(writing=False).startswith("s3://scans/archive: cannot be read (")


def test_a_server_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    nobody = {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 0}}}
    monkeypatch.setitem(fsspec.config.conf, "s3", nobody)
    with pytest.raises(ClusterError, match=r"^s3://scans: cannot be listed \(.*127\.0\.0\.1:9.*\)$"):
        Storage("s3://scans").list()
