"""The digest of a whole bundle, made in a process of its own while this one still loads what it needs."""

from __future__ import annotations

import hashlib
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Self

from hardening import inputs
from hardening.errors import InputError

_ANSWER = 128


def digest(path: Path) -> tuple[str, int]:
    """Return SHA-256 (hex) and size of a file, read once. Errors: InputError."""
    try:
        with inputs.regular(path) as source:
            value = hashlib.file_digest(source, "sha256").hexdigest()
            return value, source.tell()
    except OSError as problem:
        raise InputError(
            f"{path}: {problem.strerror}", hint="check the path and its permissions"
        ) from problem


class Early:
    """A digest that was begun early; a thread would wait for this process's imports at every block it reads."""

    def __init__(self, path: Path) -> None:
        """Begin to read the file."""
        self._path = path
        read, write = os.pipe2(os.O_CLOEXEC)
        self._pipe = os.fdopen(read, "rb")
        self._child = os.fork()
        if not self._child:
            with suppress(
                BaseException
            ):  # no answer: whoever asks reads the file, and says what the matter is
                sha256, size = digest(path)
                os.write(write, f"{sha256} {size}".encode())
            os._exit(0)
        os.close(write)

    def result(self) -> tuple[str, int]:
        """Return SHA-256 (hex) and size. Errors: InputError."""
        with self._pipe:
            answer = self._pipe.read(_ANSWER).split()
        os.waitpid(self._child, 0)
        self._child = 0
        return (answer[0].decode(), int(answer[1])) if len(answer) == 2 else digest(self._path)  # noqa: PLR2004 - a pair

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the child where nobody asked for the result."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._pipe.close()
