"""What was learned about an endpoint, as the `Offer` that policies judge."""

from __future__ import annotations

from functools import cache

from hardening.findings import OnWire
from hardening.tls import registry
from hardening.tls.offer import Certificate, ClientCertificate, Located, Offer, ProtocolOffer
from hardening.tls.scan.strategy.endpoint_state import Endpoint, EndpointState, named
from hardening.tls.scan.wire import hello

EXTENSIONS = {
    0: "server_name", 5: "status_request", 10: "supported_groups", 11: "ec_point_formats",
    15: "heartbeat", 16: "application_layer_protocol_negotiation", 22: "encrypt_then_mac",
    23: "extended_master_secret", 35: "session_ticket", 0xFF01: "renegotiation_info",
}  # fmt: skip

SSLV2_UNANSWERED = "SSL 2.0 is not offered: its hello gets no answer, while every other question is answered"
MANY = 40
"""More open suites than this are not listed one by one: the version as a whole is open."""


@cache
def _suite_names() -> dict[int, str]:
    return {s.code: s.iana for s in registry.suites()}


@cache
def _places() -> dict[int, int]:
    return {code: place for place, code in enumerate(hello.every_suite())}


@cache
def _kind_names() -> dict[int, str]:
    return {k.code: k.name for k in registry.cipher_kinds()}


@cache
def _group_names() -> dict[int, str]:
    return {g.id: g.name for g in registry.groups()}


@cache
def _scheme_names() -> dict[int, str]:
    return {s.id: s.name for s in registry.schemes()}


def suite_names(learned: EndpointState, codes: list[int]) -> list[str]:
    """Return IANA names, or `SSL_CK_...` names for SSL 2.0."""
    if learned.name == "SSLv2":
        return [_kind_names().get(code, f"SSL_CK_0x{code:06X}") for code in codes]
    return named(codes, _suite_names())


def offer_of(found: Endpoint, subject: str, *, full: bool, connections: int) -> Offer:
    """Return the offer; what is not known is in `inconclusive` by name."""
    at = OnWire(subject)
    unknown = _inconclusive(found)
    assumptions = dict.fromkeys(found.notes)
    if unknown == ["SSLv2"]:  # alone it does not keep an inventory partial
        unknown, assumptions = [], {**assumptions, SSLV2_UNANSWERED: None}
    return Offer(
        subject=subject,
        at=at,
        protocols=tuple(_protocol(one, at) for one in found.offered()),
        coverage="full" if full else "forbidden-only",
        inconclusive=tuple(unknown),
        assumptions=tuple(assumptions),
        certificates=_certificates(found),
        unread=sum(_read(der) is None for der in {der for chain in found.chains.values() for der in chain}),
        dh_bits=found.dh_bits,
        client=_client(found, at),
        compression=found.compression,
        secure_renegotiation=found.secure_renegotiation,
        extensions=tuple(sorted(EXTENSIONS[n] for n in found.extensions if n in EXTENSIONS)),
        connections=connections,
    )


def _client(found: Endpoint, at: OnWire) -> ClientCertificate | None:
    if found.client_auth is None:
        return None
    without = found.without_certificate
    wants = "requested" if not without else "optional" if without == "accepted" else "required"
    return ClientCertificate(
        wants=wants if found.client_auth else "none",
        at=at,
        authorities=found.client_authorities,
        outcome=found.with_certificate,
        how=without.partition(": ")[2],
    )


def _protocol(learned: EndpointState, at: OnWire) -> ProtocolOffer:
    order = learned.suites
    preference = learned.preference
    if preference == "client" or (preference == "unknown" and learned.name != "SSLv2"):
        order = sorted(order, key=lambda code: _places().get(code, 1 << 16))
    return ProtocolOffer(
        name=learned.name,
        at=at,
        suites=tuple(Located(name, at) for name in suite_names(learned, order)),
        preference=preference,
        groups=tuple(Located(n, at) for n in named(sorted(set(learned.groups)), _group_names())),
        signature_algorithms=tuple(
            Located(n, at) for n in named(sorted(set(learned.schemes)), _scheme_names())
        ),
        signatures_complete=learned.schemes_complete,
    )


def _inconclusive(found: Endpoint) -> list[str]:
    out = []
    for learned in found.protocols.values():
        if learned.unknown and (not learned.offered or len(learned.unknown) > MANY):
            out.append(learned.name)
            continue
        names = suite_names(learned, sorted(set(learned.unknown) - set(learned.suites)))
        names += named(sorted(set(learned.unknown_groups) - set(learned.groups)), _group_names())
        names += named(sorted(set(learned.unknown_schemes) - set(learned.schemes)), _scheme_names())
        out += [f"{learned.name} {name}" for name in names]
    return out


def _certificates(found: Endpoint) -> tuple[Certificate, ...]:
    """Return the certificates, a server's own first; what is sent along with one that cannot be read stands for nothing."""
    ordered = sorted(found.chains.values(), key=lambda chain: (-len(chain), chain))
    seen = dict.fromkeys(der for chain in ordered if _read(chain[0]) for der in chain)
    return tuple(one for der in seen if (one := _read(der)) is not None)


def _read(der: bytes) -> Certificate | None:
    from hardening.tls.certificate import read

    return read(der)
