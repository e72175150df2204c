"""What happens to one member when an archive is rewritten."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO

from bundle.walk.names import shown
from hardening.errors import ArchiveError


def file_only(name: str, *, is_file: bool) -> None:
    """Let a file alone be given other content. Errors: ArchiveError for a folder, link or device with a file's name."""
    if not is_file:
        raise ArchiveError(
            f"{name}: a folder, link or device has the same name as the file",
            hint="pack one of the two under another name",
        )


def plain(name: str) -> str:
    """Return a member's name without the leading `./` or `/` and trailing `/` that packers vary in."""
    return posixpath.normpath("/" + name).lstrip("/")


def place(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return where a member is written, which is one for `a//b` and `a/b`: an edit of the one is an edit of both."""
    return tuple(map(plain, parts))


def walked(name: str) -> str:
    """Return a member's name as the walk says it, where undecodable bytes and control characters are escaped."""
    if name.isprintable():
        return name
    return shown(name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Remove (content None) or replace the member at `parts`, one part per nesting, outermost first."""

    parts: tuple[str, ...]
    content: bytes | None = None
    folder: bool = False
    """The last part is a folder: everything below it goes too."""
    origin: tuple[str, ...] = ()
    """The parts as first asked for, kept while the edit travels inwards."""

    def __post_init__(self) -> None:
        if not self.origin:
            object.__setattr__(self, "origin", self.parts)

    def touches(self, path: str) -> bool:
        """Whether the member `path` of this level is the edit's, or the way to it."""
        mine = plain(self.parts[0])
        return path == mine or (self.folder and len(self.parts) == 1 and path.startswith(mine + "/"))

    def deeper(self) -> TextEdit:
        """Return the same edit as the archive one level in sees it."""
        return replace(self, parts=self.parts[1:])


@dataclass(frozen=True, slots=True)
class Keep:
    """The member stays as it lies in the file."""


@dataclass(frozen=True, slots=True)
class Remove:
    """The member goes."""


@dataclass(frozen=True, slots=True)
class Replace:
    """The member keeps its name, owner, mode and time and gets this content (a file at 0)."""

    content: IO[bytes]

    @classmethod
    def of(cls, data: bytes) -> Replace:
        """Return a replacement with these bytes."""
        return cls(io.BytesIO(data))


KEEP = Keep()

Change = Callable[[str, Callable[[], IO[bytes]]], Keep | Remove | Replace]
"""Asked for each member: its name, and a way to open its content (unpacked, seekable)."""
