"""The relay accepts what it may, delivers it, and says it another way when it cannot; on old Pythons and new."""

from __future__ import annotations

import re
import time

from tests.support.mailer.relayed import Relay
from tests.unit.mailer.test_relay import new, relay
from tests.unit.mailer.test_send import certificate

__all__ = ["new", "relay"]


def test_a_certificate_signs_in_through_openssl(relay: Relay) -> None:
    made, key, parsed = certificate(relay.site.folder)
    relay.site.app.certificates.append(parsed)
    relay.start(credentials=[{"certificate_file": str(made), "key_file": str(key)}]).submit("A-1")
    assert relay.drained()


def test_urgent_mail_goes_first_and_a_backlog_in_digests(relay: Relay) -> None:
    fake = relay.site.fake
    fake.fault("token", (503, b""), 0)
    relay.start(digest_after=5, digest_size=40)
    for number in range(100):
        relay.submit(f"A-{number:03}", text="caf\u00e9 \u2615")
    relay.submit("URGENT-1", Importance="high")
    fake.heal()
    assert relay.drained()
    first = [m.headers["X-Alarm-Id"] for m in fake.accepted[:2]]
    assert "URGENT-1" in first  # what was already on its way when it came may be before it
    late = [m for m in fake.accepted if m.headers["X-Alarm-Id"] != "URGENT-1"]
    digests = [m.headers.get_payload(decode=True).decode() for m in late]
    named = re.findall(r"^alarm-id: (\S+)", "\n".join(digests), re.MULTILINE)
    assert sorted(named) == [f"A-{number:03}" for number in range(100)]
    assert len(digests) in (3, 4)  # one more where the first was on its way early
    assert "caf\u00e9 \u2615" in digests[0]


def test_limits_hold_across_restarts(new: Relay) -> None:
    fake = new.site.fake
    fake.per_minute, fake.minute = 10, 2.0
    new.start(per_minute=10, minute=6.0)
    for number in range(15):
        new.submit(f"A-{number}")
    for _ in range(4):
        time.sleep(0.4)
        new.kill()
        new.start()
    assert new.drained(60)
    assert fake.violations == []
    assert len({m.headers["X-Alarm-Id"] for m in fake.accepted}) == 15
