"""What an offer says that a policy may forbid, each as one fact, so that several policies share a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property, lru_cache

from hardening.findings import InFile, Location, Rule, Severity
from hardening.records import dataclass
from hardening.tls import registry
from hardening.tls.judging import rules, weakness
from hardening.tls.offer import Located, Offer
from hardening.tls.registry import CipherKind, Group, Scheme, Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that is so, and where it was said; the same for every policy."""

    rule: Rule
    at: Location
    evidence: str
    message: str
    severity: Severity
    remedy: str
    because: tuple[str, ...] = ()
    """What is weak about it, such as `RC4`: the classes that a summary counts."""


@lru_cache(maxsize=8192)
def _of_suite(
    name: str, code: int | None, protocols: tuple[str, ...]
) -> tuple[str, Severity, str, tuple[str, ...]]:
    """Return the text about a suite wherever it is offered, its severity, the remedy without the place, and what is weak."""
    suite = registry.suites_by_code()[code] if code is not None else None
    bad = weakness.words(suite) if suite else ()
    also = f" (OpenSSL: {suite.openssl[0]})" if suite and suite.openssl else ""
    message = f"{name} is offered under {', '.join(protocols)}" + (f": {', '.join(bad)}" if bad else "")
    severity = weakness.of_suite(suite) if suite else Severity.MEDIUM
    return message, severity, f"Take {name}{also} out of the cipher list", bad


@dataclass(frozen=True)
class OfferedSuite:
    """One suite and the protocol versions it is offered under, said at one place."""

    located: Located
    suite: Suite | None
    kind: CipherKind | None
    protocols: tuple[str, ...]

    @cached_property
    def fact(self) -> Fact:
        """The fact, spelled out when somebody needs it: most suites break nothing."""
        name, suite = self.located.value, self.suite
        message, severity, remedy, weak = _of_suite(name, suite.code if suite else None, self.protocols)
        return Fact(
            rule=rules.SUITE,
            at=self.located.at,
            evidence=name,
            message=message,
            severity=weakness.of_kind(self.kind) if self.kind and not suite else severity,
            remedy=f"{remedy}{place(self.located.at)}.",
            because=weak,
        )


@dataclass(frozen=True)
class OfferedGroup:
    """One group and the protocol versions it is offered under, said at one place."""

    located: Located
    group: Group | None
    protocols: tuple[str, ...]

    @cached_property
    def fact(self) -> Fact:
        """The fact, spelled out when somebody needs it."""
        name = self.located.value
        return Fact(
            rule=rules.GROUP,
            at=self.located.at,
            evidence=name,
            message=f"group {name} is offered under {', '.join(self.protocols)}",
            severity=weakness.of_group(self.group) if self.group else Severity.MEDIUM,
            remedy=f"Take {name} out of the list of groups{place(self.located.at)}.",
        )


@dataclass(frozen=True)
class OfferedScheme:
    """One signature scheme and the protocol versions it is offered under, said at one place."""

    located: Located
    scheme: Scheme | None
    protocols: tuple[str, ...]

    @cached_property
    def fact(self) -> Fact:
        """The fact, spelled out when somebody needs it."""
        name = self.located.value
        return Fact(
            rule=rules.SIGNATURE,
            at=self.located.at,
            evidence=name,
            message=f"signature algorithm {name} is offered under {', '.join(self.protocols)}",
            severity=Severity.MEDIUM,
            remedy=f"Take {name} out of the list of signature algorithms{place(self.located.at)}.",
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
        message=f"{name} is offered",
        severity=weakness.of_protocol(name),
        remedy=f"Switch {name} off{place(at)}.",
    )


def missing(offer: Offer, name: str) -> Fact:
    """Return the fact that a protocol version is not offered."""
    return Fact(
        rule=rules.PROTOCOL,
        at=offer.at,
        evidence=f"no {name}",
        message=f"{name} is not offered",
        severity=Severity.MEDIUM,
        remedy=f"Switch {name} on{place(offer.at)}; where the TLS library has none, update it.",
    )


def no_suite(offer: Offer, wanted: str) -> Fact:
    """Return the fact that no suite of the kind a policy wants is offered."""
    return Fact(
        rule=rules.SUITE,
        at=offer.at,
        evidence=f"no suite: {wanted}",
        message=f"no suite is offered that would do: {wanted}",
        severity=Severity.MEDIUM,
        remedy=f"Add a suite that does ({wanted}) to the cipher list{place(offer.at)}.",
    )


def no_group(offer: Offer) -> Fact:
    """Return the fact that no group of the kind a policy wants is offered."""
    return Fact(
        rule=rules.GROUP,
        at=offer.at,
        evidence="no post-quantum group",
        message="no group with ML-KEM is offered: whoever records the traffic now can decrypt it with a quantum computer",
        severity=Severity.MEDIUM,
        remedy=f"Add X25519MLKEM768 to the list of groups{place(offer.at)}; it needs TLS 1.3 and a library that has it "
        "(OpenSSL 3.5, GnuTLS 3.8.8, JDK 27).",
    )


def _gathered(pairs: Iterable[tuple[str, Located]]) -> Iterator[tuple[Located, tuple[str, ...]]]:
    """Bring together what several protocol versions say at one place."""
    found: dict[tuple[str, int], tuple[Located, list[str]]] = {}
    number = Places().number
    for name, located in pairs:
        key = (located.value, number(located.at))
        entry = found.get(key)
        if entry is None:
            entry = found[key] = (located, [])
        entry[1].append(name)
    for located, names in found.values():
        yield located, tuple(names)


class Places:
    """Numbers of places, equal for equal ones: hashing a place again for each suite named at it costs more.

    Places have to outlive it.
    """

    def __init__(self) -> None:
        self._by_object: dict[int, int] = {}
        self._by_value: dict[Location, int] = {}

    def number(self, at: Location) -> int:
        """Return the place's number."""
        found = self._by_object.get(id(at))
        if found is None:
            found = self._by_object[id(at)] = self._by_value.setdefault(at, len(self._by_value))
        return found


@cache
def _kinds() -> Mapping[str, CipherKind]:
    return {kind.name: kind for kind in registry.cipher_kinds()}


@lru_cache(maxsize=8192)
def _known(name: str) -> tuple[Suite | None, CipherKind | None]:
    return registry.find_suite(name), _kinds().get(name)


def suites(offer: Offer) -> tuple[OfferedSuite, ...]:
    """Return every suite that is offered, SSL 2.0 kinds included."""
    return tuple(
        OfferedSuite(located, *_known(located.value), names)
        for located, names in _gathered(
            (p.name, s) for p in offer.protocols for s in (*p.suites, *p.possible)
        )
    )


def groups(offer: Offer) -> tuple[OfferedGroup, ...]:
    """Return every group that is offered."""
    return tuple(
        OfferedGroup(located, registry.find_group(located.value), names)
        for located, names in _gathered((p.name, s) for p in offer.protocols for s in p.groups)
    )


def schemes(offer: Offer) -> tuple[OfferedScheme, ...]:
    """Return every signature scheme that is offered."""
    return tuple(
        OfferedScheme(located, registry.find_scheme(located.value), names)
        for located, names in _gathered((p.name, s) for p in offer.protocols for s in p.signature_algorithms)
    )
