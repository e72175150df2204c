"""Ports of loopback for servers that tests start: none twice in a row, and none that the kernel may take meanwhile."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterator
from itertools import cycle, islice

LOWEST, HIGHEST = 20_000, 32_000
"""Below what Linux gives to those who ask for any port (32768 and up): a client's own port cannot come in between."""

WORKERS = 24
"""Each of pytest-xdist's workers has a stretch of its own, so that two of them never name the same port.

Who is none of them takes one behind theirs, by the number of the process: a server that shares its port (coturn) would
answer for another run's otherwise.
"""


_SIZE = (HIGHEST - LOWEST) // WORKERS


def _stretch() -> Iterator[int]:
    """Yield this process's ports round and round, from one that depends on the process."""
    half = WORKERS // 2
    alone = half + os.getpid() // _SIZE % half
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", str(alone)).removeprefix("gw")) % WORKERS
    first = LOWEST + worker * _SIZE
    return islice(cycle(range(first, first + _SIZE)), os.getpid() % _SIZE, None)


_STRETCH = _stretch()
_HELD: deque[socket.socket] = deque(maxlen=100)
"""Names that this process holds for the ports it gave last, each while a server on its port may live."""


_FEW = 16
"""Names that a forked process holds: `make prove` forks 27, which share a stretch of 500 ports."""


def _begin_in_child() -> None:
    """Hold nothing of the parent's, which goes on holding it, and less than the parent."""
    global _HELD  # noqa: PLW0603 - a fork has its own
    for name in _HELD:
        name.close()
    _HELD = deque(maxlen=_FEW)


os.register_at_fork(after_in_child=_begin_in_child)


def _hold(port: int) -> bool:
    """Whether no other process was given a port: workers that were forked count through the same ports.

    A name of the kernel's own (unix(7), abstract) is bound once in a network namespace, and gone with its process.
    """
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0aspect-hardening-tests-{port}")
    except OSError:
        name.close()
        return False
    if len(_HELD) == _HELD.maxlen:
        _HELD[0].close()
    _HELD.append(name)
    return True


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, and that was not given before all others of the stretch were.

    Raises OSError when none of the stretch is free.
    """
    for port in islice(_STRETCH, _SIZE):
        with socket.socket() as asking:
            try:
                asking.bind(("127.0.0.1", port))
            except OSError:
                continue
        if _hold(port):
            return port
    raise OSError(f"no port of this process's stretch of {LOWEST} to {HIGHEST} is free")
