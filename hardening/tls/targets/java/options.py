"""How large Diffie-Hellman parameters are in a server in Java, where its start or its properties say so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from hardening.numerals import whole
from hardening.tls.libraries import jsse
from hardening.tls.targets.reading import properties_syntax
from hardening.tls.targets.reading.tree import Tree

PROPERTY = "jdk.tls.ephemeralDHKeySize"
WAY_OUT = (
    f"Start Java with -D{PROPERTY}=2048 (Java 8 and later; for Tomcat a line in catalina.properties does it too), "
    "or take the DHE suites out of the list."
)
_OPTION = re.compile(rf"-D{re.escape(PROPERTY)}=[\"']?(\w+)")
_SINCE = (8,)
_WORDS = {"matched": 2048, "legacy": 768}
"""`matched` follows the certificate's key, which is an RSA key of 2048 bits or more these days."""
_SMALLEST, _LARGEST = 1024, 8192


class Size(NamedTuple):
    """A size of parameters in bits, and the words about where it was said."""

    bits: int
    note: str


def dh_size(tree: Tree, jdk: jsse.Jdk, scripts: Iterable[str], properties: Iterable[str] = ()) -> Size | None:
    """Return what the last of these files (real paths) says; None where none does, or the JDK knows no such word."""
    if jdk.numbers < _SINCE:
        return None
    found: Size | None = None
    for path in properties:
        if tree.exists(path) and (one := properties_syntax.read(tree, path).get(PROPERTY)) is not None:
            found = _size(one.value, path) or found
    for path in scripts:
        source = tree.source(path) if tree.exists(path) else None
        for line in source.text.splitlines() if source else ():
            if not line.lstrip().startswith("#"):
                for word in _OPTION.findall(line):
                    found = _size(word, path) or found
    return found


def _size(word: str, path: str) -> Size | None:
    bits = _WORDS.get(word, whole(word) or 0)
    if word not in _WORDS and not _SMALLEST <= bits <= _LARGEST:
        return None  # Java says so at its start, and takes its own
    return Size(bits, f"DH parameters of {bits} bits, for {path} says so")
