"""Counts of connections on a machine that may stall."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Scanned = TypeVar("Scanned")


def again(scan: Callable[[], Scanned], few: Callable[[Scanned], bool]) -> Scanned:
    """Return what `scan` gave the first time that it took few connections, or the third time.

    An answer that the machine held up for half a second makes a server count as slow, and a slow one is asked
    for more at once: one count says nothing of the method then.
    """
    for _ in range(2):
        if few(found := scan()):
            return found
    return scan()
