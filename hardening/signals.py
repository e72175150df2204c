"""A command that is told to end tidies up as it does at Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDS = (signal.SIGTERM, signal.SIGHUP)
"""Sent by a service manager, and by a terminal that closes; either would end Python before it tidies up."""


class Ended(KeyboardInterrupt):
    """The command was told to end by a signal that it alone was sent."""


@contextmanager
def like_interrupted() -> Iterator[None]:
    """Let the end of a job or of a connection leave as little behind as Ctrl-C. Errors: Ended, at SIGTERM and SIGHUP."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python hears signals in the main thread alone
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
