"""HAProxy's words: blanks part them, quotes hold them together, and double quotes let `$NAME` in (configuration.txt, 2.2 and 2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from hardening.tls.targets.reading.flat_syntax import Section

_PART = re.compile(
    r"\"(?P<double>(?:[^\"\\]|\\.)*)\"|'(?P<single>[^']*)'|\\(?P<escaped>.)|(?P<blank>\s+)|(?P<comment>#.*)|(?P<plain>[^\s\"'\\#]+|.)",
    re.DOTALL,
)
_NAME = re.compile(r"\\(.)|\$\{(\w+)(?:-([^}]*))?\}|\$(\w+)", re.DOTALL)
_RANGE = re.compile(r"(\d+)-(\d+)$")
_MOST = 64
"""Ports of one range that are named singly."""


def environment(sections: list[Section]) -> dict[str, str]:
    """Return the variables that `setenv` and `presetenv` say in the files; the process may have more."""
    found: dict[str, str] = {}
    for section in sections:
        for line in section.lines:
            if line.name in {"setenv", "presetenv"}:
                name, *value = split(line.value)
                found[name] = " ".join(value)
    return found


def split(text: str, known: Mapping[str, str] | None = None) -> list[str]:
    """Return the words of a line, without a remark; a variable that nothing says is left as it is written."""
    if not any(mark in text for mark in "\"'\\#"):
        return text.split()
    return list(_split(text, tuple(sorted((known or {}).items()))))


@lru_cache(maxsize=1024)
def _split(text: str, known: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    values = dict(known)
    words: list[str] = []
    now: str | None = None
    for found in _PART.finditer(text):
        kind = found.lastgroup
        if kind == "comment" and now is None:
            break
        if kind == "blank":
            words += [] if now is None else [now]
            now = None
            continue
        part = found[kind] if kind else ""
        if kind == "double":
            part = _NAME.sub(lambda m: _value(m, values), part)
        now = (now or "") + part
    return (*words, *([] if now is None else [now]))


def _value(found: re.Match[str], values: Mapping[str, str]) -> str:
    if found[1]:
        return found[1]
    name = found[2] or found[4]
    return values.get(name, found[3] if found[3] is not None else found[0])


def ports(addresses: str) -> list[str]:
    """Return the ports of a bind line, which may name several addresses and ranges; a socket in the file system is its own."""
    found: list[str] = []
    for one in addresses.split(","):
        if "/" in one or one.startswith(("abns@", "fd@", "sockpair@")):
            found.append(one)
            continue
        port = one.rpartition(":")[2]
        span = _RANGE.match(port)
        first, last = (int(span[1]), int(span[2])) if span else (0, -1)
        many = first <= last < first + _MOST
        found += [str(n) for n in range(first, last + 1)] if many else [port] if port else []
    return found or ["443"]
