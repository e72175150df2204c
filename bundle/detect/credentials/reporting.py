"""Findings about what was caught: whose it is, where it stands, and what to do; never the value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bundle.detect.credentials.decide import Decision
from bundle.detect.credentials.judging.score import is_drawn
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Family
from bundle.detect.credentials.rules.rotation import revoke, rotate
from bundle.detect.credentials.texts import place
from bundle.walk.formats.rpms import NOTES, SCRIPTS, script_of
from bundle.walk.member import Member
from hardening.findings import Finding, Fix, either, of_service

SUDO, TOKEN = "credential/sudo-rule", "credential/service-token"
_LARGEST_LINE = 200
_FIX = "replace the value by a reference to the host's secret store, and change the password"


def finding(
    member: Member,
    subject: str,
    family: Family,
    one: Catch,
    line: int | None,
    column: int | None,
    *,
    decision: Decision,
    by_hand: str,
    owner: Catch | None = None,
) -> Finding:
    """Say a credential; a rule of sudo's is said as what it allows.

    `owner` is the catch with what stands beside it of its account and its service. `line` and `column` are counted from 1, None where the stored file has no lines;
    `by_hand` says why no program may put a reference there, empty where one may.
    """
    if family.rule.id == SUDO:
        return _grant(member, subject, family, one, line, column, decision)
    one, owner = named(one), owner and named(owner)
    token = family.rule.id == TOKEN
    what = one.key or ("a token" if token else "an account")
    whose = f"the account {_shown(one.user)!r}" if one.user else what
    service = of_service(_shown((owner or one).service))
    beside = owner is not None and (owner.user != one.user or (not one.user and owner.service != one.service))
    if owner is not None and beside:
        account = f"the account {either(_accounts(owner))}" if owner.user else "an account"
        of = of_service(_shown(owner.service))
        whose, service = (f"{one.key} ({account}{of})", "") if one.key else (account, of)
    note = "".join(f"; {said}" for said in (decision.note, _script(member, line)) if said)
    return Finding(
        rule=family.rule,
        subject=subject,
        location=member.at(line, column),
        message=f"{family.rule.title}: {_shown(whose)}{service}{note}",
        severity=decision.severity,
        confidence=decision.confidence,
        remedy=_remedy(family, owner or one),
        evidence=f"{_shown(one.key or one.user or 'value')} = ***",
        fix=Fix(
            action=f"{_FIX}; a person decides, since {by_hand}" if by_hand else _FIX,
            safe=not by_hand,
            operation="" if by_hand else "replace-text",
        ),
        account=_shown((owner or one).user),
        accounts=_accounts(owner) if owner and owner.others else (),
        service=_shown((owner or one).service),
        role=decision.role,
        matched=_matched(one),
        because=decision.because,
    )


def named(one: Catch) -> Catch:
    """Return a catch without an account that may be a password: one in doubt, or one that a generator drew."""
    return replace(one, user="", others=()) if one.doubtful or is_drawn(one.user) else one


def _script(member: Member, line: int | None) -> str:
    """Return in which script or note of an rpm a line is, which has no file of its own, and in which of its lines."""
    if member.derived not in (SCRIPTS, NOTES) or line is None:
        return ""
    above = bytes(member.content).split(b"\n")[:line]
    heads = [(number, found) for number, text in enumerate(above, 1) if (found := script_of(text))]
    return f"in the {heads[-1][1]}, line {line - heads[-1][0]}" if heads else ""


def _remedy(family: Family, one: Catch) -> str:
    """Return what to do where the account or the service is known; else empty, for what the rule says of all."""
    if family.rule.id == TOKEN and one.service:
        return revoke(one.service)
    return rotate(either(_accounts(one)), one.service, family.rule.remedy) if one.user or one.service else ""


def _accounts(one: Catch) -> tuple[str, ...]:
    """Return the accounts that a credential may be of, as they are shown."""
    return tuple(_shown(name) for name in (one.user, *one.others) if name)


def _matched(one: Catch) -> tuple[str, ...]:
    return (one.row,) if one.row else ()


def _grant(
    member: Member,
    subject: str,
    family: Family,
    one: Catch,
    line: int | None,
    column: int | None,
    decision: Decision,
) -> Finding:
    """Say a rule of sudo's: what it allows is no secret, and nothing can stand in for it."""
    user = _shown(one.user)
    whose = f"the account {user!r}" if user else "one that is made"
    return Finding(
        rule=family.rule,
        subject=subject,
        location=member.at(line, column),
        message=f"{family.rule.title}: {whose}",
        severity=decision.severity,
        confidence=decision.confidence,
        role=decision.role,
        matched=_matched(one),
        because=decision.because,
        evidence=f"{user} NOPASSWD: {_shown(one.value.strip())}".lstrip(),
        fix=Fix(action="list the commands with full paths and arguments, or leave NOPASSWD out"),
    )


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:_LARGEST_LINE]


def by_path(member: Member, subject: str, families: Sequence[Family]) -> Iterator[Finding]:
    """Say a file that a user's own rules are for by its path alone."""
    if member.kind != "file" or member.derived or member.offset:
        return
    path = place.whole(member, subject)
    for family in families:
        if family.path and family.path.search(path) and not any(a.lets_file(path) for a in family.allowed):
            message = f"{family.rule.title}: the file by its path"
            yield Finding(
                rule=family.rule,
                subject=subject,
                location=member.at(),
                message=message,
                evidence="file detected",
            )
