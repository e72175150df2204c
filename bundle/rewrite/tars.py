"""tar: v7, ustar, GNU and pax; every header block that stays is copied as it lies in the file."""

from __future__ import annotations

import io
import shutil
import tarfile
from typing import IO

from bundle.rewrite.copying import copy
from bundle.rewrite.edit import Change, Keep, Remove, Replace, file_only, plain
from bundle.walk.formats.tars import is_tar
from hardening.errors import ArchiveError

_BLOCK = 512
_SIZE_FIELD = slice(124, 136)
_SUM_FIELD = slice(148, 156)


def matches(head: bytes) -> bool:
    """Whether the first block is a tar header, by its checksum."""
    return is_tar(head)


def _checksum(block: bytes | bytearray) -> int:
    return sum(block[:148]) + sum(block[156:]) + 8 * 0x20


def rewrite(source: IO[bytes], target: IO[bytes], change: Change) -> None:
    """Copy the archive, asking `change` about each regular file, link and folder."""
    removed: set[str] = set()
    links: list[tuple[str, str]] = []
    position = 0
    for member, end in _members(source):
        copy(source, target, position, member.offset)  # global pax headers, which belong to no member
        decision = change(member.name, lambda m=member: _content(source, m))  # type: ignore[misc]  # mypy has no type for a lambda that binds by default value
        if not isinstance(decision, Keep) and member.size and not member.isreg() and not member.isdir():
            raise ArchiveError(
                f"{member.name} is a link or a special file and has content", hint="pack it as what it is"
            )
        if isinstance(decision, Remove):
            removed.add(plain(member.name))
        elif isinstance(decision, Replace):
            file_only(member.name, is_file=member.isreg())
            with decision.content as content:
                _replace(source, target, member, content)
        else:
            copy(source, target, member.offset, end)
            if member.islnk():
                links.append((member.name, plain(member.linkname)))
        position = end
    broken = next(((name, link) for name, link in links if link in removed), None)
    if broken is not None:
        raise ArchiveError(
            f"{broken[0]} is a hard link to {broken[1]}, which would be removed",
            hint="remove both, or pack the archive again without hard links",
        )
    source.seek(position)
    shutil.copyfileobj(source, target)


def _members(source: IO[bytes]) -> list[tuple[tarfile.TarInfo, int]]:
    """Return each member with where it ends in the file: a sparse one takes less there than its size says."""
    try:
        with tarfile.open(fileobj=source, mode="r:", errorlevel=2) as archive:
            return [(member, archive.offset) for member in archive]
    except tarfile.TarError as problem:
        raise ArchiveError(f"tar: {problem}", hint="the archive is truncated or corrupt") from problem


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _content(source: IO[bytes], member: tarfile.TarInfo) -> IO[bytes]:
    if member.issparse():
        raise ArchiveError(
            f"{member.name}: a sparse member cannot be rewritten", hint="pack it without --sparse"
        )
    source.seek(member.offset_data)
    return io.BytesIO(source.read(member.size))


def _replace(source: IO[bytes], target: IO[bytes], member: tarfile.TarInfo, content: IO[bytes]) -> None:
    """Write the member's headers with a new size and checksum, then the new content."""
    if "size" in member.pax_headers:
        raise ArchiveError(
            f"{member.name}: its size is in a pax header", hint="pack it without pax size records"
        )
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    header_at = member.offset_data - _BLOCK
    copy(source, target, member.offset, header_at)  # its long name and pax headers
    source.seek(header_at)
    block = bytearray(source.read(_BLOCK))
    block[_SIZE_FIELD] = f"{size:011o}".encode() + b"\0"
    block[_SUM_FIELD] = f"{_checksum(block):06o}".encode() + b"\0 "
    target.write(block)
    shutil.copyfileobj(content, target)
    target.write(bytes(_padded(size) - size))
