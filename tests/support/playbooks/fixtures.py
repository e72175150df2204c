"""A real web server per test, stopped by its pid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.playbooks.site import SITES, Site


@pytest.fixture(params=sorted(SITES))
def any_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    one = SITES[request.param](tmp_path / "site")
    yield one
    one.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    one = Site(tmp_path / "site")
    yield one
    one.stop()
