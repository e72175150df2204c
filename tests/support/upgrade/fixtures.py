"""A release engineer, three hosts that boot, and one host with the stand-in product."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.booted import booted_fleet
from tests.support.upgrade.quick import Quick
from tests.support.upgrade.standin import Signer, Site

__all__ = ["booted_fleet", "quick", "signer", "site"]


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="session")
def quick() -> Iterator[Quick]:
    one = Quick()
    try:
        yield one
    finally:
        one.stop()


@pytest.fixture
def site(tmp_path: Path, quick: Quick) -> Iterator[Site]:
    one = Site(tmp_path / "host", quick=quick).lay_out()
    try:
        yield one
    finally:
        one.stop()
