"""TLS settings change on real servers while clients ask them over HTTPS: no question stays without its answer.

Long: `make load-test`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.playbooks.load import Load
from tests.support.playbooks.site import SITES, Site

ROUNDS = 3
TLS = "Make the TLS policy hold on each server"


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    one: Site = SITES[request.param](tmp_path / "site")
    yield one
    one.stop()


@pytest.mark.long
def test_no_question_fails_while_the_settings_change(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    with Load(site.port) as load:
        for _ in range(ROUNDS):
            done = site.play("harden.yml")
            assert done.stats["changed"] == 1, done.output
            back = site.play("rollback.yml")
            assert back.stats["changed"] == 1, back.output
    for name in ("asked", "again", "slowest"):
        record_property(name, getattr(load, name))
    assert load.failed == []
    assert load.asked > 100 * ROUNDS
    assert len(load.statuses) == 1


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
