"""What the walk keeps about an open container, and what it says about containers."""

from __future__ import annotations

from dataclasses import dataclass, field

from bundle.walk.member import Entry, Member
from bundle.walk.problem import Problem


@dataclass(frozen=True, slots=True)
class Done:
    """A container's last member has been said; `whole` tells whether its hash may stand for what was found in it."""

    member: Member
    whole: bool


@dataclass(frozen=True, slots=True)
class Into:
    """What follows, up to its `Done`, is inside this container."""

    member: Member


Event = Member | Problem | Into | Done


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
    classes: list[Entry] = field(default_factory=list)
    lists_classes: bool = False
    names_repeat: bool = False
    """Static libraries honestly hold several objects of one name."""


MOST_NAMES = 500_000
"""Names of one container that are remembered to find duplicates."""
