"""What an offer says of the session itself: DH parameters, compression, renegotiation, preference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hardening.findings import Rule, Severity
from hardening.tls.judging import rules
from hardening.tls.judging.facts import Fact, place
from hardening.tls.judging.ledger import Ledger
from hardening.tls.offer import Offer
from hardening.tls.policies.requirement import PolicyRule, SessionNeed
from hardening.tls.registry import Suite

_DH_BROKEN = 1024
_FFDHE = (2048, 3072, 4096, 6144, 8192)
_UNKNOWN = "not known from here; a scan of the endpoint tells"


def check(offer: Offer, ledger: Ledger, suites: Sequence[Suite]) -> None:
    """Enter what the session breaks into the ledger."""
    for rule in ledger.policy.rules:
        if rule.session is not None:
            _dh(offer, rule, rule.session, ledger, suites)
            _compression(offer, rule, rule.session, ledger)
            _renegotiation(offer, rule, rule.session, ledger)
            _preference(offer, rule, rule.session, ledger)
            _extensions(offer, rule, rule.session, ledger)
            _client(offer, rule, rule.session, ledger)


def _fact(offer: Offer, rule: Rule, evidence: str, message: str, severity: Severity | None = None) -> Fact:
    return Fact(
        rule=rule,
        at=offer.at,
        evidence=evidence,
        message=message,
        severity=rule.severity if severity is None else severity,
        remedy=rule.remedy,
    )


def _dh(offer: Offer, rule: PolicyRule, need: SessionNeed, ledger: Ledger, suites: Sequence[Suite]) -> None:
    if need.dh_min_bits is None:
        return
    if offer.dh_bits is None:
        named = next((one for one in offer.unread_files if one.what != "certificate"), None)
        if any(s.kx == "DHE" for s in suites) and named:
            ledger.lacks(rule, named.reason)
        elif any(s.kx == "DHE" for s in suites):
            ledger.misses(rule, f"size of the Diffie-Hellman parameters {_UNKNOWN}")
        else:
            ledger.passes_over(rule, "no suite with finite-field Diffie-Hellman is offered")
        return
    ledger.looks(rule)
    if offer.dh_bits < need.dh_min_bits:
        severity = Severity.HIGH if offer.dh_bits <= _DH_BROKEN else Severity.MEDIUM
        message = f"Diffie-Hellman parameters of {offer.dh_bits} bits"
        fact = _fact(offer, rules.DH_BITS, str(offer.dh_bits), message, severity)
        ledger.breaks((rule,), replace(fact, remedy=_larger(need.dh_min_bits)))


def _larger(bits: int) -> str:
    """Return the remedy for parameters that have to have so many bits: the smallest group of RFC 7919 that will do."""
    size = next((n for n in _FFDHE if n >= bits), None)
    first = f"Use ffdhe{size} or larger (RFC 7919)" if size else f"Use a group of {bits} bits or more"
    return f"{first}, or leave the DHE suites out where the server cannot."


def _compression(offer: Offer, rule: PolicyRule, need: SessionNeed, ledger: Ledger) -> None:
    if need.compression is None:
        return
    if offer.compression is None:
        ledger.misses(rule, f"compression: {_UNKNOWN}")
        return
    ledger.looks(rule)
    if offer.compression is not need.compression:
        ledger.breaks((rule,), _fact(offer, rules.COMPRESSION, "compression", "TLS compression is on"))


def _renegotiation(offer: Offer, rule: PolicyRule, need: SessionNeed, ledger: Ledger) -> None:
    if need.secure_renegotiation is None:
        return
    if all(p.name == "TLSv1.3" for p in offer.protocols):
        ledger.passes_over(rule, "TLS 1.3 has no renegotiation")
        return
    if offer.secure_renegotiation is None:
        ledger.misses(rule, f"renegotiation: {_UNKNOWN}")
        return
    ledger.looks(rule)
    if offer.secure_renegotiation is not need.secure_renegotiation:
        message = "secure renegotiation (RFC 5746) is not offered"
        ledger.breaks((rule,), _fact(offer, rules.RENEGOTIATION, "renegotiation", message))


def _preference(offer: Offer, rule: PolicyRule, need: SessionNeed, ledger: Ledger) -> None:
    if need.preference is None:
        return
    choices = [p for p in offer.protocols if p.name != "TLSv1.3" and len(p.suites) > 1]
    if not choices:
        ledger.passes_over(rule, "no protocol version before TLS 1.3 leaves a choice of suites")
        return
    for one in choices:
        if one.preference == "unknown":
            ledger.misses(rule, f"{one.name}: whose order decides is {_UNKNOWN}")
            continue
        ledger.looks(rule)
        if one.preference != need.preference:
            message = f"under {one.name} the {one.preference}'s order of suites decides"
            fact = Fact(
                rule=rules.PREFERENCE,
                at=one.at,
                evidence=f"{one.name} {one.preference}",
                message=message,
                severity=rules.PREFERENCE.severity,
                remedy=f"Set it so that the {need.preference}'s order decides{place(one.at)}.",
            )
            ledger.breaks((rule,), fact)


def _extensions(offer: Offer, rule: PolicyRule, need: SessionNeed, ledger: Ledger) -> None:
    if not need.extensions:
        return
    if all(p.name == "TLSv1.3" for p in offer.protocols):
        ledger.passes_over(rule, "TLS 1.3 has these protections built in")
        return
    if not offer.extensions:
        ledger.misses(rule, f"extensions: {_UNKNOWN}")
        return
    ledger.looks(rule)
    for name in need.extensions:
        if name not in offer.extensions:
            message = f"extension {name} is not offered"
            ledger.breaks((rule,), _fact(offer, rules.EXTENSION, f"no {name}", message))


_CLIENT = {
    "none": "clients are not asked for a certificate",
    "optional": "a client without a certificate is accepted",
    "required": "clients have to present a certificate",
}


def _client(offer: Offer, rule: PolicyRule, need: SessionNeed, ledger: Ledger) -> None:
    if need.client_certificate is None:
        return
    found = offer.client
    if found is None or found.wants == "requested":
        ledger.misses(rule, f"whether clients have to present a certificate: {_UNKNOWN}")
        return
    ledger.looks(rule)
    message = "" if found.wants == need.client_certificate else _CLIENT[found.wants]
    if not message and not found.checked:
        message = "clients have to present a certificate, and any certificate is accepted"
    if message:
        fact = Fact(
            rule=rules.CLIENT_CERTIFICATE,
            at=found.at,
            evidence=found.wants,
            message=message,
            severity=rules.CLIENT_CERTIFICATE.severity,
            remedy=_REQUIRE.format(place(found.at))
            if need.client_certificate == "required"
            else f"Switch the request for client certificates off{place(found.at)}.",
        )
        ledger.breaks((rule,), fact)


_REQUIRE = "Require a client certificate of your own authority{}, and give each client one."
