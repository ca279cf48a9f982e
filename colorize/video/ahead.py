"""The network at work on key frames to come, while those before them are painted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from colorize.color.units import FloatArray
from colorize.options import FilmOptions
from colorize.video.steady import Predict

_FRAMES = 4  # held back, so that their key frame has been looked at when it is due

T = TypeVar("T")
_Levels = NDArray[np.uint8]


class Ahead:
    """Asks the network ahead, in a thread of its own. A context manager: the thread ends with its block."""

    def __init__(self, predict: Predict) -> None:
        """Nothing is asked yet.

        Args:
            predict: as of `steady_colors`. It is called in another thread.
        """
        self._ask = predict
        self._thread = ThreadPoolExecutor(1)
        self._asked: dict[int, Future[FloatArray]] = {}  # by the id of levels, which are held until they are due

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def frames(
        self, frames: Iterable[tuple[T, _Levels, bool]], every: int = FilmOptions.every, position: int = 0
    ) -> Iterator[tuple[T, _Levels, bool]]:
        """Ask about key frames among those that pass.

        Args:
            frames: as of `steady_colors`.
            every: as of `steady_colors`.
            position: of the first frame in its shot.

        Yields:
            The same ones, some frames later.
        """
        waiting: deque[tuple[T, _Levels, bool]] = deque()
        for number, each in enumerate(frames):
            _, levels, begins_shot = each
            if begins_shot and number:
                position = 0
            if position % every == 0:
                self._asked[id(levels)] = self._thread.submit(self._ask, levels)
            position += 1
            waiting.append(each)
            if len(waiting) > _FRAMES:
                yield waiting.popleft()
        yield from waiting

    def predict(self, levels: _Levels) -> FloatArray:
        """The colors (2, h, w) of a key frame among those that `frames` has given."""
        return self._asked.pop(id(levels)).result()
