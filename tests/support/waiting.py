"""Waiting for what happens, and no longer: a test sleeps for a fixed time only where nothing tells it to go on."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(found: Callable[..., T], seconds: float = 30, every: float = 0.05, what: str = "it") -> T:
    """Return the first answer that is true. Raises AssertionError when the time is over."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} seconds"
        time.sleep(every)
    return answer


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody takes connections on a port."""
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True
