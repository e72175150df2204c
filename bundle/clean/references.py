"""Which literals of a bundle give way to a reference to the host's secret store, and what the texts are then.

A reference is `@secret:name@`; the installer fills it in from the host's store. Names are made of account and
service and are given in the order of the bundle; one value of one account has one name, however often and in
whatever code it is written. Nothing is replaced inside what is signed,
and nothing whose replacement the detector would still call a credential.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bundle.detect.credentials import Credentials
from bundle.detect.credentials import detector as credentials
from bundle.detect.credentials.texts.replacing import REFERENCE, Literal, replaced
from bundle.rewrite import TextEdit
from bundle.rewrite.edit import place, plain
from bundle.rewrite.rpms import signed as rpm_signed
from bundle.walk import walk
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from hardening.findings import Finding, InFile

SCHEMA = "harden-secrets/1"
OPERATION = "replace-text"

_SIGNED_INSIDE = re.compile(r"(?:^|/)META-INF/[^/]+\.(?:SF|RSA|DSA|EC)$|^_gpg\w+$", re.IGNORECASE)
_SIGNED_BESIDE = (".asc", ".sig", ".sign", ".p7s", ".p7m", ".minisig", ".dsse.json")
_SIGNED_SCRIPT = re.compile(rb'^SIGNATURE="?[^"\s]', re.MULTILINE)
_LARGEST_SCRIPT = 1 << 20
_UNDECODED = re.compile(r"\\x[0-9a-f]{2}")
"""How the walk writes a byte of a name that is not text."""

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One place that refers to the host's secret store now."""

    name: str
    parts: Parts
    """Below the bundle."""
    line: int | None
    syntax: str
    encoding: str
    """The code in which the secret is written there, by its name in `ENCODINGS`."""
    rule: str
    accounts: tuple[str, ...]
    """Of one of them, where the place does not tell which."""
    service: str


@dataclass(slots=True)
class CleaningPlan:
    """What can be replaced: one edit for each text, what each finding becomes, and what cannot be done and why."""

    edits: dict[Parts, TextEdit] = field(default_factory=dict)
    done: list[tuple[Finding, Reference]] = field(default_factory=list)
    problems: list[tuple[Finding, str]] = field(default_factory=list)


_GENERAL = frozenset(("", "database", "application", "system", "host"))
"""Services of which no more is known: they may be any other."""


@dataclass(slots=True)
class _Secret:
    """One value of one account, by what its places tell of it."""

    seal: bytes
    drawn: bool
    accounts: set[str]
    service: str
    names: list[str]

    def is_also(self, one: Literal) -> bool:
        """Return whether a literal is this secret: a drawn value is, unless it is another account's."""
        if self.seal != one.seal:
            return False
        if self.drawn:
            return not (self.accounts and one.account) or self._may_be_of(one)
        same_service = self.service == one.service or bool(_GENERAL & {self.service, one.service})
        return one.name in self.names or (self._may_be_of(one) and same_service)

    def _may_be_of(self, one: Literal) -> bool:
        return not self.accounts.isdisjoint((one.account, *one.others))

    def take(self, one: Literal) -> None:
        """Add what another place tells."""
        if (not self.accounts and one.account) or (self.service in _GENERAL and one.service not in _GENERAL):
            better = bool(one.account) or not self.accounts
            self.names.insert(0 if better else len(self.names), one.name)
        else:
            self.names.append(one.name)
        self.accounts |= {name for name in (one.account, *one.others) if name}
        self.service = one.service if self.service in _GENERAL and one.service else self.service


def _names(literals: Iterable[Literal]) -> list[str]:
    """Return the name of each literal: one for each secret, and a number where two secrets would have the same."""
    secrets_: list[_Secret] = []
    of: list[_Secret] = []
    for one in literals:
        known = next((s for s in secrets_ if s.is_also(one)), None)
        if known is None:
            known = _Secret(one.seal, one.drawn, set(), one.service, [])
            secrets_.append(known)
        known.take(one)
        of.append(known)
    names: dict[int, str] = {}
    taken: set[str] = set()
    for secret in secrets_:
        name, number = secret.names[0], 2
        while name in taken:
            name, number = f"{secret.names[0]}-{number}", number + 1
        taken.add(name)
        names[id(secret)] = name
    return [names[id(secret)] for secret in of]


@dataclass(slots=True)
class _Text:
    """One text with the findings that are to be answered in it, and their literals."""

    member: Member
    rows: list[tuple[Finding, Literal]]


def plan(
    path: Path,
    findings: Iterable[Finding],
    *,
    limits: WalkLimits | None = None,
    detector: Credentials | None = None,
) -> CleaningPlan:
    """Return what becomes of the findings whose fix is a safe `replace-text`; `detector` is the one that found them."""
    wanted = _wanted(findings)
    made = CleaningPlan()
    if not wanted:
        return made
    key, signed = secrets.token_bytes(32), set[Parts]()
    detector = detector or credentials()
    places, met = {place(parts) for parts in wanted}, Counter[Parts]()
    texts: list[_Text] = []
    for seen in walk(str(path), limits or WalkLimits()):
        if not isinstance(seen, Member) or seen.kind != "file" or seen.derived or seen.offset:
            continue
        signed.update(_signed(seen))
        if (here := place(seen.parts)) in places:
            met[here] += 1
            if met[here] == 1 and seen.parts in wanted:
                texts.append(_text(seen, wanted[seen.parts], detector, key, made))
    twice = [f for parts, found in wanted.items() if met[place(parts)] > 1 for f in found]
    absent = [f for parts, found in wanted.items() if not met[place(parts)] for f in found]
    made.problems = [
        *((f, why) for f, why in made.problems if f not in twice),
        *((f, "its name is there twice in the archive") for f in twice),
        *((f, "it is not where the audit saw it") for f in absent),
    ]
    kept = []
    for text in texts:
        parts = text.member.parts
        if met[place(parts)] > 1:
            continue
        if why := _objection(parts, signed):
            made.problems += [(f, why) for f, _ in text.rows]
            continue
        kept.append(text)
    names = iter(_names(one for text in kept for _, one in text.rows))
    for text in kept:
        _replace(text, names, detector, made)
    return made


def _wanted(findings: Iterable[Finding]) -> dict[Parts, list[Finding]]:
    wanted: dict[Parts, list[Finding]] = {}
    for one in findings:
        if one.fix and one.fix.safe and one.fix.operation == OPERATION and isinstance(one.location, InFile):
            wanted.setdefault(one.location.parts, []).append(one)
    return wanted


def _objection(parts: Parts, signed: set[Parts]) -> str:
    """Say why a member stays: the signed archive or file that it lies in, or is, or its name; empty where it may change."""
    if _UNDECODED.search(parts[-1]):
        return "its name has bytes that are not text, so no host could find the place"
    around = next((parts[:n] for n in range(1, len(parts) + 1) if parts[:n] in signed), None)
    if around is None:
        return ""
    return f"{'!/'.join(around[1:]) or 'the bundle'} is signed by its maker"


def _signed(member: Member) -> Iterable[Parts]:
    """Yield what the member is a signature over."""
    name = plain(member.parts[-1])
    if _SIGNED_INSIDE.search(name):
        yield member.parts[:-1]
    for end in _SIGNED_BESIDE:
        if name.endswith(end):
            yield (*member.parts[:-1], name.removesuffix(end))
    if member.format == "rpm" and rpm_signed(bytes(member.content[:_LARGEST_SCRIPT])):
        yield member.parts
    if member.format == "makeself" and _SIGNED_SCRIPT.search(bytes(member.content[:_LARGEST_SCRIPT])):
        yield member.parts


def _text(
    member: Member, findings: list[Finding], detector: Credentials, key: bytes, made: CleaningPlan
) -> _Text:
    """Return what is to be replaced in one member."""
    member = replace(member, content=bytes(member.content))
    found = {(one.rule, one.line, one.column): one for one in detector.literals(member, key)}
    rows: list[tuple[Finding, Literal]] = []
    for f in findings:
        at = f.location
        one = found.get((f.rule.id, at.line, at.column)) if isinstance(at, InFile) else None
        if one is None:
            made.problems.append((f, "the value is not where the audit saw it"))
        else:
            rows.append((f, one))
    return _Text(member, rows)


def _replace(text: _Text, names: Iterator[str], detector: Credentials, made: CleaningPlan) -> None:
    """Add the new text of one member to the plan, and what was replaced in it."""
    member = text.member
    rows = [(f, one, next(names)) for f, one in text.rows]
    while rows:
        new = replaced(bytes(member.content), [(one, name) for _, one, name in rows])
        if new is None:
            made.problems += [(f, "the text is not in one encoding throughout") for f, _, _ in rows]
            return
        stubborn = _still(member, new, detector)
        if not stubborn:
            made.done += [(f, _reference(member.parts, one, name)) for f, one, name in rows]
            made.edits[member.parts[1:]] = TextEdit(member.parts[1:], new)
            return
        bad = [row for row in rows if row[1].line in stubborn] or rows
        made.problems += [(f, "a reference there would be taken for a credential again") for f, _, _ in bad]
        rows = [row for row in rows if row not in bad]


def _still(member: Member, new: bytes, detector: Credentials) -> set[int]:
    """Return the lines on which a reference is part of what is caught."""
    seen = replace(member, content=new, words=None, size=len(new), digest=None)
    return {
        f.location.line or 0
        for f in detector.check(seen, "")
        if isinstance(f.location, InFile) and _caught_reference(seen, f.location)
    }


def _caught_reference(member: Member, at: InFile) -> bool:
    from bundle.detect.credentials.texts.textview import View

    data = bytes(View.of(member).data).split(b"\n")
    line = data[(at.line or 1) - 1]
    column = (at.column or 1) - 1
    return any(m.start() <= column < m.end() for m in REFERENCE.finditer(line))


def _reference(parts: Parts, one: Literal, name: str) -> Reference:
    return Reference(
        name=name, parts=parts[1:], line=one.line, syntax=one.syntax, encoding=one.encoding, rule=one.rule,
        accounts=tuple(filter(None, (one.account, *one.others))), service=one.service,
    )  # fmt: skip


def to_json(references: Iterable[Reference]) -> list[dict[str, Any]]:
    """Return what the installer has to fill in: one row for each name, with every place it stands at."""
    rows: dict[str, dict[str, Any]] = {}
    for one in sorted(references, key=lambda r: (r.name, r.parts, r.line or 0)):
        row = rows.setdefault(
            one.name, {"name": one.name, "account": "", "service": one.service, "places": []}
        )
        row["account"] = row["account"] or " or ".join(one.accounts)
        if row["service"] in _GENERAL and one.service:
            row["service"] = one.service
        at = {"path": "!/".join(one.parts), "line": one.line, "syntax": one.syntax}
        row["places"].append({**at, "encoding": one.encoding} if one.encoding else at)
    return list(rows.values())
