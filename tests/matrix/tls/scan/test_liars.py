"""Servers that refuse in words for reasons of their own: the whole truth, or said to be inconclusive."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from hardening.tls import policy
from hardening.tls.scan.run import ScanSettings, scan
from tests.real.tls.scan.test_real import nginx
from tests.support.tls import servers
from tests.support.tls.scan import count_liars, liars
from tests.support.tls.scan.count_liars import FULL
from tests.unit.tls.scan.test_liars import BY_CHANCE, LIES, QUICK, _missed


@pytest.mark.parametrize("lie", sorted(LIES.keys() - set(BY_CHANCE)))
@pytest.mark.parametrize("offer", sorted(liars.OFFERS.keys() - set(QUICK)))
def test_whatever_it_hides(offer: str, lie: str) -> None:
    assert not _missed(offer, lie)


def test_no_period_from_any_phase_hides_anything_from_an_inventory() -> None:
    assert not [name for name, server in count_liars.by_period() if count_liars.hides(server, FULL)[0]]


def test_nor_does_chance_of_any_rate_but_for_one_in_a_thousand() -> None:
    cases = islice(count_liars.by_chance(), 1960)
    assert sum(count_liars.hides(server, FULL)[0] for _, server in cases) <= 2


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
        100 * n + phase: liars.Relay(port, lambda c, n=n, phase=phase: (c + phase) % n == 0)  # type: ignore[misc]  # lambda defaults have no types
        for n in counts
        for phase in range(n)
    }
    with liars.relaying(*relays.values()):
        run = scan(
            [f"127.0.0.1:{relay.port}" for relay in relays.values()], [policy.load("aspect")], ScanSettings()
        )
    found: dict[str, set[str]] = {}
    for subject in run.subjects:
        offered = (subject.offer or {}).get("protocols", {})
        found[subject.id] = {f"{v} {s}" for v, p in offered.items() for s in p["suites"]}
        if subject.examined != "full":
            found[subject.id].add("partial")
    return relays, found


@pytest.mark.parametrize("what", WEAK)
def test_a_liar_before_a_real_server_hides_nothing(what: str, tmp_path: Path) -> None:
    servers.needed("nginx")
    with nginx(tmp_path, WEAK[what] + CURVES + SUITES) as endpoint:
        relays, found = _before_nginx(endpoint, range(2, 7))
    weak = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
    for name, relay in relays.items():
        got = found[f"127.0.0.1:{relay.port}"]
        assert "partial" in got or any(weak in suite for suite in got), name
