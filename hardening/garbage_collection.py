"""Python's search for garbage, put off where results only pile up."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = 100_000


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for reference cycles once in a hundred thousand objects, until the block ends.

    Findings and answers hold no cycles and stay until they are reported, so looking through them again
    and again took a twentieth of a fleet's time.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(_SELDOM, before[0]), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
