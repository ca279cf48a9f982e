"""What this computer has, as far as that is known without torch."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit(count: int) -> None:
    """Count on so many cores at most, such as where several processes share a machine.

    Other modules take the number when they are imported: call this before.
    """
    global CORES
    CORES = max(1, min(CORES, count))


@cache
def may_have_cuda() -> bool:
    """Whether there is the driver of a graphics card that torch calls cuda: only then is torch worth asking."""
    if os.path.exists("/dev/kfd"):  # AMD's
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
