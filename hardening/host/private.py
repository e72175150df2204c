"""A folder for what is secret for a moment, such as copies of hosts' files, that goes however the command is ended."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hardening.signals import like_interrupted


@contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """Yield a new folder of mode 0700 that is removed at the end, also of a command that is told to end.

    Errors: Ended, which is a KeyboardInterrupt, at SIGTERM and SIGHUP. Only SIGKILL leaves the folder.
    """
    with like_interrupted(), tempfile.TemporaryDirectory(prefix=prefix) as name:
        yield Path(name)
