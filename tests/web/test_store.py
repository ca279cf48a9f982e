"""The room for uploads and results, as it is counted and kept."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize.web.limits import Limits
from colorize.web.store import Store, StoreFullError
from tests.web.conftest import LEAKS, Running, gray, running

pytestmark = [pytest.mark.web, *LEAKS]


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_is_written_counts_and_what_is_deleted_does_not(tmp_path: Path) -> None:
    store = Store(tmp_path, 1000)
    folder = store.new_folder()
    with store.room(600) as room:
        assert store.used() == 600
        with pytest.raises(StoreFullError):
            room.take(401)
        with pytest.raises(StoreFullError), store.room(401):
            pass
        (folder / "a").write_bytes(bytes(500))
        store.count(folder)
        assert store.used() == 1100
    assert store.used() == 500
    (folder / "a").write_bytes(bytes(1000))
    store.count(folder)
    store.count(folder)
    assert store.used() == 1000 and store.is_full()
    store.sweep(-1)
    assert store.used() == 0 and not store.is_full()


def test_an_upload_does_not_look_at_all_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path) as there:
        for _ in range(8):
            there.file(gray())
        looked: list[str] = []
        stat = Path.stat

        def noted(path: Path, *args: object, **settings: bool) -> os.stat_result:
            if path.is_relative_to(there.store.folder):
                looked.append(str(path))
            return stat(path, *args, **settings)

        monkeypatch.setattr(Path, "stat", noted)
        there.file(gray())
        monkeypatch.undo()
        assert len({Path(path).parent for path in looked}) <= 2


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Running]:
    """A server with room for 4 MB."""
    with running(tmp_path, Limits(storage=4)) as there:
        yield there


def noise(width: int, height: int) -> bytes:
    """A photo that no format makes small."""
    content = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)).save(content, "PNG")
    return content.getvalue()


def test_uploads_are_bounded(small: Running) -> None:
    assert small.upload(bytes(3_800_000)).status_code == 200
    assert small.upload(bytes(300_000)).status_code == 507

    def unannounced() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        for _ in range(10):
            yield bytes(50_000)

    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert small.http.post("/gradio_api/upload", content=unannounced(), headers=form).status_code == 507
    assert small.upload(gray()).status_code == 200
    small.store.sweep(-1)
    assert small.upload(bytes(300_000)).status_code == 200
    assert small.store.used() == on_disk(small.store.folder) - on_disk_of_examples(small)


def on_disk_of_examples(server: Running) -> int:
    return sum(map(on_disk, server.store._permanent))


def test_results_count_and_are_refused_where_there_is_no_room(small: Running) -> None:
    photo = small.file(noise(700, 700))
    ends = []
    for _ in range(5):
        call = small.call("colorize", photo=photo, format="TIFF")
        if call.status_code == 507:
            ends.append("refused")
            continue
        event, answer = small.result("colorize", call)
        ends.append(event)
        if event == "error":
            assert answer["error"].startswith("There is no room for more photos at the moment.")
    assert ends[0] == "complete"
    assert ends[-1] in ("error", "refused")
    assert on_disk(small.store.folder) < 4_000_000 + on_disk_of_examples(small)
    small.store.sweep(-1)
    assert small.store.used() == 0


def test_a_batch_ends_where_there_is_no_room_and_gives_what_is_done(small: Running) -> None:
    photo = small.file(noise(700, 700))
    event, (archive, failed) = small.result("colorize_batch", small.call("colorize_batch", photos=[photo] * 8))
    assert event == "complete"
    done = zipfile.ZipFile(BytesIO(small.download(archive))).namelist()
    assert done
    assert len(done) + len(failed) == 8
    assert {each["reason"][:44] for each in failed} == {"There is no room for more photos at the mome"}
    assert on_disk(small.store.folder) < 4_000_000 + on_disk_of_examples(small)
    small.until(lambda: small.store.used() == on_disk(small.store.folder) - on_disk_of_examples(small))


def test_a_canceled_upload_leaves_no_room_taken(small: Running) -> None:
    def breaks_off() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(1000)
        raise RuntimeError

    form = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "1000000"}
    with pytest.raises(RuntimeError):
        small.http.post("/gradio_api/upload", content=breaks_off(), headers=form)
    small.until(lambda: small.store.used() == 0)
