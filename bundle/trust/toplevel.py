"""The members of the outermost archive, at the speed of hashing: what is stored as it is, is hashed where it lies.

zip and tar are read by their own directories; every other format by the walker, one level deep. The list says what
a bundle holds and names what changed; that nothing else changed is what the digest of the whole file is for.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bundle.trust.inventory import Item, top_level
from bundle.walk.names import shown

_CHUNK = 1 << 20
_LOCAL = 30


def members(path: Path) -> list[Item]:
    """Return the top-level members in the order they are stored. Errors: ArchiveError."""
    with path.open("rb") as source:
        head = source.read(512)
        try:
            if head.startswith(b"PK\3\4"):
                return list(_zip(source))
            if head[257:262] == b"ustar":
                return list(_tar(source))
        except (
            zipfile.BadZipFile,
            tarfile.TarError,
            NotImplementedError,
            RuntimeError,
            struct.error,
            EOFError,
        ):
            pass  # the walker says what the matter is, and where
    return list(top_level(path))


def _zip(source: IO[bytes]) -> Iterator[Item]:
    with zipfile.ZipFile(source) as archive:
        for info in sorted(archive.infolist(), key=lambda i: i.header_offset):
            mode = info.external_attr >> 16
            folder = info.is_dir()
            link = stat.S_ISLNK(mode)
            kind = "directory" if folder else "symlink" if link else "file"
            yield Item(
                path=shown(info.filename), kind=kind, size=info.file_size, owner=":", mtime=None, link="",
                sha256="" if folder else _of_zip(archive, source, info), mode=stat.S_IMODE(mode) if mode else None,
            )  # fmt: skip


def _of_zip(archive: zipfile.ZipFile, source: IO[bytes], info: zipfile.ZipInfo) -> str:
    if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
        source.seek(info.header_offset)
        header = source.read(_LOCAL)
        name, extra = struct.unpack_from("<2H", header, 26)
        source.seek(info.header_offset + _LOCAL + name + extra)
        return _hash(source, info.file_size)
    with archive.open(info) as body:
        return _hash(body, None)


def _tar(source: IO[bytes]) -> Iterator[Item]:
    source.seek(0)
    with tarfile.open(fileobj=source, mode="r:", errorlevel=2) as archive:
        for member in archive:
            if member.issparse():
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


def _kind(member: tarfile.TarInfo) -> str:
    kinds = {
        tarfile.DIRTYPE: "directory",
        tarfile.SYMTYPE: "symlink",
        tarfile.LNKTYPE: "hardlink",
        tarfile.FIFOTYPE: "fifo",
    }
    return kinds.get(member.type, "device" if member.isdev() else "file")


def _hash(source: IO[bytes], size: int | None) -> str:
    value, left = hashlib.sha256(), size
    while left is None or left > 0:
        chunk = source.read(_CHUNK if left is None else min(_CHUNK, left))
        if not chunk:
            if left:
                raise EOFError
            break
        value.update(chunk)
        left = None if left is None else left - len(chunk)
    return value.hexdigest()
