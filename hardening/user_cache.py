"""Files that are kept between runs in the user's cache folder, because making them again takes time.

A folder that the environment variable HARDEN_CACHE_DIR names comes first: an image has it filled (`harden warm`), read-only and root's.
An account that has no such folder, or may not write to it, keeps them where temporary files are, in a folder that nobody else may enter.
A file that is cut, changed or another's is not read, and any trouble with the folder only means that the file is made again.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

_SEAL = 4
"""Bytes of a CRC-32, against what was cut or changed by accident: owner and mode of the file stand against others."""
MOST_KEPT = 64
"""Files of one kind: of this version, of the last one, of a few rule files."""


NAMED = "HARDEN_CACHE_DIR"
"""The environment variable that names a folder to look in first."""


_only_named = False


def keep_in(place: Path) -> None:
    """Keep everything in a folder from now on, and read nothing elsewhere."""
    global _only_named  # noqa: PLW0603 - where files are kept is the process's, as its environment is
    os.environ[NAMED] = str(place.absolute())
    _only_named = True


def named(kind: str) -> Path | None:
    """Return the folder of a kind in the one that HARDEN_CACHE_DIR names, or None where it names no absolute path."""
    value = os.environ.get(NAMED, "")
    return Path(value) / kind if os.path.isabs(value) else None  # noqa: PTH117 - as below


def folder(kind: str) -> Path | None:
    """Return this user's cache folder of a kind (XDG base directories), or None where an account has no home."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    home = named if os.path.isabs(named) else os.path.expanduser("~/.cache")  # noqa: PTH111, PTH117 - Path's own raises without a home
    return Path(home) / "aspect-hardening" / kind if os.path.isabs(home) else None  # noqa: PTH117 - as above


def folders(kind: str, *, make: bool = False) -> Iterator[Path]:
    """Yield the folders in which files of a kind are kept, as far as they are there, or are made now, and are this user's own."""
    for place in (named,) if _only_named else (named, folder, _temporary):
        shared = place is _temporary
        with contextlib.suppress(OSError):  # of a machine on which nothing may be written, too
            path = place(kind)
            if path is None:
                continue
            if make:
                path.mkdir(mode=0o755 if place is named else 0o700, parents=not shared, exist_ok=True)
            about = path.lstat() if shared else path.stat()  # a link there may be a stranger's
            if stat.S_ISDIR(about.st_mode) and _own(about, root=place is named):
                yield path


def _temporary(kind: str) -> Path:
    import tempfile  # here, as below: few runs come to it

    return Path(tempfile.gettempdir()) / f"aspect-hardening-{os.geteuid()}-{kind}"


def read(kind: str, name: str) -> bytes | None:
    """Return what is kept under a name, or None where there is none that is whole and this user's own."""
    trusted = named(kind)
    for where in folders(kind):
        if (data := _read(where / name, name, root=where == trusted)) is not None:
            return data
    return None


def _read(path: Path, name: str, *, root: bool) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:  # millions of bytes in one go
            if not _own(os.fstat(file.fileno()), root=root):
                return None
            seal, data = file.read(_SEAL), file.read()
            if _seal(name, data) != seal:
                return None
            with contextlib.suppress(OSError):  # on a file system that is only read it is not pruned either
                os.utime(file.fileno())  # `write` lets go of what was used least recently
            return data
    except OSError:
        return None


def _seal(name: str, data: bytes) -> bytes:
    return zlib.crc32(data, zlib.crc32(name.encode())).to_bytes(_SEAL, "big")


def _own(about: os.stat_result, *, root: bool) -> bool:
    """Whether only this account can write it, or only root where a folder was named."""
    owners = (os.geteuid(), 0) if root else (os.geteuid(),)
    return about.st_uid in owners and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def write(kind: str, name: str, data: bytes) -> None:
    """Keep it, whole or not at all; what was used least recently goes when there are many."""
    import tempfile

    for where in folders(kind, make=True):
        with contextlib.suppress(OSError):
            descriptor, temporary = tempfile.mkstemp(dir=where)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_seal(name, data) + data)
                if where == named(kind):
                    os.fchmod(file.fileno(), 0o644)  # other accounts of the image read it
            Path(temporary).replace(where / name)
            for old in sorted(where.iterdir(), key=lambda p: -p.stat().st_mtime)[MOST_KEPT:]:
                old.unlink()
            return
