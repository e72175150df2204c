"""What a bundle's files open up: sudoers rules, and the ports that configurations listen on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bundle.walk.member import Member

_LARGEST = 1 << 20
"""Configuration files are small; larger ones are data."""


@dataclass(frozen=True, slots=True)
class _Listens:
    """How one kind of configuration names a port: which files, and the line."""

    how: str
    names: re.Pattern[str]
    line: re.Pattern[bytes]


def _listens(how: str, names: str, line: bytes) -> _Listens:
    return _Listens(how, re.compile(names, re.IGNORECASE), re.compile(line, re.IGNORECASE | re.MULTILINE))


_HIGHEST_PORT = 65535
_ADDRESS = rb"(?:\[?[\w.:*-]+\]?:)?"
LISTENS = (
    _listens("Listen", r"\.conf$", rb"^[ \t]*Listen[ \t]+" + _ADDRESS + rb"(\d{1,5})\b"),
    _listens("listen", r"\.conf$|/sites-(?:available|enabled)/", rb"^[ \t]*listen[ \t]+" + _ADDRESS + rb"(\d{1,5})[ \t;]"),
    _listens("server.port", r"\.conf$", rb"^[ \t]*server\.port[ \t]*=[ \t]*\"?(\d{1,5})\b"),
    _listens('$SERVER["socket"]', r"\.conf$", rb"^[ \t]*\$SERVER\[[ \t]*\"socket\"[ \t]*\][ \t]*==[ \t]*\"[^\"\n]*:(\d{1,5})\""),
    _listens("Connector", r"(?:^|/)server[^/]*\.xml$", rb"<(?:Connector|Server)\b[^>]*?\bport=\"(\d{1,5})\""),
    _listens("Port", r"(?:^|/)(?:sshd_config|proftpd\.conf)$", rb"^[ \t]*Port[ \t]+(\d{1,5})\b"),
    _listens("ListenStream", r"\.socket$", rb"^[ \t]*Listen(?:Stream|Datagram)=" + _ADDRESS + rb"(\d{1,5})[ \t]*$"),
    _listens("setting", r"\.(?:conf|cnf|cfg|ini|properties|env)$",
             rb"^[ \t]*(?:[\w.-]+[._-])?(?:listen_?)?port[ \t]*[=:][ \t]*\"?(\d{1,5})\"?[ \t\r]*$"),
)  # fmt: skip
"""Each way of naming a port that is known, by file name and line."""


def listening(member: Member) -> Iterator[tuple[int, str]]:
    """Yield the ports a configuration file names, with the directive that names it, each once."""
    if member.kind != "file" or member.container or member.derived or not 0 < member.size <= _LARGEST:
        return
    path = member.parts[-1]
    seen: set[int] = set()
    for kind in LISTENS:
        if not kind.names.search(path):
            continue
        for found in kind.line.finditer(member.content):
            port = int(found[1])
            if 0 < port <= _HIGHEST_PORT and port not in seen:
                seen.add(port)
                yield port, kind.how


_SUDOERS = re.compile(r"(?:^|/)sudoers(?:\.d/[^/]+)?$")
_CONTINUED = re.compile(rb"\\\r?\n[ \t]*")
_COMMENT = re.compile(r"#(?!\d|include(?:dir)? )")
"""Before digits it is whom a rule is for, by number; `#include` reads another file."""


def sudo_rules(member: Member) -> Iterator[str]:
    """Yield the rules of a sudoers file, without comments, each on one line."""
    if member.kind != "file" or not 0 < member.size <= _LARGEST or not _SUDOERS.search(member.parts[-1]):
        return
    for line in _CONTINUED.sub(b" ", bytes(member.content)).splitlines():
        text = " ".join(line.decode("utf-8", "replace").split())
        if text and not _COMMENT.match(text):
            yield text[:300]
