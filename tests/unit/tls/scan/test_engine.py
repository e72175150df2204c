"""The engine needs no socket and no clock: simulated servers, simulated time."""

from __future__ import annotations

import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from hardening.tls.registry import PROTOCOLS
from hardening.tls.scan.engine.conversations import Engine
from hardening.tls.scan.engine.rate_limit import Pace, RateLimits
from hardening.tls.scan.strategy.endpoint_state import DOWNGRADE_FROM_13, Endpoint
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question
from hardening.tls.scan.strategy.plan import Inquiry
from hardening.tls.scan.strategy.scope import ScanScope
from hardening.tls.scan.wire import hello

_codes = st.sampled_from(hello.every_suite())
_offers = st.dictionaries(
    st.sampled_from(PROTOCOLS[1:]), st.lists(_codes, min_size=1, max_size=25, unique=True), min_size=1
)


class Simulated:
    """A server that is a table, in a time that is a number."""

    def __init__(
        self, offer: dict[str, list[int]], *, limit: float | None = None, no_version: int = 70
    ) -> None:
        self.offer = offer
        self.no_version = no_version
        self.limit = limit
        self.asked = 0
        self._starts: list[float] = []

    def answer(self, question: Question, now: float) -> Answer:
        self.asked += 1
        recent = [t for t in self._starts if now - t < 1.0]
        self._starts = [*recent, now]
        if self.limit is not None and len(recent) >= self.limit:
            return Answer(kind=AnswerKind.CLOSED)
        if question.protocol == "SSLv2":
            return Answer(kind=AnswerKind.ALERT, alert=self.no_version, fatal=True)
        span = PROTOCOLS[PROTOCOLS.index(question.floor) if question.down_to else 1 :]
        versions = [
            p for p in span if p in self.offer and PROTOCOLS.index(p) <= PROTOCOLS.index(question.protocol)
        ]
        if question.protocol == "TLSv1.3" and not question.down_to:
            versions = [p for p in versions if p == "TLSv1.3"]
        if question.protocol != "TLSv1.3":
            versions = [p for p in versions if p != "TLSv1.3"]
        for version in reversed(versions):
            suite = next((s for s in self.offer[version] if s in question.suites), None)
            if suite is None:
                break
            newer = "TLSv1.3" in self.offer and version == "TLSv1.2"
            return Answer(
                kind=AnswerKind.HELLO,
                protocol=version,
                suite=suite,
                group=29,
                random=DOWNGRADE_FROM_13 if newer else b"",
            )
        return Answer(kind=AnswerKind.ALERT, alert=40 if versions else self.no_version, fatal=True)


def run(server: Simulated, scope: ScanScope, limits: RateLimits | None = None) -> tuple[Endpoint, float]:
    now = 0.0
    pace = Pace(limits or RateLimits(), now)
    inquiry = Inquiry(scope, pace)
    engine = Engine(inquiry.run(), pace, now)
    while not engine.done:
        open_now = list(engine.start(now))
        for ticket, question in open_now:
            now += 0.001
            engine.tell(ticket, server.answer(question, now), now)
        if not open_now:
            wake = engine.wake(now)
            assert wake is not None, "nothing is on its way and nothing will be"
            now = max(wake, now + 0.001)
    return inquiry.found, now


def _got(found: Endpoint) -> dict[str, list[int]]:
    return {p.name: p.suites for p in found.offered()}


@settings(max_examples=60)
@given(_offers)
def test_an_inventory_finds_exactly_what_is_there_in_its_order(offer: dict[str, list[int]]) -> None:
    found, _ = run(Simulated(offer), ScanScope(full=True))
    got = _got(found)
    assert {name: sorted(codes) for name, codes in got.items()} == {n: sorted(c) for n, c in offer.items()}
    assert not [p.name for p in found.protocols.values() if p.unknown]


@settings(max_examples=30)
@given(_offers, st.floats(3, 40))
def test_a_throttle_costs_time_and_nothing_else(offer: dict[str, list[int]], limit: float) -> None:
    found, seconds = run(
        Simulated(offer, limit=limit), ScanScope(full=True), RateLimits(patience=120, budget=10_000)
    )
    assert {n: sorted(c) for n, c in _got(found).items()} == {n: sorted(c) for n, c in offer.items()}
    assert seconds < 600


@settings(max_examples=60)
@given(_offers, st.sets(_codes, max_size=200))
def test_a_verdict_finds_every_forbidden_suite(offer: dict[str, list[int]], forbidden: set[int]) -> None:
    every = frozenset(forbidden)
    old = frozenset(PROTOCOLS[:4])
    scope = ScanScope(full=False, forbidden=dict.fromkeys(PROTOCOLS, every), forbidden_protocols=old)
    found, _ = run(Simulated(offer), scope)
    got = _got(found)
    for name, codes in offer.items():
        wanted = set(codes) if name in old else set(codes) & every
        assert wanted <= set(got.get(name, ())), name


@pytest.mark.parametrize("limit", [5, 10, 20, 50])
def test_245_suites_behind_a_throttle_are_all_found(limit: int) -> None:
    dice = random.Random(1)
    sizes = {"SSLv3": 54, "TLSv1.0": 54, "TLSv1.1": 54, "TLSv1.2": 83}
    offer = {name: dice.sample(hello.every_suite(), size) for name, size in sizes.items()}
    server = Simulated(offer, limit=limit)
    found, seconds = run(server, ScanScope(full=True))
    assert sum(len(p.suites) for p in found.offered()) == 245
    assert not [p.name for p in found.protocols.values() if p.unknown]
    assert seconds < 100
    assert server.asked < 330


@pytest.mark.parametrize(("no_version", "most"), [(70, 8), (40, 64)])
def test_a_compliant_verdict_costs_eight_questions(no_version: int, most: int) -> None:
    """More where versions are refused in the words of a suite, so that a lie could be any of them."""
    server = Simulated({"TLSv1.2": [0xC02F, 0xC030], "TLSv1.3": [0x1301, 0x1302]}, no_version=no_version)
    good = frozenset({0xC02F, 0xC030, 0x1301, 0x1302, 0x1303, 0x1304, 0x1305})
    bad = frozenset(hello.every_suite()) - good
    scope = ScanScope(
        full=False, forbidden=dict.fromkeys(PROTOCOLS, bad), forbidden_protocols=frozenset(PROTOCOLS[:4])
    )
    found, _ = run(server, scope)
    assert {p.name for p in found.offered()} == {"TLSv1.2", "TLSv1.3"}
    assert server.asked <= most


def test_an_honest_inventory_costs_few_more_than_it_has() -> None:
    """Six suites, groups and chains: one question a suite and a version, and what makes a lie unlikely."""
    server = Simulated({"TLSv1.2": [0xC02F, 0xC030, 0xCCA8], "TLSv1.3": [0x1302, 0x1303, 0x1301]})
    found, _ = run(server, ScanScope(full=True))
    assert sum(len(p.suites) for p in found.offered()) == 6
    assert server.asked <= 30
