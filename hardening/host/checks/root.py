"""A host's file system under a folder: paths are the host's own, links lead inside it, never out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hardening.tls.targets.reading import chroot

LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class FileMeta:
    """Owner and mode of a file."""

    mode: int
    uid: int
    gid: int

    @property
    def folder(self) -> bool:
        """Return whether it is a folder."""
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True, slots=True)
class JudgedSecret:
    """A private key or a password hash that was judged where it lies: its content never travels."""

    path: str
    kind: str
    """`private`, `encrypted`, `store`, `weak` for keys and stores of keys; `hash`."""
    line: int | None
    what: str
    """The form of a key; the scheme of a hash."""
    user: str = ""
    tried: str = ""
    """Of a hash: `usual`, `no` or `untried`."""

    @property
    def row(self) -> tuple[str, str, int | None, str, str, str]:
        """The fields in their order."""
        return (self.path, self.kind, self.line, self.what, self.user, self.tried)


@dataclass(frozen=True, slots=True)
class Root:
    """The host whose `/` is the folder `top`."""

    top: Path
    seen: Mapping[str, FileMeta] = field(default_factory=dict)
    """Owners and modes as they are on the host, where the tree is a copy that cannot have them."""
    label: str = ""
    """What the report calls the host; nothing: the folder."""
    listening: tuple[Mapping[str, Any], ...] | None = None
    """Who listens on TCP there, as the agent says it; None: nobody asked."""
    left: Mapping[str, str] = field(default_factory=dict)
    """Paths that were not brought along, and why."""
    engine: Mapping[str, str] = field(default_factory=dict)
    """What its inventory says of the control engine: config, key, process; what is left out the product's data says."""

    copy: Path | None = None
    """Where the files lie that detectors look at; None: below `top` itself."""
    ruled: Mapping[str, tuple[int, int, str]] = field(default_factory=dict)
    """For each rule that leaves files out: their number and bytes, and the first one."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """What each of these rules leaves out, in words."""
    judged: tuple[JudgedSecret, ...] = ()
    """Keys and hashes that stayed on the host."""
    files: int = 0
    """Files that were read."""
    open_engine: str = ""
    """That every host reaches the control engine's port; empty if not, or if nobody asked."""

    @property
    def subject(self) -> str:
        """Return the host's name in the report."""
        return self.label or str(self.top)

    @property
    def live(self) -> bool:
        """Return whether this is the running machine itself."""
        return self.top == Path("/")

    def place(self, path: str) -> Path:
        """Return where one of the host's paths lies here, links followed inside the root."""
        return self.top / self.real(path).lstrip("/")

    def real(self, path: str) -> str:
        """Return the host's own path without links; a loop is returned as far as it was followed."""
        return chroot.real(str(self.top), path)

    def name(self, place: Path | str) -> str:
        """Return the host's own path of something that lies here."""
        relative = os.path.relpath(place, self.top)
        return "/" if relative == "." else f"/{relative}"

    def exists(self, path: str) -> bool:
        """Tell whether something is there, or may be: nobody knows what lies in a folder that is closed to this account."""
        try:
            return self.place(path).exists()
        except PermissionError:
            return True

    def objection(self, path: str) -> str:
        """Return why something that is there cannot be looked at: a pipe, a device, or closed to this account; else nothing."""
        place = self.place(path)
        try:
            mode = place.stat().st_mode
        except OSError as problem:
            return f"may not be read: {(problem.strerror or str(problem)).lower()}"
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return "is neither a file nor a folder"
        return "" if os.access(place, os.R_OK) else "cannot be read: permission denied"

    def text(self, path: str) -> str | None:
        """Return a file as text, or None where there is none that can be read."""
        try:
            with chroot.opened(str(self.place(path))) as file:
                return file.read(LARGEST).decode("utf-8", "replace")
        except OSError:
            return None

    def matching(self, pattern: str, closed: Callable[[str], object] = bool) -> list[str]:
        """Return the host's own paths that a pattern means, sorted; `closed` is told each folder that this account may not look into."""
        return sorted(chroot.matching(str(self.top), pattern, closed))

    def about(self, path: str) -> FileMeta | None:
        """Return owner and mode of a path, links followed, or None where nothing is."""
        real = self.real(path)
        if real in self.seen:
            return self.seen[real]
        try:
            found = os.lstat(self.top / real.lstrip("/"))
        except OSError:
            return None
        return FileMeta(found.st_mode, found.st_uid, found.st_gid)

    def ways(self, path: str) -> Iterator[str]:
        """Say the real path and every folder above it, innermost first, `/` last."""
        here = self.real(path)
        while True:
            yield here
            if here == "/":
                return
            here = here.rpartition("/")[0] or "/"
