"""What an offer says that a policy may forbid, each as one fact, so that several policies share a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property

from hardening.findings import InFile, Location, Rule, Severity
from hardening.records import dataclass
from hardening.tls import registry
from hardening.tls.judging import rules, weakness
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


@cache
def _bad(code: int) -> str:
    return weakness.words(registry.suites_by_code()[code])


@dataclass(frozen=True)
class OfferedSuite:
    """One suite and the protocol versions it is offered under, said at one place."""

    said: Said
    suite: Suite | None
    kind: CipherKind | None
    protocols: tuple[str, ...]

    @cached_property
    def fact(self) -> Fact:
        """The fact, spelled out when somebody needs it: most suites break nothing."""
        name, suite = self.said.value, self.suite
        bad = _bad(suite.code) if suite else ""
        also = f" (OpenSSL: {suite.openssl[0]})" if suite and suite.openssl else ""
        return Fact(
            rule=rules.SUITE,
            at=self.said.at,
            evidence=name,
            said=f"{name} is offered under {', '.join(self.protocols)}" + (f": {bad}" if bad else ""),
            severity=self._severity(),
            remedy=f"Take {name}{also} out of the cipher list{place(self.said.at)}.",
        )

    def _severity(self) -> Severity:
        if self.suite is not None:
            return weakness.of_suite(self.suite)
        return weakness.of_kind(self.kind) if self.kind else Severity.MEDIUM


@dataclass(frozen=True)
class OfferedGroup:
    """One group and the protocol versions it is offered under, said at one place."""

    said: Said
    group: Group | None
    protocols: tuple[str, ...]

    @cached_property
    def fact(self) -> Fact:
        """The fact, spelled out when somebody needs it."""
        name = self.said.value
        return Fact(
            rule=rules.GROUP,
            at=self.said.at,
            evidence=name,
            said=f"group {name} is offered under {', '.join(self.protocols)}",
            severity=weakness.of_group(self.group) if self.group else Severity.MEDIUM,
            remedy=f"Take {name} out of the list of groups{place(self.said.at)}.",
        )


@dataclass(frozen=True)
class OfferedScheme:
    """One signature scheme and the protocol versions it is offered under, said at one place."""

    said: Said
    scheme: Scheme | None
    protocols: tuple[str, ...]

    @cached_property
    def fact(self) -> Fact:
        """The fact, spelled out when somebody needs it."""
        name = self.said.value
        return Fact(
            rule=rules.SIGNATURE,
            at=self.said.at,
            evidence=name,
            said=f"signature algorithm {name} is offered under {', '.join(self.protocols)}",
            severity=Severity.MEDIUM,
            remedy=f"Take {name} out of the list of signature algorithms{place(self.said.at)}.",
        )


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
    same: dict[int, list[str]] = {}  # most are one object; comparing those that are not costs more
    for name, said in pairs:
        names = same.get(id(said))
        if names is None:
            names = same[id(said)] = found.setdefault(said, [])
        names.append(name)
    for said, names in found.items():
        yield said, tuple(names)


@cache
def _kinds() -> Mapping[str, CipherKind]:
    return {kind.name: kind for kind in registry.cipher_kinds()}


def suites(offer: Offer) -> tuple[OfferedSuite, ...]:
    """Return every suite that is offered, SSL 2.0 kinds included."""
    kinds = _kinds()
    return tuple(
        OfferedSuite(said, registry.find_suite(said.value), kinds.get(said.value), names)
        for said, names in _gathered((p.name, s) for p in offer.protocols for s in (*p.suites, *p.possible))
    )


def groups(offer: Offer) -> tuple[OfferedGroup, ...]:
    """Return every group that is offered."""
    return tuple(
        OfferedGroup(said, registry.find_group(said.value), names)
        for said, names in _gathered((p.name, s) for p in offer.protocols for s in p.groups)
    )


def schemes(offer: Offer) -> tuple[OfferedScheme, ...]:
    """Return every signature scheme that is offered."""
    return tuple(
        OfferedScheme(said, registry.find_scheme(said.value), names)
        for said, names in _gathered((p.name, s) for p in offer.protocols for s in p.signature_algorithms)
    )
