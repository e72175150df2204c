"""One recipient is refused, and the relay is killed: on every Python, and hundreds of times."""

from __future__ import annotations

import os

import pytest

from tests.real.mailer import test_relay_recipients as quick
from tests.support.mailer.fixtures import Site

KILLS = int(os.environ.get("SPLITS", "300"))


@pytest.mark.parametrize("age", ["2.7", "3.6"])
def test_a_kill_at_every_step_of_the_split_loses_nothing(site: Site, age: str) -> None:
    quick.test_a_kill_at_every_step_of_the_split_loses_nothing(site, age)


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize(("age", "digest"), [("2.7", True), ("3.6", False), ("newest", True)])
def test_kills_at_any_moment_lose_nothing_while_some_are_refused(site: Site, age: str, digest: bool) -> None:
    quick.test_kills_at_any_moment_lose_nothing_while_some_are_refused(site, age, KILLS, digest)
