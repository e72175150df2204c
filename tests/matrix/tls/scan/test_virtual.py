"""Difficult servers in simulated time, on a machine that stops now and then: found, or said to be inconclusive."""

from __future__ import annotations

import pytest

from hardening.tls.scan.strategy.scope import ScanScope
from tests.support.tls.scan import hostile
from tests.unit.tls.scan.test_virtual import _under_load


@pytest.mark.parametrize("name", hostile.SERVERS)
def test_nothing_is_missed_on_a_hundred_such_machines(name: str) -> None:
    for seed in range(100):
        _under_load(name, seed, ScanScope(full=True))
