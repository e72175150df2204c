"""The loop: how long it waits for whom."""

from __future__ import annotations

import socket
import threading

import pytest

from hardening.tls.scan.ask import Kind, Question
from hardening.tls.scan.endpoint import parse
from hardening.tls.scan.engine import Engine, Talk, Told
from hardening.tls.scan.net import Loop
from hardening.tls.scan.pace import Limits, Pace
from hardening.tls.scan.wire import Wire

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
