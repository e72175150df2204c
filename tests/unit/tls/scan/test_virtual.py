"""Difficult servers in simulated time, on a machine that stops now and then: found, or said to be inconclusive."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardening.findings import Verdict
from hardening.tls import policy
from hardening.tls.judging.judge import judge
from hardening.tls.judging.required import unmet
from hardening.tls.registry import PROTOCOLS
from hardening.tls.scan.engine.rate_limit import OFTEN, Pace, RateLimits
from hardening.tls.scan.report.offers import offer_of
from hardening.tls.scan.run import ScanSettings, scope_of
from hardening.tls.scan.strategy.scope import ScanScope
from hardening.tls.scan.strategy.shapes import SMALL
from hardening.tls.scan.wire import hello
from tests.support.tls.scan import hostile
from tests.support.tls.scan.virtual import compared, scanned
from tests.unit.tls.scan.test_hostile import MAY_STAY_OPEN

LIMITS = RateLimits(patience=60.0, budget=600.0)
Before = Callable[[hostile.Server], str | None]
_OLD = frozenset(PROTOCOLS[:4])


@pytest.mark.parametrize("name", hostile.SERVERS)
def test_the_whole_truth_or_inconclusive(name: str) -> None:
    server = hostile.servers()[name]
    found, _ = scanned(server, ScanScope(full=True), LIMITS)
    got, missed, extra = compared(server.offer, found)
    assert not missed, "missed without a word"
    assert not extra
    if name not in MAY_STAY_OPEN:
        assert got == {(version, code) for version, codes in server.offer.items() for code in codes}


@pytest.mark.parametrize("name", ["honest-legacy", "honest-many"])
def test_honest_servers_cost_what_they_have(name: str) -> None:
    """Accepted suites, one refusal a version, and a tenth more, groups included.

    A machine that stops now and then needs more, since a refusal counts only where something as dense has succeeded.
    """
    server = hostile.servers()[name]
    accepted = sum(len(codes) for codes in server.offer.values())
    few = (accepted + 6) * 1.1 + 10
    assert scanned(server, ScanScope(full=True), LIMITS)[1].connections <= few
    for seed in range(4):
        server = hostile.servers()[name]
        assert scanned(server, ScanScope(full=True), LIMITS, seed)[1].connections <= 2 * few


def _under_load(name: str, seed: int, scope: ScanScope) -> None:
    server = hostile.servers()[name]
    found, _ = scanned(server, scope, LIMITS, seed)
    _, missed, extra = compared(server.offer, found)
    forbidden = {
        (v, c)
        for v, c in missed
        if scope.full or v in scope.forbidden_protocols or c in scope.forbidden.get(v, ())
    }
    assert not forbidden, f"missed without a word with seed {seed}"
    assert not extra


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", hostile.SERVERS)
def test_nothing_is_missed_without_a_word_on_a_machine_that_stops(name: str, seed: int) -> None:
    _under_load(name, seed, ScanScope(full=True))


RARELY_MET = "four-unequal-backends"
"""Where one backend of four is weak, the few connections of a verdict seldom meet it twice (docs/scanning.md)."""


@pytest.mark.parametrize("name", [name for name in hostile.SERVERS if name != RARELY_MET])
def test_nor_by_a_verdict(name: str) -> None:
    bad = frozenset(hello.every_suite()) - {0xC02F, 0xC030, 0x1301, 0x1302, 0x1303}
    _under_load(
        name, 0, ScanScope(full=False, forbidden=dict.fromkeys(PROTOCOLS, bad), forbidden_protocols=_OLD)
    )


LIARS: dict[str, Before] = {
    "every-fifth": hostile.every(5, "alert:40"),
    "every-seventh": hostile.every(7, "alert:40"),
    "ten-a-second": hostile.per_second(10, "alert:40"),
    "thirty-a-second": hostile.per_second(30, "alert:40"),
}


@pytest.mark.parametrize("liar", LIARS)
@pytest.mark.parametrize("offer", ["TWELVE", "MIXED", "MANY"])
def test_a_refusal_that_does_not_fit_is_not_believed(offer: str, liar: str) -> None:
    """Servers that refuse in words for reasons of their own."""
    for seed in range(3):
        server = hostile.Server(getattr(hostile, offer), before=LIARS[liar])
        found, _ = scanned(server, ScanScope(full=True), LIMITS, seed)
        _, missed, extra = compared(server.offer, found)
        assert not missed
        assert not extra


def test_a_server_that_meets_an_old_version_with_silence_is_asked_side_by_side() -> None:
    """Fifty small hellos meet it, each for 0.7 seconds; several wait at once, for the control questions between are answered."""
    small = 0

    def silent(_server: hostile.Server, question: hostile.Hello) -> str | None:
        nonlocal small
        old = max(question.versions or [question.version]) < 0x0303
        small += old and len(question.suites) <= SMALL
        return "stall" if old else None

    bad = frozenset(hello.every_suite()) - {0xC02F, 0xC030, 0x1301, 0x1302, 0x1303}
    scope = ScanScope(full=False, forbidden=dict.fromkeys(PROTOCOLS, bad), forbidden_protocols=_OLD)
    server = hostile.Server({"TLSv1.2": [0xC02F, 0xC030]}, on_hello=silent)
    found, world = scanned(server, scope, LIMITS)
    assert all(found.protocols[name].unknown for name in ("TLSv1.0", "TLSv1.1"))
    assert not found.protocols["TLSv1.2"].unknown
    assert small > len(hello.every_suite()) / SMALL
    assert world.now < 0.7 * small, "one after the other they alone would take longer"


_WEAK = hello.every_suite()
SLOW: dict[str, tuple[hostile.Offer, str, float]] = {
    "compliant": ({"TLSv1.2": [0xC02F, 0xC030]}, "alert:40", 14),
    "closes": ({"TLSv1.2": [0xC02F, 0xC030]}, "close", 24),
    "TLS 1.3 closes": ({"TLSv1.2": [0xC02F], "TLSv1.3": [0x1301, 0x1302]}, "close", 30),
    "seven suites": ({"TLSv1.2": [0xC02F, *_WEAK[:6]]}, "alert:40", 20),
    "old versions": ({v: list(_WEAK[40:54]) for v in ("TLSv1.0", "TLSv1.1", "TLSv1.2")}, "alert:40", 30),
}
"""What a server offers, how it refuses, and the seconds that a verdict may take at 2 s an answer."""


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_server_is_asked_side_by_side(name: str) -> None:
    """With 42 old suites it took 128 s, one question after another."""
    offer, refusal, most = SLOW[name]
    bad = frozenset(hello.every_suite()) - {0xC02F, 0xC030, 0x1301, 0x1302, 0x1303}
    scope = ScanScope(full=False, forbidden=dict.fromkeys(PROTOCOLS, bad), forbidden_protocols=_OLD)
    found, world = scanned(hostile.Server(offer, refusal=refusal), scope, RateLimits(), work=2.0)
    _, missed, _ = compared(offer, found)
    assert not {(v, c) for v, c in missed if v in _OLD or c in bad}
    assert not [p.name for p in found.protocols.values() if p.unknown]
    assert world.now <= most


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_server_that_works_on_one_answer_at_a_time_is_known_in_full(name: str) -> None:
    """Asked three at once, it answered the third too late, and an inventory stayed partial."""
    offer, refusal, _ = SLOW[name]
    found, _ = scanned(
        hostile.Server(offer, refusal=refusal), ScanScope(full=True), RateLimits(), work=2.0, alone=True
    )
    _, missed, _ = compared(offer, found)
    assert not missed
    assert not [p.name for p in found.protocols.values() if p.unknown]


def test_a_slow_server_that_answers_one_after_another_is_not_crowded() -> None:
    """Where an answer takes longer among others, asking side by side gains nothing."""
    pace = Pace(RateLimits(), 0.0)
    pace.took(2.0, 1)
    assert pace.parallel == 2
    pace.took(2.0, 2)
    assert pace.parallel == 4
    pace.took(4.0, 4)
    assert pace.parallel == 2
    for _ in range(OFTEN):
        pace.took(4.0, 2)
        pace.took(2.0, 1)
    assert pace.parallel == 1


@pytest.mark.parametrize("refusal", ["close", "reset"])
def test_a_server_that_closes_instead_of_saying_no_is_known_in_full(refusal: str) -> None:
    """OpenSSL 1.0.2k with TLS 1.2 alone cost 117 connections and stayed partial."""
    bad = frozenset(hello.every_suite()) - {0xC02F, 0xC030, 0x1301, 0x1302, 0x1303}
    verdict = ScanScope(
        full=False,
        forbidden=dict.fromkeys(PROTOCOLS, bad),
        forbidden_protocols=_OLD,
        forbidden_groups=frozenset(),
    )
    for offer in ({"TLSv1.2": [0xC02F, 0xC030]}, {"TLSv1.2": [0xC02F], "TLSv1.3": [0x1301, 0x1302]}):
        for scope in (ScanScope(full=True), verdict):
            server = hostile.Server(offer, refusal=refusal)
            found, world = scanned(server, scope, RateLimits())
            _, missed, extra = compared(offer, found)
            assert not [p.name for p in found.protocols.values() if p.unknown or p.unknown_groups]
            assert not extra
            assert not missed or not scope.full
            assert world.connections <= 75


def test_one_control_question_that_is_closed_ends_the_trial() -> None:
    """A server that closes on every n-th connection too is not known to refuse."""
    for n in (7, 11, 13, 19):
        server = hostile.Server({"TLSv1.2": [0xC02F]}, before=hostile.every(n, "close"), refusal="close")
        found, _ = scanned(server, ScanScope(full=True), LIMITS)
        assert found.protocols["TLSv1.0"].unknown


@pytest.mark.parametrize(
    ("offer", "name", "again"),
    [
        ("TWELVE", "nist-800-52r2", True),  # TLS 1.3 is required
        ("MIXED", "rfc9325-bcp195", False),
        ("TWELVE", "pq-readiness", True),
        ("MIXED", "aspect", False),
    ],
)
def test_what_a_policy_requires_is_settled_by_an_inventory(offer: str, name: str, again: bool) -> None:
    """Versions, suites and groups alike: without --full a suite stayed open, and a group cost every server an inventory."""
    chosen, server = policy.load(name), hostile.Server(getattr(hostile, offer))
    found, _ = scanned(server, scope_of([chosen], ScanSettings()), LIMITS)
    seen = offer_of(found, "127.0.0.1:443", full=False, connections=1)
    assert unmet(seen, [chosen]) is again
    if again:
        found, _ = scanned(server, scope_of([chosen], ScanSettings(full=True)), LIMITS)
        seen = offer_of(found, "127.0.0.1:443", full=True, connections=1)
    reasons = [one.reason for one in judge(seen, chosen).results if one.verdict is Verdict.INCONCLUSIVE]
    assert [reason for reason in reasons if reason.startswith("not settled")] == []
