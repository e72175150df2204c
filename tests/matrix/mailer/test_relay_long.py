"""A day without mail, and credentials that change under load: what the relay does over a long time."""

from __future__ import annotations

import smtplib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay

CLOCK = """
# Runs a script whose clock goes FACTOR times as fast as the wall's; the factor is read from a file while it runs.
import runpy, sys, threading, time
real_time, real_sleep, place = time.time, time.sleep, sys.argv[1]
state = [(real_time(), real_time(), float(open(place).read()))]
def now():
    at, since, factor = state[0]
    return at + (real_time() - since) * factor
def follow():
    while True:
        real_sleep(0.05)
        text = open(place).read()
        if text and float(text) != state[0][2]:
            state[0] = (now(), real_time(), float(text))
threading.Thread(target=follow, daemon=True).start()
time.time = now
time.sleep = lambda seconds: real_sleep(max(seconds / state[0][2], 0.01 if state[0][2] < 100 else 0.2))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
PEOPLE = ("a@example.com", "b@example.com", "c@example.com")
FAST, SLOW = 720.0, 2.0
"""The outage takes two minutes of ours; from recovery on, a minute of the relay's and of the double's is half a minute."""
ALARMS, URGENT = 20_000, 100


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    (tmp_path / "factor").write_text(str(FAST))
    (tmp_path / "clock.py").write_text(CLOCK)
    return tmp_path


@pytest.fixture
def relay(site: Site) -> Iterator[Relay]:
    made = Relay(site, sys.executable)
    yield made
    made.kill()


def test_a_day_without_mail_is_caught_up_in_ten_minutes(relay: Relay, clock: Path) -> None:
    fake = relay.site.fake
    fake.minute, fake.per_day = 60 / SLOW, 10_000
    fake.fault("token", (503, b""), 0)
    relay.command = [sys.executable, "-P", str(clock / "clock.py"), str(clock / "factor"), str(relay.archive)]
    relay.start(
        minute=62, per_minute=30, recipients_per_day=10_000, digest_after=20, digest_size=100, retry_first=5, retry_most=120,
        alarm_after=300, timeout=10, allow_recipients=["@example.com"], priority=["^CRITICAL"],
    )  # fmt: skip
    began = time.monotonic()

    def submit(share: int) -> None:
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as session:
            for number in range(share, ALARMS, 8):
                kind = "CRITICAL" if number % (ALARMS // URGENT) == 0 else "fan"
                text = f"Subject: {kind} {number}\r\nX-Alarm-Id: A-{number}\r\n\r\nfailed"
                session.sendmail("alarms@example.com", PEOPLE, text.encode())

    threads = [threading.Thread(target=submit, args=(share,)) for share in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(max(0, began + 86_400 / FAST - time.monotonic()))
    hours = (time.monotonic() - began) * FAST / 3600
    assert relay.waiting() == ALARMS
    assert "mail has been broken" in (relay.site.folder / "alarms").read_text()
    (clock / "factor").write_text(str(SLOW))
    fake.heal()
    healed = time.monotonic()
    drained = relay.drained(300, every=1)
    minutes = (time.monotonic() - healed) * SLOW / 60
    told: dict[str, set[str]] = {one: set() for one in PEOPLE}
    for mail in fake.accepted:
        text = mail.headers.get_payload(decode=True).decode()
        named = {line.split()[1] for line in text.splitlines() if line.startswith("alarm-id: ")}
        for one in mail.recipients:
            told[one] |= named
    first = fake.accepted[0].headers.get_payload(decode=True).decode()
    sys.stderr.write(
        f"\n{hours:.1f} h without mail, {ALARMS} alarms waiting: {len(fake.accepted)} mails to {len(PEOPLE)} recipients in "
        f"{minutes:.1f} min from recovery, {len(fake.violations)} limit violations\n"
    )
    assert drained
    assert all(alarms == {f"A-{number}" for number in range(ALARMS)} for alarms in told.values())
    assert first.count("CRITICAL") >= URGENT
    assert fake.violations == []
    assert hours >= 24
    assert minutes <= 10


@pytest.mark.parametrize("announced", [True, False])
def test_credentials_change_under_load(relay: Relay, announced: bool) -> None:
    """Eight changes; where it is not announced, the secret in use is revoked before anybody stages another's promotion."""
    site, fake = relay.site, relay.site.fake
    fake.lifetime = 301  # so that a token is asked for each second
    fake.per_minute = 10**9
    names = ("mailer.secret", "next.secret")
    site.write_secret(site.secret, "next.secret")
    relay.start(credentials=[{"secret_file": str(site.folder / name)} for name in names], alarm_after=0)
    over, refused = threading.Event(), []
    count = [0]

    def submit() -> None:
        while not over.is_set():
            count[0] += 1
            try:
                relay.submit(f"A-{count[0]}")
            except smtplib.SMTPException as problem:
                refused.append(problem)
            time.sleep(0.02)

    thread = threading.Thread(target=submit)
    thread.start()
    current = site.secret
    try:
        for turn in range(8):
            new = f"turn{turn}~" + "x" * 30
            site.app.secrets[new] = time.time() + 9e6
            replace(site, "next.secret", new)  # staged
            time.sleep(1)
            if announced:
                replace(site, "mailer.secret", new)
            del site.app.secrets[current]
            time.sleep(3)
            replace(site, "mailer.secret", new)
            current = new
    finally:
        over.set()
        thread.join()
    assert relay.drained(60)
    trouble = (site.folder / "alarms").read_text() if (site.folder / "alarms").exists() else ""
    arrived = [str(mail.headers["X-Alarm-Id"]) for mail in fake.accepted]
    sys.stderr.write(
        f"\n8 changes of the credential, {'announced' if announced else 'unannounced'}: {count[0]} alarms, "
        f"{count[0] - len(set(arrived))} lost, {len(arrived) - len(set(arrived))} duplicates, {len(refused)} refused, "
        f"{trouble.count(chr(10))} failed sends\n"
    )
    assert refused == []
    assert trouble == ""
    assert sorted(arrived) == sorted(f"A-{number}" for number in range(1, count[0] + 1))


def replace(site: Site, name: str, value: str) -> None:
    site.write_secret(value, f"{name}.new")
    (site.folder / f"{name}.new").rename(site.folder / name)
