"""One member of a bundle as the detectors see it, with its path through every nesting."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

from hardening.findings import NESTING, InFile

Content = bytes | mmap.mmap
"""Small members are bytes; large ones a read-only map of the spill file. Both work with `re`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a container's own directory, known without unpacking it."""

    name: str
    size: int
    crc32: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file, link, folder or container; containers are members too, and say their entries."""

    parts: tuple[str, ...]
    """Outermost first: the path the user gave, then one part per nesting."""
    kind: str
    """file, directory, symlink, hardlink, device, fifo or socket."""
    size: int = 0
    """Bytes of content, unpacked from the level above."""
    mode: int | None = None
    """Permission bits, set-id bits included."""
    uid: int | None = None
    gid: int | None = None
    owner: str = ""
    group: str = ""
    mtime: float | None = None
    link: str = ""
    """Target of a symbolic or hard link."""
    format: str = ""
    """What the content is, by content: zip, tar, gzip, deb, rpm, class, elf, php, text, data ..."""
    sha256: str = ""
    """Of the content, lower-case hex; empty for what has none."""
    content: Content = b""
    """Valid only while the detectors are being asked; they keep no reference to it."""
    entries: tuple[Entry, ...] = ()
    """Containers whose directory tells (zip, jar): one per member."""

    @property
    def path(self) -> str:
        """The nesting written with `!/`."""
        return NESTING.join(self.parts)

    @property
    def name(self) -> str:
        """The last component of the innermost path."""
        return self.parts[-1].rsplit("/", 1)[-1]

    def at(self, line: int | None = None, column: int | None = None) -> InFile:
        """Return the place of a finding in this member."""
        return InFile(self.parts, line, column)
