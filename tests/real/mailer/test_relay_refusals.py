"""What the relay refuses is counted, shown by `status` with exit code 2, and spoken by every alarm channel."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.host.little import interpreter
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay
from tests.unit.mailer.test_relay_alarms import hooked, until


@pytest.fixture
def relay(request: pytest.FixtureRequest, site: Site) -> Iterator[Relay]:
    python = interpreter(request.param) if hasattr(request, "param") else sys.executable
    made = Relay(site, python, alarm_after=4)
    yield made
    made.kill(signal.SIGTERM)


old_and_new = pytest.mark.parametrize("relay", ["2.7", "3.11"], indirect=True)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("this account cannot mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def told(relay: Relay) -> str:
    alarms = relay.site.folder / "alarms"
    return alarms.read_text() if alarms.exists() else ""


def critical(relay: Relay, words: str, within: float = 3) -> str:
    """Return what `status` says as soon as it is CRITICAL with these words."""

    def found() -> str:
        done = relay.run("status")
        return (
            done.stdout
            if done.returncode == 2 and done.stdout.startswith("CRITICAL") and words in done.stdout
            else ""
        )

    return str(until(found, within))


def fine(relay: Relay) -> bool:
    return bool(until(lambda: relay.run("status").returncode == 0, 15))


def noted(relay: Relay) -> dict[str, Any]:
    status = relay.spool / "status.json"
    return dict(json.loads(status.read_text())) if status.exists() else {}


def count(relay: Relay, reason: str) -> int:
    return int(noted(relay).get("refusals", {}).get(reason, {}).get("count", 0))


def fill(folder: Path, leave: int) -> None:
    disk = os.statvfs(folder)
    with (folder / "filler").open("ab") as file:
        file.write(b"x" * (disk.f_bavail * disk.f_frsize - leave))


def said(relay: Relay, *lines: str) -> str:
    """Return the last answer of a session that says these lines."""
    with socket.create_connection(("127.0.0.1", relay.port), 5) as session:
        file = session.makefile("rwb")
        file.readline()
        answer = b""
        for line in lines:
            file.write(line.encode() + b"\r\n")
            file.flush()
            answer = file.readline()
            while answer[3:4] == b"-":
                answer = file.readline()
        return answer.decode()


@old_and_new
def test_a_disk_that_is_nearly_full_is_an_alarm_until_mail_is_accepted(relay: Relay, small: Path) -> None:
    relay.spool = small / "spool"
    relay.start(spool=str(relay.spool), max_bytes=65536)
    fill(small, 100_000)
    for n in range(3):
        with pytest.raises(smtplib.SMTPException, match="452"):
            relay.submit(f"A-{n}")
    started = time.monotonic()
    assert "the disk of the spool is full" in critical(relay, "mail is refused")
    until(lambda: "the disk of the spool is full" in told(relay), 4)
    assert time.monotonic() - started < 4  # alarm_after
    until(lambda: count(relay, "disk") == 3, 3)
    assert noted(relay)["refusals"]["disk"]["last"] == pytest.approx(time.time(), abs=10)
    (small / "filler").unlink()
    critical(relay, "the disk of the spool is full")  # nothing was accepted yet
    relay.submit("A-9")
    assert fine(relay)
    assert count(relay, "disk") == 3


@old_and_new
def test_a_disk_that_is_full_is_said_at_once_and_the_relay_is_not_away(relay: Relay, small: Path) -> None:
    relay.spool = small / "spool"
    relay.start(spool=str(relay.spool), max_bytes=65536)
    assert fine(relay)
    fill(small, 0)
    line = relay.run("status").stdout
    assert line.startswith("CRITICAL: mail is refused: the disk of the spool is full: ")
    with pytest.raises(smtplib.SMTPException, match="452"):
        relay.submit("A-1")
    until(lambda: count(relay, "disk") == 1, 5)  # the status is still written
    assert "does not run" not in relay.run("status").stdout
    until(lambda: "the disk of the spool is full" in told(relay), 4)


@old_and_new
def test_a_wrong_from_is_an_alarm_whatever_else_is_accepted(relay: Relay) -> None:
    relay.start()
    assert said(relay, "MAIL FROM:<bms@site.example>").startswith("550 5.7.1")
    line = critical(relay, "bms@site.example")
    assert "this From may not send here" in line
    until(lambda: "bms@site.example" in told(relay), 4)
    relay.submit("A-1")
    assert relay.drained()
    critical(relay, "bms@site.example")
    relay.kill(signal.SIGTERM)
    relay.start()
    critical(relay, "bms@site.example")  # a restart changes nothing ...
    relay.kill(signal.SIGTERM)
    (relay.spool / "status.json").rename(relay.site.folder / "status.json")
    relay.start()
    assert fine(relay)  # ... without its file it is forgotten ...
    relay.kill(signal.SIGTERM)
    (relay.site.folder / "status.json").rename(relay.spool / "status.json")
    relay.start(senders=["bms@site.example"])
    assert fine(relay)  # ... but settings that allow it do


@pytest.mark.parametrize(
    ("lines", "reason", "words"),
    [
        (("MAIL FROM:<alarms@example.com> SIZE=99999999",), "size", "too large"),
        (("MAIL FROM:<alarms@example.com>", "RCPT TO:<ceo@other.example>"), "recipient", "ceo@other.example"),
        (("MAIL FROM:<alarms@example.com>", "RCPT TO:<two words@example.com>"), "form", "wrong form"),
        (("MAIL FROM: alarms@example.com",), "form", "wrong form"),
        (("EHLO x", "AUTH LOGIN"), "login", "AUTH"),
        (("EHLO x", "STARTTLS"), "login", "STARTTLS"),
        (("MAIL FROM:<>",), "sender", "<>"),
        (("MAIL FROM:<b\x1b[31mad@x.example>",), "sender", "b [31mad@x.example"),
    ],
)  # fmt: skip
def test_each_refusal_that_loses_a_mail_is_an_alarm(
    relay: Relay, lines: tuple[str, ...], reason: str, words: str
) -> None:
    relay.start()
    assert said(relay, *lines)[0] == "5"
    assert words in critical(relay, words)
    assert count(relay, reason) == 1
    until(lambda: words in told(relay), 4)


def test_a_mail_that_is_too_large_by_its_data(relay: Relay) -> None:
    relay.start(max_bytes=2000)
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=10) as session:
        session.helo()  # no SIZE is declared
        with pytest.raises(smtplib.SMTPException, match="552"):
            session.sendmail("alarms@example.com", "ops@example.com", b"x\r\n" * 2000)
    critical(relay, "the mail is too large (over 2000 bytes)")


def test_a_full_queue(relay: Relay) -> None:
    relay.site.fake.fault("token", (503, {}), 0)
    relay.start(max_queue=1)
    relay.submit("A-1")
    time.sleep(1.2)
    with pytest.raises(smtplib.SMTPException, match="452"):
        relay.submit("A-2")
    critical(relay, "the queue is full")


def test_idle_sessions_that_lock_others_out_are_an_alarm(relay: Relay) -> None:
    relay.start(max_sessions=2)
    idle = [socket.create_connection(("127.0.0.1", relay.port), 5) for _ in range(2)]
    try:
        assert all(one.recv(100).startswith(b"220") for one in idle)
        with socket.create_connection(("127.0.0.1", relay.port), 5) as late:
            assert late.recv(100).startswith(b"421")
        critical(relay, "all sessions are taken")
        until(lambda: "all sessions are taken" in told(relay), 4)
    finally:
        for one in idle:
            one.close()
    until(lambda: _accepted(relay), 5)
    assert fine(relay)


def _accepted(relay: Relay) -> bool:
    try:
        relay.submit("A-1")
    except smtplib.SMTPException:
        return False
    return True


@pytest.mark.parametrize(
    ("line", "reason"), [("HELP", "command"), ("GET / HTTP/1.1", "web"), ("DATA", "command")]
)
def test_what_is_no_mail_is_counted_and_no_alarm(relay: Relay, line: str, reason: str) -> None:
    relay.start()
    assert said(relay, line)[0] in "45"
    until(lambda: count(relay, reason) == 1, 5)
    assert relay.run("status").returncode == 0
    assert "refused" not in told(relay)


def test_every_channel_speaks(relay: Relay) -> None:
    server, got = hooked()
    log, trap = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    command = relay.site.folder / "command"
    try:
        for one in (log, trap):
            one.bind(("127.0.0.1", 0))
            one.settimeout(10)
        relay.start(
            syslog=f"127.0.0.1:{log.getsockname()[1]}", snmp_trap=f"127.0.0.1:{trap.getsockname()[1]}",
            alarm_command=["tee", str(command)], webhook=f"http://127.0.0.1:{server.server_address[1]}/",
        )  # fmt: skip
        said(relay, "MAIL FROM:<bms@site.example>")
        heard: list[Callable[[], str]] = [
            lambda: log.recv(4096).decode(), lambda: trap.recv(4096).decode("latin-1"), lambda: until(command.read_text),
            lambda: str(until(lambda: got)), lambda: told(relay),
        ]  # fmt: skip
        until(command.exists, 4)
        for channel in heard:
            text = channel()
            assert "mail is refused: this From may not send here" in text
            assert "bms@site.example" in text
    finally:
        server.shutdown()
        server.server_close()
        log.close()
        trap.close()


def test_many_refused_names_are_not_many_rows(relay: Relay) -> None:
    relay.start()
    for n in range(30):
        said(relay, f"MAIL FROM:<n{n}@site.example>")
    until(lambda: count(relay, "sender") == 30, 5)
    rows = noted(relay)["refused"]
    assert len(rows) <= 21
    assert sum(row["count"] for row in rows) == 30


def test_a_relay_that_hangs_is_not_said_to_be_gone(relay: Relay) -> None:
    relay.start()
    assert fine(relay)
    assert relay.process is not None
    os.kill(relay.process.pid, signal.SIGSTOP)
    try:
        status = relay.spool / "status.json"
        status.write_text(json.dumps({**noted(relay), "at": time.time() - 1000}))
        line = relay.run("status").stdout
    finally:
        os.kill(relay.process.pid, signal.SIGCONT)
    assert line.startswith("CRITICAL: the relay runs and has written no status for 1000 s")


@pytest.mark.parametrize("rows", ["[1]", "[{}]", '"x"', '[{"reason": "sender"}]', "5"])
def test_a_damaged_list_of_refusals_is_said_and_stops_nothing(relay: Relay, rows: str) -> None:
    relay.start()
    assert fine(relay)
    relay.kill(signal.SIGTERM)
    status = relay.spool / "status.json"
    damaged = json.dumps({**noted(relay), "refused": "ROWS"}).replace('"ROWS"', rows)
    status.write_text(damaged)
    done = relay.run("status")
    assert (done.returncode, done.stderr) == (2, "")
    relay.start()
    assert fine(relay)
