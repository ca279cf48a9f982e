"""Damaged films: what FFmpeg's threads say of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

pytestmark = pytest.mark.film

# In a process of its own: one that waits for ever inside of FFmpeg can only be killed.
CLOSE_AGAIN_AND_AGAIN = """
import sys
import av
import colorize.video.decoding

for times in range(60):
    container = av.open(sys.argv[1])
    stream = container.streams.video[0]
    stream.thread_type, stream.codec_context.thread_count = "AUTO", 3
    try:
        for number, _ in enumerate(container.decode(stream)):
            if number == times % 12:
                break
    except av.FFmpegError:
        pass
    del stream
    container.close()
"""


def test_a_damaged_film_can_be_closed_while_its_frames_are_decoded(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    rng = np.random.default_rng(0)
    with av.open(film, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(60):
            noise = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise)))
        container.mux(stream.encode())
    damaged = bytearray(film.read_bytes())
    damaged[20_000::997] = bytes(len(damaged[20_000::997]))
    film.write_bytes(damaged)
    subprocess.run([sys.executable, "-c", CLOSE_AGAIN_AND_AGAIN, str(film)], check=True, timeout=60)
