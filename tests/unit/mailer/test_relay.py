"""The relay accepts what it may, delivers it, and says it another way when it cannot; on old Pythons and new."""

from __future__ import annotations

import datetime as dt
import json
import re
import signal
import smtplib
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardening.cli import run
from tests.support.host.little import interpreter
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay
from tests.support.waiting import until
from tests.unit.mailer.test_send import certificate


@pytest.fixture(params=["2.7", "3.6", "newest", "this"])
def relay(request: pytest.FixtureRequest, site: Site) -> Iterator[Relay]:
    made = Relay(site, sys.executable if request.param == "this" else interpreter(request.param))
    yield made
    made.kill(signal.SIGTERM)


@pytest.fixture
def new(site: Site) -> Iterator[Relay]:
    """A relay by this Python, where age does not matter."""
    made = Relay(site, sys.executable)
    yield made
    made.kill(signal.SIGTERM)


def test_a_mail_goes_out_by_each_transport(relay: Relay) -> None:
    for transport in ("graph", "smtp"):
        relay.start(transports=[transport])
        relay.submit(f"A-{transport}", text="line\r\n.\r\n..dots")
        assert relay.drained()
        relay.kill()
    first, second = relay.site.fake.accepted
    assert (first.transport, second.transport) == ("graph", "smtp")
    for mail in (first, second):
        assert mail.recipients == ("ops@example.com",)
        assert mail.headers["From"] == "alarms@example.com"
        assert mail.headers["Subject"].endswith("failed")
        assert re.sub("\r?\n", "\n", mail.headers.get_payload()).rstrip("\n") == "line\n.\n..dots"


def test_it_fails_over_and_rotates(relay: Relay) -> None:
    site = relay.site
    site.fake.fault("graph", (403, {"error": {"code": "ErrorAccessDenied"}}), 0)
    site.write_secret("gone~" + "x" * 30)
    site.write_secret(site.secret, "next.secret")
    both = [{"secret_file": str(site.folder / name)} for name in ("mailer.secret", "next.secret")]
    relay.start(credentials=both).submit("A-1")
    assert relay.drained()
    assert [m.transport for m in site.fake.accepted] == ["smtp"]


def test_a_server_of_short_lines_gets_the_token_on_its_own(new: Relay) -> None:
    new.site.fake.short_lines = True
    new.start(transports=["smtp"]).submit("A-1")
    assert new.drained()


@pytest.mark.parametrize("how", ["name", "untrusted"])
def test_it_checks_certificates(relay: Relay, how: str) -> None:
    """Neither way out is taken past a certificate that is wrong."""
    fake = relay.site.fake
    wrong = fake.other_tls("proxy.example.com") if how == "name" else fake.other_tls(untrusted=True)
    fake.smtp_tls = wrong
    relay.start(transports=["smtp"]).submit("A-1")
    time.sleep(0.5)
    relay.kill()
    fake.inspect = wrong
    relay.start(transports=["graph"])
    time.sleep(0.5)
    assert relay.waiting() == 1
    assert fake.accepted == []


def test_it_is_no_open_relay(new: Relay) -> None:
    new.start(
        max_bytes=2000, max_recipients=2, senders=["alarms@example.com"], allow_recipients=["@site.example"]
    )
    with smtplib.SMTP("127.0.0.1", new.port, timeout=5) as session:
        session.ehlo()
        assert session.mail("mallory@example.com")[0] == 550
        assert session.docmd("RCPT", "TO:<ops@example.com>")[0] == 503
        assert session.docmd("AUTH", "PLAIN AAAA")[0] == 502
        assert session.mail("alarms@example.com", ["SIZE=5000"])[0] == 552
        assert session.mail("alarms@example.com")[0] == 250
        assert session.rcpt("somebody@elsewhere.example")[0] == 550
        assert session.docmd("RCPT", "TO:<a@site.example,b@elsewhere.example>")[0] == 501
        assert session.rcpt("a@site.example")[0] == 250
        assert session.rcpt("ops@example.com")[0] == 250
        assert session.rcpt("b@site.example")[0] == 452
        session.putcmd("DATA")
        session.getreply()
        session.send(b"x" * 3000 + b"\r\n.\r\n")
        assert session.getreply()[0] == 552
    assert new.waiting() == 0


def test_only_loopback_is_listened_on(new: Relay) -> None:
    new.port = 2525
    new.config.write_text("{}")
    new.config.write_text(json.dumps({**new.settings, "listen": "0.0.0.0:0"}))
    done = subprocess.run(
        [*new.command, "serve", str(new.config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 69
    assert "loopback" in done.stderr


def test_a_port_in_use_is_said_in_one_line(new: Relay) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        new.port = taken.getsockname()[1]
        done = new.run("serve")
    assert done.returncode == 69
    assert done.stderr.startswith(f"relay: cannot listen on 127.0.0.1:{new.port}: ")
    assert done.stderr.count("\n") == 1


def test_a_submission_cut_short_is_not_accepted(new: Relay) -> None:
    new.start()
    with socket.create_connection(("127.0.0.1", new.port), 5) as raw:
        raw.sendall(
            b"EHLO x\r\nMAIL FROM:<alarms@example.com>\r\nRCPT TO:<ops@example.com>\r\nDATA\r\nSubject: half\r\n\r\nhal"
        )
        time.sleep(0.2)
    time.sleep(0.2)
    assert new.waiting() == 0


def test_a_full_queue_says_try_again(new: Relay) -> None:
    new.site.fake.fault("token", (503, b""), 0)
    new.start(max_queue=2)
    new.submit("A-1")
    new.submit("A-2")

    def refused() -> int:
        try:
            new.submit("A-3")
        except smtplib.SMTPSenderRefused as answer:
            return answer.smtp_code
        return 0

    assert until(refused, what="a refusal") == 452  # the queue is counted once a second


def test_the_recipients_of_a_day_are_counted(new: Relay) -> None:
    new.site.fake.per_day = 6
    new.start(recipients_per_day=6, allow_recipients=["@example.com"])
    for number in range(4):
        new.submit(f"A-{number}", to=["a@example.com", "b@example.com"])
    until(lambda: len(new.site.fake.accepted) == 3 and new.waiting() == 1, what="three of four")
    time.sleep(1)  # the fourth may not follow
    assert new.site.fake.violations == []
    assert (len(new.site.fake.accepted), new.waiting()) == (3, 1)


def test_broken_mail_is_said_another_way(new: Relay, tmp_path: Path) -> None:
    new.site.fake.fault(
        "token",
        (
            401,
            {"error": "invalid_client", "error_codes": [7000222], "error_description": "AADSTS7000222: over"},
        ),
        0,
    )
    said = tmp_path / "said"
    new.start(alarm_after=1, alarm_command=["tee", str(said)])
    new.submit("A-1")
    end = time.monotonic() + 15
    while not (said.exists() and said.read_text()) and time.monotonic() < end:
        time.sleep(0.1)  # it is there before anything is in it
    assert "AADSTS7000222" in said.read_text()
    assert "AADSTS7000222" in (new.site.folder / "alarms").read_text()
    done = new.run("status")
    assert done.returncode == 2
    assert "mail is broken" in done.stdout
    new.site.fake.heal()
    assert new.drained()
    until(lambda: new.run("status").returncode == 0, what="a good state")
    new.kill()


def test_a_mail_refused_for_good_is_kept_and_said(new: Relay) -> None:
    new.site.fake.fault("smtp.dot", "550 5.6.0 not a mail we take", 0)
    new.start(transports=["smtp"])
    new.submit("A-1")
    assert new.drained()
    until((new.site.folder / "alarms").exists, what="the alarm")
    assert len(list((new.spool / "dead").glob("*.why"))) == 1
    assert "permanently refused" in (new.site.folder / "alarms").read_text()
    new.site.fake.heal()
    (kept,) = (path for path in (new.spool / "dead").iterdir() if path.suffix != ".why")
    kept.rename(new.spool / "new" / kept.name)  # how a person has it tried again
    assert new.drained()
    assert new.site.fake.accepted[0].headers["X-Alarm-Id"] == "A-1"


def test_sendmail_leaves_out_no_recipient_in_silence(relay: Relay) -> None:
    relay.start(allow_recipients=["@example.com"])
    people = [f"op{number}@example.com" for number in range(120)]
    assert relay.run("sendmail", *people, text="Subject: x\n\ny\n").returncode == 0
    assert relay.drained()
    assert sorted(one for mail in relay.site.fake.accepted for one in mail.recipients) == sorted(people)
    some = relay.run("sendmail", "-t", text="To: ops@example.com, boss@x.example\nSubject: x\n\ny\n")
    assert some.returncode == 67
    assert "boss@x.example" in some.stderr
    assert relay.drained()
    assert relay.site.fake.accepted[-1].recipients == ("ops@example.com",)


@pytest.mark.parametrize(
    "head",
    [
        "To: one@example.com",
        "To: One <one@example.com>, \n undisclosed-recipients:;",
        'To: "Fan, 3" <one@example.com>,\nCc: one@example.com',
        "Bcc: =?utf-8?q?Fan=2C_3?= <one@example.com>",
    ],
)
def test_sendmail_reads_who_the_mail_is_for(relay: Relay, head: str) -> None:
    """Newer Pythons call a list with an empty part malformed; the settings' recipients got such mail instead."""
    relay.start(allow_recipients=["@example.com"])
    assert relay.run("sendmail", "-t", text=f"{head}\nSubject: x\n\ny\n").returncode == 0
    assert relay.drained()
    assert set(relay.site.fake.accepted[-1].recipients) == {"one@example.com"}


def test_sendmail(relay: Relay) -> None:
    relay.start()
    mail = "To: Ops <ops@example.com>\nSubject: by sendmail\n\nhello\n.\nnot this\n"
    assert relay.run("sendmail", "-t", "-fwatchdog", text=mail).returncode == 69
    assert relay.run("sendmail", "-t", text=mail).returncode == 0
    assert relay.run("sendmail", "-i", "elsewhere@x.example", text=mail).returncode == 67
    assert relay.drained()
    (got,) = relay.site.fake.accepted
    assert got.headers["Subject"] == "by sendmail"
    assert "not this" not in got.headers.get_payload()
    assert relay.run("sendmail", "ops@example.com", text="").returncode == 0
    assert relay.run("sendmail", text="\nonly a body\n").returncode == 0
    assert relay.drained()
    assert [mail.headers.get_payload().strip() for mail in relay.site.fake.accepted[1:]] == [
        "",
        "only a body",
    ]
    relay.kill()
    assert relay.run("sendmail", "-t", text=mail).returncode == 75


def test_render_writes_all_a_host_needs(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "host"
    assert run(["mailer", "render", "relay", "-c", str(site.config), "-o", str(out)]) == 0
    names = {p.name for p in out.iterdir()}
    assert names == {
        "relay.pyz",
        "relay.json",
        "aspect-mail-relay.service",
        "aspect-mail-relay.init",
        "relay",
        "sendmail",
    }
    assert site.secret.encode() not in b"".join(p.read_bytes() for p in out.iterdir())
    carried = ["mailer", "render", "relay", "-c", str(site.config), "-o", str(out), "--credentials"]
    assert run([*carried, "--host-certificate", "--folder", "/opt/x", "--user", "me"]) == 0
    made = json.loads((out / "relay.json").read_text())
    assert made["credentials"] == [
        {
            "certificate_file": "/var/spool/aspect-mail-relay/keys/host.crt",
            "key_file": "/var/spool/aspect-mail-relay/keys/host.key",
        },
        {"secret_file": "/opt/x/credential.secret"},
    ]
    assert stat.S_IMODE((out / "credential.secret").stat().st_mode) == 0o600
    assert "User=me" in (out / "aspect-mail-relay.service").read_text()
    for script in ("aspect-mail-relay.init", "relay", "sendmail"):
        subprocess.run(["sh", "-n", str(out / script)], check=True)
    native = ["mailer", "render", "native", "-c", str(site.config), "-o", str(out)]
    assert run(native) == 0
    made_native = out / "email-notification-service.properties"
    assert stat.S_IMODE(made_native.stat().st_mode) == 0o600
    assert made_native.read_text().startswith("# ADAPTER")
    own = tmp_path / "own.j2"
    own.write_text("x={{ settings.mailbox }} {{ secret }}")
    assert run([*native, "--template", str(own)]) == 0
    assert made_native.read_text() == f"x=alarms@example.com {site.secret}"
    own.write_text("{{ nothing }}")
    assert run([*native, "--template", str(own)]) == 2


def test_a_certificate_is_no_client_secret(
    site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, key, _parsed = certificate(site.folder)
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=90)
    site.write(credential={"certificate_file": made.name, "key_file": key.name, "expires": day})
    out, own = tmp_path / "host", tmp_path / "own.j2"
    native = ["mailer", "render", "native", "-c", str(site.config), "-o", str(out)]
    assert run(native) == 2  # an empty secret would be refused by the service, at the first alarm
    assert "a certificate, and the product's settings take a client secret" in capfd.readouterr().err
    assert not (out / "email-notification-service.properties").exists()
    own.write_text("x={{ settings.mailbox }}")
    assert run([*native, "--template", str(own)]) == 0


@pytest.mark.parametrize("age", ["2.7", "3.6", "newest"])
def test_the_archive_may_be_replaced_while_the_relay_runs(site: Site, age: str) -> None:
    """An upgrade installs the new archive first, then restarts the relay: until then the old one delivers."""
    relay = Relay(site, interpreter(age))
    try:
        relay.start(alarm_after=0)
        relay.archive.write_bytes(b"another version")
        site.fake.fault("graph", (503, b""))
        site.fake.fault("smtp.mail", "451 4.3.0 later")
        relay.submit("A-1")
        assert relay.drained()
        assert [mail.headers["Subject"] for mail in site.fake.accepted] == ["A-1 failed"]
        with pytest.raises(smtplib.SMTPException, match="550"):
            relay.submit("A-2", to="stranger@x.example")
    finally:
        relay.kill(signal.SIGTERM)
