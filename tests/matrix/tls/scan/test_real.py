"""Real servers of the distribution: weak ones are named in full, compliant ones pass in eight connections."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hardening.tls import policy
from hardening.tls.scan.run import ScanSettings, scan
from tests.real.tls.scan.test_real import GOOD, WEAK, _load, _plain, nginx


@pytest.mark.parametrize("settings", [GOOD, WEAK], ids=["good", "weak"])
@pytest.mark.parametrize("how", [ScanSettings(), ScanSettings(full=True)], ids=["verdict", "inventory"])
def test_a_hundred_scans_are_identical_half_of_them_under_load(
    settings: str, how: ScanSettings, tmp_path: Path
) -> None:
    chosen = [policy.load("aspect"), policy.load("mozilla-old")]
    now = datetime(2026, 11, 24, tzinfo=UTC)
    with nginx(tmp_path, settings) as endpoint:
        calm = {_plain(scan([endpoint], chosen, how, now=now)) for _ in range(50)}
        with _load(8):
            loaded = {_plain(scan([endpoint], chosen, how, now=now)) for _ in range(50)}
    assert len(calm | loaded) == 1
