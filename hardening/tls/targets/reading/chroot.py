"""Files of a host whose `/` is a folder here: links lead inside it, and what never ends is not opened."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from fnmatch import translate
from typing import BinaryIO

LINKS = 40
"""Links that one path may lead over, as in Linux."""
_DEEPEST = 2048
"""Folders that a path can name: Linux takes 4096 bytes, so that nothing is there behind them, and no link either."""
_HANDED_OVER = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
"""What a shell hands over: `<(command)`, or the end of a pipe."""
WILD = re.compile(r"[*?\[]")
"""What makes a part of a path a pattern."""


def opened(path: str) -> BinaryIO:
    """Open a regular file. Errors: OSError, also for a pipe nobody writes to or a device, which would never end."""
    if path.startswith(_HANDED_OVER):
        return open(path, "rb")  # noqa: PTH123 - the caller closes it
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return open(number, "rb")  # noqa: PTH123 - the caller closes it


def real(top: str, path: str) -> str:
    """Return the host's own path without links; a loop is returned as far as it was followed."""
    top = top.rstrip("/")
    todo = [part for part in reversed(path.split("/")) if part]
    here: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part in (".", ".."):
            if part == ".." and here:
                here.pop()
            continue
        here.append(part)
        if len(here) > _DEEPEST:
            continue
        at = f"{top}/{'/'.join(here)}"
        if links < LINKS and os.path.islink(at):  # noqa: PTH114 - a Path per step costs more than the question
            links += 1
            target = os.readlink(at)  # noqa: PTH115 - the text of the link, not a Path made of it
            here = [] if target.startswith("/") else here[:-1]
            todo += [one for one in reversed(target.split("/")) if one]
    return "/" + "/".join(here)


def matching(top: str, pattern: str, closed: Callable[[str], object], literal: int = 0) -> Iterator[str]:
    """Say the host's own paths that a pattern means, as `glob` does; its first `literal` parts stand for themselves.

    `closed` is told each folder in which nobody knows what there is, for this account may not look.
    """
    top = top.rstrip("/")
    parts = [part for part in pattern.split("/") if part]
    return _matching(top, "", parts, closed, literal)


def _matching(
    top: str, here: str, parts: list[str], closed: Callable[[str], object], literal: int
) -> Iterator[str]:
    if not parts:
        yield here or "/"
        return
    part, *rest = parts
    wild = literal <= 0 and WILD.search(part)
    names = [part] if not wild else []
    try:
        if wild:
            every = os.listdir(top + real(top, here))  # noqa: PTH208 - a Path per name costs more than the question
            fits = re.compile(translate(part)).match
            names = [one for one in every if fits(one) and (part[0] == "." or one[0] != ".")]
        elif not rest:
            os.lstat(f"{top}{real(top, here)}/{part}")
    except PermissionError:
        closed(here or "/")
        return
    except (OSError, ValueError):  # it is not there, or can be no name
        return
    for name in names:
        yield from _matching(top, f"{here}/{name}", rest, closed, literal - 1)
