"""What a catch counts for where it stands: in documentation, in a test, in a comment; and which of several names it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.values import Strength, is_example, is_generated, is_no_word, strength
from bundle.detect.credentials.lines.around import TOLD
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Family
from hardening.findings import Confidence, Severity

_ENOUGH = 256
"""Characters of a value that say whether it was generated: tokens are longer than what is taken for a value elsewhere."""
_STORE = re.compile(r"(?i)(?:key|trust|cert)\w{0,4}store|store_?(?:pass|pwd)")
_MARKS_OF_A_HASH = ("$", "{", "*")
"""What begins a hash that cannot be a generated password as well, as 32 hexadecimal digits can."""
_ORDER = (
    "service-token", "login-call", "back-door", "command-line", "sql", "url", "xml", "password-file", "daemon-setting", "password-hash",
    "assignment",
)  # fmt: skip
"""Which family names a value that several caught: the one that knows most about its place."""
_BY_PLACE = frozenset(f"credential/{name}" for name in "login-call back-door command-line sql url".split())
"""Families that take whatever stands in a place."""
_SHOWN = frozenset("test foo bar example sample demo dummy xxx changeme change_me tomcat".split())
"""Words that explanations are written with, as `password` is, what asks for another one, and Tomcat's own example."""
_ACCOUNTS = frozenset((("tiger", "scott"),))
"""Accounts of which every manual of their maker's speaks."""
_ALLOWED = re.compile(r"(?i)(?:git|better)leaks:\s*allow|pragma:\s*allowlist\s+secret|trufflehog:\s*ignore")


def is_allowed(line: str) -> bool:
    """Whether a line says that what stands on it is known, as gitleaks, detect-secrets and trufflehog have it."""
    return _ALLOWED.search(line) is not None


def distinct(caught: Sequence[tuple[Family, Catch]]) -> list[tuple[Family, Catch]]:
    """Return one catch for each value, the one of the family that knows most, unless another is surer, in the order of the text."""
    rank = {f"credential/{name}": n for n, name in enumerate(_ORDER)}
    best: list[tuple[Family, Catch]] = []
    taken: list[tuple[int, int]] = []  # in order, and none over another: a list of accounts has thousands
    for family, one in sorted(
        caught,
        key=lambda p: (
            p[1].confidence is Confidence.LOW,
            rank.get(p[0].rule.id, len(rank)),
            p[1].note != TOLD,
            -p[1].confidence,
            p[1].start,
        ),
    ):
        at = bisect_left(taken, (one.end,))
        if not at or taken[at - 1][1] <= one.start:
            best.append((family, one))
            taken.insert(at, (one.start, one.end))
    ends = {other.end: other for _, other in best}
    return sorted((p for p in best if not _takes_another(*p, ends)), key=lambda p: p[1].start)


_BETWEEN = 6
"""Signs between two arguments of a call, their quotes among them."""


def _takes_another(family: Family, one: Catch, at: Mapping[int, Catch]) -> bool:
    """Whether a call's catch takes for its account the password that stands right before it: its value is then the next argument, such as a database."""
    if not one.user or family.rule.id != "credential/login-call":
        return False
    before = next((at[end] for n in range(1, _BETWEEN + 1) if (end := one.start - n) in at), None)
    return before is not None and one.user == before.value


def _of_letters(value: str) -> bool:
    """Whether a value is letters alone that make no word: what a program's names are made of are words."""
    return value.isalpha() and is_no_word(value)


def placed(
    one: Catch, family: Family, *, documentation: bool = False, test: bool = False, sample: bool = False
) -> Catch:
    """Return the catch as it counts there.

    Documentation is always `info`; what it says with a value that no explanation is written with may yet be somebody's.
    A usual password, or a word, in a test tests something, and opens nothing; nor does a hash there that is of none tried first.
    """
    severity = one.severity or family.rule.severity
    uncracked = family.rule.id == "credential/password-hash" and one.severity is None
    if uncracked and (documentation or test) and one.value.startswith(_MARKS_OF_A_HASH):
        one = replace(one, confidence=Confidence.LOW)
    if documentation:
        sure = min(one.confidence, Confidence.MEDIUM)
        if one.note == TOLD:
            return replace(one, severity=Severity.LOW, confidence=sure)
        somebodys = (is_generated(one.value[:_ENOUGH]) or _of_letters(one.value)) and not is_example(
            one.value
        )
        return replace(one, severity=Severity.INFO, confidence=sure if somebodys else Confidence.LOW)
    if sample and not test:
        return replace(
            one, severity=min(severity, Severity.MEDIUM), confidence=min(one.confidence, Confidence.MEDIUM)
        )
    if test:
        said = strength(one.value)
        chosen = said in (Strength.MIXED, Strength.NO) or is_no_word(one.value)
        told = chosen and not is_example(one.value)
        most = Confidence.MEDIUM if told else Confidence.LOW
        return replace(one, severity=min(severity, Severity.MEDIUM), confidence=min(one.confidence, most))
    return one


def in_code(one: Catch) -> Catch:
    """Return a catch in a program: the documented password of Java's stores is what they have that nobody gave another."""
    if one.value != "changeit" or not _STORE.search(one.key):
        return one
    note = one.note or "the documented default of Java's key stores, which opens those that were left with it"
    return replace(one, severity=Severity.LOW, note=note)


def in_comment(one: Catch, family: Family, *, explains: bool = False) -> Catch:
    """Return a catch that is commented out: it does nothing, and what it did before may still open something.

    What tells an account its password was never more than a text; a comment that may be one that `explains` did nothing before.
    """
    if one.note == TOLD:
        return replace(one, severity=Severity.LOW)
    somebodys = _of_letters(one.value) and not is_example(one.value)
    if somebodys or is_generated(one.value) or strength(one.value) is Strength.NO:
        return replace(
            one, confidence=min(one.confidence, Confidence.MEDIUM), note=one.note or "commented out"
        )
    if not explains and _was_in_use(one, family):
        return replace(
            one,
            confidence=Confidence.MEDIUM,
            severity=min(one.severity or family.rule.severity, Severity.MEDIUM),
            note=one.note or "commented out",
        )
    return replace(one, confidence=Confidence.LOW, severity=Severity.INFO, note=one.note or "commented out")


def _was_in_use(one: Catch, family: Family) -> bool:
    """Whether a statement that is commented out logged in with a password that people choose, or is one of those tried first."""
    small = one.value.lower()
    default = (small == "changeit" and _STORE.search(one.key)) or (small, one.user.lower()) in _ACCOUNTS
    if one.confidence < Confidence.MEDIUM or small in DUMMIES | _SHOWN or default:
        return False
    said = strength(one.value)
    if said is Strength.WORD:
        sure = one.confidence is Confidence.HIGH or one.user.lower() == small
        return family.rule.id in _BY_PLACE and sure
    return said is Strength.COMMON or one.confidence is Confidence.HIGH
