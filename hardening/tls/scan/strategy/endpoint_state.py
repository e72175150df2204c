"""What has been learned about one endpoint so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hardening.tls.registry import PROTOCOLS
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, OtherProtocol, Question, Tier, Want

DOWNGRADE_FROM_13 = b"DOWNGRD\x01"
"""The end of a ServerHello's random when a TLS 1.3 server answers TLS 1.2 (RFC 8446 section 4.1.3)."""
SURE_BY_LENGTH = 6
"""Choices in a row that all follow our alternating order: no server's own order looks like that."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One suite a server chose, and the list it chose from."""

    suite: int
    offered: tuple[int, ...]


@dataclass(slots=True)
class EndpointState:
    """One protocol version."""

    name: str
    choices: list[Choice] = field(default_factory=list)
    kinds: tuple[int, ...] = ()
    offered: bool = False
    refused: bool = False
    """Everything that was asked and not accepted was refused in words."""
    refused_as: int | None = None
    """The alert that refused what was asked last."""
    unknown: list[int] = field(default_factory=list)
    """Suites whose question never got an answer."""
    all_asked: bool = False
    """Whether the questions covered every suite rather than forbidden ones alone."""
    chunked: bool = False
    groups: list[int] = field(default_factory=list)
    unknown_groups: list[int] = field(default_factory=list)
    schemes: list[int] = field(default_factory=list)
    unknown_schemes: list[int] = field(default_factory=list)
    schemes_known: set[str] = field(default_factory=set)
    """Key types (RSA, ECDSA, DSS) of which every scheme was seen along with the suites."""
    schemes_complete: bool = False
    """Whether every scheme was asked about; what was not answered is in `unknown_schemes`."""

    @property
    def suites(self) -> list[int]:
        """The suites that were accepted, in the order in which the server chose them."""
        return list(self.kinds or dict.fromkeys([c.suite for c in self.choices]))

    def chose(self, question: Question, answer: Answer) -> None:
        """Note an accepted suite, with the group and scheme that came along."""
        self.offered = True
        if self.name == "SSLv2":
            self.kinds = answer.kinds
            return
        if answer.suite is not None:
            self.choices.append(Choice(answer.suite, question.suites))
        if answer.group is not None and answer.group not in self.groups:
            self.groups.append(answer.group)
        if answer.scheme is not None and answer.scheme not in self.schemes:
            self.schemes.append(answer.scheme)

    @property
    def preference(self) -> str:
        """Return `server`, `client` or `unknown`, from the choices alone."""
        accepted = set(self.suites)
        telling = [c for c in self.choices if len(accepted.intersection(c.offered)) > 1]
        if not telling or self.chunked:
            return "unknown"
        if all(next(s for s in c.offered if s in accepted) == c.suite for c in telling):
            return "client" if _both_ways(telling) else "unknown"
        return "server"


def _both_ways(choices: list[Choice]) -> bool:
    """Tell whether following the client cannot be the server's own order by chance."""
    if len(choices) >= SURE_BY_LENGTH:
        return True
    return any(
        one.suite != other.suite and one.suite in other.offered and other.suite in one.offered
        for one in choices
        for other in choices
    )


@dataclass(slots=True)
class Endpoint:
    """Everything learned about one endpoint."""

    protocols: dict[str, EndpointState] = field(
        default_factory=lambda: {n: EndpointState(n) for n in PROTOCOLS}
    )
    answered: bool = False
    """Some question was answered with a ServerHello."""
    failure: str = ""
    """Why nothing could be learned."""
    other: OtherProtocol | None = None
    """What it speaks in the place of TLS, where nothing else was seen."""
    no_starttls: str = ""
    """Why TLS cannot start, where the server itself said so in the protocol around TLS."""
    chains: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    """Per public-key algorithm or position, the chain in the order sent."""
    chain_problem: str = ""
    dh_bits: int | None = None
    dh_primes: set[bytes] = field(default_factory=set)
    rsa_export_bits: int | None = None
    compression: bool | None = None
    secure_renegotiation: bool | None = None
    extensions: set[int] = field(default_factory=set)
    alpn: str | None = None
    client_auth: bool | None = None
    client_authorities: tuple[str, ...] = ()
    without_certificate: str = ""
    """What the server makes of a client without a certificate: `accepted`, or `refused` and how; empty: not known."""
    with_certificate: str = ""
    """The same of a client with the certificate that was given."""
    stapled: bool | None = None
    fallback_scsv: bool | None = None
    resumption: dict[str, bool] = field(default_factory=dict)
    """By `session_id`, `ticket` and `psk`: whether the server took back what it had given."""
    client_renegotiation: bool | None = None
    """Whether it begins another handshake when a client asks for one inside a session."""
    hsts: str | None = None
    """The Strict-Transport-Security header, empty where an HTTP server sends none."""
    server: str = ""
    """The Server header of HTTP."""
    tls13_hinted: bool = False
    faults: dict[Want, bool | None] = field(default_factory=dict)
    glimpsed: set[tuple[str, int]] = field(default_factory=set)
    """Versions and suites that came in place of a newer version that was asked for."""
    nameless: bool = False
    """Whether it answered hellos without a server name alone, and refused those with one by an alert."""
    notes: list[str] = field(default_factory=list)

    def offered(self) -> list[EndpointState]:
        """Return the versions that are offered, weakest first."""
        return [one for one in self.protocols.values() if one.offered]

    def denied(self) -> bool:
        """Tell whether something that was chosen in one place was refused in another."""
        return any(
            self.protocols[name].all_asked
            and suite not in self.protocols[name].suites
            and suite not in self.protocols[name].unknown
            for name, suite in self.glimpsed
        )

    def note(self, question: Question, answer: Answer) -> None:
        """Take from an answer whatever it shows besides its suite."""
        if answer.kind is not AnswerKind.HELLO:
            return
        self.answered = True
        if answer.chain and answer.chain not in self.chains.values():
            self.chains[f"{len(self.chains)}"] = answer.chain
        self.chain_problem = self.chain_problem or answer.chain_problem
        if answer.dh_bits is not None:
            self.dh_bits = min(self.dh_bits or answer.dh_bits, answer.dh_bits)
            self.dh_primes.add(answer.dh_prime)
        if answer.rsa_export_bits is not None:
            self.rsa_export_bits = answer.rsa_export_bits
        if question.shape.tier is Tier.RICH:  # a hello without them says nothing of what is there
            self.extensions.update(answer.extensions)
        self.alpn = self.alpn or answer.alpn
        if answer.random.endswith(DOWNGRADE_FROM_13):
            self.tls13_hinted = True
        if answer.protocol is not None and answer.protocol != question.protocol and answer.suite is not None:
            self.glimpsed.add((answer.protocol, answer.suite))
        if answer.protocol in ("TLSv1.0", "TLSv1.1", "TLSv1.2") and question.compression:
            self.compression = bool(answer.compression)
        if answer.chain:  # what follows a certificate, or does not
            self.client_auth = bool(self.client_auth or answer.client_auth)
            self.stapled = bool(self.stapled or answer.stapled)


def named(values: Iterable[int], names: dict[int, str]) -> list[str]:
    """Return names for numbers; an unknown one is written in hexadecimal."""
    return [names.get(value, f"0x{value:04X}") for value in values]
