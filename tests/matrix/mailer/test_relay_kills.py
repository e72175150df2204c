"""Nothing that was acknowledged is lost when relay and submitter are killed at any moment, whatever the far side does."""

from __future__ import annotations

import os

import pytest

from tests.real.mailer.test_relay_kills import judge
from tests.support.host.little import interpreter
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay


# A client that is reset between accept and handshake leaves a socket open inside CPython's wrap_socket: the double's.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize("age", ["2.7", "3.6", "newest"])
def test_a_thousand_kills(site: Site, age: str) -> None:
    relay = Relay(site, interpreter(age))
    site.fake.per_minute = site.fake.per_day = 10**9
    try:
        judge(relay, int(os.environ.get("KILLS", "1000")), seed=int(os.environ.get("SEED", "1")))
    finally:
        relay.kill()
