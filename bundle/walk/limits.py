"""How far the walker goes before it says that it stopped."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkLimits:
    """Every limit is an option of `harden bundle audit`; reaching one is a finding, never silence."""

    depth: int = 16
    """Archives inside archives."""
    total: int = 20 * GIB
    """Bytes unpacked over all levels of one bundle."""
    member: int = 4 * GIB
    """Bytes of one member."""
    members: int = 2_000_000
    """Members over all levels of one bundle."""
    ratio: int = 200
    """Unpacked bytes of a container for each of its own, counted once it unpacked more than `ratio_from`."""
    ratio_from: int = 64 * MIB
    seconds: float = 600.0
    """Wall-clock time for one file on disk: an archive, with everything in it."""
    seconds_total: float = inf
    """Wall-clock time for everything at one path."""
    spill: int = 8 * GIB
    """Bytes of the unlinked temporary file that holds members too large for memory."""
    memory: int = 4 * MIB
    """Largest member that is kept in memory rather than in the spill file."""
    window: int = 136 * MIB
    """Memory a decompressor may ask for (the dictionary of xz, the window of zstd)."""
    path: int = 4096
    """Length of a member's name in characters."""
    layers: int = 8
    """Wrappings (Base64, inflate, hex) that are undone inside one script."""
