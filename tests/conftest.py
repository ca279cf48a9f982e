"""What every test stands on: one torch thread, the same random numbers each time."""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Markers of whole files, whose tests are steps of their own in `make test`.
STEPS = ("browser", "film", "process", "study", "web")

# One thread: the results do not depend on the machine, and two test runs do not fight for its cores. Torch reads the
# variable when it is imported, which not every test needs.
os.environ["OMP_NUM_THREADS"] = "1"
if "torch" in sys.modules:  # a plugin was quicker
    sys.modules["torch"].set_num_threads(1)

# Nobody's own defaults of the command's options.
for name in [name for name in os.environ if name.startswith("COLORIZE_")]:
    del os.environ[name]
os.environ["XDG_CONFIG_HOME"] = os.devnull

# A shell starts what it puts into the background with Ctrl-C ignored, and so would be all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Nothing that a test does may wait for the network or tell anybody.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files of other steps: all their tests would be deselected, and to import them takes seconds."""
    named = {config.invocation_params.dir / name.split("::")[0] for name in config.args} - {Path(__file__).parent}
    if any(collection_path.is_relative_to(path) for path in named):
        return None
    if collection_path.is_dir():
        files = list(collection_path.rglob("test_*.py"))
        return True if files and not any(is_wanted(file, config.option.markexpr) for file in files) else None
    is_test = re.fullmatch(r"test_.*\.py", collection_path.name)
    return True if is_test and not is_wanted(collection_path, config.option.markexpr) else None


def is_wanted(file: Path, expression: str) -> bool:
    """Whether `-m expression` can choose tests of a file, as far as its step tells."""
    step = step_of(file.read_text(encoding="utf-8"))
    named = re.findall(rf"(not )?\b({'|'.join(STEPS)})\b", expression)
    steps = {name for negation, name in named if not negation}
    is_other = bool(steps) and step not in steps and " or " not in expression
    return ("not ", step) not in named and not is_other


def step_of(source: str) -> str:
    """The step that all tests of a file belong to, or an empty string."""
    mark = re.search(rf"^pytestmark = \[?\s*pytest\.mark\.({'|'.join(STEPS)})\b", source, re.MULTILINE)
    return mark[1] if mark else ""


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the million objects of imported libraries, which live to the end."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device: this test is for machines with one")


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Seed torch, if the test's module has imported it."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server on this machine."""
    pytest.importorskip("s3fs", reason="no s3fs: pip install s3fs")
    moto = pytest.importorskip("moto.server", reason="no S3 server: pip install 'moto[server]'")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
