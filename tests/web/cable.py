"""A connection to a server that can be cut, and mended to the same server or to another one."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Cable:
    """Passes on TCP connections. `url` stays the same."""

    def __init__(self, url: str) -> None:
        self._open: list[socket.socket] = []
        self._port = 0
        self.mend(url)
        self.url = f"http://127.0.0.1:{self._port}"

    def mend(self, url: str) -> None:
        """Connect to the server at `url`."""
        target = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._open.append(listener)
        threading.Thread(target=self._accept, args=(listener, target), daemon=True).start()

    def cut(self) -> None:
        """Break all connections, and refuse new ones."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def _accept(self, listener: socket.socket, target: tuple[str, int]) -> None:
        with suppress(OSError):
            while True:
                near, far = listener.accept()[0], socket.create_connection(target)
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
