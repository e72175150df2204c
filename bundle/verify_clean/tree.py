"""A bundle as a proof compares it: every member with its facts, and what lies in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from bundle.verify_clean import rpm as proof_rpm
from bundle.walk import walk
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from bundle.walk.problem import Problem

_STREAMS = frozenset("gzip bzip2 xz lzma zstd".split())
"""What packs one file alone."""


@dataclass(slots=True)
class Node:
    """One member with what lies in it; the facts are everything that may not change."""

    name: str
    parts: tuple[str, ...]
    facts: dict[str, object] = field(default_factory=dict)
    content: tuple[int, str] = (0, "")
    container: bool = False
    front: bytes = b""
    """What lies in a file before the archive in it: a script whole, of a program the digest."""
    inside: list[Node] = field(default_factory=list)
    problems: set[tuple[str, tuple[str, ...], str]] = field(default_factory=set)
    """On the bundle itself: what the walker had to say of it."""
    unread: list[Problem] = field(default_factory=list)
    """On the bundle itself: what was not examined to its end."""
    members: int = 0


def tree(path: Path, limits: WalkLimits | None) -> Node:
    """Return the bundle itself with everything in it."""
    root = Node(path.name, ())
    last: dict[tuple[str, ...], Node] = {}
    for seen in walk(str(path), limits or WalkLimits()):
        if not isinstance(seen, Member):
            root.problems.add((seen.reason, seen.parts[1:], seen.message))
            if seen.partial:
                root.unread.append(seen)
            continue
        if seen.derived or seen.offset or seen.kind == "listing":
            continue
        parts = seen.parts[1:]
        node = root if not parts else Node(seen.parts[-1], parts)
        node.content, node.container, node.front = (seen.size, seen.sha256), seen.container, _front(seen)
        if parts:
            node.facts = {
                "kind": seen.kind, "format": seen.format, "mode": seen.mode, "link": seen.link, "time": seen.mtime,
                "owner": (seen.uid, seen.owner), "group": (seen.gid, seen.group), "further header": seen.more,
            }  # fmt: skip
            last.get(parts[:-1], root).inside.append(node)
            for depth in range(len(parts)):
                last.get(parts[:depth], root).members += 1
        else:
            node.facts = {"kind": seen.kind, "format": seen.format}
        last[parts] = node
    return root


def _front(member: Member) -> bytes:
    """Return what has to stay in front of an archive, whatever is removed from it."""
    if member.format in ("makeself", "self-extracting"):
        return bytes(member.content)
    if member.format == "rpm":
        return proof_rpm.front(bytes(member.content))
    if member.format != "zip-stub":
        return b""
    end = member.content.find(b"PK\3\4")
    return hashlib.sha256(member.content[: end if end >= 0 else None]).digest()


def name_alike(before: Node, after: Node) -> None:
    """Give what is packed alone one name: it has none of its own, and is called after the file it lies in."""
    if not all(side.facts.get("format") in _STREAMS and len(side.inside) == 1 for side in (before, after)):
        return
    was, now = before.inside[0], after.inside[0]
    if was.facts["mode"] is None and now.facts["mode"] is None:  # members of a tar have one
        after.problems = {
            (reason, was.parts + parts[1:] if parts[:1] == now.parts else parts, message)
            for reason, parts, message in after.problems
        }
        now.name = was.name
