"""One whole handshake that shows what a server makes of a client with a certificate, or without one.

Under TLS 1.3 the client is through before the server has looked at its certificate, so what comes next counts: a
message is acceptance, an alert refusal. nginx finishes the handshake either way and answers HTTP 400, so an HTTP
server is asked for a page, too.
"""

from __future__ import annotations

import re
import ssl
from typing import Any

from OpenSSL import SSL

from hardening.tls.scan.strategy.deep import OpenSslHandshake
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Identity, Question

ACCEPTED, REFUSED = "accepted", "refused"
_PAGE = 4096
_REFUSES = re.compile(rb"HTTP/[\d.]+ 400\b")
_WHY = b"SSL certificate"
"""What nginx's page says to a client without a certificate that it trusts."""
_SHOWN = 40
"""Authorities that are named; a server may list every one of its system."""


def context_of(identity: Identity) -> ssl.SSLContext:
    """Return a context that presents a certificate. Errors: OSError (not readable), ssl.SSLError (no key of its own)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(identity.certificate, identity.key, password=lambda: b"")
    return context


class Authentication(OpenSslHandshake):
    """Finishes a handshake and waits for what the server makes of it."""

    __slots__ = ("_reply",)

    def __init__(self, question: Question, server_name: str | None) -> None:
        super().__init__(question, server_name)
        self._reply = b""

    def _more(self, data: bytes) -> Answer | None:
        self._connection.bio_write(data)
        was_done = self._done
        try:
            self._step()
            if self._done and self._listen(more=was_done):
                return self._answer_of(ACCEPTED)
        except SSL.ZeroReturnError:
            return self.end(AnswerKind.CLOSED)
        except SSL.Error as problem:
            return self._failed(problem)
        return None

    def end(self, kind: AnswerKind, detail: str = "") -> Answer:
        """Silence after a handshake is acceptance; a close or a reset without a reason is not known."""
        if self._done and (kind is AnswerKind.SILENT or self._reply):
            return self._answer_of(ACCEPTED)
        if self._connection.get_peer_certificate() is not None:
            return self._answer_of("")
        return Answer(kind=kind, detail=detail, heard=self.heard)

    def _after(self) -> None:
        if self._question.http:
            name = (self._name or "localhost").encode("ascii", "ignore")
            self._connection.send(b"GET / HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\n\r\n")

    def _listen(self, *, more: bool) -> bool:
        """Read what follows; true when it shows that the client was accepted. `more`: bytes came after the handshake."""
        try:
            while len(self._reply) < _PAGE:
                self._reply += self._connection.recv(_PAGE)
        except SSL.WantReadError:
            if self._question.http:
                return bool(self._reply) and not (_REFUSES.match(self._reply) and not self._turned_away)
            return more or self._question.protocol != "TLSv1.3"
        except SSL.ZeroReturnError:
            if not self._reply:
                raise
        return True

    @property
    def _turned_away(self) -> bool:
        return _REFUSES.match(self._reply) is not None and _WHY in self._reply

    def _failed(self, problem: SSL.Error) -> Answer:
        """An alert to what the client sent after the server's certificate is about the client."""
        if self._connection.get_peer_certificate() is None:
            return Answer(kind=AnswerKind.GARBAGE, detail=repr(problem)[:120], heard=self.heard)
        words = [str(part) for entry in problem.args[0] for part in entry] if problem.args else []
        alert = next((w.partition("alert ")[2] for w in words if "alert " in w), "")
        return self._answer_of(f"{REFUSED}: alert {alert}" if alert else "")

    def _answer_of(self, reaction: str) -> Answer:
        if reaction == ACCEPTED and self._turned_away:
            reaction = f"{REFUSED}: HTTP 400"
        names = self._connection.get_client_ca_list()
        return Answer(
            kind=AnswerKind.HELLO,
            protocol=self._question.protocol,
            suite=self._question.suites[0],
            reaction=reaction,
            authorities=tuple(_name_text(name) for name in names[:_SHOWN]),
            heard=self.heard,
        )


def _name_text(name: Any) -> str:
    parts = (
        (key.decode(), value.decode("utf-8", "backslashreplace")) for key, value in name.get_components()
    )
    return ", ".join(f"{key}={value}" for key, value in parts)
