"""The loop: how long it waits for whom."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hardening.tls.scan import run
from hardening.tls.scan.endpoint import parse, parse_proxy
from hardening.tls.scan.engine.connecting import SPARE, Address, Wire, room
from hardening.tls.scan.engine.conversations import Engine, Reply, Talk
from hardening.tls.scan.engine.net import Loop
from hardening.tls.scan.engine.rate_limit import Pace, RateLimits
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question
from hardening.tls.scan.strategy.opening import _failure
from hardening.tls.scan.strategy.scope import ScanScope

LONG = 30.0
"""Seconds that no test here may wait."""


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x03\x00\x40\x02"], ids=["silent", "stops in its hello"])
def test_a_question_may_be_less_patient_than_its_connection(first: bytes) -> None:
    """Both limits begin together; the shorter one has to count, though the longer one was set first."""
    heard: list[Reply] = []

    def ask() -> Talk:
        heard.append((yield Question(protocol="TLSv1.2", suites=(0xC02F,), patience=0.3)))

    def talk(_target: object, now: float) -> Engine:
        return Engine(ask(), Pace(RateLimits(), now), now)

    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def serve() -> None:
            sock, _ = server.accept()
            kept.append(sock)
            sock.sendall(first)

        threading.Thread(target=serve, daemon=True).start()
        port = server.getsockname()[1]
        wire = Wire(connect_timeout=LONG, idle_timeout=LONG)
        loop = Loop(wire, talk=talk, dialogue=lambda _t: None, done=lambda _j: None)
        loop.run([parse(f"127.0.0.1:{port}")])
        for sock in kept:
            sock.close()
    ((answer, _, _),) = heard
    assert answer.kind is AnswerKind.SILENT
    assert 0.2 < answer.seconds < LONG / 2


def test_whoever_interrupts_waits_for_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolvers are few and a name may take seconds: what waits for its turn is not looked up any more."""
    asked: list[str] = []
    told = threading.Event()

    def slow(host: str, _port: int, _family: int) -> list[Address]:
        asked.append(host)
        told.wait(
            LONG
        )  # every resolver is at its first name until the pool was told to end, however busy the machine
        return []

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            told.set()
            super().shutdown(wait=wait)

    def ask() -> Talk:
        yield Question(protocol="TLSv1.2", suites=(0xC02F,))

    class Interrupted(Loop):
        def _turn(self) -> None:
            raise KeyboardInterrupt

    def talk(_target: object, now: float) -> Engine:
        return Engine(ask(), Pace(RateLimits(), now), now)

    monkeypatch.setattr("hardening.tls.scan.engine.net.resolve", slow)
    monkeypatch.setattr("hardening.tls.scan.engine.net.ThreadPoolExecutor", Pool)
    loop = Interrupted(Wire(), talk=talk, dialogue=lambda _t: None, done=lambda _j: None)
    with pytest.raises(KeyboardInterrupt):
        loop.run([parse(f"host{number}.invalid:443") for number in range(200)])
    assert len(asked) <= 16


def test_the_full_offer_is_asked_for_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """`vulnerabilities` was left out, and nobody was told."""
    asked: list[ScanScope] = []
    monkeypatch.setattr(run, "examine", lambda _targets, scope, *_: asked.append(scope))
    run.offers([], run.ScanSettings(full=True, deep=True, vulnerabilities=True))
    assert asked == [ScanScope(full=True, deep=True, clients=True, vulnerabilities=True)]


def _answers(
    text: str, addresses: list[Address] | None, monkeypatch: pytest.MonkeyPatch, wire: Wire
) -> Reply:
    """Return what one question to an endpoint gets."""
    heard: list[Reply] = []

    def ask() -> Talk:
        heard.append((yield Question(protocol="TLSv1.2", suites=(0xC02F,))))

    def talk(_target: object, now: float) -> Engine:
        return Engine(ask(), Pace(RateLimits(), now), now)

    if addresses is not None:
        monkeypatch.setattr("hardening.tls.scan.engine.net.resolve", lambda *_: list(addresses))
    Loop(wire, talk=talk, dialogue=lambda _t: None, done=lambda _j: None).run([parse(text)])
    (told,) = heard
    return told


def test_a_name_is_asked_at_its_next_address_where_the_first_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only one that refuses made room for the next; a dead IPv6 address hid the server behind the other."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=1) as full,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        crowd = [socket.socket() for _ in range(16)]
        for one in crowd:  # whoever comes once the queue is full gets no answer
            one.settimeout(0)
            one.connect_ex(full.getsockname())

        def serve() -> None:
            sock, _ = server.accept()
            with sock:
                sock.recv(1)
                sock.sendall(bytes.fromhex("15030300020228"))
                sock.recv(65536)

        threading.Thread(target=serve, daemon=True).start()
        where: list[Address] = [(socket.AF_INET, one.getsockname()) for one in (full, server)]
        wire = Wire(connect_timeout=0.5, idle_timeout=LONG / 2)
        answer, _, _ = _answers("host.invalid", where, monkeypatch, wire)
        for one in crowd:
            one.close()
    assert (answer.kind, answer.alert) == (AnswerKind.ALERT, 40)


@pytest.mark.parametrize("text", ["[fe80::1%nosuch0]:443", "fe80::1%25lo"])
def test_an_interface_that_is_not_there_is_said(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was an internal error of the whole scan."""
    answer, _, _ = _answers(text, None, monkeypatch, Wire())
    assert (answer.kind, answer.detail) == (AnswerKind.UNREACHABLE, "no interface of that name here")
    proxy = Wire(proxy=parse_proxy("[fe80::1%nosuch0]:3128"))
    answer, _, _ = _answers("192.0.2.1:443", None, monkeypatch, proxy)
    assert (answer.kind, answer.detail) == (AnswerKind.UNREACHABLE, "no interface of that name here")


def test_no_more_is_open_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 256))
    opened = len(list(Path("/dev/fd").iterdir()))
    assert 256 - opened - SPARE - 2 <= room(4096) <= 256 - SPARE
    assert room(8) == 8
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (20, 20))
    assert room(4096) == 1
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (resource.RLIM_INFINITY,) * 2)
    assert room(4096) == 4096


def test_a_scan_of_many_needs_few_files(tmp_path: Path) -> None:
    """It ended with an internal error, or took what it could not open a socket for as unreachable."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        host, port = server.getsockname()
        listed = tmp_path / "list"
        listed.write_text("".join(f"{proto}://{host}:{port}\n" for proto in ("smtp", "tls", "https", "imap")))
        with listed.open("a") as file:
            file.writelines(f"127.1.{n // 250}.{n % 250 + 1}:9\n" for n in range(120))
        scan = f"ulimit -n 64; exec {sys.executable} -m hardening tls scan --timeout 0.3 --format json"
        done = subprocess.run(
            ["sh", "-c", f"{scan} --endpoints {listed}"], capture_output=True, timeout=120, check=False
        )
    assert (done.returncode, done.stderr) == (3, b"")
    said = {one["reason"] for one in json.loads(done.stdout)["subjects"]}
    assert said <= {"Connection refused", "it accepts connections and stays silent", "silence before TLS"}


def test_who_answers_too_slowly_is_not_silent() -> None:
    """A server that sent a byte a second was said to stay silent."""
    silent, slow = (_failure(Answer(kind=AnswerKind.SILENT, heard=heard), []) for heard in (0, 7))
    assert "stays silent" in silent
    assert "so slowly" in slow
