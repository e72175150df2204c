"""The subjects of one path: what a folder holds directly that is an archive is a subject of its own."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from bundle.audit.outcome import Top
from bundle.audit.section import ContainerShare
from bundle.walk import disk
from bundle.walk.identify import CONTAINERS, HEAD, identify
from bundle.walk.member import Member
from bundle.walk.source import Region


@dataclass(slots=True)
class Share:
    """What was seen of one subject."""

    name: str
    top: Top
    section: ContainerShare = field(default_factory=ContainerShare)
    archive: bool = False
    """Whether it is an archive that lies in the folder that was given."""
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0


class Shares:
    """The books of one path, by subject."""

    def __init__(self, path: str, shown: str, *, installed: bool) -> None:
        self._path = path
        folder = os.path.isdir(path)  # noqa: PTH112 - a path is text here, and empty text the current folder
        self.rest = Share(shown, Top(nothing_else=installed or folder, empty=installed))
        self._front = "" if installed or not folder else path if path.endswith("/") else f"{path}/"
        self._archives: dict[str, Share] = {}
        self.census: dict[str, int] = {}

    def of(self, parts: tuple[str, ...]) -> Share:
        """Return the share that a place belongs to."""
        return self._archives.get(parts[0], self.rest) if parts else self.rest

    def see(self, member: Member) -> Share:
        """Return the share of a member, which is its own where it is an archive in the folder."""
        if len(member.parts) == 1 and member.format in CONTAINERS and self._is_direct(member.parts[0]):
            name = member.parts[0]
            self._archives.setdefault(name, Share(name, Top(nothing_else=True), archive=True))
        return self.of(member.parts)

    def settled(self) -> list[Share]:
        """Return every share, archives that were never reached among them, and count what lies on disk."""
        self.census = disk.census(self._path, self.rest.name)
        reached = self.rest.top.reached.keys() | self._archives.keys()
        for name in sorted(self.census.keys() - reached):
            if self._is_direct(name) and _is_archive(name):
                self._archives[name] = Share(name, Top(nothing_else=True), archive=True)
        return [self.rest, *self._archives.values()]

    def has_rest(self) -> bool:
        """Whether a subject is left beside the archives."""
        rest = self.rest
        return bool(
            rest.top.files > len(self._archives)
            or rest.section.partial
            or not self._archives
            or self.packed(rest)
        )

    def packed(self, share: Share) -> dict[str, int]:
        """Return the files on disk that belong to a share, with their bytes."""
        if share.archive:
            return {share.name: self.census.get(share.name, 0)}
        return {name: size for name, size in self.census.items() if name not in self._archives}

    def _is_direct(self, name: str) -> bool:
        front = self._front
        return bool(front) and name.startswith(front) and "/" not in name[len(front) :]


def _is_archive(path: str) -> bool:
    """Whether a file that the walk never reached is an archive, by its first bytes."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        source = Region(fd, 0, os.fstat(fd).st_size)
        return identify(source.read(0, HEAD), source) in CONTAINERS
    except OSError:
        return False
    finally:
        os.close(fd)
