"""What the scanner may ask one endpoint, and what may come back; plain values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from hardening.tls.registry import PROTOCOLS


class Tier(Enum):
    """How many extensions a hello carries."""

    RICH = 3
    """Everything a current browser sends, so that the server shows what it can do."""
    PLAIN = 2
    """What suites depend on: name, groups, point formats, signature algorithms."""
    BARE = 1
    """None at all; TLS 1.3 cannot be asked for this way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a hello looks, apart from what it asks for."""

    tier: Tier = Tier.RICH
    max_suites: int = 1024
    server_name: bool = True
    record_version: int | None = 0x0301
    """None means the version that is asked for."""
    shares: bool = False
    """Send real TLS 1.3 key shares, for servers that cannot take an empty list."""
    classic: bool = False
    """Only groups and schemes that a server of 2012 knows."""


class Want(Enum):
    """How far to listen before hanging up."""

    HELLO = 1
    """The server's first message is the answer."""
    FLIGHT = 2
    """TLS 1.2 and before: certificate and key exchange too."""
    SEALED = 3
    """TLS 1.3: complete the key exchange and read the encrypted flight."""
    HEARTBEAT = 4
    """After the flight, an empty heartbeat that only a faulty server answers."""
    EARLY_CCS = 5
    """After the flight, a ChangeCipherSpec that only a faulty server takes."""
    BAD_KEY = 6
    """After the flight, a ClientKeyExchange whose padding is wrong, and what the server says to it."""
    STALE_ID = 7
    """A ticket with a session id of an odd length, and the length of the id that comes back."""
    FINISHED = 8
    """The whole handshake, by this machine's OpenSSL."""
    HTTP = 9
    """The same, and the headers of a HEAD request."""
    RENEGOTIATION = 10
    """The same, and another ClientHello inside it."""
    CLIENT_CERTIFICATE = 11
    """The whole handshake, with a client certificate or without one, and what the server makes of it."""


ODD = frozenset(w for w in Want if w.value >= Want.HEARTBEAT.value)
"""What is asked once or twice for itself, and never as a question about suites."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A client's certificate (PEM, with its chain) and its private key, as files."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One connection's worth of asking."""

    protocol: str
    """The highest version offered; one of `registry.PROTOCOLS`."""
    suites: tuple[int, ...]
    """In the order in which they are offered; SSL 2.0 cipher kinds for SSLv2."""
    shape: Shape = Shape()
    want: Want = Want.HELLO
    groups: tuple[int, ...] | None = None
    """None means every group the version can use."""
    schemes: tuple[int, ...] | None = None
    down_to: str | None = None
    """The lowest version offered, with `listed` or TLSv1.3."""
    listed: bool = False
    """Name the versions one by one, as TLS 1.3 does; a server that knows it goes by them alone (RFC 8446 section 4.2.1)."""
    scsv: tuple[int, ...] = ()
    """Signalling values to append."""
    compression: bool = False
    """Offer DEFLATE before null compression."""
    ticket: bool = False
    heartbeat: bool = False
    session: object = None
    """What to come back with: a `deep.TlsSession`, or for STALE_ID a ticket."""
    variant: int = 0
    """Which of several forms of one probe."""
    identity: Identity | None = None
    """What CLIENT_CERTIFICATE presents; None: no certificate."""
    http: bool = False
    """Whether CLIENT_CERTIFICATE asks for a page, too: some HTTP servers refuse a client only then."""
    patience: float | None = None
    """Seconds to wait for the answer; None means the loop's own limit."""

    @property
    def floor(self) -> str:
        """The lowest version offered."""
        return self.down_to or self.protocol


class AnswerKind(StrEnum):
    """What came back, before anybody decides what it means."""

    HELLO = "hello"
    ALERT = "alert"
    CLOSED = "closed"
    RESET = "reset"
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    GARBAGE = "garbage"
    PREAMBLE = "preamble"
    """The protocol around TLS (STARTTLS, a proxy) did not get to the point where TLS starts."""
    NO_TLS = "no-tls"
    """The server spoke the protocol around TLS and did not offer TLS, or refused to start it."""


class OtherProtocol(StrEnum):
    """What a server speaks in the place of TLS, known by its first bytes: the `detail` of such an answer."""

    HTTP = "it speaks HTTP without TLS"
    SSH = "it speaks SSH"
    SMTP = "it greets in clear text, as SMTP and FTP do"
    IMAP = "it greets in clear text, as IMAP does"
    POP3 = "it greets in clear text, as POP3 does"


TROUBLE = frozenset(
    {
        AnswerKind.CLOSED, AnswerKind.RESET, AnswerKind.SILENT, AnswerKind.UNREACHABLE, AnswerKind.GARBAGE, AnswerKind.PREAMBLE, AnswerKind.NO_TLS,
    }
)  # fmt: skip
"""Answers that say nothing about the question."""


@dataclass(slots=True, kw_only=True)
class Answer:
    """What one connection brought; whoever listens fills it in, everybody else leaves it alone."""

    kind: AnswerKind
    detail: str = ""
    protocol: str | None = None
    suite: int | None = None
    kinds: tuple[int, ...] = ()
    """SSL 2.0: every cipher kind the server shares, in one answer."""
    retry: bool = False
    """A HelloRetryRequest: the suite and group are settled, no asymmetric work was done."""
    group: int | None = None
    compression: int = 0
    session_id: bytes = b""
    random: bytes = b""
    cookie: bytes = b""
    extensions: Mapping[int, bytes] = field(default_factory=dict)
    chain: tuple[bytes, ...] = ()
    """DER certificates in the order sent."""
    chain_problem: str = ""
    dh_bits: int | None = None
    dh_prime: bytes = b""
    rsa_export_bits: int | None = None
    """The size of an ephemeral RSA key, which only export suites use."""
    scheme: int | None = None
    client_auth: bool = False
    authorities: tuple[str, ...] = ()
    """The authorities that the server accepts client certificates from, as it names them."""
    stapled: bool = False
    server_groups: tuple[int, ...] = ()
    """TLS 1.3: the groups the server volunteers, its whole list."""
    alpn: str | None = None
    session: object = None
    """What the server gave to come back with."""
    resumed: bool = False
    ticket: bytes = b""
    renegotiates: bool | None = None
    headers: bytes = b""
    """The beginning of an HTTP reply."""
    reaction: str = ""
    """What the server did to a probe, to compare with what it does to another."""
    fault: bool | None = None
    """What a probe found; None when it could not be asked or was met with silence."""
    alert: int | None = None
    fatal: bool = False
    heard: int = 0
    """Bytes received."""
    seconds: float = 0.0


def at_least(protocol: str, floor: str) -> bool:
    """Tell whether one protocol version is the other or a later one."""
    return PROTOCOLS.index(protocol) >= PROTOCOLS.index(floor)
