"""Paths of a host below a root: links are followed inside it."""

import fnmatch
import os
import re
import struct
import sys

LINKS = 40


def why():
    """Return the reason of the error that was just caught."""
    problem = sys.exc_info()[1]
    return "cannot be read: %s" % (problem.strerror or problem)


MOUNTS = {}
"""The type of the file system at each path where one is mounted."""


def real(root, path):
    """Return the host's own path without links: they lead inside the root. A loop is followed as far as Linux does.

    A place where something is mounted is not a link, and asking one whose server is gone would wait for ever.
    """
    todo, here, links = [part for part in reversed(path.split("/")) if part], [], 0
    while todo:
        part = todo.pop()
        if part in (".", ".."):
            if part == ".." and here:
                here.pop()
            continue
        here.append(part)
        at = root + "/" + "/".join(here)
        if links < LINKS and "/" + "/".join(here) not in MOUNTS and os.path.islink(at):
            links += 1
            target = os.readlink(at)
            here = [] if target.startswith("/") else here[:-1]
            todo.extend(one for one in reversed(target.split("/")) if one)
    return "/" + "/".join(here)


def inside(path, tops):
    """Return whether a path is one of these, or lies below one of them."""
    return any(path == top or path.startswith(top.rstrip("/") + "/") for top in tops)


def matching(root, pattern):
    """Return the paths that a pattern means, links followed inside the root."""
    head, parts = "", [part for part in pattern.split("/") if part]
    while parts and not [c for c in "*?[" if c in parts[0]]:
        head += "/" + parts.pop(0)
    head = real(root, head or "/")
    if not parts:
        return [head]
    try:
        names = sorted(os.listdir(root + head))
    except OSError:
        return []
    found = []
    for name in names:
        if fnmatch.fnmatchcase(name, parts[0]) and (not name.startswith(".") or parts[0].startswith(".")):
            rest = head.rstrip("/") + "/" + "/".join([name] + parts[1:])  # noqa: RUF005 - Python 2.6 has no other way
            found.extend(matching(root, rest) if len(parts) > 1 else [real(root, rest)])
    return found


def mounted(root):
    """Return the type of the file system that is mounted at each path of the host, the last one mounted there."""
    found = MOUNTS
    for path in list(found):
        del found[path]
    try:
        handle = open("/proc/mounts", "rb")
        try:
            lines = handle.read().splitlines()
        finally:
            handle.close()
    except (OSError, IOError):
        return found
    for line in lines:
        words = line.split(b" ")
        place = re.sub(b"\\\\([0-7]{3})", lambda match: struct.pack("B", int(match.group(1), 8)), words[1])
        place = place if str is bytes else os.fsdecode(place)  # novermin: Python 3 alone comes here
        if place.startswith(root + "/") and place != root + "/":
            found[place[len(root) :]] = words[2].decode("ascii", "replace")
    return found
