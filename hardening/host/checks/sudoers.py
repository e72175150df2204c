"""sudo's rules, as far as they say who may run what as root without a password.

Read: continued lines, aliases, tags, `#include`, `@include` and the folders (sudoers(5)). Not evaluated: hosts and
netgroups (every rule is taken to hold on this host) and negated commands (what is excluded is not what is allowed).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hardening.host.checks.root import Root

DEEPEST = 16
_ALIAS = re.compile(r"^(User|Cmnd|Runas|Host)_Alias\s+(.*)$")
_INCLUDE = re.compile(r"^[#@]include(dir)?\s+(.+)$")
_COMMENT = re.compile(r"#(?!\d)")
"""Before digits it is whom a rule is for, by number."""
_TAG = re.compile(r"^(?:[A-Z_]+:\s*)+")
_SPLIT = re.compile(r"(?<!\\),")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One command that one account or %group may run."""

    who: str
    runas: str
    command: str
    password: bool
    path: str
    line: int


def rules(root: Root, path: str = "/etc/sudoers") -> tuple[Allowed, ...]:
    """Return everything the files allow, in their order."""
    lines = list(_lines(root, path, 0))
    aliases: dict[str, dict[str, list[str]]] = {}
    for _, _, text in lines:
        if alias := _ALIAS.match(text):
            for definition in re.split(r"\s:\s", alias[2]):
                name, _, values = definition.partition("=")
                aliases.setdefault(alias[1], {})[name.strip()] = _list(values)
    made: list[Allowed] = []
    for where, line, text in lines:
        if text.startswith("Defaults") or _ALIAS.match(text) or "=" not in text:
            continue
        made += _rule(text, aliases, where, line)
    return tuple(made)


def _lines(root: Root, path: str, depth: int) -> Iterator[tuple[str, int, str]]:
    text = root.text(path)
    if text is None or depth > DEEPEST:
        return
    held, start = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        start = start or number
        if raw.endswith("\\"):
            held += raw[:-1]
            continue
        line, at = (held + raw).strip(), start
        held, start = "", 0
        include = _INCLUDE.match(line)
        if include and include[1]:
            for name in root.matching(include[2].strip().strip('"').rstrip("/") + "/*"):
                last = name.rpartition("/")[2]
                if "." not in last and not last.endswith("~"):
                    yield from _lines(root, name, depth + 1)
        elif include:
            yield from _lines(root, include[2].strip().strip('"'), depth + 1)
        elif line and not _COMMENT.match(line):
            yield path, at, re.sub(r"(?<!\\)#(?!\d).*$", "", line).strip()


def _rule(text: str, aliases: dict[str, dict[str, list[str]]], path: str, line: int) -> Iterator[Allowed]:
    head = re.match(r'^((?:"[^"]*"|[^\s,=]+)(?:\s*,\s*(?:"[^"]*"|[^\s,=]+))*)\s+(.*)$', text)
    if head is None:
        return
    people = [one for name in _list(head[1]) for one in _opened(name.strip('"'), aliases.get("User", {}))]
    for specification in re.split(r"\s:\s", head[2]):
        _, _, rest = specification.partition("=")
        runas, password = "root", True
        for item in _list(rest):
            if chosen := re.match(r"^\(([^)]*)\)\s*", item):
                runas = chosen[1].partition(":")[0].strip() or "root"
            bare = item[chosen.end() :] if chosen else item
            if tags := _TAG.match(bare):
                password = "NOPASSWD:" not in tags[0] and (password or "PASSWD:" in tags[0])
            command = _TAG.sub("", bare).strip()
            for one in _opened(command, aliases.get("Cmnd", {})):
                if one and not one.startswith("!"):
                    for person in people:
                        yield Allowed(person, runas, one.replace("\\", ""), password, path, line)


def _list(text: str) -> list[str]:
    return [one.strip() for one in _SPLIT.split(text) if one.strip()]


def _opened(name: str, aliases: dict[str, list[str]], depth: int = 0) -> list[str]:
    if name not in aliases or depth > DEEPEST:
        return [name]
    return [one for inner in aliases[name] for one in _opened(inner, aliases, depth + 1)]
