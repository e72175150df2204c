"""Nothing that was acknowledged is lost when relay and submitter are killed at any moment, whatever the far side does."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.support.host.little import interpreter
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay

SUBMITTER = """
import smtplib, sys
port, log, first, people = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
said = open(log, "ab", 0)
sys.stdout.write("ready\\n")
sys.stdout.flush()
number = 0
while True:
    alarm = "%s-%d" % (first, number)
    number += 1
    try:
        session = smtplib.SMTP("127.0.0.1", port, timeout=5)
        session.sendmail("alarms@example.com", people, "Subject: x\\r\\nX-Alarm-Id: %s\\r\\n\\r\\nx" % alarm)
        said.write((alarm + "\\n").encode())
        session.quit()
    except (OSError, IOError, smtplib.SMTPException):
        pass
"""
FAULTS: tuple[tuple[str, Any], ...] = (
    ("smtp.banner", "421 4.3.2 not now"), ("smtp.mail", "451 4.7.0 later"), ("smtp.dot", "451 4.7.0 later"), ("smtp.dot", "reset"),
    ("smtp.data", "432 4.3.2 Concurrent connections limit exceeded"), ("smtp.accepted", "drop"), ("smtp.accepted", "reset"),
    ("graph", (503, b"")), ("graph", "reset"), ("graph", (429, {}, {"Retry-After": "0"})), ("graph.accepted", "drop"), ("token", (503, b"")),
)  # fmt: skip


def crash_often(
    relay: Relay,
    kills: int,
    seed: int,
    to: Sequence[str] = ("ops@example.com",),
    begin: Callable[[], object] | None = None,
) -> tuple[set[str], int, int]:
    """Return the acknowledged alarms, how often the relay was killed, and how many faults were injected."""
    moments = random.Random(seed)
    log = relay.site.folder / "acknowledged"
    script = relay.site.folder / "submitter.py"
    script.write_text(SUBMITTER)
    relay_kills = faults = 0
    for turn in range(kills):
        (begin or relay.start)()
        command = [sys.executable, str(script), str(relay.port), str(log), f"{seed}-{turn}", *to]
        submitter = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert submitter.stdout is not None
        submitter.stdout.readline()
        if moments.random() < 0.5:
            relay.site.fake.fault(*moments.choice(FAULTS))
            faults += 1
        time.sleep(moments.uniform(0.02, 0.35))
        victims = moments.choice(("relay", "submitter", "both"))
        if victims != "relay":
            submitter.kill()
        if victims != "submitter":
            relay.kill(signal.SIGKILL)
            relay_kills += 1
        submitter.kill()
        submitter.wait()
        submitter.stdout.close()
        relay.kill(signal.SIGKILL)
        relay_kills += victims == "submitter"
    acknowledged = set(log.read_text().split()) if log.exists() else set()
    return acknowledged, relay_kills, faults


def judge(relay: Relay, kills: int, seed: int) -> None:
    acknowledged, crashes, faults = crash_often(relay, kills, seed)
    relay.site.fake.heal()
    relay.start()
    assert relay.drained(300), f"{relay.waiting()} still wait; {relay.run('status').stdout}"
    copies: dict[str, list[tuple[str, bool]]] = {}
    for mail in list(relay.site.fake.accepted):
        headers = mail.headers
        copy = (str(headers["Message-ID"]), headers["X-Possible-Duplicate"] is not None)
        copies.setdefault(str(headers["X-Alarm-Id"]), []).append(copy)
    doubled = sum(len(several) - 1 for several in copies.values())
    unmarked = [alarm for alarm, several in copies.items() if sum(1 for _, mark in several if not mark) > 1]
    renamed = [alarm for alarm, several in copies.items() if len({name for name, _ in several}) > 1]
    lost = acknowledged - set(copies)
    sys.stderr.write(
        f"\nseed {seed}: {len(acknowledged)} acknowledged, {kills} kills of relay, submitter or both, {crashes} crashes of the relay, "
        f"{faults} faults: {len(lost)} lost, {doubled} duplicates, {len(unmarked)} of them unmarked\n"
    )
    assert acknowledged
    assert lost == set()
    assert unmarked == []
    assert renamed == []
    assert doubled <= crashes + faults


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize("age", ["2.7", "3.6", "newest"])
def test_no_acknowledged_alarm_is_lost(site: Site, age: str) -> None:
    relay = Relay(site, interpreter(age))
    try:
        judge(relay, 6, seed=9)
    finally:
        relay.kill()
