"""Broken photo files without end, steered by what code they reach: `make fuzz`, or

    python -m tests.photo.fuzz [OPTIONS OF LIBFUZZER] [FOLDER OF MORE SEEDS]

The promise is that of test_hostile.py: a photo as `Photo` says that it is, or one line. What breaks it is left in the
current folder as crash-…, timeout-… or oom-…, and is tried again with `python -m tests.photo.fuzz FILE`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["colorize", "PIL"]):  # C is not steered by, only tried
    from tests.photo import corpus

OPTIONS = ("-max_len=20000", "-timeout=20", "-rss_limit_mb=3000", "-print_final_stats=1")


def one(content: bytes) -> None:
    corpus.attempt(content, "fuzzed.jpg")


def main() -> None:
    given = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        seeds = corpus.whole(step=16) | {"a.heic": corpus.heic(corpus.cat(16)), "a.dng": corpus.dng()}
        for name, content in seeds.items():
            Path(folder, name).write_bytes(content)
        trying = any(Path(each).is_file() for each in given)
        atheris.Setup([sys.argv[0], *OPTIONS, *given, *([] if trying else [folder])], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
