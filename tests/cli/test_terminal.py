"""How the command ends by Ctrl-C."""

from __future__ import annotations

import signal
import threading

from colorize.cli.terminal import Interrupt


class GuardedEvent(threading.Event):
    """An event whose lock can be held, as `Event.wait` holds its own for a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def set(self) -> None:
        assert self.lock.acquire(timeout=5), "waits for a lock of the thread that it has interrupted"
        super().set()
        self.lock.release()


def test_ctrl_c_does_not_wait_for_what_it_interrupts() -> None:
    interrupt, told = Interrupt(), threading.Event()
    interrupt.stop = event = GuardedEvent()
    with interrupt.gently(told.set):
        with event.lock:
            signal.raise_signal(signal.SIGINT)
        assert told.is_set()
        assert event.wait(5)
