"""The terminal: lines on stderr, paths on stdout, a progress bar, Ctrl-C."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, BinaryIO, TypeVar

T = TypeVar("T")


def print_status(text: str) -> None:
    """One line on stderr."""
    print(f"colorize: {printable(text)}", file=sys.stderr, flush=True)


class _StatusHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print_status(record.getMessage())


def print_log(verbose: bool) -> None:
    """Print what the program logs from now on: warnings, and information if `verbose`."""
    log = logging.getLogger("colorize")
    log.setLevel(logging.INFO if verbose else logging.WARNING)
    log.handlers = [_StatusHandler()]


def printable(text: str) -> str:
    """Escape line breaks and other characters that control a terminal: a file name may have any."""
    return "".join(_escaped(character) for character in text) if not text.isprintable() else text


def _escaped(character: str) -> str:
    steers = ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u2028\u2029\u202a\u202b\u202d\u202e"
    return ascii(character)[1:-1] if steers else character


def write_out(content: bytes) -> bool:
    """Write bytes to stdout; False if nobody reads them, or if they cannot be written, which is printed."""
    return to_stdout(lambda out: out.write(content)) is not None


def to_stdout(write: Callable[[BinaryIO], T]) -> T | None:
    """Have stdout written, and give what `write` does; None if nobody reads, or if that fails, which is printed."""
    try:
        sys.stdout.flush()
        result = write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            print_status(f"standard output cannot be written ({error.strerror})")
        # What is left in the buffer would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return None
    return result


def end_by_interrupt() -> None:
    """End the process at once, as Ctrl-C ends a program that does not handle it."""
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)


class Lines:
    """Lines only, no bar."""

    def __init__(self, end: str = "\n") -> None:
        """`end` stands behind each result."""
        self._end = end

    def result(self, path: str) -> bool:
        """Print a path on stdout; False if it cannot be written."""
        text = printable(path) if sys.stdout.isatty() else path
        return write_out(f"{text}{self._end}".encode(sys.stdout.encoding, "surrogateescape"))

    def print_status(self, text: str) -> None:
        print_status(text)

    def advance(self) -> None:
        pass

    def doing(self, what: str) -> None:
        """Show what takes time at the moment, if there is a place for it."""

    def finishing(self) -> None:
        """Called by a signal handler, which may have interrupted a `print`."""
        os.write(2, f"colorize: {_FINISHING}\n".encode())


_FINISHING = "finishing these photos; Ctrl-C again stops at once"  # beside a bar on 80 columns


class _Bar(Lines):
    """A bar on stderr, which lines on the same terminal do not disturb."""

    def __init__(self, progress: Any, total: int, end: str) -> None:
        super().__init__(end)
        self._progress = progress
        self._task = progress.add_task("", total=total)

    def result(self, path: str) -> bool:
        if not sys.stdout.isatty():
            return super().result(path)
        self._print(printable(path))
        return True

    def print_status(self, text: str) -> None:
        self._print(f"colorize: {printable(text)}", style="red")

    def advance(self) -> None:
        self._progress.advance(self._task)

    def doing(self, what: str) -> None:
        self._progress.update(self._task, description=what, refresh=True)  # importing torch lets no thread do so

    def finishing(self) -> None:
        self._progress.update(self._task, description=_FINISHING)

    def _print(self, text: str, style: str | None = None) -> None:
        self._progress.console.print(text, style=style, highlight=False, markup=False, emoji=False, soft_wrap=True)


@contextmanager
def display(total: int | None, end: str = "\n") -> Iterator[Lines]:
    """Show a bar for several photos on a terminal, else lines.

    Args:
        total: how many there are; None if that is not known.
        end: what stands behind each result on stdout.

    Yields:
        What prints.
    """
    if total is None or total == 1 or not sys.stderr.isatty():
        yield Lines(end)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, total, end)


class Interrupt:
    """Ctrl-C: the first one sets `stop`, so that the current photos are finished; the second one stops at once."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.twice = False
        self._gentle = False
        self._once = False

    @contextmanager
    def gently(self, finishing: Callable[[], None]) -> Iterator[None]:
        """Within, the first Ctrl-C calls `finishing` and raises nothing."""
        if threading.current_thread() is not threading.main_thread():  # to which signals go
            yield
            return

        def handle(_number: int, _frame: FrameType | None) -> None:
            stopping = self._once or self.stop.is_set()
            if self._gentle and not stopping:
                self._once = True
                # In a thread of its own: it takes a lock that what was interrupted here may hold.
                threading.Thread(target=self.stop.set).start()
                finishing()
                return
            self.twice = stopping
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, handle)
        self._gentle = True
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def at_once(self, work: Callable[[], T]) -> T:
        """Do something that takes time while there is no photo to finish: the first Ctrl-C stops it."""
        gentle, self._gentle = self._gentle, False
        try:
            return work()
        finally:
            self._gentle = gentle
