"""Key agreement of a fleet: each host, by its configuration and by what it answers, in one row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from hardening.findings import Run, Subject, SubjectKind
from hardening.reports.plain import visible

WORDS = {"hybrid": "hybrid", "classical": "classical", "cannot": "cannot", "unknown": "not known"}
"""As `offer.key_agreement` of the JSON report has it, and as people read it."""
TITLE = "Key agreement (hybrid is post-quantum)"
HEAD = ("Host", "by configuration", "by wire")
_ENDPOINT = re.compile(r"(?:[\w-]+://)?(\[[^\]]*\]|[^:/?#]+)")
_LABEL = re.compile(r"([^/:#]+):/")
_SERVER = re.compile(r"#(?P<name>[^#:]+):\d+")


class Vantage(Enum):
    """From where a server was seen."""

    CONFIGURATION = "configuration"
    WIRE = "wire"


@dataclass(slots=True)
class HostAgreement:
    """One host: how many of its servers have which key agreement."""

    host: str
    seen: dict[Vantage, Counter[str]] = field(default_factory=dict)

    def words(self, of: Vantage) -> str:
        """Return the word that all servers share, else each with its count; `-` where nothing was seen so."""
        found = self.seen.get(of, Counter())
        if len(found) == 1:
            return WORDS[next(iter(found))]
        return ", ".join(f"{count} {WORDS[word]}" for word, count in sorted(found.items())) or "-"


def vantage(subject: Subject) -> Vantage:
    """Return from where a subject was seen."""
    return Vantage.WIRE if subject.kind is SubjectKind.ENDPOINT else Vantage.CONFIGURATION


def table(run: Run) -> list[HostAgreement]:
    """Return a row for each host of which the key agreement was judged, by name."""
    rows: dict[str, HostAgreement] = {}
    named = hosts(run)
    known = {one.id for one in run.subjects}
    for one in run.subjects:
        word = (one.offer or {}).get("key_agreement")
        if word in WORDS and one.same_as not in known:
            host = named[one.id]
            row = rows.setdefault(host, HostAgreement(host))
            row.seen.setdefault(vantage(one), Counter())[word] += 1
    return [rows[host] for host in sorted(rows)]


def shown(run: Run) -> list[tuple[str, str, str]]:
    """Return the rows that people read: host, by configuration, by wire. Empty for one host that was seen one way: its subject says it."""
    rows = [
        (visible(row.host), row.words(Vantage.CONFIGURATION), row.words(Vantage.WIRE)) for row in table(run)
    ]
    return rows if len(rows) > 1 or any("-" not in row for row in rows) else []


def hosts(run: Run) -> Mapping[str, str]:
    """Return the host of each server: of the inventory or the endpoint; of a lone file the name clients ask for, where a scan asked for it."""
    found: dict[str, str] = {}
    answered: dict[str, str] = {}
    for one in run.subjects:
        if one.kind is SubjectKind.ENDPOINT and (match := _ENDPOINT.match(one.id)):
            found[one.id] = match[1]
            answered[match[1]] = match[1]
            answered[one.id.partition("#")[2]] = match[1]
    machines = [one.id for one in run.subjects if one.kind is SubjectKind.HOST]
    for one in run.subjects:
        if one.id not in found:
            label, server = _LABEL.match(one.id), _SERVER.search(one.id)
            own = label[1] if label else machines[0] if len(machines) == 1 else ""
            named = answered.get(server["name"], "") if server else ""
            found[one.id] = own or named or one.id.partition("#")[0]
    return found
