"""Plain files: opened without following links or waiting, and the kind of content they begin with."""

import errno
import os
import stat


def opened(place):
    """Open a plain file: never what a link leads to, nor a pipe that nobody fills."""
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a plain file", place)
    return os.fdopen(descriptor, "rb")


def begins(place):
    """Return the first bytes of a file."""
    handle = opened(place)
    try:
        return handle.read(512)
    finally:
        handle.close()


def begins_safely(place):
    """Return the first bytes of a file, or nothing where it is not one that can be read."""
    try:
        return begins(place)
    except (OSError, IOError):
        return b""


def kind_of(head):
    """Return `e` for a program or library, `b` for other binary content, `t` for text."""
    if head[:4] == b"\x7fELF":
        return "e"
    return "b" if b"\0" in head else "t"


def has_source(place):
    """Whether the source of a compiled Python file lies beside it."""
    folder, name = os.path.split(place)
    if os.path.basename(folder) == "__pycache__":
        return os.path.isfile(os.path.join(os.path.dirname(folder), name.split(".")[0] + ".py"))
    return os.path.isfile(place[:-1])
