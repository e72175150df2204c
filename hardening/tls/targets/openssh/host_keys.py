"""Which host keys an sshd has, so that the host key algorithms it lists become those it can offer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hardening.tls.release import Release
from hardening.tls.targets.openssh.syntax import SshLine
from hardening.tls.targets.reading.tree import Tree

_ED25519 = (6, 5)
_ECDSA = (5, 7)
_DSA_UNTIL = (7, 0)
_BY_NAME = (
    ("ed25519", "ssh-ed25519"),
    ("ecdsa", "ecdsa-sha2-nistp256"),
    ("rsa", "ssh-rsa"),
    ("dsa", "ssh-dss"),
)
_CERTIFICATE = re.compile(r"-cert-v0[01]@openssh\.com$")
FROM_NAMES = "the kinds of host keys, from the names of their files"


def base_type(algorithm: str) -> str:
    """Return the type of key an algorithm signs with."""
    plain = _CERTIFICATE.sub("", algorithm)
    if plain.startswith("sk-"):
        plain = plain.removesuffix("@openssh.com")
    return "ssh-rsa" if plain.startswith("rsa-sha2-") else plain


def types(tree: Tree, lines: Sequence[SshLine], release: Release) -> tuple[frozenset[str], bool]:
    """Return the types of host keys, and whether all of them were read from the files themselves."""
    named = [line.value for line in lines if line.name == "hostkey"]
    found: set[str] = set()
    certain = True
    for path in named or _standard(tree, release):
        real = tree.place(path, "/")
        public = _public(tree, f"{real}.pub")
        if public is None:
            certain = False
            public = next((kind for word, kind in _BY_NAME if word in path.rpartition("/")[2]), None)
        if public is None:
            found |= {kind for _, kind in _BY_NAME} | {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}
        else:
            found.add(public)
    return frozenset(found), certain


def _standard(tree: Tree, release: Release) -> Iterable[str]:
    kinds = ["rsa"]
    if release.upstream[:2] < _DSA_UNTIL:
        kinds.append("dsa")
    if release.upstream[:2] >= _ECDSA:
        kinds.append("ecdsa")
    if release.upstream[:2] >= _ED25519:
        kinds.append("ed25519")
    paths = [f"/etc/ssh/ssh_host_{kind}_key" for kind in kinds]
    there = [p for p in paths if tree.of_host and tree.exists(tree.place(p, "/"))]
    return there or paths


def _public(tree: Tree, path: str) -> str | None:
    if not tree.exists(path):
        return None
    source = tree.source(path)
    words = source.text.split(None, 1) if source else []
    return words[0] if words else None
