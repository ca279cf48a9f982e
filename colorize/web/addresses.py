"""IP addresses: which count as one client, and which belong to trusted proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

_IPV6_OWN = 64  # bits of prefix; providers give a customer the whole network behind it


def network_of(address: str) -> str:
    """The key by which clients are counted: the /64 of an IPv6 address, anything else unchanged."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_OWN), strict=False))


class Proxies:
    """Addresses whose `X-Forwarded-…` headers are trusted, as `FORWARDED_ALLOW_IPS` names them."""

    def __init__(self, names: str | Iterable[str]) -> None:
        """`names` are addresses and networks, a list or separated by commas; "*" means all."""
        each = names.split(",") if isinstance(names, str) else list(names)
        self._names = {name.strip() for name in each if name.strip()}
        self._networks = [network for name in self._names if (network := _network(name)) is not None]

    def __contains__(self, address: str) -> bool:
        if "*" in self._names or address in self._names:
            return True
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(name)
    except ValueError:
        return None
