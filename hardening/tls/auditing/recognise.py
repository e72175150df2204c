"""Which server a configuration is for, and which distribution it lies on, by content."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from hardening.tls.targets import Target, targets
from hardening.tls.targets.reading.tree import Tree, TreeProblem

_LOOKED_AT = 256 * 1024
"""Bytes of a file that decide which server it is for."""


_SCHEMA = re.compile(
    r"^(?:attributetype|objectclass|olcAttributeTypes|olcObjectClasses)\b:?\s*[({]",
    re.IGNORECASE | re.MULTILINE,
)
"""A schema of LDAP, whose attributes may be named as a server's directives are."""


def recognised(tree: Tree, path: str) -> Target | None:
    """Return the target a file is for: by the name of its main file, else by most marks in its text."""
    source = tree.source(path)
    if source is None:
        return None
    head = source.text[:_LOOKED_AT]
    if _SCHEMA.search(head):
        return None
    scores = [(len(t.fingerprint.findall(head)), -i, t) for i, t in enumerate(targets())]
    named = [t for t in targets() if any(path.endswith(f"/{m}") for m in t.main)]
    best = max(scores, key=lambda s: s[:2])
    if len(named) == 1:
        return named[0]
    return best[2] if best[0] else None


def unlike(tree: Tree, target: Target, path: str, problems: Iterable[TreeProblem]) -> bool:
    """Tell whether a file that a target was guessed for is another program's: it has more lines the reader does not know than marks."""
    strange = sum(p.path == path and p.kind in _STRANGE for p in problems)
    source = tree.source(path) if strange else None
    if source is None:
        return False
    marks = len(target.fingerprint.findall(source.text[:_LOOKED_AT]))
    named = any(path.endswith(f"/{m}") for m in target.main)
    return strange > marks and (not named or not marks)


_STRANGE = frozenset({"syntax", "unknown-directive"})
_INCLUDED = frozenset("nginx httpd lighttpd haproxy dovecot proftpd mariadb mysql postfix squid".split())
"""Servers whose settings are often in files that others include."""


def alone(tree: Tree, target: Target, path: str) -> Iterator[str]:
    """Say of a file that is no server's main one that what includes it was not read: that may settle what this one leaves out."""
    name = posixpath.basename(path)
    known = {posixpath.basename(one) for one in target.main}
    if target.name in _INCLUDED and name not in known and not tree.in_memory:
        yield f"{name} is all there is, for no file that includes it was read"


OURS = re.compile(
    r"^\W{1,4}(?:TLS|SSH) settings for .* (?P<version>\d[\w.\-]*), by aspect-hardening\.\n"
    r"(?:\W[^\n]*\n)??\W{1,4}(?:(?:OpenSSL|JDK) build: (?P<build>\S+)|GnuTLS$)",
    re.MULTILINE,
)
RELEASE_FILES = (
    "/etc/os-release",
    "/etc/centos-release",
    "/etc/redhat-release",
    "/etc/system-release",
    "/usr/lib/os-release",
)
"""Where a host names its distribution."""


def distribution(tree: Tree) -> str:
    """Return the suffix of the releases of the host a tree is from, such as `el7`, or nothing."""
    text = "".join(_text(tree, tree.prefix + name) for name in RELEASE_FILES)
    if not text:
        return ""
    fields = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)', text, re.MULTILINE))
    major = fields.get("VERSION_ID", "").split(".")[0]
    family = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}"
    if "debian" in family.split():
        return f"debian{major}" if fields.get("ID") == "debian" else ""
    if {"rhel", "centos"} & set(family.split()):
        return f"el{major}"
    found = re.search(r"release (\d+)", text)
    return f"el{found[1]}" if found else ""


@lru_cache(maxsize=4096)
def _host_text(path: str) -> str:
    try:
        with Path(path).open("rb") as source:
            return source.read(4096).decode("utf-8", "replace")
    except OSError:
        return ""


def _text(tree: Tree, path: str) -> str:
    if not tree.of_host:
        return ""
    if tree.in_memory:
        source = tree.source(path) if tree.exists(path) else None
        return source.text[:4096] if source else ""
    return _host_text(tree.file(path))
