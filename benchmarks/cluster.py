"""What a cluster costs and survives: `python benchmarks/cluster.py [plan rate kills node twice] [--photos 1000]`

  plan    a listing of so many photos joined with one of as many results, in one folder and in folders of a
          thousand: seconds and peak memory, each in a process of its own. The listings are made here, with what S3
          tells of a file
  rate    small photos by two processes of `colorize --part` and by `colorize cluster` with two workers, by turns:
          photos per second between the first and the last tenth of the results, by the clock, and the memory of the
          driver and of a worker after a fifth of the photos and at the end (Linux)
  kills   the same photos from one S3 bucket into another (moto's server on this machine, where it is installed; else
          folders), while workers are killed, and then the driver: every result is compared with a plain run's
  node    likewise, on two nodes on this machine, one of which is taken away after the first results
  twice   likewise, by two drivers at once
Photos are gray noise, enlarged, 320×240 pixels, as JPEG. Only processes that this program has started are killed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PARTS = ("plan", "rate", "kills", "node", "twice")
FOLDER = 1000  # photos in each, for the second table of `plan`


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=PARTS, help=", ".join(PARTS))
    parser.add_argument("--photos", type=int, default=1000, help="of all but plan")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of plan")
    parser.add_argument("--repeat", type=int, default=2, help="of rate: turns")
    parser.add_argument("--workers-killed", type=int, default=20)
    parser.add_argument("--drivers-killed", type=int, default=5)
    parser.add_argument("--pause", type=float, default=15, help="seconds from kill to kill, after the first result")
    parser.add_argument("--in-process", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_process:
        print(json.dumps(planned(options.rows, options.in_process == "folders")))
        return
    if "plan" in options.parts:
        for way in ("flat", "folders"):
            call = [sys.executable, __file__, "--rows", str(options.rows), "--in-process", way]
            told = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
            print(f"plan, {way}: {told}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        if options.parts != ["plan"]:
            make(photos, options.photos)
        if "rate" in options.parts:
            rate(photos, Path(folder), options.repeat)
        if {"kills", "node", "twice"} & set(options.parts):
            losses(photos, Path(folder), options)


# Plan


def planned(rows: int, in_folders: bool) -> dict[str, float]:
    """Seconds, CPU seconds and peak megabytes of one plan; all results are there, and a tenth of them is not done."""
    from colorize.cluster.inventory import take_inventory
    from colorize.cluster.storage import Storage
    from colorize.options import ColorizeOptions

    source, target = Storage("memory://archive"), Storage("memory://archive-color")
    source.files, target.files = Listed(rows, in_folders, 1.0), Listed(rows, in_folders, 0.9)
    before = resource.getrusage(resource.RUSAGE_SELF)
    clock = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        inventory = take_inventory(source, target, ColorizeOptions(), Path(folder))
        size = inventory.path.stat().st_size
    used = resource.getrusage(resource.RUSAGE_SELF)
    assert inventory.total == rows
    assert inventory.counts["new"] == rows - round(rows * 0.9)
    return {
        "rows": rows,
        "seconds": round(time.perf_counter() - clock, 1),
        "CPU seconds": round(used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak MB": round(used.ru_maxrss / 1024),
        "MB before": round(before.ru_maxrss / 1024),
        "plan MB": round(size / 1e6, 1),
    }


class Listed:
    """A store that only lists: so many photos, a share of them, as s3fs tells of them."""

    protocol = "s3"
    storage_options: dict[str, Any] = {}  # noqa: RUF012 - as fsspec has it
    async_impl = True

    def __init__(self, rows: int, in_folders: bool, share: float) -> None:
        self._rows = rows
        self._in_folders = in_folders
        self._share = share
        self.storage_options = {"share": share}

    def invalidate_cache(self) -> None:
        pass

    def ls(self, path: str, detail: bool) -> list[dict[str, Any]]:
        assert detail
        if "/.colorize" in path:
            raise FileNotFoundError(path)
        _, _, place = path.lstrip("/").partition("/")
        if not self._in_folders:
            return [self._file(path, number) for number in range(round(self._rows * self._share))]
        if not place:
            return [
                {"name": f"{path}/box {number:06}", "type": "directory", "size": 0}
                for number in range(self._rows // FOLDER)
            ]
        return [self._file(path, number) for number in range(round(FOLDER * self._share))]

    def _file(self, folder: str, number: int) -> dict[str, Any]:
        key = f"{folder}/scan of a photograph {number:08}.tif"
        return {
            "Key": key,
            "LastModified": datetime.fromtimestamp(1.7e9 + number + (self._share < 1) * 1e7, UTC),
            "ETag": f'"{hashlib.md5(str(number).encode()).hexdigest()}"',
            "ChecksumAlgorithm": ["CRC32"],
            "ChecksumType": "FULL_OBJECT",
            "Size": 40_000_000 + number,
            "StorageClass": "STANDARD",
            "type": "file",
            "size": 40_000_000 + number,
            "name": key,
        }


# Rate and memory


def make(folder: Path, count: int) -> None:
    """Photos, a hundred to a folder."""
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"box {number // 100}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        gray = Image.fromarray(rng.integers(0, 256, (12, 16), dtype=np.uint8))
        gray.resize((320, 240), Image.Resampling.BICUBIC).save(path, quality=90)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "colorize", *map(str, arguments)]


def rate(photos: Path, folder: Path, repeat: int) -> None:
    for turn in range(repeat):
        plain, clustered = folder / f"plain {turn}", folder / f"cluster {turn}"
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        parts = [
            subprocess.Popen(command(photos, "-o", plain, "--part", f"{number}/2"), env=one_thread(), **quiet)
            for number in (1, 2)
        ]
        assert [part.wait() for part in parts] == [0, 0]
        driver = subprocess.Popen(command("cluster", photos, clustered, "--actors", "2"), env=as_urgent(), **quiet)
        memory = watch_memory(driver, clustered, sum(1 for _ in photos.rglob("*.jpg")))
        assert driver.wait() == 0
        assert hashes(plain) == hashes(clustered)
        before, after = speed(plain), speed(clustered)
        print(f"rate: {before:.2f} photos/s by two processes, {after:.2f} by two workers: {after / before:.2f}")
        for who, (early, late) in memory.items():
            print(f"memory of {who}: {early:.0f} MB after a fifth, {late:.0f} MB at the end ({late / early - 1:+.1%})")
        sys.stdout.flush()


def one_thread() -> dict[str, str]:
    """As Ray gives it to a worker of one core."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def as_urgent() -> dict[str, str]:
    """Ray's workers are less urgent than other programs by themselves, which on a busy machine would be measured."""
    return {**os.environ, "RAY_worker_niceness": "0"}


def speed(results: Path) -> float:
    """Photos per second by the times at which results were written, without the first and the last tenth."""
    times = sorted(path.stat().st_mtime for path in results.rglob("*.jpg"))
    cut = len(times) // 10
    return (len(times) - 2 * cut - 1) / (times[-cut - 1] - times[cut])


def watch_memory(driver: subprocess.Popen[Any], results: Path, total: int) -> dict[str, tuple[float, float]]:
    """Megabytes after a fifth of the results and at the end, of the driver and of the largest worker."""
    early: dict[str, float] = {}
    late: dict[str, float] = {}
    while driver.poll() is None:
        done = sum(1 for _ in results.rglob("*.jpg")) if results.exists() else 0
        workers = workers_of(driver.pid)
        if done >= total / 5 and workers:
            late = {"the driver": megabytes(driver.pid), "a worker": max(map(megabytes, workers))}
            early = early or late
        time.sleep(1)
    return {who: (early[who], late[who]) for who in late}


def workers_of(driver: int) -> list[int]:
    """Processes of the pool among all that a driver has started."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [driver]
    while waiting:
        for child in parents.get(waiting.pop(), ()):
            waiting.append(child)
            with suppress(OSError):
                if b"ray::MapWorker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(child)
    return found


def megabytes(process: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0.0


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.jpg")
    }


# Losses


def losses(photos: Path, folder: Path, options: argparse.Namespace) -> None:
    """What becomes of the results when something of the cluster is lost on the way."""
    plain = folder / "plain"
    subprocess.run(command(photos, "-o", plain), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wanted = hashes(plain)
    os.environ |= as_urgent()
    with bucket(photos) as (source, read):

        def call(target: str, report: Path) -> list[str]:
            return command("cluster", source, target, "--actors", "2", "--report", report)

        def count(what: str, lose: Callable[[str, Path], str]) -> None:
            """Run a way of losing something, and print it beside what is wrong with the results."""
            target, report = f"{source}-color-{what}", folder / f"{what}.jsonl"
            start = time.monotonic()
            lost = lose(target, report)
            failed = sum(json.loads(line)["status"] == "failed" for line in report.read_text().splitlines())
            print(
                f"{what}: {lost} in {time.monotonic() - start:.0f} s over {len(wanted)} photos; "
                f"{differences(wanted, read(target))}, {failed} failed",
                flush=True,
            )

        def workers(target: str, report: Path) -> str:
            return f"{kill_workers(call(target, report), options.workers_killed, options.pause)} killed"

        def drivers(target: str, report: Path) -> str:
            killed = kill_drivers(
                call(target, report), options.drivers_killed, options.pause, lambda: len(read(target))
            )
            return f"{killed} killed"

        def node(target: str, report: Path) -> str:
            return remove_node(call(target, report), lambda: len(read(target)))

        def twice(target: str, report: Path) -> str:
            calls = [call(target, report), call(target, report.with_suffix(".second"))]
            both = [subprocess.Popen(each, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for each in calls]
            return f"two drivers ended with {[driver.wait() for driver in both]}"

        if "kills" in options.parts:
            count("workers", workers)
            count("drivers", drivers)
        if "node" in options.parts:
            count("node", node)
        if "twice" in options.parts:
            count("twice", twice)


def differences(wanted: dict[str, str], results: dict[str, str]) -> str:
    """How many results are missing, other than those of a plain run, or not of it."""
    lost = wanted.keys() - results.keys()
    other = [name for name in wanted.keys() & results.keys() if results[name] != wanted[name]]
    return f"{len(lost)} lost, {len(other)} damaged, {len(results.keys() - wanted.keys())} too many"


def remove_node(call: Sequence[str], done: Callable[[], int]) -> str:
    """Color on two nodes of a core each, and take away the second one when both have worked a while."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        second = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        driver = subprocess.Popen([*call, "--address", cluster.address], **quiet)
        while done() < 30 and driver.poll() is None:  # photos: two portions have hardly gone through one worker
            time.sleep(0.5)
        before = done()
        cluster.remove_node(second, allow_graceful=False)
        status = driver.wait()
        return f"one of two nodes removed after {before} results, the driver ended with {status}"
    finally:
        cluster.shutdown()


def kill_workers(call: Sequence[str], count: int, pause: float) -> int:
    """Kill a worker now and then; how many were, until all was done."""
    with tempfile.TemporaryFile() as told:
        driver = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=told)
        killed = _kill_workers_of(driver, count, pause)
        told.seek(0)
        last = told.read().decode().splitlines()[-3:]
    if driver.returncode:
        print(f"the driver ended with {driver.returncode}: {last}", flush=True)
    return killed


def _kill_workers_of(driver: subprocess.Popen[bytes], count: int, pause: float) -> int:
    killed = 0
    assert driver.stdout
    driver.stdout.readline()  # the first result
    os.set_blocking(driver.stdout.fileno(), False)
    while driver.poll() is None:
        wait = time.monotonic() + pause
        while time.monotonic() < wait and driver.poll() is None:
            driver.stdout.read()
            time.sleep(0.2)
        if killed < count and (workers := workers_of(driver.pid)):
            with suppress(ProcessLookupError):
                os.kill(random.choice(workers), signal.SIGKILL)
                killed += 1
    return killed


def kill_drivers(call: Sequence[str], count: int, pause: float, done: Callable[[], int]) -> int:
    """Kill the driver a while after it has told of something new, so many times, and then let it do the rest."""
    killed = 0
    while True:
        before = done()
        driver = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert driver.stdout
        assert driver.stderr
        if killed < count:
            lines = 0
            while lines <= before and driver.stdout.readline():
                lines += 1
            time.sleep(random.uniform(0, pause) if lines > before else 0)
        if killed == count or driver.poll() is not None:
            _, told = driver.communicate()
            if driver.returncode == 0:
                return killed
            print(f"a driver ended by itself: {told.decode().splitlines()[-1:]}", flush=True)
            continue
        driver.kill()
        driver.communicate()
        killed += 1


@contextmanager
def bucket(photos: Path) -> Iterator[tuple[str, Any]]:
    """The photos in a bucket, and what reads the results of another one; folders, where there is no S3 server."""
    if not (find_spec("moto") and find_spec("flask") and find_spec("s3fs")):
        yield str(photos), lambda target: hashes(Path(target))
        return
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= keys | {"FSSPEC_S3_ENDPOINT_URL": "http://127.0.0.1:5555"}
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", "5555"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        import fsspec

        files = fsspec.filesystem("s3", use_listings_cache=False)
        for _ in range(600):
            try:
                files.mkdir("photos")
                break
            except OSError:
                time.sleep(0.2)
        for name in ("workers", "drivers", "node", "twice"):
            files.mkdir(f"photos-color-{name}")
        files.put(f"{photos}/", "photos/", recursive=True)

        def read(target: str) -> dict[str, str]:
            root = target.removeprefix("s3://")
            return {
                path.removeprefix(f"{root}/"): hashlib.sha256(files.cat_file(path)).hexdigest()
                for path in files.find(root)
                if path.endswith(".jpg")
            }

        yield "s3://photos", read
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
