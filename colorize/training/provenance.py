"""Which program trained a run."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from colorize import __version__

_PACKAGE = Path(__file__).parents[1]


def program() -> dict[str, Any]:
    """Versions, the commit if the program is a git checkout, and the threads that it computes with."""
    return {
        "colorize": __version__,
        "commit": commit(_PACKAGE),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
    }


def commit(package: Path) -> str:
    """The commit of the checkout that has `package` in it, with "-dirty" if it has been changed since; "" for none.

    A package that is installed inside some other project's checkout is not part of that.
    """
    try:
        _git(package, "ls-files", "--error-unmatch", "__init__.py")
        return _git(package, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.SubprocessError):  # no git, or no checkout
        return ""


def _git(folder: Path, *words: str) -> str:
    # GIT_DIR and the like, as hooks set them, name a repository that need not be the program's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    call = ["git", "-C", str(folder), *words]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
