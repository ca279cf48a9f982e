"""By which names the server may be asked, and by pages of whom: against DNS rebinding and forged requests."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers

_OWN = ("localhost", "127.0.0.1", "::1")
_EVERY_ADDRESS = ("", "0.0.0.0", "::")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAME = ("same-origin", "none")  # none: the person has typed it, or follows a bookmark


class Hosts:
    """The names that this server goes by.

    This computer's own, the address that it listens on, and those that are given. Where it listens on all addresses,
    also each of them as a number, and what the computer is called: a number is never another site's name.
    """

    def __init__(self, address: str = "127.0.0.1", names: Iterable[str] = ()) -> None:
        self._numbers = address in _EVERY_ADDRESS
        called = socket.gethostname().lower() if self._numbers else ""
        own = {called, f"{called}.local"} if called else set()
        given = {name.strip().lower().rstrip(".") for name in names}
        self._names = {*_OWN, address.lower(), *own, *given} - {""}

    def refused(self, headers: Headers) -> str | None:
        """The name in a request that is none of this server's, or None."""
        forwarded = [each for value in headers.getlist("x-forwarded-host") for each in value.split(",")]
        for value in (headers.get("host", ""), *forwarded):
            name = _parts(f"//{value.strip()}")[0]
            if name is None or not self._allows(name):
                return value.strip()
        return None

    def _allows(self, name: str) -> bool:
        return name in self._names or (self._numbers and _is_number(name))


def comes_from_elsewhere(headers: Headers) -> bool:
    """Whether another site's page sends a request. Programs, which tell nothing of that, do not."""
    if site := headers.get("sec-fetch-site"):  # browsers tell it themselves, pages cannot change it
        return site not in _SAME
    origin = headers.get("origin")
    if origin is None:
        return False
    asked = [headers.get("host", ""), headers.get("x-forwarded-host", "").split(",")[0].strip()]
    scheme = origin.partition(":")[0]
    from_ = _parts(origin)
    return from_[0] is None or from_ not in [_parts(f"{scheme}://{host}") for host in asked if host]


def _parts(url: str) -> tuple[str | None, int | None]:
    """Name and port of an address; None for what is none."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError:
        return None, None
    if not name or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None, None
    return name.rstrip("."), port or _DEFAULT_PORTS.get(parts.scheme)


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
