"""The control machine's side says what a host said, whenever it stops to answer."""

from __future__ import annotations

from typing import Any

import pytest

from hardening.errors import ProbeError
from hardening.upgrade.orchestrator import Orchestrator


def test_a_host_that_goes_away_between_two_pieces_of_its_log_is_said() -> None:
    told: list[dict[str, Any]] = [
        {"state": "committed", "events": [], "offset": 4, "size": 9, "log": ""},
        {"failed": True, "msg": "the connection was closed"},
    ]
    control = Orchestrator(ask=lambda _do, **_how: told.pop(0), job=None)
    with pytest.raises(ProbeError, match="the connection was closed"):
        control.watch("1", ())
    assert not told
