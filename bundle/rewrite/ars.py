"""ar, the container of Debian packages (ar(5), System V and BSD long names)."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from typing import IO

from bundle.rewrite.edit import Change, Remove, Replace
from hardening.errors import ArchiveError

_MAGIC = b"!<arch>\n"
_HEADER = 60


def matches(head: bytes) -> bool:
    """Whether these first bytes are an ar archive's."""
    return head.startswith(_MAGIC)


def rewrite(source: IO[bytes], target: IO[bytes], change: Change) -> None:
    """Copy the archive, asking `change` about each member."""
    target.write(_MAGIC)
    for name, header, data in _members(source):
        size = int(header[48:58])
        decision = change(name, lambda data=data, size=size: io.BytesIO(data[:size]))  # type: ignore[misc]  # mypy has no type for a lambda that binds by default value
        if isinstance(decision, Remove):
            continue
        if isinstance(decision, Replace):
            with decision.content as content:
                _write(target, header, content)
        else:
            target.write(header + data)


def members(source: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each member."""
    for name, header, data in _members(source):
        yield name, data[: int(header[48:58])]


def _members(source: IO[bytes]) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, header and padded content of each member."""
    source.seek(len(_MAGIC))
    while header := source.read(_HEADER):
        if len(header) < _HEADER or header[58:] != b"`\n" or not header[48:58].strip().isdigit():
            raise ArchiveError("ar: a member header is damaged", hint="the archive is truncated or corrupt")
        size = int(header[48:58])
        name = header[:16].decode("utf-8", "surrogateescape").rstrip().rstrip("/")
        data = source.read(size + size % 2)
        if len(data) < size:
            raise ArchiveError(
                "the archive ends inside a member", hint="obtain it again and compare its size"
            )
        yield name, header, data


def _write(target: IO[bytes], header: bytes, content: IO[bytes]) -> None:
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    target.write(header[:48] + str(size).encode().ljust(10) + header[58:])
    shutil.copyfileobj(content, target)
    if size % 2:
        target.write(b"\n")
