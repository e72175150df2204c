"""The loop: how long it waits for whom."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hardening.tls.scan import run
from hardening.tls.scan.ask import Kind, Question
from hardening.tls.scan.endpoint import parse
from hardening.tls.scan.engine import Engine, Talk, Told
from hardening.tls.scan.net import Loop
from hardening.tls.scan.pace import Limits, Pace
from hardening.tls.scan.scope import Scope
from hardening.tls.scan.wire import Address, Wire

LONG = 30.0
"""Seconds that no test here may wait."""


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x03\x00\x40\x02"], ids=["silent", "stops in its hello"])
def test_a_question_may_be_less_patient_than_its_connection(first: bytes) -> None:
    """Both limits begin together; the shorter one has to count, though the longer one was set first."""
    heard: list[Told] = []

    def ask() -> Talk:
        heard.append((yield Question(protocol="TLSv1.2", suites=(0xC02F,), patience=0.3)))

    def talk(_target: object, now: float) -> Engine:
        return Engine(ask(), Pace(Limits(), now), now)

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
    assert answer.kind is Kind.SILENT
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
        return Engine(ask(), Pace(Limits(), now), now)

    monkeypatch.setattr("hardening.tls.scan.net.resolve", slow)
    monkeypatch.setattr("hardening.tls.scan.net.ThreadPoolExecutor", Pool)
    loop = Interrupted(Wire(), talk=talk, dialogue=lambda _t: None, done=lambda _j: None)
    with pytest.raises(KeyboardInterrupt):
        loop.run([parse(f"host{number}.invalid:443") for number in range(200)])
    assert len(asked) <= 16


def test_the_full_offer_is_asked_for_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """`closed_is_refused` and `vulnerabilities` were left out, and nobody was told."""
    asked: list[Scope] = []
    monkeypatch.setattr(run, "examine", lambda _targets, scope, *_: asked.append(scope))
    run.offers([], run.Settings(full=True, closed_is_refused=True, deep=True, vulnerabilities=True))
    assert asked == [Scope(full=True, closed_is_refused=True, deep=True, vulnerabilities=True)]
