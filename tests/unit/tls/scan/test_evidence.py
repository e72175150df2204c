"""What answers say against a server that lies: in which words, at which places."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from hardening.tls.scan.engine.rate_limit import RateLimits
from hardening.tls.scan.strategy import control_probes
from hardening.tls.scan.strategy.evidence import HELLO, LONGEST, Evidence, spread
from hardening.tls.scan.strategy.scope import ScanScope
from tests.support.tls.scan import hostile
from tests.support.tls.scan.virtual import compared, scanned

FULL = ScanScope(full=True)


def _said(words: list[int]) -> Evidence:
    evidence = Evidence()
    for place, word in enumerate(words):
        evidence.note(place, word)
    return evidence


def test_another_word_speaks_against_a_lie_as_a_success_does() -> None:
    evidence = _said([HELLO, 40, 70, HELLO, 70])
    assert evidence.successes == 2
    assert [evidence.against(word) for word in (40, 70, 86)] == [4, 3, 5]


@given(st.lists(st.sampled_from([HELLO, 40, 70]), min_size=1, max_size=60), st.data())
def test_a_period_explains_what_it_explains(words: list[int], data: st.DataObject) -> None:
    """The same as trying every period and phase."""
    evidence = _said(words)
    refused = [place for place, word in enumerate(words) if word == 40]
    if not refused:
        return
    places = sorted(data.draw(st.sets(st.sampled_from(refused), min_size=1)))
    explained = any(
        all(place % n == phase for place in places) and all(word == 40 for word in words[phase::n])
        for n in range(2, LONGEST + 1)
        for phase in range(n)
    )
    span = places[-1] - places[0]
    assert evidence.counted(places, 40) == (explained and span > 0)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=12), st.integers(1, 6))
def test_spread_is_nothing_where_every_turn_was_met(places: list[int], backends: int) -> None:
    met = all({place % n for place in places} == set(range(n)) for n in range(2, backends + 1))
    assert (spread(tuple(places), backends) == 0) == met


def test_words_make_few_repetitions_enough() -> None:
    """With ten successes and six refusals of versions, a third refusal of suites is enough where it took a fourth."""
    assert control_probes.enough(10, 3e-4) == 4
    assert control_probes.enough(16, 3e-4) == 3


def test_a_first_answer_that_was_a_lie_is_remembered() -> None:
    """What was refused when it was asked first, and chosen later, puts every refusal on trial."""
    liar = hostile.Server(
        {"TLSv1.2": [0xC02F, 0xC030, 0x002F], "TLSv1.3": [0x1301]},
        before=lambda s: "alert:40" if s.count == 1 else None,
    )
    honest = hostile.Server(liar.offer)
    costs = []
    for server in (liar, honest):
        found, world = scanned(server, FULL, RateLimits())
        assert not compared(server.offer, found)[1]
        assert [p.suites for p in found.offered()] == [[0xC02F, 0xC030, 0x002F], [0x1301]]
        costs.append(world.connections)
    assert costs[0] > costs[1] + 20


def test_a_lie_about_a_long_list_does_not_clear_the_record() -> None:
    """A list is taken for too long only when the same lists are refused and accepted again."""
    offer = {"TLSv1.2": [0x00A2, 0x0032]}  # nobody's first choice, so how far it reads has to be asked

    def lie(hello: hostile.Hello, told: list[int]) -> str | None:
        told[0] += 0x00A2 in hello.suites and len(hello.suites) > 400
        return "alert:40" if told[0] == 3 else None

    told = [0]
    server = hostile.Server(offer, on_hello=lambda _s, h: None if h.sslv2 else lie(h, told))
    found, _ = scanned(server, FULL, RateLimits())
    assert found.protocols["TLSv1.2"].suites == [0x00A2, 0x0032]
    assert not found.protocols["TLSv1.2"].chunked


def test_backends_that_take_turns_are_all_met_by_an_inventory() -> None:
    """One weak server among two, three and four: its suites are found, wherever in the turn it stands."""
    for backends in (2, 3, 4):
        for turn in range(backends):
            row = [hostile.Server(hostile.STRICT) for _ in range(backends)]
            row[turn] = hostile.Server({**hostile.STRICT, "TLSv1.2": [*hostile.STRICT["TLSv1.2"], 0x002F]})
            server = hostile.Server(row[turn].offer, on_hello=hostile.behind(*row))
            found, _ = scanned(server, FULL, RateLimits())
            assert not compared(server.offer, found)[1], (backends, turn)


def test_a_server_that_goes_away_during_the_trial_costs_its_patience_alone() -> None:
    """Banned for good after twenty: named as unknown when the patience is up, not when the whole time is."""
    for after in range(17, 30):
        server = hostile.Server(hostile.MIXED, before=lambda s, n=after: "reset" if s.count > n else None)  # type: ignore[misc]  # lambda defaults have no types
        found, world = scanned(server, FULL, RateLimits(patience=30.0, budget=600.0))
        assert not compared(server.offer, found)[1]
        assert world.now < 60


def test_another_word_the_second_time_puts_every_refusal_on_trial() -> None:
    """A version that is refused as suites are, and as a version when it is asked again from the other end of the list."""

    def lie(server: hostile.Server, hello: hostile.Hello) -> str | None:
        return (
            "alert:40"
            if server.count == 5 or (hello.version == 0x0303 and server.count in (2, 21, 25))
            else None
        )

    server = hostile.Server(
        {"TLSv1.2": [0xC02F, 0xC030, 0xC013]}, on_hello=lambda s, h: None if h.sslv2 else lie(s, h)
    )
    found, world = scanned(server, FULL, RateLimits())
    assert not compared(server.offer, found)[1]
    assert world.connections > 60
