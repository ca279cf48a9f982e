"""Decoders print warnings about odd files. They are suppressed: what matters becomes an error."""

from __future__ import annotations

import ctypes
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import PIL

# Without a handler of their own, Python would print what these log.
for _name in ("PIL", "tifffile"):
    logging.getLogger(_name).addHandler(logging.NullHandler())

_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet: warnings.catch_warnings[None] | None = None


@contextmanager
def suppress_pillow_warnings() -> Iterator[None]:
    """Silence Pillow's warnings.

    The filters are the whole process's. Several threads that each put them back as they found them would leave them
    wrong, so the first one in changes them and the last one out restores them; other modules' warnings go on.
    """
    global _quiet_depth, _quiet
    with _quiet_lock:
        if not _quiet_depth:
            _quiet = warnings.catch_warnings()
            _quiet.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if not _quiet_depth and _quiet is not None:
                _quiet.__exit__(None, None, None)


@cache
def libtiff() -> bool:
    """Silence the libtiff that comes inside Pillow's wheels, which prints its errors by itself; whether it is there.

    Elsewhere it keeps printing; what it prints becomes an error all the same.
    """
    found = False
    package = Path(PIL.__file__).parent
    for path in (*package.parent.glob("pillow.libs/libtiff*"), *package.glob(".dylibs/libtiff*")):
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))  # the one that Pillow has loaded
            library.TIFFSetErrorHandler(None)
            library.TIFFSetWarningHandler(None)
            found = True
    return found
