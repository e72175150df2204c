"""Files that are read whole: never more of them than a reader can bear, and no pipe where a stranger may have put it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedReader


def regular(path: Path) -> BufferedReader:
    """Open what has to be a regular file: a pipe would be waited for, and a device may have no end. Errors: OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return os.fdopen(handle, "rb")


def read(path: Path, most: int, *, named: bool = True) -> bytes:
    """Return what a file holds. Errors: OSError, also where that is more than `most` bytes.

    A file that nobody `named`, for it is looked for beside another one, has to be a regular one.
    """
    with path.open("rb") if named else regular(path) as source:
        if os.fstat(source.fileno()).st_size <= most:
            data = source.read(most + 1)
            if len(data) <= most:
                return data
    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
