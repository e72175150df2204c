"""Harmless questions about known faults of old libraries; asked with `--vulnerabilities` alone.

Heartbleed: a heartbeat of no payload and no padding. A sound server drops it (RFC 6520 section 4); one with the
fault answers, with no byte of its memory, since none was asked for.
CCS injection: a ChangeCipherSpec too early and a record that no key opens. A sound server refuses the first with
unexpected_message; one with the fault takes it and stumbles over the second. Only our own connection is affected.
"""

from __future__ import annotations

from struct import pack

from hardening.findings import Finding, OnWire, Rule, Severity
from hardening.tls.registry import WIRE_VERSIONS
from hardening.tls.scan.answer import HEARTBEAT_RECORD, Listener
from hardening.tls.scan.ask import Answer, Want

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
_STUMBLED = (20, 21)
"""bad_record_mac, decryption_failed: the server has switched to keys."""
_RULES = {Want.HEARTBEAT: HEARTBLEED, Want.EARLY_CCS: CCS}


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return tuple(_RULES.values())


class Probe(Listener):
    """A listener that puts the question once the server's flight has ended."""

    __slots__ = ("_sent",)

    def _message(self, number: int, message: bytes) -> Answer | None:
        found = super()._message(number, message)
        if found is None or number != 14:
            return found
        version = WIRE_VERSIONS[found.protocol or "TLSv1.0"]
        if self._question.want is Want.HEARTBEAT:
            self.outgoing = pack(">BHH", HEARTBEAT_RECORD, version, 3) + b"\x01\x00\x00"
        else:
            self.outgoing = pack(">BHH", 20, version, 1) + b"\x01" + pack(">BHH", 22, version, 64) + bytes(64)
        return None

    def _record(self, content: int, body: bytes) -> Answer | None:
        answer = self._answer
        if content == HEARTBEAT_RECORD and answer is not None:
            answer.fault = body[:1] == b"\x02"
            return answer
        if content == 21 and answer is not None and len(body) == 2 and self._question.want is Want.EARLY_CCS:
            answer.fault = body[1] in _STUMBLED
            return answer
        return super()._record(content, body)


def findings(faults: dict[Want, bool | None], subject: str) -> tuple[Finding, ...]:
    """Return a finding for every fault that was seen."""
    return tuple(
        Finding(rule=_RULES[want], subject=subject, location=OnWire(subject), message=_RULES[want].title,
                evidence=want.name.lower())
        for want, seen in faults.items()
        if seen
    )  # fmt: skip
