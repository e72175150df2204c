"""Refusals that do not fit what else is known of an endpoint: they are asked for once more.

A server that says no by chance, or because of a limit nobody can see, is found out by this: a real one offers the same
suites under every version that can have them, and refuses versions it does not have in one way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hardening.tls import registry
from hardening.tls.registry import PROTOCOLS
from hardening.tls.scan.strategy.endpoint_state import EndpointState
from hardening.tls.scan.strategy.messages import Question, at_least
from hardening.tls.scan.strategy.outcome import CLOSE, PROTOCOL_VERSION, Refusal
from hardening.tls.scan.strategy.scope import Case

LONG = 30
"""Accepted suites of one version after which its end is compared with others' rather than asked for twice."""
MANY = 8
"""The same in a verdict that fails anyway."""
_OLD = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Tells whether a refusal is worth asking for again, though control questions succeeded around it."""

    case: Case
    refusals: tuple[Refusal, ...]
    """All of them, to compare with."""

    def __call__(self, one: Refusal) -> bool:
        """Compare one refusal with the others and with what is offered."""
        if len(one.places) > 1 and not self.case.scope.full:
            return self.case.asker.counted(one)
        return self._single(one.question, one)

    def _single(self, question: Question, one: Refusal) -> bool:
        if question.groups is not None or question.schemes is not None or question.protocol == "SSLv2":
            return False
        if one.alert == CLOSE:  # has a trial of its own
            return False
        learned = self.case.found.protocols[question.protocol]
        if learned.offered and one.alert == PROTOCOL_VERSION:
            return True
        if learned.offered:
            return by_comparison(self.case, learned) and not _as_elsewhere(self.case, learned)
        return _skipped(self.case, learned) or (
            one.alert != PROTOCOL_VERSION and learned.name != "SSLv3" and _otherwise(self.case, self.refusals)
        )


def by_comparison(case: Case, learned: EndpointState) -> bool:
    """Tell whether the end of a list is compared with those of other versions rather than asked for again."""
    most = LONG if case.scope.full else MANY if case.asker.failed else None
    return most is not None and len(learned.choices) >= most and not at_least(learned.name, "TLSv1.2")


def no_word_for_versions(case: Case, refusals: Iterable[Refusal]) -> bool:
    """Tell whether TLS 1.0 or 1.1 was refused as suites are: then a lie looks like any other refusal, and each is asked for again."""
    return any(
        r.alert not in (PROTOCOL_VERSION, CLOSE)
        for r in refusals
        if r.question.protocol in ("TLSv1.0", "TLSv1.1")
        and not case.found.protocols[r.question.protocol].offered
    )


def _as_elsewhere(case: Case, learned: EndpointState) -> bool:
    """Tell whether another version offers the same suites, as far as both can have them, and none has more."""
    own = _common(learned)
    others = [_common(p) for p in case.found.offered() if p.name in _OLD and p is not learned]
    return learned.name in _OLD and bool(others) and (own in others or all(other <= own for other in others))


def _common(learned: EndpointState) -> frozenset[int]:
    """Return the accepted suites that every version from SSL 3.0 to TLS 1.2 can have, except those with elliptic curves."""
    known = registry.suites_by_code()
    return frozenset(
        code
        for code in learned.suites
        if (suite := known.get(code)) and not (suite.kx or "").startswith("EC") and _any_version(code)
    )


def _any_version(code: int) -> bool:
    suite = registry.suites_by_code()[code]
    return not suite.aead and not suite.iana.endswith(("_SHA256", "_SHA384"))


def _skipped(case: Case, learned: EndpointState) -> bool:
    """Tell whether an older version is offered: a server answers a newer hello with what it has (RFC 5246 E.1)."""
    older = PROTOCOLS[1 : PROTOCOLS.index(learned.name)]
    return (
        learned.name != "TLSv1.3"
        and learned.all_asked
        and any(case.found.protocols[name].offered for name in older)
    )


def _otherwise(case: Case, refusals: tuple[Refusal, ...]) -> bool:
    """Tell whether another version that is not there was refused as a version.

    SSL 3.0 and older are left out: a library that cannot speak them refuses them as it can.
    """
    return any(
        r.alert == PROTOCOL_VERSION and not case.found.protocols[r.question.protocol].offered
        for r in refusals
        if at_least(r.question.protocol, "TLSv1.0")
    )
