"""What an offer says that a policy may forbid, each as one fact, so that several policies share a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hardening.findings import InFile, Location, Rule, Severity
from hardening.tls import registry, rules, weakness
from hardening.tls.offer import Offer, Said
from hardening.tls.registry import CipherKind, Group, Scheme, Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that is so, and where it was said; the same for every policy."""

    rule: Rule
    at: Location
    evidence: str
    said: str
    severity: Severity
    remedy: str


@dataclass(frozen=True, slots=True)
class OfferedSuite:
    """One suite and the protocol versions it is offered under, said at one place."""

    name: str
    suite: Suite | None
    kind: CipherKind | None
    protocols: tuple[str, ...]
    fact: Fact


@dataclass(frozen=True, slots=True)
class OfferedGroup:
    """One group, said at one place."""

    group: Group | None
    fact: Fact


@dataclass(frozen=True, slots=True)
class OfferedScheme:
    """One signature scheme, said at one place."""

    scheme: Scheme | None
    fact: Fact


def place(at: Location) -> str:
    """Return such as ` in nginx.conf line 12`, or nothing for the wire."""
    if not isinstance(at, InFile):
        return ""
    return f" in {at.path}" + (f" line {at.line}" if at.line is not None else "")


def protocol(offer: Offer, name: str) -> Fact:
    """Return the fact that a protocol version is offered."""
    found = offer.protocol(name)
    at = found.at if found else offer.at
    return Fact(
        rule=rules.PROTOCOL,
        at=at,
        evidence=name,
        said=f"{name} is offered",
        severity=weakness.of_protocol(name),
        remedy=f"Switch {name} off{place(at)}.",
    )


def missing(offer: Offer, name: str) -> Fact:
    """Return the fact that a protocol version is not offered."""
    return Fact(
        rule=rules.PROTOCOL,
        at=offer.at,
        evidence=f"no {name}",
        said=f"{name} is not offered",
        severity=Severity.MEDIUM,
        remedy=f"Switch {name} on{place(offer.at)}; where the TLS library has none, update it.",
    )


def no_suite(offer: Offer, wanted: str) -> Fact:
    """Return the fact that no suite of the kind a policy wants is offered."""
    return Fact(
        rule=rules.SUITE,
        at=offer.at,
        evidence=f"no suite: {wanted}",
        said=f"no suite is offered that would do: {wanted}",
        severity=Severity.MEDIUM,
        remedy=f"Add a suite that does ({wanted}) to the cipher list{place(offer.at)}.",
    )


def _gathered(pairs: Iterable[tuple[str, Said]]) -> Iterator[tuple[Said, tuple[str, ...]]]:
    """Bring together what several protocol versions say at one place."""
    found: dict[Said, list[str]] = {}
    for name, said in pairs:
        found.setdefault(said, []).append(name)
    for said, names in found.items():
        yield said, tuple(names)


def suites(offer: Offer) -> tuple[OfferedSuite, ...]:
    """Return every suite that is offered, SSL 2.0 kinds included."""
    kinds = {k.name: k for k in registry.cipher_kinds()}
    found = []
    for said, names in _gathered((p.name, s) for p in offer.protocols for s in p.suites):
        suite, kind = registry.find_suite(said.value), kinds.get(said.value)
        bad = weakness.words(suite) if suite else ""
        also = f" (OpenSSL: {suite.openssl[0]})" if suite and suite.openssl else ""
        severity = weakness.of_suite(suite) if suite else weakness.of_kind(kind) if kind else Severity.MEDIUM
        fact = Fact(
            rule=rules.SUITE,
            at=said.at,
            evidence=said.value,
            said=f"{said.value} is offered under {', '.join(names)}" + (f": {bad}" if bad else ""),
            severity=severity,
            remedy=f"Take {said.value}{also} out of the cipher list{place(said.at)}.",
        )
        found.append(OfferedSuite(said.value, suite, kind, names, fact))
    return tuple(found)


def groups(offer: Offer) -> tuple[OfferedGroup, ...]:
    """Return every group that is offered."""
    found = []
    for said, names in _gathered((p.name, s) for p in offer.protocols for s in p.groups):
        group = registry.find_group(said.value)
        fact = Fact(
            rule=rules.GROUP,
            at=said.at,
            evidence=said.value,
            said=f"group {said.value} is offered under {', '.join(names)}",
            severity=weakness.of_group(group) if group else Severity.MEDIUM,
            remedy=f"Take {said.value} out of the list of groups{place(said.at)}.",
        )
        found.append(OfferedGroup(group, fact))
    return tuple(found)


def schemes(offer: Offer) -> tuple[OfferedScheme, ...]:
    """Return every signature scheme that is offered."""
    found = []
    for said, names in _gathered((p.name, s) for p in offer.protocols for s in p.signature_algorithms):
        fact = Fact(
            rule=rules.SIGNATURE,
            at=said.at,
            evidence=said.value,
            said=f"signature algorithm {said.value} is offered under {', '.join(names)}",
            severity=Severity.MEDIUM,
            remedy=f"Take {said.value} out of the list of signature algorithms{place(said.at)}.",
        )
        found.append(OfferedScheme(registry.find_scheme(said.value), fact))
    return tuple(found)
