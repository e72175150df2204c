"""Work for the other core: a fork takes one container over and sends back what it found.

There are `jobs - 1` tokens, shared by all processes of a run; who finds one free may fork, who finds none does the
work itself, so every process is always busy and none waits for a queue. A fork that dies costs its container, not the run.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any


class ForkPermits:
    """Permissions to fork, in a pipe that forks inherit."""

    def __init__(self, count: int) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        if count > 0:
            os.write(self._write, b"." * count)

    def take(self) -> bool:
        """Take one, if one is free."""
        try:
            return bool(os.read(self._read, 1))
        except BlockingIOError:
            return False

    def give(self) -> None:
        """Give one back."""
        os.write(self._write, b".")

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read)
        os.close(self._write)


@dataclass(slots=True)
class _Fork:
    pid: int
    pipe: int
    ticket: Any
    blocks: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Died:
    """Instead of a result: how the fork ended."""

    how: str


class Forks:
    """The forks one process has started."""

    def __init__(self, tokens: ForkPermits) -> None:
        self._tokens = tokens
        self._running: list[_Fork] = []
        self._owner = os.getpid()
        self._owed = 0

    def start(self, work: Callable[[], Any], ticket: Any) -> bool:
        """Do `work` in a fork if there is a token and the system allows one; its result comes out of `finished` with the ticket."""
        if (
            threading.active_count() > 1 or not self._tokens.take()
        ):  # forking a process with threads may hang it
            return False
        try:
            read, write = os.pipe()
        except OSError:  # as many files are open as may be: the work is done here
            self._tokens.give()
            return False
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:  # as many processes run as may, or no memory is left for one more
            os.close(read)
            os.close(write)
            self._tokens.give()
            return False
        if pid == 0:
            _in_fork(work, read, write, parent)
        os.close(write)
        self._running.append(_Fork(pid, read, ticket))
        return True

    def finished(self, *, wait: bool = False) -> Iterator[tuple[Any, Any]]:
        """Say (ticket, result or Died) of forks that have ended; with `wait`, of all there are."""
        lent = wait and bool(self._running)
        if lent:
            self._tokens.give()  # who waits needs no core
        while self._running:
            poll = select.poll()
            by_pipe = {one.pipe: one for one in self._running}
            for pipe in by_pipe:
                poll.register(pipe, select.POLLIN | select.POLLHUP)
            ready = poll.poll(None if wait else 0)
            if not ready:
                break
            for pipe, _ in ready:
                one = by_pipe[pipe]
                block = os.read(pipe, 1 << 20)
                if block:
                    one.blocks.append(block)
                    continue
                yield one.ticket, self._reap(one)
        if lent and not self._tokens.take():
            self._owed += 1

    def _reap(self, one: _Fork) -> Any:
        os.close(one.pipe)
        self._running.remove(one)
        _, status = os.waitpid(one.pid, 0)
        if self._owed:
            self._owed -= 1
        else:
            self._tokens.give()
        code = os.waitstatus_to_exitcode(status)
        body = b"".join(one.blocks)
        if code or not body:
            return Died(f"signal {-code}" if code < 0 else f"code {code}")
        return pickle.loads(body)  # noqa: S301 - our own fork wrote it

    def abandon(self) -> None:
        """End every fork that still runs."""
        if os.getpid() != self._owner:
            return
        for one in self._running:
            with suppress(OSError):
                os.kill(one.pid, signal.SIGKILL)
            with suppress(OSError):
                os.waitpid(one.pid, 0)
            os.close(one.pipe)
        self._running.clear()


def _in_fork(work: Callable[[], Any], read: int, write: int, parent: int) -> None:
    """Do the work and leave without coming back into the parent's stack."""
    code = 70
    try:
        os.close(read)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no orphan outlives the run
        if os.getppid() != parent:
            os._exit(code)
        body = memoryview(pickle.dumps(work(), protocol=pickle.HIGHEST_PROTOCOL))
        while body:
            body = body[os.write(write, body) :]
        code = 0
    finally:
        if code and os.environ.get("HARDEN_TRACEBACK"):
            import traceback

            traceback.print_exc()
        os._exit(code)
