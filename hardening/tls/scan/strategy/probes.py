"""Harmless questions about known faults of old libraries; asked with `--vulnerabilities` alone.

Heartbleed: a heartbeat whose payload is all there, and whose padding is not. A sound server drops it (RFC 6520
section 4); one with the fault does not look, and sends our own bytes back, with none of its memory. It has 8,000, because
OpenSSL keeps less than 4,096 to itself until the handshake goes on.
CCS injection: a ChangeCipherSpec too early. A sound server refuses it; one with the fault takes it in silence, and then
stumbles over a record that no key opens. Only our own connection is affected.
ROBOT: keys of our own, wrongly padded in five ways. A sound server does the same to all; one with the fault tells them
apart. Nobody's recorded key is sent. Ticketbleed: our own ticket with a session id of 31 bytes. A sound
server echoes 31; one with the fault echoes 32, and the last, the only byte of memory, is not kept.
"""

from __future__ import annotations

import os
from dataclasses import replace
from struct import pack

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.x509 import InvalidVersion, load_der_x509_certificate

from hardening.findings import Finding, OnWire, Rule, Severity
from hardening.tls.registry import WIRE_VERSIONS
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question, Want
from hardening.tls.scan.wire import hello
from hardening.tls.scan.wire.answer import HEARTBEAT_RECORD, Listener

_CVE = "https://nvd.nist.gov/vuln/detail/"
_UPDATE = "Update the TLS library, restart every program that uses it, and replace keys that were exposed."
HEARTBLEED = Rule(
    id="tls/vulnerability-heartbleed",
    title="Heartbleed: the server's memory can be read",
    severity=Severity.CRITICAL,
    rationale="A heartbeat that claims more than it holds is answered with the server's memory: keys, passwords.",
    remedy=_UPDATE,
    references=(_CVE + "CVE-2014-0160", "https://heartbleed.com/"),
)
CCS = Rule(
    id="tls/vulnerability-ccs-injection",
    title="CCS injection: an early ChangeCipherSpec is accepted",
    severity=Severity.HIGH,
    rationale="Somebody in between makes client and server agree on an empty key, and reads and alters the session.",
    remedy=_UPDATE,
    references=(_CVE + "CVE-2014-0224",),
)
ROBOT = Rule(
    id="tls/vulnerability-robot",
    title="ROBOT: the server tells how RSA padding is wrong",
    severity=Severity.CRITICAL,
    rationale="Whoever can tell wrong paddings apart decrypts recorded sessions and signs with the server's key.",
    remedy="Update the TLS library or the appliance, and switch suites with RSA key exchange off.",
    references=("https://robotattack.org/", "https://www.rfc-editor.org/rfc/rfc5246#section-7.4.7.1"),
)
TICKETBLEED = Rule(
    id="tls/vulnerability-ticketbleed",
    title="Ticketbleed: session ids come back with memory behind them",
    severity=Severity.HIGH,
    rationale="A session id of one byte is answered with 31 bytes of the server's memory.",
    remedy="Update the appliance, or switch session tickets off.",
    references=(_CVE + "CVE-2016-9244",),
)
ECHO = 8000
"""Bytes of a heartbeat, all of them ours."""
_RULES = {
    Want.HEARTBEAT: HEARTBLEED,
    Want.EARLY_CCS: CCS,
    Want.BAD_KEY: ROBOT,
    Want.STALE_ID: TICKETBLEED,
}
PADDINGS = 5
"""Ways of padding: the right one, wrong at the start, no end, an end too early, another version."""
STALE = 31
"""Bytes of the session id: one less than the most, so that one byte at most can come with it."""


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return tuple(_RULES.values())


class _Asking(Listener):
    """A listener that says more once the server's flight has ended, and waits for what is done to it."""

    __slots__ = ("_sent",)

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self._sent = False

    def _message(self, number: int, message: bytes) -> Answer | None:
        found = super()._message(number, message)
        more = None if found is None or number != 14 else self._more(found)
        if more is None:
            return found
        self.outgoing, self._sent = more, True
        return None

    def _more(self, found: Answer) -> bytes | None:
        """Return what is said then, or nothing."""
        raise NotImplementedError

    def end(self, kind: AnswerKind, detail: str = "") -> Answer:
        """A close and a silence are reactions, too."""
        answer = super().end(kind, detail)
        if self._sent:
            answer.reaction = kind.value
        return answer


class Probe(_Asking):
    """A listener that puts the question once the server's flight has ended."""

    __slots__ = ()

    def _more(self, found: Answer) -> bytes:
        version = WIRE_VERSIONS[found.protocol or "TLSv1.0"]
        if self._question.want is Want.HEARTBEAT:
            size = 3 + ECHO
            return pack(">BHH", HEARTBEAT_RECORD, version, size) + pack(">BH", 1, ECHO) + bytes(ECHO)
        finished = pack(">BHH", 22, version, 64) + bytes(64) if self._question.variant else b""
        return pack(">BHH", 20, version, 1) + b"\x01" + finished

    def _record(self, content: int, body: bytes) -> Answer | None:
        answer = self._answer
        if content == HEARTBEAT_RECORD and answer is not None:
            answer.fault = body[:1] == b"\x02"
            return answer
        if self._sent and content == 21 and answer is not None and len(body) == 2:
            answer.reaction = f"alert {body[1]}"
            return answer
        return super()._record(content, body)


class BadKey(_Asking):
    """A listener that answers the server's flight with a badly padded key, and notes what is done to it."""

    __slots__ = ()

    def _more(self, found: Answer) -> bytes | None:
        public = _public(found.chain)
        if public is None:
            return None
        version = WIRE_VERSIONS[found.protocol or "TLSv1.0"]
        sealed = encrypted(public, self._question.variant, WIRE_VERSIONS[self._question.protocol])
        body = pack(">H", len(sealed)) + sealed
        exchange = b"\x10" + len(body).to_bytes(3, "big") + body
        return (
            pack(">BHH", 22, version, len(exchange))
            + exchange
            + pack(">BHH", 20, version, 1)
            + b"\x01"
            + pack(">BHH", 22, version, 64)
            + bytes(64)
        )

    def _record(self, content: int, body: bytes) -> Answer | None:
        answer = self._answer
        if self._sent and answer is not None and content != 22:
            answer.reaction = f"alert {body[1]}" if content == 21 and len(body) == 2 else f"record {content}"
            return answer
        return super()._record(content, body)


class StaleId(Listener):
    """A listener that looks at the length of the session id that comes back."""

    __slots__ = ("_sent",)

    def __init__(self, question: Question, sent: bytes) -> None:
        super().__init__(question)
        self._sent = sent

    def _message(self, number: int, message: bytes) -> Answer | None:
        found = super()._message(number, message)
        if found is not None and found.session_id[: len(self._sent)] == self._sent:
            found.fault = len(found.session_id) > len(self._sent)
            found.session_id = b""
        return found


def converse(question: Question, server_name: str | None) -> tuple[bytes, Listener]:
    """Return the hello of a probe and what listens to the answer."""
    sent = os.urandom(STALE) if question.want is Want.STALE_ID else b""
    data = hello.client_hello(question, server_name=server_name, random=os.urandom(32), session_id=sent)
    if question.want is Want.STALE_ID:
        return data, StaleId(replace(question, want=Want.HELLO), sent)
    return data, BadKey(question) if question.want is Want.BAD_KEY else Probe(question)


def _public(chain: tuple[bytes, ...]) -> RSAPublicNumbers | None:
    try:
        key = load_der_x509_certificate(chain[0]).public_key()
    except (ValueError, IndexError, UnsupportedAlgorithm, InvalidVersion):
        return None
    return key.public_numbers() if isinstance(key, RSAPublicKey) else None


def encrypted(public: RSAPublicNumbers, variant: int, version: int) -> bytes:
    """Return 48 random bytes under a server's key, padded in one of PADDINGS ways (RFC 8017 section 7.2.1)."""
    size = (public.n.bit_length() + 7) // 8
    secret = os.urandom(46)
    filling = bytes(1 + byte % 255 for byte in os.urandom(size - 51))
    known = pack(">H", version)
    padded = (
        b"\x00\x02" + filling + b"\x00" + known + secret,
        b"\x41\x17" + filling + b"\x00" + known + secret,
        b"\x00\x02" + filling + b"\x11" + known + bytes(1 + byte % 255 for byte in secret),
        b"\x00\x02\x00" + filling[1:] + b"\x00" + known + secret,
        b"\x00\x02" + filling + b"\x00\x02\x02" + secret,
    )[variant]
    return pow(int.from_bytes(padded, "big"), public.e, public.n).to_bytes(size, "big")


def findings(faults: dict[Want, bool | None], subject: str) -> tuple[Finding, ...]:
    """Return a finding for every fault that was seen."""
    return tuple(
        Finding(rule=_RULES[want], subject=subject, location=OnWire(subject), message=_RULES[want].title,
                evidence=want.name.lower())
        for want, seen in faults.items()
        if seen
    )  # fmt: skip
