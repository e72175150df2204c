"""Named clients, what each would negotiate with an offer, and who would be locked out.

handshake = simulate(offer, client("java-7"))
lost = locked_out(offer)

A prediction is as good as the client's entry: `Client.verified` says `measured`, `recorded hello`,
`derived from the measured build` or `memory`, and whatever is shown to a reader has to show that too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import field
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path

from hardening.errors import UsageError
from hardening.findings import Finding, Rule, Severity, in_file
from hardening.records import dataclass
from hardening.tls import registry
from hardening.tls.offer import Certificate, Located, Offer, ProtocolOffer

LOCKED_OUT = Rule(
    id="tls/locked-out",
    title="Known clients cannot connect with these settings",
    severity=Severity.INFO,
    rationale=(
        "Stricter settings shut out old clients. That is often the point, but whoever still depends on one "
        "should hear it before the change, not after."
    ),
    remedy="Update the clients named, or keep what they need on an address of its own for as long as it takes.",
    references=("https://www.rfc-editor.org/rfc/rfc9325",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client as it is out of the box."""

    id: str
    title: str
    family: str
    """Such as `openssl`, `java`, `schannel`, `browser`; it chooses the way out."""
    protocols: tuple[str, ...]
    """What it offers, weakest first."""
    suites: tuple[str, ...]
    """IANA names in its order of preference."""
    groups: tuple[str, ...]
    """IANA names in its order; empty: it knows no elliptic curves, or does not say which."""
    dh_min: int
    """The least size of Diffie-Hellman parameters it accepts, in bits."""
    dh_max: int
    """The largest it can do."""
    sni: bool
    """Whether it says which host it wants."""
    source: str
    verified: str
    known: frozenset[str] = field(default=frozenset(), repr=False)
    """The suites as a set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What a client and a server agree on, or why they do not."""

    client: Client
    protocol: str | None = None
    suite: str | None = None
    """IANA name."""
    group: str | None = None
    """IANA name; None for key exchanges without a named group, or where the server's are not known."""
    reason: str = ""
    """Why it fails; empty when it succeeds."""

    @property
    def ok(self) -> bool:
        """Whether the client can connect."""
        return not self.reason


def simulate(offer: Offer, client: Client) -> Handshake:
    """Return what this client would get from a server that offers this.

    As real servers do, the version is settled first: the newest in common. A missing suite then is a
    failure, there is no second try with an older version.
    """
    common = [p for p in offer.protocols if p.name in client.protocols]
    if not common:
        theirs = ", ".join(p.name for p in offer.protocols) or "nothing"
        return Handshake(
            client=client,
            reason=f"no protocol version in common: the server has {theirs}, the client {_span(client)}",
        )
    chosen = max(common, key=lambda p: registry.PROTOCOLS.index(p.name))
    for name in _common_suites(chosen, client):
        suite = registry.suite(name)
        group = _group(chosen, client)
        if (suite.tls13 or suite.kx == "ECDHE") and group is None and chosen.groups:
            continue
        if suite.auth == "ECDSA" and not _certificate_fits(offer, client):
            continue
        trouble = _parameters(offer, client) if suite.kx == "DHE" else ""
        named = group if suite.tls13 or suite.kx == "ECDHE" else None
        return Handshake(client=client, protocol=chosen.name, suite=suite.iana, group=named, reason=trouble)
    what = "group" if _common_suites(chosen, client) else "cipher suite"
    return Handshake(client=client, protocol=chosen.name, reason=f"no {what} in common under {chosen.name}")


def locked_out(offer: Offer, among: Iterable[Client] | None = None) -> tuple[Handshake, ...]:
    """Return the handshakes that fail, of all known clients or of those given."""
    if among is None:
        return _lost(_shape(offer))
    return tuple(one for one in (simulate(offer, c) for c in among) if not one.ok)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What of an offer decides over handshakes, so that a fleet that offers the same is asked once."""

    protocols: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...]
    keys: tuple[str, ...]
    dh_bits: int | None


def _shape(offer: Offer) -> _Shape:
    return _Shape(
        tuple(
            (p.name, p.preference, tuple([s.value for s in p.suites]), tuple([s.value for s in p.groups]))
            for p in offer.protocols
        ),
        tuple(c.key for c in offer.certificates),
        offer.dh_bits,
    )


@lru_cache(maxsize=1024)
def _lost(shape: _Shape) -> tuple[Handshake, ...]:
    at = in_file("shape")
    protocols = tuple(
        ProtocolOffer(
            name=name,
            at=at,
            preference=preference,
            suites=tuple(Located(s, at) for s in suites),
            groups=tuple(Located(g, at) for g in groups),
        )
        for name, preference, suites, groups in shape.protocols
    )
    then = datetime(2000, 1, 1, tzinfo=UTC)
    certificates = tuple(
        Certificate(subject="", issuer="", not_before=then, not_after=then, key=key, signature="", sha256="")
        for key in shape.keys
    )
    offer = Offer(subject="", at=at, protocols=protocols, certificates=certificates, dh_bits=shape.dh_bits)
    return locked_out(offer, clients())


def warning(offer: Offer, before: Offer | None = None) -> Finding | None:
    """Return one finding that names who cannot connect, or None when everybody can or it is not known.

    With `before` only those count who could connect to that offer. An offer of which only what is forbidden
    was asked for, or of nothing at all, says nothing about clients.
    """
    if offer.coverage != "full" or not offer.protocols:
        return None
    if before is None:
        texts = _warning_texts(_shape(offer))
    else:
        among = frozenset(c.id for c in clients()) - {h.client.id for h in locked_out(before)}
        lost = tuple(h for h in locked_out(offer) if h.client.id in among)
        texts = _sentence(lost, len(among), "would lose access") if lost else None
    if texts is None:
        return None
    message, evidence, remedy = texts
    return Finding(
        rule=LOCKED_OUT,
        subject=offer.subject,
        location=offer.at,
        message=message,
        evidence=evidence,
        remedy=remedy,
    )


@lru_cache(maxsize=1024)
def _warning_texts(shape: _Shape) -> tuple[str, str, str] | None:
    lost = _lost(shape)
    return _sentence(lost, len(clients()), "cannot connect") if lost else None


def _sentence(lost: tuple[Handshake, ...], among: int, verb: str) -> tuple[str, str, str]:
    """Return message, evidence and remedy."""
    by_reason: dict[str, list[str]] = {}
    for one in lost:
        by_reason.setdefault(one.reason, []).append(f"{one.client.title}{_mark(one.client)}")
    names = "; ".join(f"{', '.join(who)}: {why}" for why, who in by_reason.items())
    marked = " (*: what it offers is from memory)" if any(_mark(one.client) for one in lost) else ""
    return (
        f"{len(lost)} of {among} known clients {verb}: {names}{marked}",
        ", ".join(one.client.id for one in lost),
        "; ".join(_ways_out(lost)),
    )


def _ways_out(lost: Iterable[Handshake]) -> Iterator[str]:
    ways = _read()[1]
    for family in dict.fromkeys(one.client.family for one in lost):
        yield f"{family}: {ways[family]}"


def _mark(client: Client) -> str:
    return "*" if client.verified == "memory" else ""


def _span(client: Client) -> str:
    first, last = client.protocols[0], client.protocols[-1]
    return first if first == last else f"{first} to {last}"


def _common_suites(chosen: ProtocolOffer, client: Client) -> list[str]:
    theirs = [located.value for located in chosen.suites]
    if chosen.preference == "server":
        return [name for name in theirs if name in client.known]
    have = frozenset(theirs)
    return [name for name in client.suites if name in have]


def _group(chosen: ProtocolOffer, client: Client) -> str | None:
    theirs = [located.value for located in chosen.groups]
    if chosen.preference == "server" and chosen.name != "TLSv1.3":
        return next((name for name in theirs if name in client.groups), None)
    return next((name for name in client.groups if name in theirs), None)


def _certificate_fits(offer: Offer, client: Client) -> bool:
    curves = [c.key.partition(":")[2] for c in offer.certificates if c.key.startswith("ec:")]
    return not curves or not client.groups or any(curve in client.groups for curve in curves)


def _parameters(offer: Offer, client: Client) -> str:
    bits = offer.dh_bits
    if bits is None or client.dh_min <= bits <= client.dh_max:
        return ""
    limit = f"at least {client.dh_min}" if bits < client.dh_min else f"at most {client.dh_max}"
    return f"the server's Diffie-Hellman parameters have {bits} bits, the client accepts {limit}"


@cache
def clients() -> tuple[Client, ...]:
    """Return every known client, in the data's order."""
    return _read()[0]


def client(name: str) -> Client:
    """Return one client by its id. Errors: UsageError with the nearest known id."""
    by_id = {one.id: one for one in clients()}
    if name not in by_id:
        close = get_close_matches(name, by_id, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(by_id)}"
        raise UsageError(f"unknown client {name!r}", hint=hint)
    return by_id[name]


@cache
def _read() -> tuple[tuple[Client, ...], dict[str, str]]:
    """Read the table that `make clients` wrote: the entries of clients.toml, resolved on their builds."""
    raw = json.loads((Path(__file__).parent / "data" / "clients.json").read_text("utf-8"))
    names: list[str] = raw["suites"]
    found = []
    for row in raw["clients"]:
        suites = tuple(names[number] for number in row.pop("suites"))
        found.append(
            Client(
                suites=suites,
                known=frozenset(suites),
                protocols=tuple(row.pop("protocols")),
                groups=tuple(row.pop("groups")),
                **row,
            )
        )
    return tuple(found), raw["ways_out"]
