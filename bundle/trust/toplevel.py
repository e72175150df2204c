"""The members of the outermost archive, at the speed of hashing: what is stored as it is, is hashed where it lies.

zip and tar are read by their own directories; every other format by the walker, one level deep. The list says what
a bundle holds and names what changed; that nothing else changed is what the digest of the whole file is for.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bundle.trust.inventory import Item, top_level
from bundle.walk.limits import WalkLimits
from bundle.walk.names import shown

if TYPE_CHECKING:  # neither is loaded for the other's sake
    from tarfile import TarInfo
    from zipfile import ZipFile, ZipInfo

_STORED = 0
_CHUNK = 1 << 18
_LOCAL, _END = 30, 22
_DIRECTORY = 64 << 20
"""Bytes of a zip's directory, and below members of a tar: the walker reads more, without holding them all in memory."""
_MEMBERS = 700_000


def members(path: Path) -> Iterable[Item]:
    """Return the top-level members in the order they are stored. Errors: ArchiveError."""
    with path.open("rb") as source:
        head = source.read(512)
        try:
            if head.startswith(b"PK\3\4"):
                return list(_zip(source))
            if head[257:262] == b"ustar":
                return list(_tar(source))
        except _Unreadable:
            pass  # the walker says what the matter is, and where
    return top_level(path)


class _Unreadable(Exception):  # noqa: N818 - not an error: the walker reads it then
    pass


def _zip(source: IO[bytes]) -> Iterator[Item]:
    import lzma
    import zipfile

    damaged = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, struct.error)
    try:
        yield from _in_zip(source)
    except (
        *damaged,
        NotImplementedError,
        RuntimeError,
    ) as problem:  # the latter two: unknown method, encrypted
        raise _Unreadable from problem


def _in_zip(source: IO[bytes]) -> Iterator[Item]:
    import zipfile

    if _directory(source) > _DIRECTORY:
        raise _Unreadable
    with zipfile.ZipFile(source) as archive:
        if sum(info.file_size for info in archive.infolist()) > WalkLimits().total:
            raise _Unreadable
        for info in sorted(archive.infolist(), key=lambda i: i.header_offset):
            mode = info.external_attr >> 16
            folder = info.is_dir()
            link = stat.S_ISLNK(mode)
            kind = "directory" if folder else "symlink" if link else "file"
            yield Item(
                path=shown(info.filename), kind=kind, size=info.file_size, owner=":", mtime=None, link="",
                sha256="" if folder else _of_zip(archive, source, info), mode=stat.S_IMODE(mode) if mode else None,
            )  # fmt: skip


def _directory(source: IO[bytes]) -> int:
    """Return how many bytes the directory of a zip has; a zip that keeps its size elsewhere (zip64) has too many."""
    end = source.seek(0, 2)
    source.seek(max(0, end - (1 << 16) - _END))
    tail = source.read()
    at = tail.rfind(b"PK\5\6")
    return int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0


def _of_zip(archive: ZipFile, source: IO[bytes], info: ZipInfo) -> str:
    if info.compress_type == _STORED and not info.flag_bits & 1:
        source.seek(info.header_offset)
        header = source.read(_LOCAL)
        name, extra = struct.unpack_from("<2H", header, 26)
        source.seek(info.header_offset + _LOCAL + name + extra)
        return _hash(source, info.file_size)
    with archive.open(info) as body:
        return _hash(body, None)


def _tar(source: IO[bytes]) -> Iterator[Item]:
    import tarfile

    try:
        yield from _in_tar(source)
    except (tarfile.TarError, OSError, EOFError, ValueError) as problem:
        raise _Unreadable from problem


def _in_tar(source: IO[bytes]) -> Iterator[Item]:
    import tarfile

    source.seek(0)
    with tarfile.open(fileobj=source, mode="r:", errorlevel=2) as archive:
        for count, member in enumerate(archive):
            archive.members = []  # type: ignore[attr-defined]  # it would keep each
            if member.issparse() or count > _MEMBERS:
                raise tarfile.ReadError(member.name)
            at = source.tell()
            digest = ""
            if member.isreg():
                source.seek(member.offset_data)
                digest = _hash(source, member.size)
            source.seek(at)
            yield Item(
                path=shown(member.name), kind=_kind(member), size=member.size, sha256=digest, mode=member.mode & 0o7777,
                owner=f"{member.uname or member.uid}:{member.gname or member.gid}", mtime=float(member.mtime), link=member.linkname,
            )  # fmt: skip


def _kind(member: TarInfo) -> str:
    import tarfile

    kinds = {
        tarfile.DIRTYPE: "directory",
        tarfile.SYMTYPE: "symlink",
        tarfile.LNKTYPE: "hardlink",
        tarfile.FIFOTYPE: "fifo",
    }
    return kinds.get(member.type, "device" if member.isdev() else "file")


def _hash(source: IO[bytes], size: int | None) -> str:
    value, left = hashlib.sha256(), size
    buffer = memoryview(bytearray(_CHUNK))  # one for all chunks, small enough for the processor's cache
    while left is None or left > 0:
        count = source.readinto(buffer if left is None else buffer[: min(_CHUNK, left)])  # type: ignore[attr-defined]  # files and members of a zip have it
        if not count:
            if left:
                raise EOFError
            break
        value.update(buffer[:count])
        left = None if left is None else left - count
    return value.hexdigest()
