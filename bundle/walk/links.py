"""Where the links of an archive lead once it is unpacked: resolved through each other, as a file system does.

The archive's root is the root for an absolute target. hardening/onhost/upgrader/unpacking.py holds the same rule for hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_HOPS = 40
"""Links that Linux follows for one path."""


class Leaves(Exception):  # noqa: N818 - an answer, caught by who asked
    """The link leads above the archive's root."""


class Unsettled(Exception):  # noqa: N818 - an answer, caught by who asked
    """It depends on the unpacker, or on what else is on the disk, where the link leads."""


@dataclass(slots=True)
class LinkTree:
    """What an archive's names are, as far as links need it; every name is relative and normalised."""

    targets: dict[str, str] = field(default_factory=dict)
    """Of each symbolic link."""
    folders: set[str] = field(default_factory=set)
    """Names that are folders: stored as one, or with something in them."""
    unsure: dict[str, str] = field(default_factory=dict)
    """Names of which unpackers make different things, and why."""
    _last: str = ""

    def add(self, name: str, kind: str, target: str) -> None:
        """Remember a member: a link by its target, a folder, and the folders that any other is in."""
        if kind == "symlink":
            if self.targets.setdefault(name, target) != target:
                self.unsure[name] = "two links have its name"
        elif kind == "directory":
            self.folders.add(name)
        elif kind == "hardlink" and target in self.targets:
            self.targets.setdefault(name, self.targets[target])
            self.unsure[name] = f"is a hard link to the link {target!r}"
        elif name in self.targets:
            self.unsure[name] = "a file has its name, too"
        parent = name.rpartition("/")[0]
        if parent == self._last:
            return
        self._last = parent
        while parent and parent not in self.folders:
            self.folders.add(parent)
            parent = parent.rpartition("/")[0]

    def resolve(self, name: str) -> str:
        """Return what a link leads to, relative to the root. Errors: Leaves, Unsettled."""
        return resolve(self.targets, self.folders, self.unsure, name)


def resolve(targets: Mapping[str, str], folders: set[str], unsure: Mapping[str, str], name: str) -> str:
    """Return where a name leads through links. Errors: Leaves, Unsettled."""
    todo = name.split("/")[::-1]
    here: list[str] = []
    hops, rooted = 0, False
    while todo:
        word = todo.pop()
        if word in ("", "."):
            continue
        path = "/".join(here)
        if word == "..":
            if here and path not in folders and not rooted:
                raise Unsettled(f"{path!r} is not a folder of the archive, and `..` follows it")
            if not here and not rooted:
                raise Leaves
            del here[-1:]
            continue
        here.append(word)
        path = "/".join(here)
        if path in unsure:
            raise Unsettled(f"{path!r} {unsure[path]}" if path != name else unsure[path])
        if path in targets:
            hops += 1
            if hops > MOST_HOPS:
                raise Unsettled(f"more than {MOST_HOPS} links follow each other")
            target = targets[path]
            here = [] if target.startswith("/") else here[:-1]
            rooted = rooted or target.startswith("/")
            todo.extend(target.split("/")[::-1])
    return "/".join(here)
