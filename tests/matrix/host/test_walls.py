"""Firewalls of every shape: who reaches the engine's new port is who reached the old one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.real.host import test_walls as quick
from tests.real.host.test_walls import site

__all__ = ["site"]
ROWS = [row for row in quick.ROWS if row not in quick.QUICK]


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_who_reaches_the_new_port_is_who_reached_the_old_one(site: quick.Site, row: dict[str, Any]) -> None:
    quick.test_who_reaches_the_new_port_is_who_reached_the_old_one(site, row)
