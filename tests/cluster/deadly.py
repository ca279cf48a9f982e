"""Files of this machine, reached as if they were far away; who reads a certain one of them is killed."""

from __future__ import annotations

import os
import signal
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

PROTOCOL = "deadly"
KILLER = "killer"  # in the name of the photo


class DeadlyFileSystem(LocalFileSystem):
    """Known to fsspec as deadly:///path, where this module has been imported."""

    protocol = PROTOCOL

    def get_file(self, path1: str, path2: str, *others: Any, **settings: Any) -> None:
        if KILLER in os.path.basename(path1):
            os.kill(os.getpid(), signal.SIGKILL)
        super().get_file(path1, path2, *others, **settings)


fsspec.register_implementation(PROTOCOL, DeadlyFileSystem, clobber=True)
