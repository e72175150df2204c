"""What a format's reader says about its members, before the walker has materialised them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import inf

from bundle.walk.limits import WalkLimits
from bundle.walk.member import ContainerEntry
from bundle.walk.problem import Broken


@dataclass(slots=True, kw_only=True)
class Raw:
    """One member as its container says it; `data` is read at once, before the next one is asked for."""

    name: str
    kind: str = "file"
    size: int | None = None
    """Bytes its container promises, where it does."""
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    owner: str = ""
    group: str = ""
    mtime: float | None = None
    link: str = ""
    more: bytes = b""
    """What else its header has for an unpacker to apply (see `Member.more`)."""
    data: bytes | Iterator[bytes] = b""
    hidden: bool = False
    """Not in the container's own directory."""


@dataclass(frozen=True, slots=True)
class Note:
    """A problem of the container itself, or of one of its members by name."""

    reason: str
    message: str
    name: str = ""
    not_examined: int = 0


@dataclass(frozen=True, slots=True)
class ReaderContext:
    """What a reader may need beside the bytes."""

    name: str
    """The last component of the container's own path, for what has no name inside it."""
    limits: WalkLimits
    passwords: tuple[bytes, ...] = ()
    deadline: float = inf
    """When the walk has to be over (`time.monotonic`)."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A container that was understood."""

    members: Iterator[Raw | Note]
    entries: tuple[ContainerEntry, ...] = ()
    script: int | None = None
    """Length of the script in front of the archive, where it is a self-extracting one."""
    facts: dict[str, str] = field(default_factory=dict)


def decoded(name: bytes) -> str:
    """Return a name as text; bytes that are no UTF-8 are written as a backslash, `x` and two digits."""
    return name.decode("utf-8", "backslashreplace")


def taken_for_a_file(raw: Raw) -> Iterator[Note]:
    """Take for a file what is none and has content, and say it where its reader has not."""
    if raw.kind == "file":
        return
    if not isinstance(raw.data, bytes):
        raw.data = _unless_empty(raw.data)
    if raw.data != b"":
        if raw.kind != "hardlink":
            message = f"is a {raw.kind} with content; some unpackers write it as a file, some pass it over"
            yield Note("two-readings", message, raw.name)
        raw.kind = "file"


def _unless_empty(blocks: Iterator[bytes]) -> bytes | Iterator[bytes]:
    try:
        first = next((block for block in blocks if block), b"")
    except Broken as problem:
        return _broken(problem)
    return chain((first,), blocks) if first else b""


def _broken(problem: Broken) -> Iterator[bytes]:
    raise problem
    yield b""
