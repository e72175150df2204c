"""The web server's access logs: was a found component asked for, by whom, from when to when."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from hardening.findings import Finding, in_file
from hardening.host.checks.root import Root
from hardening.host.checks.rules import UNREAD, VISITED
from hardening.tls.targets.reading import chroot

LOGS = (
    "/var/log/httpd/*access*", "/var/log/apache2/*access*", "/var/log/nginx/*access*", "/var/log/lighttpd/*access*",
    "/home/MIX_CMIX/log*/*access*",
)  # fmt: skip
LARGEST = 4 << 30
"""Bytes of one log, unpacked, that are read."""
_LINE = re.compile(
    rb'^(?P<who>\S+) \S+ .{0,200}?\[(?P<when>[^\]]{1,40})\] "(?:[A-Z]{3,10}) (?P<what>[^ "]{1,4000})[^"]*" (?P<code>\d{3})'
)
_WHEN = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@dataclass(slots=True)
class Visits:
    """Visits of one component, from the logs."""

    first: str = ""
    last: str = ""
    answered: int = 0
    refused: int = 0
    who: Counter[str] = field(default_factory=Counter)
    log: str = ""
    line: int = 0


def look(root: Root, subject: str, found: Iterable[Finding], webs: Iterable[str]) -> Iterator[Finding]:
    """Say each forbidden component that was asked for and answered. `webs`: document roots, outermost paths first."""
    wanted = {url: one for one in found for url in _urls(one, list(webs))}
    if not wanted:
        return
    visits = {url: Visits() for url in wanted}
    needles = [(url.encode(), url) for url in wanted]
    shut: list[str] = []
    for pattern in LOGS:
        for path in root.matching(pattern, shut.append):
            if why := _read(root, path, needles, visits):
                place, message = in_file(path), f"{path} could not be read to its end: {why}"
                yield Finding(rule=UNREAD, subject=subject, location=place, message=message)
    for folder in dict.fromkeys(shut):
        message = f"{folder}: cannot be read: permission denied"
        yield Finding(rule=UNREAD, subject=subject, location=in_file(folder), message=message)
    for url, one in sorted(visits.items()):
        if not one.answered:
            continue
        top = ", ".join(f"{who} ({count})" for who, count in one.who.most_common(5))
        more = f" and {len(one.who) - 5} more" if len(one.who) > 5 else ""  # noqa: PLR2004 - as many as are named
        yield Finding(
            rule=VISITED, subject=subject, location=in_file(one.log, one.line), evidence=url,
            message=f"{url} was answered {one.answered} times between {one.first} and {one.last} (refused or missing: "
            f"{one.refused}), to {top}{more}",
        )  # fmt: skip


def asked(found: Iterable[Finding], webs: Iterable[str]) -> bool:
    """Return whether there is a component for which the logs are read."""
    folders = list(webs)
    return any(True for one in found for _ in _urls(one, folders))


def _urls(finding: Finding, webs: list[str]) -> Iterator[str]:
    if not finding.rule.id.startswith("component/") or len(getattr(finding.location, "parts", ())) != 1:
        return
    path = finding.location.parts[0]  # type: ignore[union-attr]  # just asked
    inside = [web for web in webs if path.startswith(web.rstrip("/") + "/")]
    if inside:
        web = max(inside, key=len)
        yield path[len(web.rstrip("/")) :]


def _read(root: Root, path: str, needles: list[tuple[bytes, str]], visits: dict[str, Visits]) -> str:
    """Count what one log says; return why it was not read to its end, or an empty text."""
    place = root.place(path)
    try:
        with chroot.opened(str(place)) as stored, _opened(place, stored) as file:
            for number, line in enumerate(_bounded(file), start=1):
                for needle, url in needles:
                    if needle in line or b"%" in line:
                        _count(line, url, visits[url], path, number)
            return ""
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as problem:  # what was read counts
        return getattr(problem, "strerror", None) or str(problem)


def _opened(place: Path, stored: IO[bytes]) -> IO[bytes]:
    opener = _OPENERS.get(place.suffix)
    return opener(stored, "rb") if opener is not None else stored  # type: ignore[operator]  # each opens a binary file


def _bounded(file: IO[bytes]) -> Iterator[bytes]:
    """Say the lines of a log. Errors: OSError (it is too long)."""
    read = 0
    while line := file.readline(1 << 16):
        if read >= LARGEST:
            raise OSError(f"it has more than {LARGEST} bytes")
        read += len(line)
        yield line


def _count(line: bytes, url: str, visits: Visits, path: str, number: int) -> None:
    parsed = _LINE.match(line)
    if parsed is None:
        return
    asked = unquote(parsed["what"].decode("latin-1")).partition("?")[0]
    if re.sub(r"/{2,}", "/", asked) != url:
        return
    if parsed["code"].startswith((b"4", b"5")):
        visits.refused += 1
        return
    when = parsed["when"].decode("latin-1")
    order = _order(when)
    if not visits.answered or order < _order(visits.first):
        visits.first, visits.log, visits.line = when, path, number
    if order >= _order(visits.last):
        visits.last = when
    visits.answered += 1
    visits.who[parsed["who"].decode("latin-1")] += 1


def _order(when: str) -> datetime:
    """Return a log's time for comparing: rotated logs are not read in the order of time.

    Its month is English whatever language this process speaks; `strptime` reads it in that of Ansible's caller.
    """
    parsed = _WHEN.fullmatch(when)
    try:
        day, month, year, hour, minute, second, zone = parsed.groups() if parsed else ("",) * 7
        offset = timedelta(hours=int(zone[:3]), minutes=int(zone[0] + zone[3:]))
        moment = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
        return datetime(*moment, tzinfo=timezone(offset))
    except (ValueError, IndexError):
        return datetime.min.replace(tzinfo=UTC)
