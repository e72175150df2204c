"""Rotation of a leaked database account, against real servers on scratch folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.host.session import here
from tests.real.host.test_accounts import FRESH, LEAKED, database, logs_in, needs_root, rotated
from tests.support.host.databases import Database
from tests.support.host.little import interpreter

__all__ = ["database"]


@needs_root
@pytest.mark.parametrize("age", ["2.7", "3.6"])
def test_old_pythons_do_it_too(database: Database, tmp_path: Path, age: str) -> None:
    answer = rotated(tmp_path, database.account(), python=interpreter(age))
    assert answer["state"] == "committed", answer
    assert logs_in(tmp_path, database.account(), FRESH) is True
    assert (
        here(state=str(tmp_path / "state"), python=interpreter(age)).ask("rollback")["state"] == "committed"
    )
    assert logs_in(tmp_path, database.account(), LEAKED) is True
