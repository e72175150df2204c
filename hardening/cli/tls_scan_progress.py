"""Show progress of a scan on standard error: count, rate and time left."""

from __future__ import annotations

import sys
import time

_EVERY = 0.2


class ScanProgress:
    """One line that is written over; silent when it is not wanted."""

    def __init__(self, total: int, *, wanted: bool) -> None:
        self._total, self._wanted = total, wanted
        self._done = 0
        self._began = self._shown = time.monotonic()

    def step(self) -> None:
        """Note that one endpoint is done."""
        self._done += 1
        now = time.monotonic()
        if not self._wanted or (now - self._shown < _EVERY and self._done < self._total):
            return
        self._shown = now
        rate = self._done / max(now - self._began, 0.001)
        left = (self._total - self._done) / max(rate, 0.001)
        sys.stderr.write(
            f"\r{self._done} of {self._total} endpoints, {rate:.0f} a second, {left:.0f} s left "
        )
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._wanted and self._done:
            sys.stderr.write("\n")
