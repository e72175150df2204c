"""The one temporary file of a walk: it has no name, so that even `kill -9` leaves nothing behind."""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress

from bundle.walk.problem import Broken
from bundle.walk.source import Region


class Spill:
    """Holds members that are too large for memory, each in an extent that starts on a page."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.peak = 0
        self._fd = -1
        self._end = 0
        self._live: dict[int, int] = {}  # start -> end of each extent in use
        self._kept: dict[int, int] = {}  # start -> how many more times it has to be released
        self._filling = 0

    def begin(self) -> None:
        """Start an extent behind all that are in use. Errors: Broken `limit-spill`."""
        if self._fd < 0:
            try:
                self._fd = nameless()
            except OSError as problem:
                why = f"the spill file cannot be made: {problem.strerror}"
                raise Broken("limit-spill", why) from problem
        granularity = mmap.ALLOCATIONGRANULARITY
        self._filling = -(-self._end // granularity) * granularity
        self._end = self._filling

    def write(self, block: bytes) -> None:
        """Append to the extent begun. Errors: Broken `limit-spill`."""
        if self._end + len(block) > self.limit:
            self._settle()
            raise Broken("limit-spill", f"the spill file would grow above {self.limit} bytes")
        view = memoryview(block)
        while view:
            try:
                written = os.pwrite(self._fd, view, self._end)
            except OSError as problem:
                self._settle()
                raise Broken("limit-spill", f"the spill file cannot grow: {problem.strerror}") from problem
            self._end += written
            view = view[written:]
        self.peak = max(self.peak, self._end)

    def finish(self) -> Region:
        """End the extent begun and return it."""
        self._live[self._filling] = self._end
        return Region(self._fd, self._filling, self._end - self._filling, own=True)

    def keep(self, region: Region) -> None:
        """Somebody else reads this extent too: it goes when both have released it."""
        if region.fd == self._fd:
            self._kept[region.start] = self._kept.get(region.start, 0) + 1

    def release(self, region: Region) -> None:
        """Give an extent back; the file shrinks when it was the last one."""
        if region.fd != self._fd:
            return
        if self._kept.get(region.start):
            self._kept[region.start] -= 1
            return
        self._live.pop(region.start, None)
        self._settle()

    def _settle(self) -> None:
        self._end = max(self._live.values(), default=0)
        with suppress(OSError):
            os.ftruncate(self._fd, self._end)

    def close(self) -> None:
        """Forget everything."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._end = 0
        self._live.clear()


def nameless() -> int:
    """Open a temporary file that has no name from the start."""
    folder = tempfile.gettempdir()
    with suppress(OSError):
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fd, path = tempfile.mkstemp(prefix="harden-", dir=folder)  # a file system without O_TMPFILE
    os.unlink(path)  # noqa: PTH108 - the name must go before anything is written
    return fd
