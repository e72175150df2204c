"""Which of several candidates for one value is kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from bundle.detect.credentials.rules import evidence
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Family

_ORDER = (
    "service-token", "login-call", "back-door", "command-line", "sql", "url", "xml", "password-file", "daemon-setting", "password-hash",
    "assignment",
)  # fmt: skip
"""Which family names a value that several caught: the one that knows most about its place."""


def distinct(caught: Sequence[tuple[Family, Catch]]) -> list[tuple[Family, Catch]]:
    """Return one catch for each value, the one of the family that knows most, unless another is surer, in the order of the text."""
    rank = {f"credential/{name}": n for n, name in enumerate(_ORDER)}
    best: list[tuple[Family, Catch]] = []
    taken: list[tuple[int, int]] = []  # in order, and none over another: a list of accounts has thousands
    for family, one in sorted(
        caught,
        key=lambda p: (
            p[1].is_hint,
            rank.get(p[0].rule.id, len(rank)),
            not p[1].told,
            -evidence.rank(p[1].evidence),
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
