"""Files and folders on disk: where a walk starts."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from bundle.walk import say
from bundle.walk.formats.raw import Raw
from bundle.walk.frame import Event, Frame
from bundle.walk.limits import Limits
from bundle.walk.member import Member
from bundle.walk.problem import Problem
from bundle.walk.source import Memory, Region, Source, Watched, chunks
from hardening.errors import InputError


class Walker(Protocol):
    """What files on disk need of the walk that they start."""

    limits: Limits
    count: int
    behind: int
    position: int

    def spend(self, size: int) -> None:
        """Count a member and its bytes against the limits."""
        ...

    def reached(self, offset: int) -> None:
        """Note how far the file on disk has been read."""
        ...

    def say(
        self, raw: Raw, parts: tuple[str, ...], source: Source, sha256: str, depth: int
    ) -> Iterator[Event]:
        """Say one file whose content is at hand, and go inside where it is a container."""
        ...


def start(walker: Walker, path: str, shown: str = "") -> Iterator[Event]:
    """Say everything at one path; a file is called `shown`. Errors: InputError (absent, unreadable, neither of the two)."""
    try:
        about = Path(path).stat()
    except OSError as problem:
        raise InputError(
            f"{path}: {problem.strerror}", hint="check the path and its permissions"
        ) from problem
    if stat.S_ISDIR(about.st_mode):
        yield from _folder(walker, path)
    else:
        yield from _on_disk(walker, path, about, top=True, shown=shown)


def _folder(walker: Walker, path: str) -> Iterator[Event]:
    frame = Frame((path,), "", 0, lists_classes=True)
    folders = [path]
    while folders:
        here = folders.pop()
        try:
            with os.scandir(here) as listing:
                found = sorted(listing, key=lambda entry: entry.name)
        except OSError as problem:
            yield Problem("unreadable", (_text(here),), f"cannot be read: {problem.strerror}")
            continue
        for entry in found:
            about = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(about.st_mode):
                folders.append(entry.path)
                yield _bare(walker, entry.path, about)
            elif stat.S_ISREG(about.st_mode):
                for event in _on_disk(walker, entry.path, about):
                    yield event
                    if isinstance(event, Member) and event.format == "class" and not event.derived:
                        say.note_class(frame, event)
            else:
                yield _bare(walker, entry.path, about)
    if frame.classes:
        yield say.listing(frame, "folder")


def _bare(walker: Walker, path: str, about: os.stat_result) -> Member:
    walker.count += 1
    kind = _KINDS.get(stat.S_IFMT(about.st_mode), "device")
    link = ""
    if kind == "symlink":
        with suppress(OSError):
            link = _text(os.readlink(path))  # noqa: PTH115 - bytes that are no UTF-8 survive in a str path only
    return Member(
        parts=(_text(path),), kind=kind, mode=stat.S_IMODE(about.st_mode), uid=about.st_uid, gid=about.st_gid,
        mtime=about.st_mtime, link=link,
    )  # fmt: skip


def _on_disk(
    walker: Walker, path: str, about: os.stat_result, *, top: bool = False, shown: str = ""
) -> Iterator[Event]:
    parts = (_text(shown or path),)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as problem:
        if top:
            raise InputError(
                f"{path}: {problem.strerror}", hint="check the path and its permissions"
            ) from problem
        yield Problem("unreadable", parts, f"cannot be read: {problem.strerror}", about.st_size)
        return
    try:
        opened = os.fstat(fd)
        if not stat.S_ISREG(opened.st_mode):
            raise InputError(f"{path}: is no file and no folder", hint="give an archive or a folder")
        yield from _disk_file(walker, fd, opened.st_size, parts, about)
    finally:
        os.close(fd)


def _disk_file(
    walker: Walker, fd: int, size: int, parts: tuple[str, ...], about: os.stat_result
) -> Iterator[Event]:
    raw = Raw(
        name=parts[0], size=size, mode=stat.S_IMODE(about.st_mode), uid=about.st_uid, gid=about.st_gid,
        mtime=about.st_mtime,
    )  # fmt: skip
    source: Source = Region(fd, 0, size)
    digest = hashlib.sha256()
    try:
        if size <= walker.limits.memory:
            data = source.read(0, size)
            source = Memory(data)
            digest.update(data)
        else:
            for block in chunks(source, step=1 << 20):
                digest.update(block)
    except OSError as problem:
        yield Problem("unreadable", parts, f"cannot be read: {problem.strerror}", size)
        return
    walker.spend(source.size)
    walker.behind = walker.position
    watched = Watched(source, walker.reached)
    yield from walker.say(
        raw, parts, watched if size > walker.limits.memory else source, digest.hexdigest(), 0
    )
    walker.position = walker.behind + size


_KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFCHR: "device",
    stat.S_IFBLK: "device", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
}  # fmt: skip


def _text(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
