"""Files and folders on disk: where a walk starts."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Protocol

from bundle.walk import emit
from bundle.walk.digest import Digest
from bundle.walk.formats.raw import Raw
from bundle.walk.frame import Event, Frame
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from bundle.walk.names import on_disk
from bundle.walk.problem import Problem, Stop
from bundle.walk.source import Memory, Region, Source, Watched, chunks
from hardening.errors import InputError


class DiskWalker(Protocol):
    """What files on disk need of the walk that they start."""

    limits: WalkLimits
    count: int
    behind: int
    position: int

    def next_file(self) -> None:
        """Begin a file on disk: each has its own time."""
        ...

    def out_of_time(self) -> str:
        """Return that the time for everything is over, in words; empty where it is not."""
        ...

    def spend(self, size: int) -> None:
        """Count a member and its bytes against the limits."""
        ...

    def reached(self, offset: int) -> None:
        """Note how far the file on disk has been read."""
        ...

    def say(
        self, raw: Raw, parts: tuple[str, ...], source: Source, digest: Digest | None, depth: int
    ) -> Iterable[Event]:
        """Say one file whose content is at hand, and go inside where it is a container."""
        ...


def start(walker: DiskWalker, path: str, shown: str = "") -> Iterator[Event]:
    """Say everything at one path; a file is called `shown`. Errors: InputError (absent, unreadable, neither of the two)."""
    hint = "check the path and its permissions"
    try:
        about = Path(path).stat()
        fd = -1 if stat.S_ISDIR(about.st_mode) else os.open(path, _OPEN)
    except OSError as problem:
        raise InputError(f"{path}: {problem.strerror}", hint=hint) from problem
    if fd < 0:
        yield from _folder(walker, path)
    elif stat.S_ISREG(about.st_mode):
        yield from _on_disk(walker, fd, os.fstat(fd), on_disk(shown or path))
    else:
        os.close(fd)
        raise _neither(path)


def _neither(path: str) -> InputError:
    return InputError(f"{path}: is neither a file nor a folder", hint="give an archive or a folder")


def _folder(walker: DiskWalker, path: str) -> Iterator[Event]:
    frame = Frame((path,), "", 0, lists_classes=True)
    folders = [path]
    while folders:
        here = folders.pop()
        try:
            fd, found = _listing(here, 0 if here == path else os.O_NOFOLLOW)
        except OSError as problem:
            yield Problem("unreadable", (on_disk(here),), f"cannot be read: {problem.strerror}")
            continue
        try:
            front = here if here.endswith("/") else f"{here}/"
            for entry in found:
                name = front + entry.name
                try:
                    about = (
                        None if entry.is_file(follow_symlinks=False) else entry.stat(follow_symlinks=False)
                    )
                except OSError as problem:  # it is gone since the folder was listed
                    yield Problem("unreadable", (on_disk(name),), f"cannot be read: {problem.strerror}")
                    continue
                if about is not None:
                    if stat.S_ISDIR(about.st_mode):
                        folders.append(name)
                    yield _bare(walker, name, about)
                    continue
                for event in _alone(walker, fd, entry, on_disk(name)):
                    yield event
                    if (
                        isinstance(event, Member)
                        and event.format == "class"
                        and not event.derived
                        and len(event.parts) == len(frame.parts)  # those of a jar are the jar's
                    ):
                        emit.note_class(frame, event)
        finally:
            os.close(fd)
    if frame.classes:
        yield emit.listing(frame, "folder")


def _listing(path: str, more: int) -> tuple[int, list[os.DirEntry[str]]]:
    """Open a folder; what lies in it is found from there, for a long path is looked up again for each file otherwise."""
    fd = os.open(path, _FOLDER | more)
    try:
        with os.scandir(fd) as listing:
            return fd, sorted(listing, key=_NAME)
    except OSError:
        os.close(fd)
        raise


def census(path: str, shown: str = "") -> dict[str, int]:
    """Return the bytes of each file at a path, by the name that a walk gives it. Errors: OSError (absent)."""
    about = Path(path).stat()
    if not stat.S_ISDIR(about.st_mode):
        return {on_disk(shown or path): about.st_size}
    found: dict[str, int] = {}
    folders = [path]
    while folders:
        here = folders.pop()
        front = here if here.endswith("/") else f"{here}/"
        with suppress(OSError), os.scandir(here) as listing:
            for entry in listing:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(front + entry.name)
                elif entry.is_file(follow_symlinks=False):
                    found[on_disk(front + entry.name)] = entry.stat(follow_symlinks=False).st_size
    return found


def size(path: str) -> int:
    """Return the bytes of a file, or of all files in a folder. Errors: OSError (absent)."""
    about = Path(path).stat()
    if not stat.S_ISDIR(about.st_mode):
        return about.st_size
    total, folders = 0, [path]
    while folders:
        here = folders.pop()
        with suppress(OSError):
            fd = os.open(here, _FOLDER)
            try:
                with os.scandir(fd) as listing:
                    for entry in listing:
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(f"{here}/{entry.name}")
                        else:
                            total += entry.stat(follow_symlinks=False).st_size
            finally:
                os.close(fd)
    return total


def _bare(walker: DiskWalker, path: str, about: os.stat_result) -> Member:
    walker.count += 1
    kind = _KINDS.get(stat.S_IFMT(about.st_mode), "device")
    link = ""
    if kind == "symlink":
        with suppress(OSError):
            link = on_disk(os.readlink(path))  # noqa: PTH115 - bytes that are no UTF-8 survive in a str path only
    return Member(
        parts=(on_disk(path),), kind=kind, mode=stat.S_IMODE(about.st_mode), uid=about.st_uid, gid=about.st_gid,
        mtime=about.st_mtime, link=link,
    )  # fmt: skip


def _alone(walker: DiskWalker, folder: int, entry: os.DirEntry[str], shown: str) -> Iterator[Event]:
    """Say one file of a folder within its own time. Errors: Stop where a limit of everything was reached."""
    if late := walker.out_of_time():
        with suppress(OSError):
            message = f"{late}; neither it nor what is behind it was examined"
            yield Problem("limit-time", (shown,), message, entry.stat(follow_symlinks=False).st_size)
        raise Stop("limit-time")
    before = walker.position
    walker.next_file()
    try:
        yield from _in_folder(walker, folder, entry, shown)
    except Stop as stop:
        if stop.reason != "limit-time" or walker.out_of_time():
            raise
        with suppress(OSError):
            walker.position = before + entry.stat(follow_symlinks=False).st_size


def _in_folder(walker: DiskWalker, folder: int, entry: os.DirEntry[str], shown: str) -> Iterable[Event]:
    try:
        fd = os.open(entry.name, _OPEN | os.O_NOFOLLOW, dir_fd=folder)
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode):  # it was a file when the folder was listed
            os.close(fd)
            return (Problem("unreadable", (shown,), "cannot be read: it is not a file any more"),)
    except OSError as problem:
        size = 0
        with suppress(OSError):  # it may be gone
            size = entry.stat(follow_symlinks=False).st_size
        return (Problem("unreadable", (shown,), f"cannot be read: {problem.strerror}", size),)
    return _on_disk(walker, fd, about, shown)


def _on_disk(walker: DiskWalker, fd: int, about: os.stat_result, shown: str) -> Iterable[Event]:
    """Say one file; it is closed as soon as all of it is held, which nearly always is at once."""
    size = about.st_size
    if size > walker.limits.memory or not stat.S_ISREG(about.st_mode):
        return _large(walker, fd, about, shown)
    try:
        data = os.pread(fd, size, 0)
    except OSError as problem:
        return (Problem("unreadable", (shown,), f"cannot be read: {problem.strerror}", size),)
    finally:
        os.close(fd)
    walker.spend(len(data))
    walker.behind = walker.position
    events = walker.say(_raw(shown, about), (shown,), Memory(data), Digest(data), 0)
    if isinstance(events, tuple):
        walker.position += size
        return events
    return _then(walker, events, walker.position + size)


def _then(walker: DiskWalker, events: Iterable[Event], position: int) -> Iterator[Event]:
    """Say it and note how far the files on disk are behind us."""
    yield from events
    walker.position = position


def _large(walker: DiskWalker, fd: int, about: os.stat_result, shown: str) -> Iterator[Event]:
    """Say a file that stays on disk while it is looked at."""
    try:
        if not stat.S_ISREG(about.st_mode):
            raise _neither(shown)  # it was one when the folder was listed
        size = about.st_size
        source = Region(fd, 0, size)
        digest = hashlib.sha256()
        try:
            for block in chunks(source, step=1 << 20):
                digest.update(block)
        except OSError as problem:
            yield Problem("unreadable", (shown,), f"cannot be read: {problem.strerror}", size)
            return
        walker.spend(size)
        walker.behind = walker.position
        watched = Watched(source, walker.reached)
        yield from walker.say(_raw(shown, about), (shown,), watched, Digest(b"", digest.hexdigest()), 0)
        walker.position = walker.behind + size
        left = size - os.fstat(fd).st_size
        if left > 0:
            yield Problem("truncated", (shown,), "was cut while it was read", left)
    finally:
        os.close(fd)


def _raw(shown: str, about: os.stat_result) -> Raw:
    return Raw(
        name=shown, size=about.st_size, mode=stat.S_IMODE(about.st_mode), uid=about.st_uid, gid=about.st_gid,
        mtime=about.st_mtime,
    )  # fmt: skip


_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NAME = attrgetter("name")
_KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFCHR: "device",
    stat.S_IFBLK: "device", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
}  # fmt: skip
