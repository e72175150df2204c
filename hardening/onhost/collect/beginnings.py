"""What a plain file begins with, and what that tells about its kind."""

import os

from hardening.onhost.shared.files import plain_file


def begins(place):
    """Return the first bytes of a file."""
    handle = plain_file(place)
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
    """Return whether the source of a compiled Python file is next to it."""
    folder, name = os.path.split(place)
    if os.path.basename(folder) == "__pycache__":
        return os.path.isfile(os.path.join(os.path.dirname(folder), name.split(".")[0] + ".py"))
    return os.path.isfile(place[:-1])
