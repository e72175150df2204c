"""One member of a bundle as the detectors see it, with its path through every nesting.

What a detector may rely on

- A verdict depends only on the member itself: its content, its metadata and `parts[-1]` (the path inside the
  innermost archive). The walker looks at equal content once and repeats what was found at every place it occurs
  (and keeps it in the result cache), so what is said must hold wherever the same member lies.
- `content` is whole up to `WINDOW` bytes. A larger file comes as several members with equal `parts`, in order, whose
  `offset` says where the window starts; windows overlap by `OVERLAP` bytes. `size` and `sha256` are the whole file's.
- Containers (`container` is true) come before their members; detectors need not look at their content (a
  self-extracting script's content is its script alone). `entries` is the zip directory.
- Archives that a file holds which is none itself (behind a program, as Base64, in a database's row) follow it as
  members inside it, though its `container` is false: it is looked at as what it is.
- A folder, tar or cpio has no directory: when its last member has been said, a member with `kind == "listing"` and the
  container's `parts` follows, whose `entries` are the Java classes in it (name, size, CRC-32).
- Text that is not stored as text comes as a derived member: same `parts` as the stored file, `derived` says how it was
  made (`constants`, `constant`: one that is a text of its own, `unwrapped:base64+inflate`, `strings`, `pdf-text`, `sqlite-text`, `utf-16`, `rpm-scripts`, `rpm-notes`, and
  `rpm-packages`: what an rpm database says is installed, one a line), `content` is the text. `at(line)` of a derived member is the place in the stored file it came from.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping

from bundle.walk.digest import Digest
from hardening.findings import NESTING, InFile
from hardening.records import dataclass

Content = bytes | mmap.mmap
"""Small members are bytes; large ones a read-only map of the spill file. Both work with `re`."""

WINDOW = 32 << 20
"""Bytes of content a detector gets at once."""

OVERLAP = 64 << 10
"""Bytes that two windows of one file share."""


@dataclass(frozen=True, slots=True)
class ContainerEntry:
    """One row of a container's own directory, known without unpacking it."""

    name: str
    size: int
    crc32: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file, link, folder or container; containers are members too, and say their entries."""

    parts: tuple[str, ...]
    """Outermost first: the path the user gave (in a folder: the path of the file on disk), then one part per nesting."""
    kind: str
    """file, directory, symlink, hardlink, device, fifo, socket, or listing (see above)."""
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
    more: bytes = b""
    """What else its container has for an unpacker to apply: extended attributes, access lists, a device's number, the
    further fields of a zip; as it is written there, so that two can be told apart."""
    format: str = ""
    """What the content is, by content: zip, tar, gzip, deb, rpm, class, elf, php, text, data ..."""
    digest: Digest | None = None
    """Of the content; None for what has none."""
    content: Content = b""
    """Valid only while the detectors are being asked; they keep no reference to it."""
    words: Mapping[bytes, int] | None = None
    """What the walk was asked for ahead (`Walker.words`) and is in `content`, each with its first offset; None: nobody has looked.

    Whoever asks detectors about members of a walk has asked the walk for the words of all of them, or of none."""
    entries: tuple[ContainerEntry, ...] = ()
    """Containers whose directory tells (zip, jar): one per member."""
    container: bool = False
    """Whether the walker looks inside (its members follow)."""
    repeat: bool = False
    """A container whose equal was walked before in this run: its members do not follow again."""
    offset: int = 0
    """Where `content` starts in the file; not zero in the second and later windows of a large file."""
    first_line: int | None = None
    """Line of the stored file on which `content` starts, where it is not the first."""
    derived: str = ""
    """How this text was made from the stored file; empty for what is stored as it is."""

    @property
    def path(self) -> str:
        """The nesting written with `!/`."""
        return NESTING.join(self.parts)

    @property
    def sha256(self) -> str:
        """Of the content, lower-case hex; empty for what has none."""
        return "" if self.digest is None else self.digest.sha256

    @property
    def payload(self) -> bool:
        """Whether this is what a script carried wrapped, and would run."""
        return "unwrapped:" in self.derived

    @property
    def name(self) -> str:
        """The last component of the innermost path."""
        return self.parts[-1].rsplit("/", 1)[-1]

    def at(self, line: int | None = None, column: int | None = None) -> InFile:
        """Return the place of a finding in this member; lines and columns count from 1 in `content`."""
        if self.derived:
            return InFile(self.parts, self.first_line)
        if line is not None and self.first_line is not None:
            line += self.first_line - 1
        return InFile(self.parts, line, column)
