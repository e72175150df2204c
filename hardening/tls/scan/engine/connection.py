"""One connection: what is spoken before TLS, one question, and the answer to it; bytes in, bytes out."""

from __future__ import annotations

import os
import socket

from hardening.tls.scan.engine.connecting import Wire
from hardening.tls.scan.engine.job import EndpointJob
from hardening.tls.scan.strategy.messages import ODD, Answer, AnswerKind, Question, Want
from hardening.tls.scan.wire import hello
from hardening.tls.scan.wire.answer import Listener
from hardening.tls.scan.wire.dialogue import Dialogue, NoTls

TOTAL_WAITS = 6
"""A connection may last this many times the idle limit, however much it drips."""
AFTER_HELLO = 3.0
"""Seconds in which certificate and key exchange have to follow a ServerHello that is there."""


class Connection:
    """The state of one connection."""

    __slots__ = (
        "deadline", "dialogue", "due", "job", "listener", "out", "question", "sock", "started", "state", "ticket", "timer",
    )  # fmt: skip

    def __init__(self, job: EndpointJob, ticket: int, question: Question, now: float) -> None:
        self.job, self.ticket, self.question, self.started = job, ticket, question, now
        self.sock: socket.socket | None = None
        self.listener: Listener | None = None
        self.dialogue: Dialogue | None = None
        self.out = b""
        self.state = "connecting"
        self.deadline = self.due = now
        """When it ends if nothing comes, and when the loop looks at that next."""
        self.timer = 0

    def connected(self, dialogue: Dialogue | None, now: float, wire: Wire) -> None:
        """Begin with what is spoken before TLS, or with TLS."""
        self.dialogue = dialogue
        self.touch(now, wire)
        if dialogue is not None:
            self.state = "dialogue"
            self.out = dialogue.opening()
        if dialogue is None or dialogue.done:
            self._speak(now, wire)

    def _speak(self, now: float, wire: Wire) -> None:
        """TLS starts here."""
        self.state = "asking"
        data, self.listener = converse(self.question, self.job.target.server_name)
        self.out += data
        self.touch(now, wire)

    def touch(self, now: float, wire: Wire) -> None:
        """Put the deadline off: something was said."""
        idle = min(self.question.patience or TOTAL_WAITS * 60, wire.idle_timeout)
        limit = self.started + TOTAL_WAITS * idle
        if self.listener is not None and self.listener.settled:
            limit = min(limit, max(self.started + AFTER_HELLO, now + 0.2))
        self.deadline = min(now + idle, limit)

    def heard(self, data: bytes, now: float, wire: Wire) -> Answer | None:
        """Take bytes; return the answer once it is complete. What is to be sent next is in `out`."""
        if self.state == "dialogue":
            dialogue = self.dialogue
            assert dialogue is not None  # noqa: S101 - the state says so
            self.out += dialogue.feed(data)
            if dialogue.failure:
                refused = isinstance(dialogue.failure, NoTls)
                return Answer(
                    kind=AnswerKind.NO_TLS if refused else AnswerKind.PREAMBLE, detail=dialogue.failure
                )
            if not dialogue.done:
                self.touch(now, wire)
                return None
            if dialogue.rest:  # in TLS the client speaks first, so this is no part of it
                return Answer(
                    kind=AnswerKind.PREAMBLE, detail="it continues in clear text after it has agreed to TLS"
                )
            data = b""
            self._speak(now, wire)
        if not data or self.listener is None:
            return None
        answer = self.listener.feed(data)
        if answer is not None:
            return answer
        if self.listener.outgoing:
            self.out, self.listener.outgoing = self.out + self.listener.outgoing, b""
        self.touch(now, wire)
        return self.ended(AnswerKind.SILENT, "it drips") if self.deadline <= now else None

    def ended(self, kind: AnswerKind, detail: str) -> Answer:
        """Return the answer when the connection ended before it was complete."""
        if self.state == "dialogue":
            return Answer(kind=AnswerKind.PREAMBLE, detail=f"{detail} before TLS")
        if self.listener is not None:
            return self.listener.end(kind, detail)
        return Answer(kind=AnswerKind.UNREACHABLE, detail=detail)

    def silence(self) -> Answer:
        """Return the answer when nothing came until the deadline."""
        words = {"connecting": "no answer to the connection", "dialogue": "silence"}
        return self.ended(AnswerKind.SILENT, words.get(self.state, "no answer in time"))


def converse(question: Question, server_name: str | None) -> tuple[bytes, Listener]:
    """Return the first bytes of a question and what listens to the answer."""
    if question.protocol == "SSLv2":
        return hello.sslv2_hello(question.suites, os.urandom(16)), Listener(question)
    if question.want in (Want.FINISHED, Want.HTTP, Want.RENEGOTIATION, Want.CLIENT_CERTIFICATE):
        return _finishing(question, server_name)
    if question.want in ODD:
        from hardening.tls.scan.strategy import probes

        return probes.converse(question, server_name)
    from hardening.tls.scan.wire.tls13 import Tls13Handshake, needs_keys

    if needs_keys(question):
        handshake = Tls13Handshake(question, server_name)
        return handshake.first(), handshake
    data = hello.client_hello(question, server_name=server_name, random=os.urandom(32))
    return data, Listener(question)


def _finishing(question: Question, server_name: str | None) -> tuple[bytes, Listener]:
    from hardening.tls.scan.strategy import client_authentication, deep

    if question.want is Want.CLIENT_CERTIFICATE:
        authentication = client_authentication.Authentication(question, server_name)
        return authentication.first(), authentication
    make = deep.Renegotiation if question.want is Want.RENEGOTIATION else deep.FinishedHandshake
    listener = make(question, server_name)
    return listener.first(), listener
