"""A folder for what is secret for a moment, such as copies of hosts' files, that goes however the command is ended."""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_ENDS = (signal.SIGTERM, signal.SIGHUP)
"""Sent by a service manager, and by a terminal that closes; either would end Python before it tidies up."""


class Ended(KeyboardInterrupt):
    """The command was told to end by a signal that it alone was sent."""


@contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """Yield a new folder of mode 0700 that is removed at the end, also of a command that is told to end.

    Errors: Ended, which is a KeyboardInterrupt, at SIGTERM and SIGHUP. Only SIGKILL leaves the folder.
    """
    with _interrupted(), tempfile.TemporaryDirectory(prefix=prefix) as name:
        yield Path(name)


@contextmanager
def _interrupted() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # what somebody ignores (nohup) or handles stays as it is
    ours = [number for number in _ENDS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one would cut the tidying short
    raise Ended(signal.Signals(number).name)
