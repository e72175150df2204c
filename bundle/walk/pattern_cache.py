"""The compiled gate, kept between runs in the user's cache folder: compiling takes seconds, reading it a millisecond.

An account that has no such folder, or may not write to it, keeps it where temporary files are, in a folder that nobody else may enter.

What is kept is valid for one set of patterns, one Hyperscan and one kind of processor; a file that is cut, changed or
another's is not read, and any trouble with the folder only means that it is compiled again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import stat
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_SEAL = hashlib.sha256().digest_size
MOST_KEPT = 64
"""Compiled gates in the folder: of this version, of the last one, of a few rule files."""


class RefusedError(ValueError):
    """Vectorscan does not compile an expression."""


def folder() -> Path | None:
    """Return the cache folder of this user (XDG base directories), or None where an account has no home."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    home = named if os.path.isabs(named) else os.path.expanduser("~/.cache")  # noqa: PTH111, PTH117 - Path's own raises without a home
    return Path(home) / "aspect-hardening" / "gates" if os.path.isabs(home) else None  # noqa: PTH117 - as above


def folders(*, make: bool = False) -> Iterator[Path]:
    """Yield the folders in which gates are kept, as far as they are there, or are made now, and are this user's own."""
    for place, shared in ((folder, False), (_temporary, True)):
        with contextlib.suppress(OSError):  # of a machine on which nothing may be written, too
            made = place()
            if made is None:
                continue
            if make:
                made.mkdir(mode=0o700, parents=not shared, exist_ok=True)
            about = made.lstat() if shared else made.stat()  # a link there may be a stranger's
            if stat.S_ISDIR(about.st_mode) and _own(about):
                yield made


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"aspect-hardening-{os.geteuid()}"


def named(patterns: Sequence[tuple[bytes, int, int]], release: str) -> str:
    """Return the name under which a gate is kept: everything that its form depends on."""
    made = hashlib.sha256(f"2\0{release}\0{platform.machine()}\0{_processor()}\0".encode())
    for expression, flags, number in patterns:
        made.update(b"%d\0%d\0%d\0" % (number, flags, len(expression)) + expression)
    return made.hexdigest()


@cache
def _processor() -> str:
    with (
        contextlib.suppress(OSError),
        Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as cores,
    ):
        for line in cores:  # the first of perhaps hundreds
            if line.startswith(("flags", "Features")):
                return " ".join(sorted(line.partition(":")[2].split()))
    return platform.processor()


def read(name: str) -> bytes | None:
    """Return what is kept under a name, or None where there is none that is whole and this user's own."""
    return next((data for where in folders() if (data := _read(where / name, name)) is not None), None)


def _read(path: Path, name: str) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:  # millions of bytes in one go
            if not _own(os.fstat(file.fileno())):
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
    made = hashlib.sha256(name.encode())
    made.update(data)
    return made.digest()


def _own(about: os.stat_result) -> bool:
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def write(name: str, data: bytes) -> None:
    """Keep it, whole or not at all; what was used least recently goes when there are many."""
    for where in folders(make=True):
        with contextlib.suppress(OSError):
            descriptor, made = tempfile.mkstemp(dir=where)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_seal(name, data) + data)
            Path(made).replace(where / name)
            for old in sorted(where.iterdir(), key=lambda p: -p.stat().st_mtime)[MOST_KEPT:]:
                old.unlink()
            return


def is_kept(expressions: Sequence[bytes], flags: Sequence[int], numbers: Sequence[int]) -> bool:
    """Whether the gate over the expressions is in the folder."""
    try:
        import hyperscan
    except ImportError:
        return False
    name = named(list(zip(expressions, flags, numbers, strict=True)), getattr(hyperscan, "__version__", ""))
    return any(os.path.exists(where / name) for where in folders())  # noqa: PTH110 - Path's own raises where the folder may not be entered


def database(expressions: Sequence[bytes], flags: Sequence[int], numbers: Sequence[int]) -> Any | None:
    """Return the gate over the expressions, kept or compiled now; None where there is no Hyperscan.

    Several expressions may report under one number. Errors: RefusedError.
    """
    try:
        import hyperscan
    except ImportError:
        return None
    name = named(list(zip(expressions, flags, numbers, strict=True)), getattr(hyperscan, "__version__", ""))
    kept = read(name)
    if kept is not None:
        with contextlib.suppress(hyperscan.error):
            loaded = hyperscan.loadb(kept, hyperscan.HS_MODE_BLOCK)
            loaded.scratch = hyperscan.Scratch(loaded)
            return loaded
    made = hyperscan.Database()
    try:
        made.compile(
            expressions=list(expressions), ids=list(numbers), elements=len(expressions), flags=list(flags)
        )
    except hyperscan.error as problem:
        raise RefusedError(str(problem)) from problem
    write(name, hyperscan.dumpb(made))
    return made
