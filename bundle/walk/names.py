"""Member names: what they look like in a path, and what is wrong with them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from bundle.walk.formats.raw import Note, Raw

_PLAIN = re.compile(r"[\w .,;+=@%()\[\]{}$&'#~^-]+(?:/[\w .,;+=@%()\[\]{}$&'#~^-]+)*\Z", re.ASCII)
_DOTS = re.compile(r"(?:^|/)\.\.?(?:/|\Z)")
_DRIVE = re.compile(r"[A-Za-z]:(?:[\\/]|\Z)")
_ESCAPED = re.compile(r"\\x[0-9a-f]{2}")


def is_plain(name: str) -> bool:
    """Whether a name is what it looks like, in `parts` too: letters and the usual signs, nothing in front."""
    return _PLAIN.match(name) is not None and (("." not in name) or _DOTS.search(name) is None)


def on_disk(path: str) -> str:
    r"""Return a path on disk as it stands first in `parts`: what is no UTF-8 in it is written `\xff`."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def shown(name: str) -> str:
    """Return a name as it stands in `parts`: without leading `./` and `/`, control characters escaped."""
    if name.startswith("./") and _PLAIN.match(name, 2):
        return name[2:].rstrip("/") if not _DOTS.search(name, 2) else _careful(name)
    if _PLAIN.match(name) and not _DOTS.search(name):
        return name
    return _careful(name)


def _careful(name: str) -> str:
    while name.startswith(("./", "/")):
        name = name[2:] if name.startswith("./") else name[1:]
    name = escaped(name.rstrip("/"))
    return name or "<no name>" if name != "." else "<root>"


def escaped(text: str) -> str:
    """Return a text with its control characters written as in a program."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def problems(raw: Raw, longest: int) -> Iterator[Note]:
    """Say what a name, or a hard link's target, would do to an unpacker that follows it."""
    name = raw.name
    start = 1 if name.startswith("./") else 0
    if len(name) > longest or not _PLAIN.match(name, 2 * start) or _DOTS.search(name, start):
        yield from _name_problems(name, longest)
    if raw.kind == "hardlink" and (raw.link.startswith("/") or climbs(raw.link)):
        yield Note("link-escape", f"is a hard link to {shown(raw.link)!r} outside the target folder", name)
    if raw.kind in ("device", "fifo", "socket"):
        yield Note("special-file", f"is a {raw.kind}", name)


def _name_problems(name: str, longest: int) -> Iterator[Note]:
    forward = _ESCAPED.sub("_", name).replace("\\", "/")
    if climbs(forward):
        yield Note("traversal", "leaves the target folder", name)
    elif forward.startswith("/") or _DRIVE.match(name):
        yield Note("absolute-name", "has an absolute name", name)
    if not name.isprintable() or _ESCAPED.search(name):
        yield Note("odd-name", "has control or undecodable characters in its name", name)
    elif len(name) > longest:
        yield Note("odd-name", f"has a name of {len(name)} characters", name)
    elif "!/" in name:
        yield Note("odd-name", "has `!/` in its name, which looks like a nesting", name)


def climbs(path: str) -> bool:
    """Whether following a path ends above where it starts, at any point."""
    depth = 0
    for word in path.split("/"):
        if word == "..":
            depth -= 1
            if depth < 0:
                return True
        elif word not in ("", "."):
            depth += 1
    return False
