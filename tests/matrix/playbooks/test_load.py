"""TLS settings change on real servers while clients ask them over HTTPS: no question stays without its answer.

Long: `make load-test`.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.real.playbooks.test_load import site
from tests.support.playbooks.load import Load
from tests.support.playbooks.site import Site

__all__ = ["site"]


ROUNDS = 3


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
