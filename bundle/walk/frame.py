"""What the walk keeps about an open container, and what it says about containers."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field

from bundle.walk.formats.raw import Raw
from bundle.walk.links import Leaves, LinkTree, Unsettled
from bundle.walk.member import ContainerEntry, Member
from bundle.walk.names import shown
from bundle.walk.problem import Problem


@dataclass(frozen=True, slots=True)
class LeaveContainer:
    """A container's last member has been said; `whole` tells whether its hash may stand for what was found in it."""

    member: Member
    whole: bool


@dataclass(frozen=True, slots=True)
class EnterContainer:
    """What follows, up to its `LeaveContainer`, is inside this container."""

    member: Member


Event = Member | Problem | EnterContainer | LeaveContainer


@dataclass(slots=True)
class Frame:
    """One container that is open."""

    parts: tuple[str, ...]
    sha256: str
    size: int
    unpacked: int = 0
    whole: bool = True
    seen: dict[int, int] = field(default_factory=dict)
    """Of names and contents, hashes with the key of this process."""
    links: set[str] = field(default_factory=set)
    tree: LinkTree = field(default_factory=LinkTree)
    classes: list[ContainerEntry] = field(default_factory=list)
    lists_classes: bool = False
    names_repeat: bool = False
    """Static libraries honestly hold several objects of one name."""

    def link(self, raw: Raw, name: str) -> bool:
        """Remember a link without content; return whether an earlier file has its name, and it is a link to elsewhere."""
        place = place_of(name)
        if (
            raw.kind == "symlink" or place_of(shown(raw.link)) in self.links
        ):  # a hard link to a link is that link
            known = place in self.links
            self.links.add(place)
            return not known and hash(place) in self.seen
        return False

    def followed(self) -> Iterator[Problem]:
        """Say the links that leave the folder once all members are unpacked, and those of which nobody can say it."""
        for name, target in self.tree.targets.items():
            parts = (*self.parts, name)
            try:
                self.tree.resolve(name)
            except Leaves:
                yield Problem("link-escape", parts, f"points at {target!r} above the target folder")
            except Unsettled as reason:
                yield Problem(
                    "link-unsettled",
                    parts,
                    f"points at {target!r}, and it is not certain where that is: {reason}",
                )

    def through(self, raw: Raw, name: str) -> str:
        """Return what is wrong with a member that is written where a link of the same archive leads, or nothing."""
        place = place_of(name)
        if on_the_way := _on_the_way(place, self.links) or _on_the_way(name, self.links):
            return f"is written through the link {on_the_way!r}"
        if place in self.links and raw.kind in ("file", "hardlink") and (raw.data or raw.kind == "file"):
            return "is written through an earlier link of its name"
        if raw.kind == "hardlink" and (on_the_way := _on_the_way(place_of(shown(raw.link)), self.links)):
            return f"is a hard link through the link {on_the_way!r}"
        return ""


def place_of(name: str) -> str:
    """Return where a member of this name is written: `a//b`, `a/./b` and `c/../a/b` are one file."""
    return posixpath.normpath(name) if "//" in name or "/." in name else name


def _on_the_way(name: str, links: set[str]) -> str:
    at = name.find("/")
    while at > 0:
        if name[:at] in links:
            return name[:at]
        at = name.find("/", at + 1)
    return ""


MOST_NAMES = 500_000
"""Names of one container that are remembered to find duplicates."""
