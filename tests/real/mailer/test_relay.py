"""The relay accepts what it may, delivers it, and says it another way when it cannot; on old Pythons and new."""

from __future__ import annotations

from tests.support.mailer.relayed import Relay
from tests.unit.mailer.test_relay import relay
from tests.unit.mailer.test_send import certificate

__all__ = ["relay"]


def test_a_certificate_signs_in_through_openssl(relay: Relay) -> None:
    made, key, parsed = certificate(relay.site.folder)
    relay.site.app.certificates.append(parsed)
    relay.start(credentials=[{"certificate_file": str(made), "key_file": str(key)}]).submit("A-1")
    assert relay.drained()
