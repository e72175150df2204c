"""What an SSH server offers, read from the KEXINIT it sends in clear (RFC 4253 sections 4.2 and 7.1).

One connection, one identification line sent, no login attempted.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from hardening.findings import OnWire
from hardening.tls import offer as offers
from hardening.tls.offer import Located, Offer
from hardening.tls.scan.engine.connecting import room
from hardening.tls.scan.wire.answer import Cursor, MalformedError

OURS = b"SSH-2.0-hardening_scan\r\n"
LIMIT = 256 * 1024
THREADS = 64
"""Servers that are read side by side, at most."""
_KEXINIT = 20
_LISTS = (
    "kex", "host_keys", "ciphers_to_server", "ciphers_to_client", "macs_to_server", "macs_to_client",
    "compression_to_server", "compression_to_client", "languages_to_server", "languages_to_client",
)  # fmt: skip
_NEEDED = ("kex", "host_keys", "ciphers_to_server", "ciphers_to_client")
"""Lists of which none may be empty (RFC 4253 section 7.1); a server that names nothing offers nothing weak, nor anything."""
_KINDS = ("kex", "host_keys", "ciphers", "macs")


@dataclass(frozen=True, slots=True, kw_only=True)
class SshAnswer:
    """What one SSH server says it can do."""

    banner: str
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, kind: str) -> tuple[str, ...]:
        """Return the names of a list; for ciphers and MACs those of both directions."""
        found = [name for key in self.lists if key.startswith(kind) for name in self.lists[key]]
        return tuple(dict.fromkeys(found))


def parse_banner(data: bytes) -> tuple[str, bytes] | None:
    """Return the identification line and what follows it, or None while it is not complete."""
    start = 0
    while (end := data.find(b"\n", start)) >= 0:  # nothing is copied: a server may send lines without end
        if data.startswith(b"SSH-", start):
            return data[start:end].rstrip(b"\r").decode("ascii", "backslashreplace")[:255], data[end + 1 :]
        start = end + 1
    return None


def parse_kexinit(data: bytes) -> dict[str, tuple[str, ...]] | None:
    """Read the first binary packet; None while it is not complete. Errors: MalformedError."""
    if len(data) < 5:
        return None
    size = int.from_bytes(data[:4], "big")
    if not 2 <= size <= LIMIT:
        raise MalformedError("a packet of impossible size")
    if len(data) < 4 + size:
        return None
    padding = data[4]
    if padding + 1 > size:
        raise MalformedError("more padding than packet")
    cursor = Cursor(data[5 : 4 + size - padding])
    if cursor.number(1) != _KEXINIT:
        raise MalformedError("not a KEXINIT")
    cursor.take(16)
    found = {}
    for name in _LISTS:
        words = cursor.vector(4).decode("ascii", "backslashreplace").split(",")
        found[name] = tuple(w[:128] for w in words if w)
    if empty := next((name for name in _NEEDED if not found[name]), None):
        raise MalformedError(f"a KEXINIT that names no algorithm ({empty.replace('_', ' ')})")
    return found


def read(host: str, port: int, timeout: float = 5.0) -> SshAnswer:
    """Connect once and read what is offered. Errors: OSError, MalformedError."""
    until = time.monotonic() + 4 * timeout
    with socket.create_connection((host, port), timeout) as sock:
        sock.sendall(OURS)
        data, banner = b"", ""
        while time.monotonic() < until and len(data) < LIMIT:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
            if not banner:
                parsed = parse_banner(data)
                if parsed is None:
                    continue
                banner, data = parsed
                if banner.startswith("SSH-1.") and not banner.startswith("SSH-1.99"):
                    return SshAnswer(banner=banner)
            lists = parse_kexinit(data)
            if lists is not None:
                return SshAnswer(banner=banner, lists=lists)
    raise MalformedError("it does not speak SSH" if not banner else "no key exchange lists came")


def read_all(
    where: Sequence[tuple[str, int]], timeout: float, concurrency: int
) -> Iterator[tuple[int, SshAnswer | str, float]]:
    """Read many side by side; yield each as it is done: its place in the list, what it offers or why not, and the seconds.

    The threads are daemons, so that whoever interrupts waits for none of them.
    """
    todo: SimpleQueue[int] = SimpleQueue()
    replies: SimpleQueue[tuple[int, SshAnswer | str, float]] = SimpleQueue()

    def work() -> None:
        with suppress(Empty):
            while True:
                place = todo.get_nowait()
                began = time.monotonic()
                try:
                    found: SshAnswer | str = read(*where[place], timeout)
                except (OSError, UnicodeError, MalformedError) as problem:
                    found = _why(problem)
                replies.put((place, found, time.monotonic() - began))

    for place in range(len(where)):
        todo.put(place)
    for _ in range(min(len(where), room(concurrency), THREADS)):
        Thread(target=work, daemon=True).start()
    for _ in where:
        yield replies.get()


def _why(problem: Exception) -> str:
    if isinstance(problem, UnicodeError | socket.gaierror):
        return "the name does not resolve"
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    return (problem.strerror if isinstance(problem, OSError) else None) or str(problem)


def offer_of(seen: SshAnswer, subject: str) -> Offer:
    """Return what was read as the offer the policies judge."""
    at = OnWire(subject)
    old = seen.banner.startswith("SSH-1.")
    only_old = old and not seen.lists
    lists = tuple((kind, tuple(Located(name, at) for name in seen.of(kind))) for kind in _KINDS)
    return Offer(
        subject=subject,
        at=at,
        connections=1,
        ssh=offers.SshOffer(
            lists=() if only_old else lists, protocol1=Located(seen.banner[:8], at) if old else None
        ),
    )
