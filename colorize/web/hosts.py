"""Checks of Host and Origin, against DNS rebinding and cross-site requests."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers

_OWN = ("localhost", "127.0.0.1", "::1")
_EVERY_ADDRESS = ("", "0.0.0.0", "::")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAME = ("same-origin", "none")  # none: typed, or opened from a bookmark


class Hosts:
    """The host names that this server accepts.

    These are localhost, the address that it listens on, and the given names. If it listens on all addresses, it also
    accepts any numeric address and the computer's own name. Numbers are safe: DNS rebinding needs a name.
    """

    def __init__(self, address: str = "127.0.0.1", names: Iterable[str] = ()) -> None:
        """Gather the names.

        Args:
            address: that the server listens on.
            names: further host names, in any case; empty ones are ignored.
        """
        self._is_everywhere = address in _EVERY_ADDRESS
        called = socket.gethostname().lower() if self._is_everywhere else ""
        own = {called, f"{called}.local"} if called else set()
        given = {name.strip().lower().rstrip(".") for name in names}
        self._names = {*_OWN, address.lower(), *own, *given} - {""}

    def refused(self, headers: Headers) -> str | None:
        """The first host name in a request that is not accepted; None if all are."""
        forwarded = [each for value in headers.getlist("x-forwarded-host") for each in value.split(",")]
        for value in (headers.get("host", ""), *forwarded):
            name = _parts(f"//{value.strip()}")[0]
            if name is None or not self._allows(name):
                return value.strip()
        return None

    def _allows(self, name: str) -> bool:
        return name in self._names or (self._is_everywhere and _is_number(name))


def is_cross_site(headers: Headers) -> bool:
    """Whether a page of another site sent a request. Programs send neither header, and are not cross-site."""
    if site := headers.get("sec-fetch-site"):  # set by the browser; pages cannot change it
        return site not in _SAME
    origin = headers.get("origin")
    if origin is None:
        return False
    asked = [headers.get("host", ""), headers.get("x-forwarded-host", "").split(",")[0].strip()]
    scheme = origin.partition(":")[0]
    from_ = _parts(origin)
    return from_[0] is None or from_ not in [_parts(f"{scheme}://{host}") for host in asked if host]


def _parts(url: str) -> tuple[str | None, int | None]:
    """Host name and port of a URL; None where they are missing or wrong."""
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
