"""What every test stands on: one torch thread, the same random numbers each time."""

from __future__ import annotations

import gc
import os
import signal
import sys

import pytest

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
