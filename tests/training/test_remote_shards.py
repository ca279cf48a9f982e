"""Shards at URLs: in a bucket on an S3 server of this machine, and on a web server that can be told to fail."""

from __future__ import annotations

import http.server
import multiprocessing
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="no aiohttp: pip install aiohttp")

import fsspec
import fsspec.config

from colorize.errors import DataError
from colorize.system import remote
from colorize.training.cli import main
from colorize.training.config import TrainConfig
from colorize.training.data import PhotoBatches, Sources, find_sources
from colorize.training.remote_shards import RemoteShard
from tests.training.conftest import files, write_shard
from tests.training.runs import SHORTEST, log

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:(botocore|moto|werkzeug)")


@pytest.fixture
def bucket(s3_server: str, shard: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket with three shards of the same photos and a file of another kind."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": s3_server, "use_listings_cache": False})
    monkeypatch.setattr(remote, "_PAUSES", (0.01, 0.01))
    store = fsspec.filesystem("s3")
    store.mkdir("photos")
    for name in ("train-0000.tar", "train-0001.tar", "deeper/more.tar"):
        store.put_file(str(shard), f"photos/{name}")
    store.pipe_file("photos/notes.txt", b"no shard")
    yield store
    if store.exists("photos"):
        store.rm("photos", recursive=True)


class WebServer(http.server.ThreadingHTTPServer):
    """One shard, at /photos.tar. The first answers break off, as often as it is told."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.status = content, 200
        self.fetched, self.breaking, self.pause = 0, 0, 0.0
        self.url = f"http://127.0.0.1:{self.server_port}/photos.tar"


class Answer(http.server.BaseHTTPRequestHandler):
    server: WebServer

    def do_HEAD(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.send_header("ETag", str(hash(self.server.content)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.server.fetched += 1
        time.sleep(self.server.pause)
        broken = self.server.fetched <= self.server.breaking
        self.wfile.write(self.server.content[: 1000 if broken else None])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web(shard: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(remote, "_PAUSES", (0.01, 0.01))
    server = WebServer(shard.read_bytes())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def names(sources: Sources) -> list[str]:
    return [str(shard) for shard in sources.shards]


def test_shards_are_found_by_name_pattern_braces_and_folder(bucket: Any, tmp_path: Path) -> None:
    two = ["s3://photos/train-0000.tar", "s3://photos/train-0001.tar"]
    assert names(find_sources(["s3://photos/train-{0000..0001}.tar"], tmp_path)) == two
    assert names(find_sources(["s3://photos/train-*.tar", two[0]], tmp_path)) == two
    assert names(find_sources(["s3://photos"], tmp_path)) == ["s3://photos/deeper/more.tar", *two]
    assert list(tmp_path.glob("*.tar")) == [tmp_path / "photos.tar"]  # nothing is fetched yet


def test_a_run_from_a_bucket_is_one_from_the_same_shards_and_goes_on_from_them(
    bucket: Any, shard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cache, run = tmp_path / "cache", tmp_path / "run"
    command = ["s3://photos/train-0000.tar", "--cache", str(cache), "--run", str(run)]
    assert main([*command, *SHORTEST, "--dry-run"]) == 0
    told = capfd.readouterr().out
    assert f"data: 1 shards at URLs of 0 MB, fetched into {cache} as they are read\n" in told
    assert not cache.exists()
    assert main([*command, *SHORTEST]) == 0
    (fetched,) = cache.glob("*.tar")
    assert fetched.read_bytes() == shard.read_bytes()
    local = shard.rename(tmp_path / "train-0000.tar")
    assert main([str(local), "--run", str(tmp_path / "local"), *SHORTEST]) == 0
    losses = [[entry["l1"] for entry in log(each) if "l1" in entry] for each in (run, tmp_path / "local")]
    assert losses[0] == losses[1]
    bucket.rm("photos", recursive=True)
    assert main([str(local), "--run", str(run), "--resume", "--adversarial-steps", "2"]) == 0


def test_a_shard_is_fetched_anew_when_it_has_changed(bucket: Any, shard: Path, tmp_path: Path) -> None:
    (before,) = find_sources(["s3://photos/train-0000.tar"], tmp_path / "cache").remote
    assert before.local() == before.local()
    other = write_shard(tmp_path / "other.tar", dict(list(files().items())[:5]))
    bucket.put_file(str(other), "photos/train-0000.tar")
    (after,) = find_sources(["s3://photos/train-0000.tar"], tmp_path / "cache").remote
    assert before.local().read_bytes() == shard.read_bytes()
    assert after.local().read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://no-such-bucket/train-0000.tar", "s3://no-such-bucket/train-0000.tar: cannot be found ("),
        ("s3://photos/train-{0000..0002}.tar", "s3://photos/train-0002.tar: cannot be found ("),
        ("s3://photos/none-*.tar", "s3://photos/none-*.tar: there are no tar shards"),
        ("s3://photos/{0000", "s3://photos/{0000: "),
        ("nonsense://user:secret@photos/a.tar", "nonsense://user@photos/a.tar: Protocol not known"),
    ],
)
def test_what_is_not_there_is_one_line(
    url: str, told: str, bucket: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([url, "--run", str(tmp_path / "run"), "--cache", str(tmp_path / "cache"), *SHORTEST]) == 2
    err = capfd.readouterr().err
    assert err.startswith(f"train.py: {told}")
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_what_may_not_be_read_is_one_line(web: WebServer, tmp_path: Path) -> None:
    (shard,) = find_sources([web.url], tmp_path / "cache").remote
    web.status = 403
    with pytest.raises(DataError, match=r"^http://\S+/photos\.tar: cannot be fetched into [^\n]*403[^\n]*$"):
        shard.local()
    assert list((tmp_path / "cache").glob("*.tar")) == []
    with pytest.raises(DataError, match=r"^http://\S+/photos\.tar: cannot be found \([^\n]*$"):
        find_sources([web.url], tmp_path / "cache")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bucket_that_vanishes_ends_the_run_with_one_line(workers: int, bucket: Any, tmp_path: Path) -> None:
    sources = find_sources(["s3://photos/train-{0000..0001}.tar"], tmp_path / "cache")
    bucket.rm("photos", recursive=True)
    settings = TrainConfig(size=16, n_layers=1, min_side=16, batch_size=4, workers=workers)
    stream = PhotoBatches(sources, settings, hold_out=False)
    with pytest.raises(DataError, match=r"^s3://photos/train-000[01]\.tar: cannot be fetched into [^\n]*$"):
        next(stream)
    stream.close()


def test_what_breaks_off_is_fetched_again_and_not_for_ever(web: WebServer, shard: Path, tmp_path: Path) -> None:
    web.breaking = 2
    (remote_shard,) = find_sources([web.url], tmp_path / "cache").remote
    assert remote_shard.local().read_bytes() == shard.read_bytes()
    assert web.fetched == 3
    web.breaking = 100
    (again,) = find_sources([web.url], tmp_path / "other").remote
    with pytest.raises(DataError, match=r"photos\.tar: cannot be fetched into "):
        again.local()
    assert web.fetched == 6
    assert [path.suffix for path in (tmp_path / "other").iterdir()] == [".lock"]


def test_what_is_no_tar_file_is_told(web: WebServer, tmp_path: Path) -> None:
    web.content = b"<html>please log in</html>"
    (remote_shard,) = find_sources([web.url], tmp_path / "cache").remote
    with pytest.raises(DataError, match=r"expected a tar file of photos"):
        remote_shard.local()
    assert not remote_shard.place.exists()


def test_two_processes_fetch_a_shard_once(web: WebServer, shard: Path, tmp_path: Path) -> None:
    web.pause = 1.0
    (remote_shard,) = find_sources([web.url], tmp_path / "cache").remote
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=RemoteShard.local, args=(remote_shard,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert web.fetched == 1
    assert remote_shard.place.read_bytes() == shard.read_bytes()


def test_the_next_shard_is_fetched_while_one_is_read(bucket: Any, tmp_path: Path) -> None:
    sources = find_sources(["s3://photos/train-{0000..0001}.tar"], tmp_path / "cache")
    settings = TrainConfig(size=16, n_layers=1, min_side=16, batch_size=1, workers=0, shuffle_buffer=1)
    list(islice(PhotoBatches(sources, settings, hold_out=False), 1))
    deadline = time.monotonic() + 30
    while len(list((tmp_path / "cache").glob("*.tar"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
