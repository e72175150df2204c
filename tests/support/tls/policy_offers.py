"""Hand-made offers for the policy tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hardening.findings import InFile, Location, OnWire
from hardening.tls.offer import Certificate, Located, Offer, ProtocolOffer
from hardening.tls.policies.ruleset import Policy

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WIRE = OnWire("127.0.0.1:443")
LINE = InFile(("/etc/nginx/nginx.conf",), 12)


def said(names: Iterable[str], at: Location = WIRE) -> tuple[Located, ...]:
    return tuple(Located(name, at) for name in names)


def protocol(name: str, *suites: str, at: Location = WIRE, **more: Any) -> ProtocolOffer:
    for key in ("groups", "signature_algorithms"):
        if key in more:
            more[key] = said(more[key], at)
    return ProtocolOffer(name=name, at=at, suites=said(suites, at), **more)


def offer(*protocols: ProtocolOffer, at: Location = WIRE, **more: Any) -> Offer:
    return Offer(subject="test", at=at, protocols=protocols, **more)


def certificate(**changes: Any) -> Certificate:
    values: dict[str, Any] = {
        "subject": "CN=bms.example",
        "issuer": "CN=ca.example",
        "not_before": datetime(2026, 5, 1, tzinfo=UTC),
        "not_after": datetime(2026, 7, 1, tzinfo=UTC),
        "key": "ec:secp384r1",
        "signature": "ecdsa-with-SHA384",
        "sha256": "ab" * 32,
        "names": ("bms.example", "*.site.example", "192.0.2.7"),
    }
    return Certificate(**(values | changes))


def rendered(policy: Policy) -> Offer:
    """What a server offers that was configured exactly as the policy would have it."""
    groups = [g.name for g in policy.groups]
    schemes = [s.name for s in policy.signature_algorithms]
    protocols = []
    for name in policy.protocols:
        suites = policy.suites13 if name == "TLSv1.3" else policy.suites
        if suites:
            protocols.append(
                protocol(
                    name,
                    *(s.iana for s in suites),
                    preference="client" if policy.server_preference is False else "server",
                    groups=groups,
                    signature_algorithms=schemes,
                )
            )
    return offer(
        *protocols,
        certificates=(_fitting(policy),),
        dh_bits=4096,
        compression=False,
        secure_renegotiation=True,
        extensions=("extended_master_secret", "renegotiation_info"),
    )


def _fitting(policy: Policy) -> Certificate:
    """A certificate the policy accepts: P-384 where it may, else RSA."""
    needs = [need for _, need in policy.certificate_rules]
    if all(not n.types or "ec" in n.types for n in needs):
        return certificate()
    return certificate(key="rsa:4096", signature="sha256WithRSAEncryption")
