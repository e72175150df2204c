"""What a server does by itself is not known where a file that was not read may set it: it is no violation then."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from hardening.findings import Confidence, Finding, InFile, Result, Severity, Verdict
from hardening.tls.auditing.shared import Audited
from hardening.tls.judging import rules
from hardening.tls.offer import Located, Offer
from hardening.tls.targets.reading.tree import Tree

KINDS = frozenset({"missing-include", "unreadable", "binary", "archive", "too-large"})
"""Kinds of problems after which whole files are unseen."""
DEPENDS = "; by default, unless the file that was not read sets it"
_SETS = re.compile(r"proto|cipher|curve|group|ecdh|option|version", re.IGNORECASE)
"""A line that sets what is offered, where the server itself begins on it."""


def unsettled(found: Audited, offers: Collection[Offer], tree: Tree, why: str) -> None:
    """Take back what rests on defaults alone: such findings are `info`, and their results and verdicts are open."""
    of_subject: dict[str, list[Offer]] = {}
    for offer in offers:
        for name in (offer.subject, *offer.also):
            of_subject.setdefault(name, []).append(offer)
    doubted = {
        id(one)
        for one in found.findings
        if one.policies
        and all(_by_default(one, offer, tree) for offer in of_subject.get(one.subject, ()))
        and one.subject in of_subject
    }
    results = [_result(one, found, doubted, why) for one in found.results]
    failed = {(one.subject, _policy(one.rule.id)) for one in results if one.verdict is Verdict.FAIL}
    found.results = results
    found.subjects = [
        replace(
            one,
            policies={
                name: word if (one.id, name) in failed or word != "fail" else "unknown"
                for name, word in one.policies.items()
            },
        )
        for one in found.subjects
    ]
    found.findings = [_open(one) if id(one) in doubted else one for one in found.findings]


def _result(result: Result, found: Audited, doubted: Collection[int], why: str) -> Result:
    """Return a result, or that it is open where every finding behind it is in doubt."""
    behind = [one for one in found.findings if result.rests_on(one)]
    if result.verdict is Verdict.FAIL and behind and all(id(one) in doubted for one in behind):
        return replace(result, verdict=Verdict.INCONCLUSIVE, reason=f"not settled: {why}")
    return result


def _by_default(one: Finding, offer: Offer, tree: Tree) -> bool:
    """Return whether no line says what the finding is about: it stands where the server begins, as what nothing sets does."""
    if one.location != offer.at or _sets(offer.at, tree):
        return False
    listed = {
        rules.PROTOCOL.id: [Located(p.name, p.at) for p in offer.protocols],
        rules.SUITE.id: _of(p.suites for p in offer.protocols),
        rules.GROUP.id: _of(p.groups for p in offer.protocols),
    }.get(one.rule.id)
    if listed is None:
        return one.rule.id in (rules.PREFERENCE.id, rules.DH_BITS.id)
    named = [each for each in listed if each.value == one.evidence]
    if not offer.protocols:
        return False  # a line took every version away
    return all(each.at == offer.at for each in named or listed)  # of another release it may be another list


def _of(lists: Iterable[tuple[Located, ...]]) -> list[Located]:
    return [each for listed in lists for each in listed]


def _sets(at: object, tree: Tree) -> bool:
    if not isinstance(at, InFile) or at.line is None:
        return True
    source = tree.source(at.path)
    lines = source.text.splitlines() if source else []
    return at.line > len(lines) or bool(_SETS.search(lines[at.line - 1]))


def _policy(rule: str) -> str:
    """Return the policy of a rule such as `tls/aspect/groups`."""
    return rule.split("/")[1]


def _open(one: Finding) -> Finding:
    return replace(
        one, message=one.message + DEPENDS, severity=Severity.INFO, confidence=Confidence.LOW, fix=None,
        remedy=f"Audit with that file in place first. {one.advice}",
    )  # fmt: skip
