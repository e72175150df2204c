"""The security level that a configuration lowers, and that one of its certificates needs: without it the server would not start."""

from __future__ import annotations

import re

from hardening.records import dataclass
from hardening.tls.libraries import builds
from hardening.tls.targets.base import Reading, Target
from hardening.tls.targets.reading import certificates
from hardening.tls.targets.reading.tree import Tree

_LEVEL = re.compile(r"@SECLEVEL=([0-5])")
_NAMED = re.compile(r"/[^\s\"\'`;,=\[\](){}]+")
_MOST = 5_000
"""Files that are looked at: a hostile configuration names more than any server has."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A level below the library's own, and the certificate that OpenSSL refuses above it (a real path)."""

    level: int
    certificate: str


def of(tree: Tree, target: Target, main: str, way: Reading) -> Kept | None:
    """Return the level to keep, where the configuration names one as low and a certificate it names needs it."""
    own = None if way.build.startswith(builds.JDK) else builds.build(way.build).security_level
    if not own or tree.in_memory:
        return None
    list(target.read(tree, main, way))  # so that the tree knows which files the server reads
    texts = [s.text for p in dict.fromkeys((main, *tree.read_paths)) if (s := tree.source(p)) is not None]
    levels = [int(word) for text in texts for word in _LEVEL.findall(text)]
    if not levels or min(levels) >= own:
        return None
    names = dict.fromkeys(word for text in texts for word in _NAMED.findall(text))
    places = [tree.place(name, "/") for name in list(names)[:_MOST]]
    found = [Kept(at, p) for p in places if (at := certificates.level(tree, p)) is not None and at < own]
    lowest = min(found, key=lambda one: (one.level, one.certificate), default=None)
    return lowest if lowest is not None and lowest.level >= min(levels) else None
