"""TLS settings change on real servers while clients ask them over HTTPS: no question stays without its answer.

Long: `make load-test`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.playbooks.load import Load
from tests.support.playbooks.site import SITES, Site

TLS = "Make the TLS policy hold on each server"


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    one: Site = SITES[request.param](tmp_path / "site")
    yield one
    one.stop()


def test_a_restart_in_between_is_counted(tmp_path: Path) -> None:
    """The clients see a server that is away, else their silence proves nothing."""
    site = Site(tmp_path / "site")
    with Load(site.port) as load:
        site.stop()
        while not load.failed:
            load.over.wait(0.05)
        site.start()
    site.stop()
    assert load.failed
