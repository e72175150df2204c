"""Handshakes that are finished, by this machine's OpenSSL: what can only be seen after them. Asked with `--deep` alone.

Resumption: two connections, the second with what the first was given. Renegotiation: one ClientHello inside the
session, and the kind of record that comes back; it is not gone through with. HTTP: one HEAD request, its headers.
This OpenSSL does not speak everything an old server does; what it cannot ask stays unknown.
"""

from __future__ import annotations

import ssl
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL

from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question, Want
from hardening.tls.scan.wire.answer import Listener

VERSIONS = {
    "TLSv1.0": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
"""The versions in which a handshake can be finished."""
CIPHERS = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
LEGACY = 0x4
"""SSL_OP_LEGACY_SERVER_CONNECT: old servers without RFC 5746 are spoken to."""
HEADERS = 16384
NEW_SESSION_TICKET = 4


@dataclass(frozen=True, slots=True)
class TlsSession:
    """What a server gave to come back with; it belongs to one context."""

    context: ssl.SSLContext
    session: ssl.SSLSession


class FinishedHandshake(Listener):
    """Finishes a handshake, asks for headers where wanted, and keeps the session."""

    __slots__ = ("_context", "_done", "_in", "_name", "_object", "_out", "_raw", "_reply")

    def __init__(self, question: Question, server_name: str | None) -> None:
        super().__init__(question)
        self._name = server_name
        previous = question.session
        self._context = previous.context if isinstance(previous, TlsSession) else _context(question)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = previous.session if isinstance(previous, TlsSession) else None
        self._object = self._context.wrap_bio(
            self._in, self._out, server_hostname=server_name, session=session
        )
        self._done = False
        self._reply = b""
        self._raw = bytearray()

    def first(self) -> bytes:
        """Return the ClientHello."""
        self._handshake()
        return self._out.read()

    @property
    def settled(self) -> bool:
        """Whether the handshake is finished, and only what follows is missing."""
        return self._done

    def feed(self, data: bytes) -> Answer | None:
        """Take more bytes; return the answer once there is nothing more to wait for."""
        self.heard += len(data)
        if self.heard > self._limit * 4:
            return self.end(AnswerKind.GARBAGE, "more bytes than a handshake has")
        if not self._done and len(self._raw) < self._limit:
            self._raw += data
        self._in.write(data)
        try:
            if not self._done:
                self._handshake()
            if self._done and self._listen():
                return self._finished()
        except (ssl.SSLError, ValueError) as problem:
            return self._failed(problem)
        self.outgoing += self._out.read()
        return None

    def end(self, kind: AnswerKind, detail: str = "") -> Answer:
        """Return the answer when the connection ended: a handshake that was finished stands."""
        return self._finished() if self._done else Answer(kind=kind, detail=detail, heard=self.heard)

    def _handshake(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        self._done = True
        if self._question.want is Want.HTTP:
            name = (self._name or "localhost").encode("ascii", "ignore")
            self._object.write(b"HEAD / HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\n\r\n")

    def _listen(self) -> bool:
        """Read what follows; true when it is all there."""
        try:
            while data := self._object.read(4096):
                self._reply += data
                if b"\r\n\r\n" in self._reply or len(self._reply) > HEADERS:
                    return True
        except ssl.SSLWantReadError:
            before_13 = self._question.protocol != "TLSv1.3"
            session = self._object.session
            resumes = self._question.session is not None
            complete = before_13 or resumes or (session is not None and session.has_ticket)
            return complete and self._question.want is not Want.HTTP
        return True

    def _finished(self) -> Answer:
        session = self._object.session
        return Answer(
            kind=AnswerKind.HELLO,
            protocol=self._question.protocol,
            suite=self._question.suites[0],
            resumed=self._object.session_reused,
            session=TlsSession(self._context, session) if session is not None else None,
            ticket=_ticket(bytes(self._raw)),
            headers=self._reply[:HEADERS],
            heard=self.heard,
        )

    def _failed(self, problem: Exception) -> Answer:
        if self._done:
            return self._finished()
        return Answer(kind=AnswerKind.GARBAGE, detail=str(problem)[:120], heard=self.heard)


def _context(question: Question) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old versions are what we came for
        context.minimum_version = context.maximum_version = VERSIONS[question.protocol]
    context.set_ciphers(CIPHERS)
    context.options |= LEGACY
    if not question.ticket:
        context.options |= ssl.OP_NO_TICKET
    return context


def _ticket(raw: bytes) -> bytes:
    """Return the ticket of a NewSessionTicket before TLS 1.3, which is sent in clear (RFC 5077 section 3.3)."""
    messages = b""
    at = 0
    while at + 5 <= len(raw):
        size = int.from_bytes(raw[at + 3 : at + 5], "big")
        if raw[at] == 20:
            break
        if raw[at] == 22:
            messages += raw[at + 5 : at + 5 + size]
        at += 5 + size
    at = 0
    while at + 4 <= len(messages):
        size = int.from_bytes(messages[at + 1 : at + 4], "big")
        if messages[at] == NEW_SESSION_TICKET:
            return messages[at + 10 : at + 4 + size]
        at += 4 + size
    return b""


class OpenSslHandshake(Listener):
    """Finishes a handshake by pyOpenSSL; `_after` and `_more` say what comes then."""

    __slots__ = ("_connection", "_done", "_name")

    def __init__(self, question: Question, server_name: str | None) -> None:
        super().__init__(question)
        self._name = server_name
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        version = int(VERSIONS[question.protocol])
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.set_cipher_list(CIPHERS.encode())
        context.set_options(LEGACY)
        if question.identity is not None:
            context.use_certificate_chain_file(question.identity.certificate)
            context.use_privatekey_file(question.identity.key)
        self._connection: Any = SSL.Connection(context, None)
        if server_name:
            self._connection.set_tlsext_host_name(server_name.encode("ascii", "ignore"))
        self._connection.set_connect_state()
        self._done = False

    def first(self) -> bytes:
        """Return the ClientHello."""
        self._step()
        return self._flush()

    @property
    def settled(self) -> bool:
        """Whether the handshake is finished on this side, and only what follows is missing."""
        return self._done

    def feed(self, data: bytes) -> Answer | None:
        """Take more bytes; return the answer once there is one."""
        self.heard += len(data)
        if self.heard > self._limit * 4:
            return self.end(AnswerKind.GARBAGE, "more bytes than a handshake has")
        answer = self._more(data)
        if answer is None:
            self.outgoing += self._flush()
        return answer

    def _more(self, data: bytes) -> Answer | None:
        raise NotImplementedError

    def _after(self) -> None:
        """Say what is said once the handshake is finished."""

    def _step(self) -> None:
        if self._done:
            return
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        self._done = True
        self._after()

    def _flush(self) -> bytes:
        try:
            data: bytes = self._connection.bio_read(65536)
        except SSL.WantReadError:
            return b""
        return data


class Renegotiation(OpenSslHandshake):
    """Begins another handshake inside the first; the kind of record that comes back is the answer."""

    __slots__ = ()

    def end(self, kind: AnswerKind, detail: str = "") -> Answer:
        """A close is a refusal, silence is nothing."""
        if self._done and kind in (AnswerKind.CLOSED, AnswerKind.RESET):
            return self._outcome(accepted=False)
        return Answer(kind=kind, detail=detail)

    def _more(self, data: bytes) -> Answer | None:
        if self._done:
            return self._outcome(accepted=data[:1] == b"\x16")
        self._connection.bio_write(data)
        try:
            self._step()
        except (SSL.Error, ValueError) as problem:
            return Answer(kind=AnswerKind.GARBAGE, detail=repr(problem)[:120])
        return None

    def _after(self) -> None:
        if not self._connection.renegotiate():
            raise ValueError("cannot renegotiate")
        with suppress(SSL.WantReadError):
            self._connection.do_handshake()

    def _outcome(self, *, accepted: bool) -> Answer:
        found = self._question
        return Answer(
            kind=AnswerKind.HELLO, protocol=found.protocol, suite=found.suites[0], renegotiates=accepted
        )
