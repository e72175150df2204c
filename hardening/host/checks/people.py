"""The accounts of a host, and which of them a web server runs under."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hardening.host.checks.root import FileMeta, Root

WEB = (
    "apache",
    "www-data",
    "httpd",
    "nginx",
    "lighttpd",
    "www",
    "wwwrun",
    "tomcat",
    "jetty",
    "nobody",
    "http",
)
"""Accounts that web servers of CentOS, Debian, SUSE and Arch run under by default."""

_NUMBER = re.compile("[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Person:
    """One account with its groups."""

    name: str
    uid: int
    groups: frozenset[int]
    group_names: frozenset[str] = frozenset()

    def may_write(self, about: FileMeta) -> bool:
        """Tell whether the permission bits let this account write."""
        if self.uid == 0:
            return True
        if about.uid == self.uid:
            return bool(about.mode & 0o200)
        if about.gid in self.groups:
            return bool(about.mode & 0o020)
        return bool(about.mode & 0o002)


def web_users(root: Root, more: Iterable[str] = ()) -> tuple[Person, ...]:
    """Return the accounts a web server may run under: the usual names, and who owns what PHP and servers name."""
    members: dict[str, set[int]] = {}
    names: dict[int, str] = {}
    for row in _rows(root, "/etc/group", 4):
        names[int(row[2])] = row[0]
        for member in filter(None, row[3].split(",")):
            members.setdefault(member.strip(), set()).add(int(row[2]))
    found = []
    for row in _rows(root, "/etc/passwd", 7):
        if row[0] in WEB or row[0] in more:
            groups = frozenset({int(row[3]), *members.get(row[0], ())})
            found.append(Person(row[0], int(row[2]), groups, frozenset(names.get(gid, "") for gid in groups)))
    return tuple(found)


def _rows(root: Root, path: str, width: int) -> Iterable[list[str]]:
    for line in (root.text(path) or "").splitlines():
        row = line.split(":")
        numbers = row[2:4] if width == 7 else row[2:3]  # noqa: PLR2004 - passwd has a group in its fourth field
        if len(row) >= width and all(map(_NUMBER.fullmatch, numbers)):
            yield row


def who_may_write(root: Root, path: str, people: Iterable[Person]) -> tuple[str, str] | None:
    """Return (account, path) of the first that may change what lies at `path`, or swap it from a folder above it."""
    everyone = list(people)
    for step, here in enumerate(root.ways(path)):
        about = root.about(here)
        if about is None:
            continue
        if step and about.mode & 0o1000 and about.folder:  # sticky: only the owner may rename what is in it
            continue
        for one in everyone:
            if one.may_write(about):
                return one.name, here
    return None
