"""Which literals of a bundle give way to a reference to the host's secret store, and what the texts are then.

A reference is `@secret:name@`; the installer fills it in from the host's store. Names are made of account and
service and are given in the order of the bundle; equal values of one account share it. Nothing is replaced inside what is signed,
and nothing whose replacement the detector would still call a credential.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from bundle.detect.credentials import Credentials
from bundle.detect.credentials import detector as credentials
from bundle.detect.credentials.texts.replacing import REFERENCE, Literal, replaced
from bundle.rewrite import Edit
from bundle.rewrite.edit import place, plain
from bundle.rewrite.rpms import signed as rpm_signed
from bundle.walk import walk
from bundle.walk.limits import Limits
from bundle.walk.member import Member
from hardening.findings import Finding, InFile

SCHEMA = "harden-secrets/1"
OPERATION = "replace-text"

_SIGNED_INSIDE = re.compile(r"(?:^|/)META-INF/[^/]+\.(?:SF|RSA|DSA|EC)$|^_gpg\w+$", re.IGNORECASE)
_SIGNED_BESIDE = (".asc", ".sig", ".sign", ".p7s", ".p7m", ".minisig", ".dsse.json")
_SIGNED_SCRIPT = re.compile(rb'^SIGNATURE="?[^"\s]', re.MULTILINE)
_LARGEST_SCRIPT = 1 << 20
_UNDECODED = re.compile(r"\\x[0-9a-f]{2}")
"""How the walk writes a byte of a name that is no text."""

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One place that refers to the host's secret store now."""

    name: str
    parts: Parts
    """Below the bundle."""
    line: int | None
    syntax: str
    rule: str
    account: str
    service: str


@dataclass(slots=True)
class Plan:
    """What can be replaced: one edit for each text, what each finding becomes, and what cannot be done and why."""

    edits: dict[Parts, Edit] = field(default_factory=dict)
    done: list[tuple[Finding, Reference]] = field(default_factory=list)
    problems: list[tuple[Finding, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Names:
    """Names that are taken, and the value (sealed) each stands for."""

    key: bytes = field(default_factory=partial(secrets.token_bytes, 32))
    of: dict[str, bytes] = field(default_factory=dict)

    def name(self, one: Literal) -> str:
        """Return the name of this value: the one it has, else the literal's own with a number where it is taken."""
        known = next((n for n, seal in self.of.items() if seal == one.seal and n.startswith(one.name)), None)
        if known:
            return known
        name, number = one.name, 2
        while name in self.of:
            name, number = f"{one.name}-{number}", number + 1
        self.of[name] = one.seal
        return name


def plan(
    path: Path,
    findings: Iterable[Finding],
    *,
    limits: Limits | None = None,
    detector: Credentials | None = None,
) -> Plan:
    """Return what becomes of the findings whose fix is a safe `replace-text`; `detector` is the one that found them."""
    wanted = _wanted(findings)
    made = Plan()
    if not wanted:
        return made
    names, signed = _Names(), set[Parts]()
    detector = detector or credentials()
    places, met = {place(parts) for parts in wanted}, Counter[Parts]()
    texts: list[tuple[Parts, bytes, list[tuple[Finding, Literal, str]]]] = []
    for seen in walk(str(path), limits or Limits()):
        if not isinstance(seen, Member) or seen.kind != "file" or seen.derived or seen.offset:
            continue
        signed.update(_signed(seen))
        if (here := place(seen.parts)) in places:
            met[here] += 1
            if met[here] == 1 and seen.parts in wanted:
                texts.append(_text(seen, wanted[seen.parts], detector, names, made))
    twice = [f for parts, found in wanted.items() if met[place(parts)] > 1 for f in found]
    absent = [f for parts, found in wanted.items() if not met[place(parts)] for f in found]
    made.problems = [
        *((f, why) for f, why in made.problems if f not in twice),
        *((f, "its name stands twice in the archive") for f in twice),
        *((f, "it is not where the audit saw it") for f in absent),
    ]
    for parts, content, rows in texts:
        if met[place(parts)] > 1:
            continue
        if why := _objection(parts, signed):
            made.problems += [(f, why) for f, _, _ in rows]
            continue
        made.done += [(f, _reference(parts, one, name)) for f, one, name in rows]
        if rows:
            made.edits[parts[1:]] = Edit(parts[1:], content)
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
        return "its name has bytes that are no text, so that no host could be told where to fill it in"
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
    member: Member, findings: list[Finding], detector: Credentials, names: _Names, made: Plan
) -> tuple[Parts, bytes, list[tuple[Finding, Literal, str]]]:
    """Return the new text of one member and what was replaced in it."""
    old = bytes(member.content)
    found = {(one.rule, one.line, one.column): one for one in detector.literals(member, names.key)}
    rows: list[tuple[Finding, Literal, str]] = []
    for f in findings:
        at = f.location
        one = found.get((f.rule.id, at.line, at.column)) if isinstance(at, InFile) else None
        if one is None:
            made.problems.append((f, "the value is not where the audit saw it"))
        else:
            rows.append((f, one, names.name(one)))
    while rows:
        new = replaced(old, [(one, name) for _, one, name in rows])
        if new is None:
            made.problems += [(f, "the text is not in one encoding throughout") for f, _, _ in rows]
            rows = []
            break
        stubborn = _still(member, new, detector)
        if not stubborn:
            return member.parts, new, rows
        bad = [row for row in rows if row[1].line in stubborn] or rows
        made.problems += [(f, "a reference there would be taken for a credential again") for f, _, _ in bad]
        rows = [row for row in rows if row not in bad]
    return member.parts, old, rows


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
        name=name, parts=parts[1:], line=one.line, syntax=one.syntax, rule=one.rule, account=one.account, service=one.service
    )  # fmt: skip


def to_json(references: Iterable[Reference]) -> list[dict[str, Any]]:
    """Return what the installer has to fill in: one row for each name, with every place it stands at."""
    rows: dict[str, dict[str, Any]] = {}
    for one in sorted(references, key=lambda r: (r.name, r.parts, r.line or 0)):
        row = rows.setdefault(
            one.name, {"name": one.name, "account": one.account, "service": one.service, "places": []}
        )
        row["places"].append({"path": "!/".join(one.parts), "line": one.line, "syntax": one.syntax})
    return list(rows.values())
