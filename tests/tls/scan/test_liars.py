"""Servers that refuse in words for reasons of their own: the whole truth, or said to be inconclusive."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hardening.tls import policy
from hardening.tls.registry import PROTOCOLS
from hardening.tls.scan import hello
from hardening.tls.scan.pace import Limits
from hardening.tls.scan.run import Settings, scan
from hardening.tls.scan.scope import Scope
from hardening.tls.scan.trial import DOUBT, MOST, Trial
from tests.tls import servers
from tests.tls.scan import hostile, liars
from tests.tls.scan.test_real import nginx
from tests.tls.scan.virtual import compared, scanned

GOOD = frozenset({0xC02F, 0xC030, 0xC02B, 0xC02C, 0x1301, 0x1302, 0x1303})
BAD = frozenset(hello.every_suite()) - GOOD
LIES = liars.lies()
BY_CHANCE = sorted(name for name in LIES if name.startswith("chance"))


def _scopes() -> tuple[Scope, Scope]:
    old = frozenset(PROTOCOLS[:4])
    return Scope(full=True), Scope(
        full=False, forbidden=dict.fromkeys(PROTOCOLS, BAD), forbidden_protocols=old
    )


def _missed(offer: str, lie: str) -> int:
    """In how many of four scans something was missed without a word; servers say no to versions in their own word, or not."""
    count = 0
    for scope in _scopes():
        for refusal in ("alert:40", "alert:40 "):
            server = hostile.Server(liars.OFFERS[offer], before=LIES[lie](), refusal=refusal)
            found, _ = scanned(server, scope, Limits())
            _, missed, extra = compared(server.offer, found)
            assert not extra
            count += any(scope.full or v in scope.forbidden_protocols or c in BAD for v, c in missed)
    return count


QUICK = ("one-suite-under-tls12", "tls10-beside-tls12")


@pytest.mark.parametrize("lie", sorted(LIES.keys() - set(BY_CHANCE)))
def test_no_lie_hides_what_is_there(lie: str) -> None:
    assert not [offer for offer in QUICK if _missed(offer, lie)]


@pytest.mark.long
@pytest.mark.parametrize("lie", sorted(LIES.keys() - set(BY_CHANCE)))
@pytest.mark.parametrize("offer", sorted(liars.OFFERS.keys() - set(QUICK)))
def test_whatever_it_hides(offer: str, lie: str) -> None:
    assert not _missed(offer, lie)


def test_chance_seldom_hides_anything() -> None:
    """No number of questions makes chance impossible; a server that looks like any other in each of them is believed."""
    assert sum(_missed(offer, lie) for offer in liars.OFFERS for lie in BY_CHANCE) <= 3


def test_a_liar_costs_bounded_time() -> None:
    for lie in ("every-2-after-0", "every-3-after-0", "every-5-after-1", "5-in-1.0-s"):
        server = hostile.Server(liars.OFFERS["tls10-beside-tls12"], before=LIES[lie]())
        _, world = scanned(server, _scopes()[1], Limits())
        assert world.connections < 300
        assert world.now < 120


@pytest.mark.parametrize("pattern", [{0}, {0, 1}, {0, 2, 3}, {1, 4, 5, 6}])
@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_no_pattern_stands_a_trial_that_it_did_not_expect(n: int, pattern: set[int]) -> None:
    """A question that is accepted whenever the server does not lie: how often all its answers were lies, and believed."""
    believed = 0
    for seed in range(3000):
        trial, honest = Trial(random.Random(seed)), False
        while not (trial.over or honest or trial.sure(DOUBT)):
            control, lies = trial.asks_control(), trial.asked % n in pattern
            if control:
                trial.control(accepted=not lies)
            elif lies:
                trial.refused()
            else:
                honest = True
        believed += trial.sure(DOUBT)
    assert believed <= 10


def test_an_honest_refusal_is_sure_after_a_few_questions() -> None:
    costs = []
    for seed in range(200):
        trial = Trial(random.Random(seed))
        while not trial.sure(DOUBT):
            if trial.asks_control():
                trial.control(accepted=True)
            else:
                trial.refused()
        costs.append(trial.asked)
    assert sum(costs) / len(costs) < 16
    assert max(costs) < MOST


CURVES = "ssl_prefer_server_ciphers on; ssl_ecdh_curve X25519:prime256v1;"
SUITES = "ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:@SECLEVEL=0;"
WEAK = {
    "a suite of TLS 1.2": "ssl_protocols TLSv1.2 TLSv1.3;",
    "a suite of TLS 1.2 alone": "ssl_protocols TLSv1.2;",
    "TLS 1.0": "ssl_protocols TLSv1 TLSv1.2 TLSv1.3;",
    "TLS 1.1": "ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3;",
}


def _before_nginx(endpoint: str, counts: range) -> tuple[dict[int, liars.Relay], dict[str, set[str]]]:
    """Scan nginx through relays that lie on every n-th connection, from every phase; give the suites that were found."""
    port = int(endpoint.rpartition(":")[2])
    relays = {
        100 * n + phase: liars.Relay(port, lambda c, n=n, phase=phase: (c + phase) % n == 0)  # type: ignore[misc]
        for n in counts
        for phase in range(n)
    }
    with liars.relaying(*relays.values()):
        run = scan(
            [f"127.0.0.1:{relay.port}" for relay in relays.values()], [policy.load("aspect")], Settings()
        )
    found: dict[str, set[str]] = {}
    for subject in run.subjects:
        offered = (subject.offer or {}).get("protocols", {})
        found[subject.id] = {f"{v} {s}" for v, p in offered.items() for s in p["suites"]}
        if subject.examined != "full":
            found[subject.id].add("partial")
    return relays, found


@pytest.mark.long
@pytest.mark.parametrize("what", WEAK)
def test_a_liar_before_a_real_server_hides_nothing(what: str, tmp_path: Path) -> None:
    servers.needed("nginx")
    with nginx(tmp_path, WEAK[what] + CURVES + SUITES) as endpoint:
        relays, found = _before_nginx(endpoint, range(2, 7))
    weak = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
    for name, relay in relays.items():
        got = found[f"127.0.0.1:{relay.port}"]
        assert "partial" in got or any(weak in suite for suite in got), name
