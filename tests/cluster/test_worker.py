"""What a worker tells comes back as it was, and tries are counted for those alone whose worker was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the extra ray")

from colorize.batch.results import Entry, Outcome
from colorize.cluster.worker import Delivery, Ledger, _scratch
from colorize.coloring.tint import Original


def test_what_a_worker_tells_comes_back_as_it_was() -> None:
    done = Entry(
        source="s3://a/1.tif",
        target="s3://b/1.tif",
        outcome=Outcome.DONE,
        seconds=0.5,
        size=(400, 300),
        original=Original.TINTED,
        dropped_metadata=("XMP", "日本"),
        only_read="GIF",
        again=True,
        is_variant=True,
        source_bytes=10,
        target_bytes=20,
    )
    failed = Entry("s3://a/2.tif", "s3://b/2.tif", Outcome.FAILED, "why\nso", disk_full=True)
    delivery = Delivery("here, process 7", [done, failed], "s3://b: cannot be written to")
    assert list(Delivery.of(delivery.to_table())) == [delivery]


def test_tries_are_counted_until_a_worker_has_lived_through_them() -> None:
    ledger = Ledger()
    ledger.begin(["a", "b"])
    ledger.begin(["b"])
    assert ledger.tries(["a", "b", "c"]) == [1, 2, 0]
    ledger.end(["b"])
    assert ledger.tries(["a", "b", "c"]) == [1, 0, 0]


def test_what_a_killed_worker_had_fetched_is_removed_and_what_a_living_one_has_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with _scratch() as dead:
        (dead / "photo.jpg").write_bytes(b"fetched")
    assert dead.is_dir()  # as after a kill, when its lock is nobody's
    with _scratch() as living:
        assert not dead.exists()
        assert living.is_dir()
