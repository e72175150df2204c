"""What programs hand to the relay in forms that mail does not know leaves it in forms that mail knows."""

from __future__ import annotations

import errno
import json
import signal
import smtplib
import sys
from collections.abc import Iterator
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest

from hardening.onhost.relay import settings, status
from tests.support.host.little import interpreter
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay

SENDER = "alarms@example.com"


@pytest.fixture(params=["2.7", "this"])
def aged(request: pytest.FixtureRequest, site: Site) -> Iterator[Relay]:
    python = sys.executable if request.param == "this" else interpreter(request.param)
    made = Relay(site, python, allow_recipients=["@example.com"], transports=["smtp"])
    yield made
    made.kill(signal.SIGTERM)


def handed(one: Relay, to: list[str], raw: bytes) -> Any:
    """Hand a mail over; return the one that the service took."""
    with smtplib.SMTP("127.0.0.1", one.port, timeout=10) as session:
        session.sendmail(SENDER, to, raw)
    assert one.drained()
    return one.site.fake.accepted[-1]


def test_no_line_is_longer_than_smtp_knows(aged: Relay) -> None:
    aged.start()
    many = [f"operator.number.{n:02d}@example.com" for n in range(50)]
    text = "z" * 998 + "\r\n" + "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 2000 + "\r\n." + "y" * 3000
    mail = handed(aged, many, ("Subject: " + "s" * 2000 + "\r\n\r\n" + text).encode())
    assert max(len(line) for line in mail.data.split(b"\r\n")) <= 998
    head, _, body = mail.data.partition(b"\r\n\r\n")
    assert body.decode().replace("\r\n ", "").rstrip() == text
    assert [one.strip() for one in mail.headers["To"].split(",")] == many == list(mail.recipients)
    assert head.replace(b"\r\n ", b"").count(b"s" * 2000) == 1


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_a_text_that_says_nothing_of_its_letters_is_read_right(aged: Relay, charset: str) -> None:
    aged.start()
    word = "L\N{LATIN SMALL LETTER U WITH DIAERESIS}fter"
    raw = f"Subject: {word} 3 failed\r\nX-Place: {word}\r\n\r\n{word}\r\n".encode(charset)
    mail = handed(aged, ["ops@example.com"], raw)
    head = mail.data.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert str(make_header(decode_header(mail.headers["Subject"]))) == f"{word} 3 failed"
    payload = mail.headers.get_payload(decode=True)
    assert payload.decode(mail.headers.get_content_charset()).strip() == word


def test_what_a_program_says_of_its_letters_stays(aged: Relay) -> None:
    aged.start()
    raw = b"Subject: =?iso-8859-1?q?L=FCfter?=\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n\xc6\r\n"
    mail = handed(aged, ["ops@example.com"], raw)
    assert raw.partition(b"\r\n\r\n")[0] in mail.data
    assert mail.headers["MIME-Version"] is None


def test_who_is_named_twice_gets_one_mail(aged: Relay) -> None:
    aged.start()
    mail = handed(aged, ["ops@example.com", "OPS@example.com", "ops@example.com"], b"Subject: x\r\n\r\nx")
    assert mail.recipients == ("ops@example.com",)


def test_sendmail_reads_options_as_getopt_does(aged: Relay) -> None:
    aged.start()
    text = "To: one@example.com\nCc: two@example.com, one@example.com\nSubject: x\n\na\n.\nb\n"
    for options in (
        ["-ti"],
        ["-it"],
        ["-t", "-i"],
        ["-oi", "-t"],
        ["-tiF", "Fan 3"],
        ["-ti", f"-f{SENDER}", "--"],
    ):
        assert aged.run("sendmail", *options, text=text).returncode == 0
        assert aged.drained()
        mail = aged.site.fake.accepted[-1]
        assert mail.recipients == ("one@example.com", "two@example.com"), options
        assert mail.data.endswith(b"a\r\n.\r\nb\r\n"), options
    assert (
        aged.run("sendmail", "-i", "one@example.com, two@example.com", text="Subject: x\n\nx").returncode == 0
    )
    assert aged.drained()
    assert aged.site.fake.accepted[-1].recipients == ("one@example.com", "two@example.com")
    count = len(aged.site.fake.accepted)
    assert aged.run("sendmail", "-q").returncode == 0  # no mail: the queue is always tried
    assert aged.run("sendmail", "-bp").returncode == 64
    assert aged.drained()
    assert len(aged.site.fake.accepted) == count


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("", "no valid JSON"),
        ('{"a": 1,\n}', "no valid JSON"),
        ("[]", "is not a JSON object"),
        ({"credentials": "x"}, "credentials"),
        ({"credentials": [{}]}, "credentials"),
        ({"credentials": [{"certificate_file": "/x"}]}, "key_file"),
        ({"mailbox": 5}, "mailbox is not text"),
        ({"transports": []}, "transports"),
    ],
)
def test_settings_that_are_none_are_named(aged: Relay, change: Any, said: str) -> None:
    whole = json.dumps({**aged.settings, **change}) if isinstance(change, dict) else change
    aged.settings = {}
    aged.config.write_text(whole)
    done = subprocess_of(aged, "serve")
    assert done.returncode == 78
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def subprocess_of(one: Relay, verb: str) -> Any:
    import subprocess

    argv = [*one.command, verb, str(one.config)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)


def test_settings_may_begin_with_a_byte_order_mark(aged: Relay) -> None:
    aged.config.write_bytes(b"\xef\xbb\xbf" + json.dumps(aged.settings).encode())
    assert "has never run" in subprocess_of(aged, "status").stdout


def test_status_says_what_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = dict(settings.DEFAULTS, spool=str(tmp_path))
    assert status.status(config) == 2
    assert "has never run" in capsys.readouterr().out
    for said in ("", "[]", "{}"):
        (tmp_path / "status.json").write_text(said)
        assert status.status(config) == 2
        assert "is damaged" in capsys.readouterr().out

    def denied(path: str) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(status, "read", denied)
    assert status.status(config) == 2
    told = capsys.readouterr().out
    assert "never run" not in told
    assert "Permission denied" in told
