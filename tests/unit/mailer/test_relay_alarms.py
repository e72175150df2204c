"""While mail is broken the relay says so in other ways, each to a real receiver on loopback."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay

OVER = (
    401,
    {"error": "invalid_client", "error_codes": [7000222], "error_description": "AADSTS7000222: over"},
)


@pytest.fixture
def relay(site: Site) -> Iterator[Relay]:
    site.fake.fault("token", OVER, 0)
    made = Relay(site, sys.executable, alarm_after=0, alarm_file="")
    yield made
    made.kill()


def until(found: Callable[[], Any], seconds: float = 40) -> Any:
    """Return what `found` returns as soon as it is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("nothing arrived")


@pytest.fixture
def datagrams() -> Iterator[Callable[[int, Any], tuple[socket.socket, Any]]]:
    opened: list[socket.socket] = []

    def bound(family: int, place: Any) -> tuple[socket.socket, Any]:
        one = socket.socket(family, socket.SOCK_DGRAM)
        opened.append(one)
        one.settimeout(40)
        one.bind(place)
        return one, one.getsockname()

    yield bound
    for one in opened:
        one.close()


class Hook(http.server.BaseHTTPRequestHandler):
    got: list[dict[str, str]] = []  # noqa: RUF012 - each test makes a class of its own

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def do_POST(self) -> None:
        self.got.append(
            {"path": self.path, **json.loads(self.rfile.read(int(self.headers["Content-Length"])))}
        )
        self.send_response(204)
        self.end_headers()


def hooked(context: ssl.SSLContext | None = None) -> tuple[http.server.HTTPServer, list[dict[str, str]]]:
    mine: list[dict[str, str]] = []
    server = http.server.HTTPServer(("127.0.0.1", 0), type("Mine", (Hook,), {"got": mine}))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that refuses our certificate
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server, mine


def test_a_webhook(relay: Relay) -> None:
    server, got = hooked()
    try:
        relay.start(webhook=f"http://127.0.0.1:{server.server_address[1]}/alarm?site=7").submit("A-1")
        first = until(lambda: list(got))[0]
    finally:
        server.shutdown()
        server.server_close()
    assert first["path"] == "/alarm?site=7"
    assert "mail has been broken" in first["text"]
    assert "AADSTS7000222" in first["text"]


@pytest.mark.parametrize("trusted", [True, False])
def test_a_webhook_over_tls_is_checked(relay: Relay, trusted: bool) -> None:
    fake = relay.site.fake
    server, got = hooked(fake.tls if trusted else fake.other_tls("localhost", untrusted=True))
    said = relay.site.folder / "said"
    try:
        # `tee` speaks after the hook was tried in the round before
        hook = f"https://localhost:{server.server_address[1]}/"
        relay.start(webhook=hook, proxy="", alarm_command=["tee", "-a", str(said)]).submit("A-1")
        until(said.exists)
        if trusted:
            assert "mail has been broken" in until(lambda: list(got))[0]["text"]
        else:
            relay.kill(15)
            assert got == []
    finally:
        server.shutdown()
        server.server_close()


def test_syslog_by_a_socket(relay: Relay, datagrams: Any, tmp_path: Path) -> None:
    log, place = datagrams(socket.AF_UNIX, str(tmp_path / "log"))
    relay.start(syslog=place).submit("A-1")
    line = log.recv(4096).decode()
    assert line.startswith("<18>aspect-mail-relay: mail has been broken")


def test_syslog_over_the_network(relay: Relay, datagrams: Any) -> None:
    log, place = datagrams(socket.AF_INET, ("127.0.0.1", 0))
    relay.start(syslog=f"127.0.0.1:{place[1]}").submit("A-1")
    assert log.recv(4096).decode().startswith("<18>aspect-mail-relay: mail has been broken")


def test_one_way_that_fails_does_not_silence_the_others(relay: Relay) -> None:
    told = relay.site.folder / "told"
    relay.start(
        syslog="/nonexistent/log", webhook="http://127.0.0.1:9/", snmp_trap="no.invalid:162",
        alarm_command=["/nonexistent/program"], alarm_file=str(told),
    ).submit("A-1")  # fmt: skip
    assert "mail has been broken" in until(lambda: told.exists() and told.read_text())


def test_the_exit_code_says_it(relay: Relay) -> None:
    relay.start().submit("A-1")
    until(lambda: relay.run("status").returncode == 2)
    done = relay.run("status")
    assert done.stdout.startswith(
        "CRITICAL: mail is broken: token: 401 invalid_client AADSTS7000222; 1 queued"
    )
    relay.site.fake.heal()
    until(lambda: relay.run("status").returncode == 0)
    relay.kill()
    done = relay.run("status")  # at once: its lock is free
    assert done.stdout.startswith("CRITICAL: the relay does not run")
    assert done.returncode == 2
    status = relay.spool / "status.json"
    status.unlink()
    assert relay.run("status").returncode == 2


def test_a_file_of_alarms_that_cannot_be_written_is_said_at_once(relay: Relay, tmp_path: Path) -> None:
    relay.start(alarm_file=str(tmp_path / "absent" / "alarms"))
    assert "alarm_file cannot be written" in (relay.site.folder / "stderr").read_text()
    relay.kill()
    (relay.site.folder / "stderr").unlink()
    relay.start(alarm_file=str(tmp_path / "alarms"))
    assert (relay.site.folder / "stderr").read_text() == ""
