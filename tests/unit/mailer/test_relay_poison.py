"""One mail that the service will not have holds up no other, and what is refused by policy is kept."""

from __future__ import annotations

import inspect
import json
import re
import signal
import smtplib
import socket
import sys
import time
import tomllib
from collections.abc import Iterator
from importlib.resources import files

import pytest

from hardening.mailer.error_catalogue import Class, ServiceAnswer, diagnose
from hardening.onhost.relay import answers, problems, tokens
from tests.support.host.little import interpreter
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay


@pytest.fixture
def new(site: Site) -> Iterator[Relay]:
    made = Relay(site, sys.executable)
    yield made
    made.kill(signal.SIGTERM)


def arrived(one: Relay, count: int, seconds: float = 20) -> set[str]:
    """Wait until so many alarms arrived; return their ids."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = {str(mail.headers["X-Alarm-Id"]) for mail in list(one.site.fake.accepted)}
        if len(found) >= count:
            return found
        time.sleep(0.05)
    return found


@pytest.fixture
def aged(request: pytest.FixtureRequest, site: Site) -> Iterator[Relay]:
    made = Relay(site, sys.executable if request.param == "this" else interpreter(request.param))
    yield made
    made.kill(signal.SIGTERM)


@pytest.mark.parametrize(
    ("aged", "answer"),
    [
        ("this", "451 4.3.0 not this one"),
        ("2.7", "550 5.7.1 a policy is against it"),
        ("this", "drop"),
        # said of the sender's mailbox, though a mail gets it: another may go to who is not outside
        ("this", "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; verdict is RefuseQuota"),
        ("2.7", "554 5.2.0 STOREDRV.Submission.Exception:StoragePermanentException; Cannot submit message"),
    ],
    indirect=["aged"],
)
def test_a_mail_that_is_always_refused_holds_up_no_other(aged: Relay, answer: str) -> None:
    fake = aged.site.fake
    fake.poison = (b"Replace poison", answer)
    aged.start(transports=["smtp"])
    aged.submit("P-1", text="Replace poison.", Importance="high")
    for number in range(6):
        aged.submit(f"A-{number}")
    assert arrived(aged, 6) == {f"A-{number}" for number in range(6)}
    time.sleep(0.5)
    aged.submit("A-6")  # also when the one that is refused is the only other
    assert "A-6" in arrived(aged, 7)
    alarms = aged.site.folder / "alarms"
    end = time.monotonic() + 20
    while time.monotonic() < end and (aged.waiting() != 1 or not alarms.exists()):
        time.sleep(0.05)  # the service has a mail before the relay has forgotten it
    assert aged.waiting() == 1  # kept, not given up
    assert "refused repeatedly while others pass" in alarms.read_text()
    assert aged.run("status").returncode == 1  # something waits; mail is not broken
    fake.poison = None
    aged.kill()
    aged.start()
    assert "P-1" in arrived(aged, 8)


def test_a_page_in_the_place_of_graph_gives_no_mail_up(new: Relay) -> None:
    new.site.fake.fault("graph", (400, b"<html>Bad Request</html>"), 0)
    new.start(transports=["graph"])
    new.submit("A-1")
    time.sleep(0.6)
    assert new.waiting() == 1
    assert list((new.spool / "dead").iterdir()) == []
    new.site.fake.heal()
    assert new.drained()


@pytest.mark.parametrize("place", ["token", "graph"])
def test_a_page_in_the_place_of_the_service_is_told_as_one(new: Relay, place: str) -> None:
    new.site.fake.fault(place, (403, b"<html>blocked by your organisation</html>"), 0)
    new.start(transports=["graph"])
    new.submit("A-1")
    end = time.monotonic() + 10
    while time.monotonic() < end and "page" not in new.run("status").stdout:
        time.sleep(0.1)
    assert f"{place}: 403 (no answer of the service" in new.run("status").stdout
    new.site.fake.heal()
    assert new.drained()


def talk(one: Relay, *lines: bytes) -> list[bytes]:
    """Say each line, return the first word of each answer."""
    with socket.create_connection(("127.0.0.1", one.port), 5) as session:
        file = session.makefile("rb")
        answers = [file.readline()[:3]]
        for line in lines:
            session.sendall(line)
            answers.append(file.readline()[:3])
        file.close()
        return answers


def test_a_dot_after_a_lone_line_feed_ends_no_mail(new: Relay) -> None:
    new.start(transports=["graph"])
    hidden = b"Subject: a\r\n\r\nx\n.\nMAIL FROM:<alarms@example.com>\n.\r\nstill the same mail\r\n.\r\n"
    begin = (
        b"HELO x\r\n",
        b"MAIL FROM:<alarms@example.com>\r\n",
        b"RCPT TO:<ops@example.com>\r\n",
        b"DATA\r\n",
    )
    assert talk(new, *begin, hidden) == [b"220", b"250", b"250", b"250", b"354", b"250"]
    long = b"Subject: b\r\n\r\n" + b"y" * 65_536 + b".\r\nmore\r\n.\r\n"
    assert talk(new, *begin, long)[-1] == b"250"
    cut = (
        b"Subject: d\r\n\r\n" + b"y" * 65_535 + b"\r\n.\r\n"
    )  # read in pieces, of which one ends with the CR
    assert talk(new, *begin, cut)[-1] == b"250"
    lone = tuple(line.replace(b"\r\n", b"\n") for line in (*begin, b"Subject: c\r\n\r\nz\r\n.\r\n"))
    assert talk(new, *lone)[-1] == b"250"  # a program that knows no CR at all
    assert new.drained()
    first, *long_ones, last = sorted(str(mail.headers.get_payload()) for mail in new.site.fake.accepted)
    assert "still the same mail" in first
    assert sorted(one.replace("\r", "")[-8:] for one in long_ones) == ["y.\nmore\n", "yyyyyyy\n"]
    assert last.strip() == "z"


def test_an_address_outside_ascii_is_refused_at_the_door(new: Relay) -> None:
    new.start(transports=["smtp"], allow_recipients=["@example.com"])
    with smtplib.SMTP("127.0.0.1", new.port, timeout=5) as session:
        session.ehlo()
        session.mail("alarms@example.com")
        session.send("RCPT TO:<ürsula@example.com>\r\n".encode())
        assert session.getreply()[0] == 553
        assert session.rcpt("ops@example.com")[0] == 250
    assert new.run("sendmail", "-i", "ürsula@example.com", text="Subject: x\n\ny\n").returncode == 65
    assert new.run("sendmail", "-bp").returncode == 64


def test_letters_outside_ascii_are_announced(new: Relay) -> None:
    new.start(transports=["smtp"])
    with smtplib.SMTP("127.0.0.1", new.port, timeout=5) as session:
        session.sendmail("alarms@example.com", ["ops@example.com"], "Subject: x\r\n\r\nLüfter".encode())
    assert new.drained()
    assert "BODY=8BITMIME" in "".join(new.site.fake.log)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [("7", 7, 7), ("Wed, 25 Nov 2099 08:00:00 GMT", 1e6, 1e10), ("Tue, 24 Nov 2020 08:00:00 GMT", 0, 0)],
)
def test_retry_after_is_a_number_or_a_date(value: str, least: float, most: float) -> None:
    from hardening.mailer.error_catalogue import seconds

    class Said:
        def getheader(self, _name: str) -> str:
            return value

    for wait in (seconds(value), answers.retry_after(Said())):
        assert wait is not None
        assert least <= wait <= most
    assert seconds("soon") is None


@pytest.mark.parametrize("token", ['a"\noutput = "/tmp/x', "a\r\nX: b", "a b", "", "\u00fc", 7, None])
def test_a_token_is_one_word(monkeypatch: pytest.MonkeyPatch, token: object) -> None:
    """It goes into a header, and for curl into settings of one line each: more would be a setting of its own."""

    class Said:
        def getheader(self, _name: str, default: object = None) -> object:
            return default

    body = json.dumps({"access_token": token, "expires_in": 3600}).encode()
    monkeypatch.setattr(tokens, "post", lambda *_: (200, Said(), body))
    monkeypatch.setattr(tokens, "read", lambda _path: b"word")
    config = {"tenant": "t", "client_id": "c", "authority": "a"}
    with pytest.raises(problems.ServiceRefused):
        tokens.RelayTokens(config).ask("scope", {"secret_file": "x"})


@pytest.mark.parametrize(
    ("said", "held"),
    [(60, 60), ("60", 60), ("soon", 3600), (None, 3600), ("1e999", 3600), (float("nan"), 3600)],
)
def test_no_token_holds_for_ever(said: object, held: float) -> None:
    assert answers.token_lifetime(said) == held


def test_an_answer_of_brackets_alone_is_none() -> None:
    assert answers.json_object(b"[" * 100_000) == {}


STAGES = ("auth", "mail", "rcpt", "data")
REPLIES = (
    "421 4.3.2 x", "430 4.2.0 x", "432 4.3.2 x", "451 4.7.0 x", "452 4.5.3 x", "530 5.7.57 x", "535 5.7.3 x", "535 5.7.139 x", "550 5.1.1 x",
    "550 5.1.8 x", "550 5.1.90 x", "550 5.7.1 x", "550 5.7.60 x", "550 5.7.708 x", "552 5.3.4 x", "554 5.2.2 x", "554 5.2.252 x", "554 5.6.0 x",
    "550 5.7.233 x", "550 5.7.750 x", "554 5.2.0 x", "554 5.2.122 x", "421 4.7.66 x", "554 5.2.0 OutboundSpamException",
    "554 5.2.0 SubmissionQuotaExceededException", "554 5.2.0 SendAsDeniedException", "451 4.2.0 MapiExceptionLogonFailed",
)  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "reply"),
    [(s, r) for s in STAGES for r in REPLIES if not (s == "auth" and r.startswith("552"))],  # no mail yet
)
def test_the_relay_judges_replies_as_the_reviewed_table_does(stage: str, reply: str) -> None:
    code, name, _ = reply.split(" ", 2)
    answer = ServiceAnswer(where="smtp", stage=stage, status=int(code), name=name, text=reply[4:])
    assert answers.smtp_kind(stage, int(code), reply[4:]) == diagnose(answer).kind


NAMES = {
    "token": ("invalid_client", "unauthorized_client", "invalid_scope", "temporarily_unavailable", "server_error", "invalid_request"),
    "graph": (
        "InvalidAuthenticationToken", "ErrorSendAsDenied", "ErrorAccessDenied", "ErrorInvalidUser", "ErrorExceededMessageLimit",
        "ErrorMimeContentInvalidBase64String", "ErrorInvalidRecipients", "ErrorQuotaExceeded", "ErrorSubmissionQuotaExceeded",
        "ErrorMessageSubmissionBlocked", "ErrorAccountDisabled",
    ),
}  # fmt: skip


@pytest.mark.parametrize("where", sorted(NAMES))
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 503, 507])
def test_the_relay_judges_statuses_as_the_reviewed_table_does(where: str, status: int) -> None:
    for name in NAMES[where]:
        kind = answers.http_kind(status, name)
        if where == "token" and kind == Class.MESSAGE:
            kind = Class.CONFIG  # what the relay makes of it: a token request is no mail
        assert kind == diagnose(ServiceAnswer(where=where, status=status, name=name)).kind, (status, name)


def test_every_name_the_relay_knows_is_in_the_table() -> None:
    table = tomllib.loads((files("hardening.mailer") / "data" / "answers.toml").read_text())
    known = {
        name
        for rows in table.values()
        for row in rows
        for name in row.get("names", []) + row.get("errors", [])
    }
    text = inspect.getsource(answers.http_kind)
    said = set(re.findall(r'"([A-Za-z_]{9,})"', text))
    assert said
    assert said - {"invalid_request", "invalid_grant"} <= known


def test_a_page_in_a_browser_sends_no_alarm(new: Relay) -> None:
    """What a form or a script of any site posts to loopback is text, and some of its lines may be commands."""
    new.start(transports=["graph"])
    body = (
        b"HELO x\r\nMAIL FROM:<alarms@example.com>\r\nRCPT TO:<ops@example.com>\r\nDATA\r\n"
        b"Subject: a false alarm\r\n\r\nx\r\n.\r\nQUIT\r\n"
    )
    for request in (b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n", b"Put /x http/1.0\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", new.port), 5) as session:
            session.sendall(request + body)
            said, more = b"", b"-"
            while more:
                try:
                    more = session.recv(4096)
                except ConnectionResetError:  # it did not read the rest
                    break
                said += more
        assert b"250" not in said
    assert new.drained()
    assert not new.site.fake.accepted
