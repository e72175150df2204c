"""Named clients, what each would negotiate with an offer, and who would be locked out.

handshake = simulate(offer, client("java-7"))
lost = locked_out(offer)

A prediction is as good as the client's entry: `Client.verified` says `measured`, `derived from the
measured build` or `memory`, and whatever is shown to a reader has to show that too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from hardening.errors import UsageError
from hardening.findings import Finding, Rule, Severity
from hardening.tables import Table
from hardening.tls import openssl, registry
from hardening.tls.offer import Offer, ProtocolOffer

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
    tried = (simulate(offer, one) for one in (clients() if among is None else among))
    return tuple(one for one in tried if not one.ok)


def warning(offer: Offer, before: Offer | None = None) -> Finding | None:
    """Return one finding that names who cannot connect, or None when everybody can.

    With `before` only those count who could connect to that offer.
    """
    among = clients() if before is None else tuple(c for c in clients() if simulate(before, c).ok)
    lost = locked_out(offer, among)
    if not lost:
        return None
    names = "; ".join(f"{one.client.title}{_mark(one.client)}: {one.reason}" for one in lost)
    verb = "cannot connect" if before is None else "would lose access"
    return Finding(
        rule=LOCKED_OUT,
        subject=offer.subject,
        location=offer.at,
        message=f"{len(lost)} of {len(among)} known clients {verb}: {names}",
        evidence=", ".join(one.client.id for one in lost),
        remedy="; ".join(_ways_out(lost)),
    )


def _ways_out(lost: Iterable[Handshake]) -> Iterator[str]:
    ways = _read()[1]
    for family in dict.fromkeys(one.client.family for one in lost):
        yield f"{family}: {ways[family]}"


def _mark(client: Client) -> str:
    return " (from memory)" if client.verified == "memory" else ""


def _span(client: Client) -> str:
    first, last = client.protocols[0], client.protocols[-1]
    return first if first == last else f"{first} to {last}"


def _common_suites(chosen: ProtocolOffer, client: Client) -> list[str]:
    theirs = [said.value for said in chosen.suites]
    if chosen.preference == "server":
        return [name for name in theirs if name in client.known]
    have = frozenset(theirs)
    return [name for name in client.suites if name in have]


def _group(chosen: ProtocolOffer, client: Client) -> str | None:
    theirs = [said.value for said in chosen.groups]
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
    table = Table.load(files("hardening.tls") / "data" / "clients.toml")
    found = tuple(_client(row) for row in table.rows("client"))
    ways = table.table("way_out")
    out = {family: ways.text(family) for family in ways.keys()}  # noqa: SIM118 - a Table, whose keys() marks them as read
    table.done()
    for one in found:
        if one.family not in out:
            raise table.wrong("way_out", f"has no way out for {one.family!r}, the family of {one.id}")
    return found, out


_ANY_DH = 1 << 16
_LEVEL_DH = {None: 0, 0: 0, 1: 1024, 2: 2048, 3: 3072}


def _client(row: Table) -> Client:
    if "build" in row:
        build = openssl.build(row.text("build"))
        resolved = openssl.resolve(row.text("string"), build)
        level = resolved.security_level
        protocols = row.texts("protocols", openssl.spoken(build, level))
        protocols = tuple(p for p in protocols if p != "SSLv2")
        suites = tuple(
            c.iana
            for c in resolved.suites
            if _without_set_up(c) and any(openssl.usable(c, p, level) for p in protocols)
        )
        groups, least = build.groups or (), _LEVEL_DH.get(level, 3072)
    else:
        protocols = row.texts("protocols")
        suites = tuple(registry.suite(name).iana for name in row.texts("suites"))
        groups, least = row.texts("groups"), 0
    found = Client(
        id=row.text("id"),
        title=row.text("title"),
        family=row.text("family"),
        protocols=protocols,
        suites=suites,
        groups=groups,
        dh_min=row.number("dh_min", least),
        dh_max=row.number("dh_max", _ANY_DH),
        sni=row.flag("sni", default=True),
        source=row.text("source"),
        verified=row.text("verified"),
        known=frozenset(suites),
    )
    for name in protocols:
        if name not in registry.PROTOCOLS:
            raise row.wrong("protocols", f"{name!r} is no protocol")
    for name in groups:
        if registry.find_group(name) is None:
            raise row.wrong("groups", f"{name!r} is no group")
    row.done()
    return found


def _without_set_up(cipher: openssl.Cipher) -> bool:
    """Whether a client offers it without having been given a shared key, a password or a ticket."""
    suite = cipher.suite
    return suite is not None and not any(
        word in suite.kx + suite.auth for word in ("PSK", "SRP", "KRB5", "GOST")
    )
