"""What a scan sees beside the offer: said in the report, and named where it is a weakness."""

from __future__ import annotations

from collections.abc import Iterator

from hardening.findings import Finding, OnWire, Rule, Severity
from hardening.tls import primes
from hardening.tls.judging.rules import CLIENT_CERTIFICATE, KNOWN_PRIME, MUST_STAPLE
from hardening.tls.offer import Offer
from hardening.tls.scan.strategy.endpoint_state import Endpoint
from hardening.tls.scan.strategy.extras import NOT_ASKED
from hardening.tls.scan.strategy.messages import Want

_RFC = "https://www.rfc-editor.org/rfc/"
_SHOWN = 4
ACCEPTS_WITHOUT = "it asks clients for a certificate and accepts a client without one"
RENEGOTIATION = Rule(
    id="tls/client-renegotiation",
    title="Clients may start handshakes inside a session",
    severity=Severity.LOW,
    rationale="A handshake costs a server many times what it costs a client, and one connection can ask for thousands.",
    remedy="Switch client-initiated renegotiation off; current servers do so by default.",
    references=(_RFC + "rfc7457#section-2.11",),
)
HSTS = Rule(
    id="tls/hsts-missing",
    title="No Strict-Transport-Security header",
    severity=Severity.INFO,
    rationale="Without it a browser that is given an http:// address can be kept from ever asking for TLS.",
    remedy="Send `Strict-Transport-Security: max-age=31536000` once every page is served over TLS.",
    references=(_RFC + "rfc6797",),
)
_FAULTS = {
    Want.HEARTBEAT: "heartbleed",
    Want.EARLY_CCS: "ccs_injection",
    Want.BAD_KEY: "robot",
    Want.STALE_ID: "ticketbleed",
}


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return (RENEGOTIATION, HSTS)


def stats(found: Endpoint) -> dict[str, object]:
    """Return what was seen, for the report; what is not known is left out."""
    seen: dict[str, object] = {
        "alpn": found.alpn,
        "client_certificate_requested": found.client_auth,
        "client_without_certificate": found.without_certificate or None,
        "client_with_certificate": found.with_certificate or None,
        "ocsp_stapled": found.stapled,
        "fallback_scsv": found.fallback_scsv,
        "export_rsa_bits": found.rsa_export_bits,
        "extended_master_secret": _extended(found),
        "session_resumption": dict(sorted(found.resumption.items())) or None,
        "client_renegotiation": found.client_renegotiation,
        "hsts": found.hsts,
        "server": found.server or None,
        "dh_primes": sorted({primes.name(prime) for prime in found.dh_primes if prime}) or None,
        "vulnerabilities": {_FAULTS[w]: v for w, v in sorted(found.faults.items(), key=lambda i: i[0].value)}
        or None,
    }
    return {name: value for name, value in seen.items() if value is not None}


def _extended(found: Endpoint) -> bool | None:
    """Tell whether the extended master secret is there (RFC 7627); TLS 1.3 has no need of it."""
    if 23 in found.extensions:
        return True
    older = any(p.offered for n, p in found.protocols.items() if n in ("TLSv1.0", "TLSv1.1", "TLSv1.2"))
    return False if older and found.secure_renegotiation is not None else None


def findings(found: Endpoint, offer: Offer) -> Iterator[Finding]:
    """Yield what is a weakness whatever the policy."""
    subject = offer.subject
    at = OnWire(subject)
    for card in offer.certificates:
        if card.must_staple and not found.stapled:
            yield Finding(
                rule=MUST_STAPLE, subject=subject, location=at, evidence=card.sha256[:16],
                message=f"certificate {card.subject}: it came without an OCSP answer, which it requires (Must-Staple)",
            )  # fmt: skip
    for prime in sorted(found.dh_primes):
        known = primes.find(prime)
        if known is not None:
            yield Finding(
                rule=KNOWN_PRIME, subject=subject, location=at, evidence=known.name,
                message=f"a {known.bits}-bit group of {known.name}",
            )  # fmt: skip
    if found.client_renegotiation:
        yield Finding(
            rule=RENEGOTIATION, subject=subject, location=at, evidence="ClientHello inside a session",
            message="it begins another handshake when a client asks for one inside a session",
        )  # fmt: skip
    yield from _client(offer)
    if found.hsts == "":
        yield Finding(
            rule=HSTS, subject=subject, location=at, evidence="no header",
            message="it answers over HTTP without Strict-Transport-Security",
        )  # fmt: skip


def _client(offer: Offer) -> Iterator[Finding]:
    """Yield what is strange about client certificates; what a policy asks for is judged elsewhere."""
    one = offer.client
    if one is None:
        return
    message, severity = "", Severity.LOW
    if one.outcome.startswith("refused"):
        message = f"the client certificate is {one.outcome}"
        severity = Severity.MEDIUM
        if one.authorities:
            message += f"; accepted authorities: {'; '.join(one.authorities[:_SHOWN])}"
    elif one.outcome == NOT_ASKED:
        message = "it does not ask clients for a certificate, so the one given was not presented"
        severity = Severity.MEDIUM
    elif one.wants == "optional":
        message = ACCEPTS_WITHOUT
    if message:
        yield Finding(
            rule=CLIENT_CERTIFICATE, subject=offer.subject, location=OnWire(offer.subject), evidence=one.outcome or one.wants,
            message=message, severity=severity,
        )  # fmt: skip
