"""Standard streams as the command needs them: there, and patient with a reader that has seen enough."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO


class _Outgoing(io.FileIO):
    """Standard output or error; once nobody reads it any more, what is written goes nowhere.

    A command that has begun is carried out and its exit code says what it came to, whatever `| head` wants to see of it.
    """

    def write(self, data: Any, /) -> int:
        """Write as every file does."""
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)


def prepare() -> None:
    """Give what is printed a place where the caller closed a stream (`>&-`: no file gets its number), and patience."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the end
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _patient(sys.stdout)
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _patient(sys.stderr)


def _patient(stream: io.TextIOWrapper) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_Outgoing(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
