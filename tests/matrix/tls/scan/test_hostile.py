"""Difficult servers: the whole truth, or said to be inconclusive; malicious ones cost little."""

from __future__ import annotations

from hardening.tls.scan.engine.rate_limit import RateLimits
from tests.support.tls.scan import hostile
from tests.unit.tls.scan.test_hostile import _scan, ports, whole_truth

__all__ = ["ports"]


def test_the_whole_matrix_on_sockets(ports: dict[str, int]) -> None:
    every = {name: ports[name] for name in hostile.SERVERS}
    for name, one in _scan(every, 5.0, RateLimits(patience=60.0, budget=300.0)).done.items():
        # whatever was met with seconds of silence may have been seen late, and makes refusals doubtful for as long
        whole_truth(name, one, frozenset({"stalls-over-128-suites"}))
