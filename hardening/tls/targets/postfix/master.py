"""The smtpd services of Postfix' master.cf with the options on their lines; a remark between them ends nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field

from hardening.records import dataclass

_SMTPD = re.compile(r"(?P<name>[^\s#]\S*)[ \t]+(?:inet|pass)[ \t]+(?:\S+[ \t]+){5}smtpd(?=\s|$)")
_OPTION = re.compile(
    r"-o\s*(?:\{\s*(?P<named>\w+)\s*=(?P<held>(?:[^{}]|\{[^{}]*\})*)\}|(?P<name>\w+)=(?P<value>\S*))"
)


@dataclass(frozen=True, slots=True)
class Option:
    """One `-o name=value`, with its line and its span in the text."""

    name: str
    value: str
    line: int
    first: int
    last: int


@dataclass(slots=True)
class MasterService:
    """One smtpd: the name or address it listens under, and its options in order."""

    name: str
    options: list[Option] = field(default_factory=list)


def services(text: str) -> Iterator[MasterService]:
    """Yield the smtpd services of a master.cf, in order."""
    now: MasterService | None = None
    offset = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            start = 0
            if line[0] not in " \t":
                if now is not None:
                    yield now
                found = _SMTPD.match(line)
                now, start = (MasterService(found["name"]), found.end()) if found else (None, 0)
            if now is None:
                offset += len(line) + 1
                continue
            for one in _OPTION.finditer(line, start):
                name, value = (
                    (one["named"], one["held"].strip()) if one["named"] else (one["name"], one["value"])
                )
                now.options.append(Option(name, value, number, offset + one.start(), offset + one.end()))
        offset += len(line) + 1
    if now is not None:
        yield now
