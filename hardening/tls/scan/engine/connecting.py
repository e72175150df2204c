"""How connections are made, and where names lead."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

SPARE = 40
"""Files that names are looked up in and reports are written to while connections are open."""
Address = tuple[int, tuple[str | int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How connections are made."""

    concurrency: int = 256
    """Connections open at once over all endpoints."""
    connect_timeout: float = 5.0
    idle_timeout: float = 5.0
    """Seconds without a byte after which a server counts as silent."""
    family: int = socket.AF_UNSPEC
    proxy: tuple[str, int] | None = None
    """An HTTP proxy to reach every endpoint through, by CONNECT."""


def literal(host: str, port: int) -> Address | None:
    """Return where an address leads; None for a name. Errors: OSError (a scope that is no interface of this machine)."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        if family == socket.AF_INET6:
            info = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
            return family, _plain(info[0][4])
        return family, (host, port)
    return None


def room(wanted: int) -> int:
    """Return how many of so many connections this process may have open at once, and still open files."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if most == resource.RLIM_INFINITY:
            return wanted
        return max(1, min(wanted, most - len(list(Path("/dev/fd").iterdir())) - SPARE))
    except (ImportError, OSError):  # a system without such a limit, or that does not say what is open
        return wanted


def resolve(host: str, port: int, family: int) -> list[Address]:
    """Return where a name leads, in the system's order; nothing when it leads nowhere."""
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys((entry[0].value, _plain(entry[4])) for entry in found))


def _plain(address: tuple[object, ...]) -> tuple[str | int, ...]:
    return tuple(part for part in address if isinstance(part, (str, int)))
