"""What answers mean, and the way through a proxy, without any server."""

from __future__ import annotations

import socket
import ssl
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hardening.mailer import net
from hardening.mailer.error_catalogue import Class, ServiceAnswer, diagnose, numbers, seconds
from hardening.mailer.net import RefusedBy
from hardening.mailer.settings import MailerSettings, load


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ServiceAnswer(where="smtp", status=499, stage="auth"), Class.TEMPORARY),
        (ServiceAnswer(where="smtp", status=599, stage="ehlo"), Class.CONFIG),
        (ServiceAnswer(where="smtp", status=599, stage="data"), Class.MESSAGE),
        (ServiceAnswer(where="smtp", status=599, stage="rcpt"), Class.MESSAGE),
        (ServiceAnswer(where="graph", status=418), Class.CONFIG),
        (ServiceAnswer(where="graph", status=429), Class.TEMPORARY),
        (ServiceAnswer(where="graph", status=500), Class.TEMPORARY),
        (ServiceAnswer(where="graph", status=511), Class.CONFIG),
        (ServiceAnswer(where="graph", status=503, name="ErrorAccessDenied"), Class.TEMPORARY),
        (ServiceAnswer(where="ews", status=500, name="ErrorAccessDenied"), Class.CONFIG),
        (ServiceAnswer(where="token", status=400, codes=(7000222, 1)), Class.CONFIG),
        (ServiceAnswer(where="network", name="timeout"), Class.TEMPORARY),
        (ServiceAnswer(where="network", name="tls-name"), Class.CONFIG),
        (ServiceAnswer(where="network", name="proxy-auth"), Class.CONFIG),
    ],
)
def test_what_a_sender_does_about_an_answer(answer: ServiceAnswer, kind: Class) -> None:
    assert diagnose(answer).kind is kind


def _listed() -> Iterator[tuple[str, int]]:
    table = tomllib.loads((files("hardening.mailer") / "data" / "answers.toml").read_text("utf-8"))
    for row in table["token"]:
        if set(row) & {"codes", "errors", "pattern"} == {"codes"}:
            yield from ((row["cause"], code) for code in row["codes"])


@pytest.mark.parametrize(("cause", "code"), tuple(_listed()))
def test_one_number_of_a_row_is_enough_to_know_the_cause(cause: str, code: int) -> None:
    assert diagnose(ServiceAnswer(where="token", codes=(1, code))).cause == cause


def test_retry_after_is_seconds_or_a_date_and_never_behind_us() -> None:
    assert seconds(" 7 ") == 7.0
    assert seconds(format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)) == 0.0
    assert 50 < (seconds(format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)) or 0) <= 60
    for nothing in ("", "soon", "-3", "Thu, 01 Jan 2026 00:00:00 -0000", "\u00b2", "\u00b9\u00b2"):
        assert seconds(nothing) is None


@pytest.mark.parametrize(
    "listed", [None, 5, "7000222", {"7000222": 1}, ["\u00b2", "9" * 5000, -1, 1.5, None]]
)
def test_what_an_answer_lists_as_numbers_and_are_none_are_passed_over(listed: object) -> None:
    assert numbers(listed) == ()


def test_the_numbers_an_answer_lists_are_read_as_numbers_or_as_text() -> None:
    assert numbers([7000222, "50034"]) == (7000222, 50034)


@pytest.fixture
def settings(tmp_path: Path) -> MailerSettings:
    (tmp_path / "mailer.toml").write_text(
        'tenant = "t"\nclient_id = "c"\nmailbox = "a@example.com"\ntransports = ["smtp"]\n'
        '[credential]\nsecret_file = "s"\n[proxy]\nurl = "http://us%40er:p%3Aw@proxy.example:8080"\n'
    )
    (tmp_path / "mailer.toml").chmod(0o600)
    return load(tmp_path / "mailer.toml")


class Proxy:
    """Dials of `net`, each the end of a pair of sockets whose other end has answered already."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer = b"HTTP/1.1 200 OK\r\n\r\n"
        self.dialled: list[tuple[str, int]] = []
        self.ends: list[socket.socket] = []
        monkeypatch.setattr(net, "_dialled", self._dial)

    def _dial(self, host: str, port: int, _timeout: float) -> socket.socket:
        self.dialled.append((host, port))
        near, far = socket.socketpair()
        near.settimeout(5)
        self.ends += [near, far]
        if self.answer:
            far.sendall(self.answer)
            far.shutdown(socket.SHUT_WR)
        else:
            far.close()
        return near


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    made = Proxy(monkeypatch)
    yield made
    for one in made.ends:
        one.close()


def test_a_tunnel_is_asked_for_with_the_name_as_it_is(settings: MailerSettings, proxy: Proxy) -> None:
    proxy.answer += b"220 behind it"
    dialled = net.connected(settings, "smtp.example", 587)
    assert proxy.dialled == [("proxy.example", 8080)]
    asked = proxy.ends[1].recv(1000).decode().split("\r\n")
    assert asked[:2] == ["CONNECT smtp.example:587 HTTP/1.1", "Host: smtp.example:587"]
    assert asked[2] == "Proxy-Authorization: Basic dXNAZXI6cDp3"  # us@er:p:w
    assert asked[3:] == ["", ""]
    assert dialled.recv(100) == b"220 behind it"
    net.connected(settings, "smtp.example", 587, through_proxy=False)
    assert proxy.dialled[1:] == [("smtp.example", 587)]


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (b"HTTP/1.1 407 Who are you\r\n\r\n", "proxy-auth"),
        (b"HTTP/1.1 403 No\r\n\r\n", "proxy-refused"),
        (b"HTTP/1.1 401 No\r\n\r\n", "proxy-refused"),
        (b"\r\n\r\n", "proxy-refused"),
        (b"x" * 20_000, "proxy-refused"),
        (b"", "proxy-refused"),
    ],
)
def test_a_proxy_that_does_not_lead_on_is_named_and_left(
    settings: MailerSettings, proxy: Proxy, answer: bytes, name: str
) -> None:
    proxy.answer = answer
    with pytest.raises(RefusedBy) as caught:
        net.connected(settings, "smtp.example", 587)
    assert caught.value.answer.name == name
    assert proxy.ends[0].fileno() == -1


def test_a_proxy_that_drips_is_not_waited_for_longer_than_one_that_is_silent(
    settings: MailerSettings, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def monotonic() -> float:
        now[0] += 0.1
        return now[0]

    monkeypatch.setattr(net, "time", SimpleNamespace(monotonic=monotonic))
    proxy.answer = b"x" * 10_000
    with pytest.raises(RefusedBy) as caught:
        net.connected(settings, "smtp.example", 587)
    assert caught.value.answer.name == "proxy-refused"
    assert len(proxy.ends) == 2
    assert now[0] < 6


@pytest.mark.parametrize(
    ("code", "name"),
    [(10, "tls-expired"), (9, "tls-expired"), (62, "tls-name"), (64, "tls-name"), (20, "tls-untrusted")],
)
def test_a_certificate_that_does_not_hold_is_named(code: int, name: str) -> None:
    problem: Any = ssl.SSLCertVerificationError("x")
    problem.verify_code, problem.verify_message = code, "why"
    assert net.tls_failure(problem, "h").answer.name == name


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        (ssl.SSLError(1, "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] x"), "tls-version"),
        (TimeoutError("x"), "timeout"),
        (ssl.SSLEOFError("x"), "closed"),
        (ConnectionResetError("x"), "closed"),
        (ssl.SSLError(1, "x"), "tls-failed"),
    ],
)
def test_a_handshake_that_fails_is_named(problem: Exception, name: str) -> None:
    assert net.tls_failure(problem, "h").answer.name == name


def test_an_endpoint_has_a_port_of_its_own_or_the_usual_one() -> None:
    assert net.host_port("h", 587) == ("h", 587)
    assert net.host_port("[::1]:25", 587) == ("::1", 25)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (ServiceAnswer(where="smtp", stage="auth", status=504), "no-xoauth2"),
        (ServiceAnswer(where="smtp", stage="auth", status=535), "mailbox-not-opened"),
        (ServiceAnswer(where="smtp", stage="data", status=504), "smtp-refused"),
        (ServiceAnswer(where="smtp", stage="mail", status=530), "not-authenticated"),
        (ServiceAnswer(where="smtp", stage="ehlo", status=531), "smtp-refused"),
        (ServiceAnswer(where="smtp", stage="mail", status=550), "sender-refused"),
        (ServiceAnswer(where="smtp", stage="rcpt", status=550), "recipient-refused"),
        (ServiceAnswer(where="smtp", stage="rcpt", status=555), "smtp-refused"),
        (ServiceAnswer(where="smtp", stage="data", status=552), "too-large"),
        (ServiceAnswer(where="smtp", stage="auth", status=535, name="5.7.139"), "smtp-auth-disabled"),
        (
            ServiceAnswer(where="smtp", stage="auth", status=535, name="5.7.139", text="Basic Auth is off"),
            "basic-auth",
        ),
        (ServiceAnswer(where="smtp", stage="rcpt", status=450), "smtp-busy"),
        (ServiceAnswer(where="graph", status=404), "no-mailbox"),
        (ServiceAnswer(where="graph", status=405), "graph-refused"),
        (ServiceAnswer(where="graph", status=401, name="InvalidAuthenticationToken"), "token-refused"),
        (ServiceAnswer(where="ews", status=403), "ews-blocked"),
        (ServiceAnswer(where="ews", status=404), "ews-refused"),
        (ServiceAnswer(where="token", status=400, name="invalid_client"), "wrong-secret"),
        (ServiceAnswer(where="token", status=400), "token-refused"),
    ],
)
def test_every_condition_of_a_cause_has_to_hold(answer: ServiceAnswer, cause: str) -> None:
    assert diagnose(answer).cause == cause
