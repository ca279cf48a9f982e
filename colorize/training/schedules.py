"""How G's learning rate falls while G is alone: a factor by the share of the phase that is over, from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable

SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "linear": lambda done: 1 - done,
    "constant": lambda done: 1.0,  # noqa: ARG005
}
