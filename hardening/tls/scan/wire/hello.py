"""ClientHello bytes, from SSL 2.0 to TLS 1.3; pure functions.

Nothing here limits what can be asked: any suite under any version, any group, any extension set.
Structures are those of RFC 8446 section 4, RFC 5246 section 7.4 and the SSL 2.0 specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from struct import pack

from hardening.tls import registry
from hardening.tls.registry import PROTOCOLS, WIRE_VERSIONS
from hardening.tls.scan.strategy.messages import Question, Tier, at_least

FALLBACK_SCSV = 0x5600
UNSAFE_SIZES = range(256, 512)
"""Hello sizes that some load balancers take for something else (RFC 7685 section 1)."""

SERVER_NAME, STATUS_REQUEST, GROUPS, POINT_FORMATS, SCHEMES = 0, 5, 10, 11, 13
HEARTBEAT, ALPN, PADDING, ENCRYPT_THEN_MAC, EXTENDED_MASTER_SECRET, TICKET = 15, 16, 21, 22, 23, 35
VERSIONS, COOKIE, PSK_MODES, KEY_SHARE, RENEGOTIATION_INFO = 43, 44, 45, 51, 0xFF01
ALPN_NAMES = (
    "h2",
    "http/1.1",
    "imap",
    "pop3",
    "managesieve",
    "ftp",
)  # a server that has ALPN and none of these refuses

_FIRST_GROUPS = (29, 23, 24, 25, 30)
_FIRST_SCHEMES = (0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B,
                  0x0401, 0x0501, 0x0601)  # fmt: skip
_CLASSIC_SCHEMES = (0x0401, 0x0403, 0x0501, 0x0503, 0x0601, 0x0603, 0x0201, 0x0203, 0x0202)
_PSS = (0x0804, 0x0805, 0x0806)


POPULAR = (
    0x1301, 0x1302, 0x1303, 0xC02F, 0xC030, 0xC02B, 0xC02C, 0x009C, 0xC013, 0xC014, 0x002F, 0x0035, 0x000A,
    0x0005, 0x0004, 0x0039, 0x0033, 0x009E, 0x009F, 0xCCA8, 0xCCA9, 0xC009, 0xC00A, 0x003C, 0x003D, 0x0016,
)  # fmt: skip
"""One of the first sixteen is known to nearly every server, whatever its age."""


@cache
def every_suite() -> tuple[int, ...]:
    """Return every known code point that is not a signalling value, likely ones first.

    The same list is offered under every version: what a registry says about versions is not what
    servers do.
    """
    known = [s for s in registry.suites() if not s.scsv and s.code not in POPULAR]
    rest = sorted(known, key=lambda s: (not s.tls13, not s.aead, not s.registered))
    return (*POPULAR, *(s.code for s in rest))


@cache
def every_kind() -> tuple[int, ...]:
    """Return the SSL 2.0 cipher kinds."""
    return tuple(kind.code for kind in registry.cipher_kinds())


@cache
def groups_for(protocol: str, *, classic: bool = False) -> tuple[int, ...]:
    """Return every group a version can use.

    Finite fields are left out before TLS 1.3: offering them makes some servers use them in place of
    the parameters they were configured with (RFC 7919 section 4), which are what we want to see.
    """
    if protocol == "TLSv1.3":
        known = [g.id for g in registry.groups() if g.tls13]
    else:
        known = [g.id for g in registry.groups() if g.tls12 and g.kind == "EC" and g.id < 0x22]
    if classic:
        known = [g for g in known if g in (23, 24, 25, 29)]
    return tuple(sorted(known, key=lambda g: (g not in _FIRST_GROUPS, g)))


@cache
def schemes_for(*, classic: bool = False, tls13: bool = False) -> tuple[int, ...]:
    """Return the signature schemes to offer, strong ones first; an RSA key signs TLS 1.3 with PSS alone."""
    if classic:
        return (*_PSS, *_CLASSIC_SCHEMES) if tls13 else _CLASSIC_SCHEMES
    rest = [s.id for s in registry.schemes() if s.id not in _FIRST_SCHEMES]
    return (*_FIRST_SCHEMES, *sorted(rest, reverse=True))


def sslv2_hello(kinds: tuple[int, ...], challenge: bytes) -> bytes:
    """Return an SSL 2.0 CLIENT-HELLO; kinds are three bytes each, the challenge 16 to 32."""
    specs = b"".join(kind.to_bytes(3, "big") for kind in kinds)
    body = pack(">BHHHH", 1, 2, len(specs), 0, len(challenge)) + specs + challenge
    return pack(">H", 0x8000 | len(body)) + body


def client_hello(
    question: Question,
    *,
    server_name: str | None,
    random: bytes,
    shares: Mapping[int, bytes] | None = None,
    cookie: bytes = b"",
    session_id: bytes = b"",
) -> bytes:
    """Return the records of one ClientHello for SSL 3.0 to TLS 1.3.

    `random` is 32 bytes; `shares` maps group ids to public keys (TLS 1.3 only, empty for a
    HelloRetryRequest).
    """
    body = hello_body(
        question,
        server_name=server_name,
        random=random,
        shares=shares or {},
        cookie=cookie,
        session_id=session_id,
    )
    version = question.shape.record_version or min(WIRE_VERSIONS[question.protocol], 0x0303)
    if question.protocol == "SSLv3":
        version = 0x0300
    return b"".join(
        pack(">BHH", 22, version, len(part)) + part
        for part in (body[i : i + 16384] for i in range(0, len(body), 16384))
    )


def hello_body(
    question: Question,
    *,
    server_name: str | None,
    random: bytes,
    shares: Mapping[int, bytes],
    cookie: bytes = b"",
    session_id: bytes = b"",
) -> bytes:
    """Return the handshake message without its record."""
    codes = (*question.suites, *question.scsv)
    compression = b"\x02\x01\x00" if question.compression else b"\x01\x00"
    head = (
        pack(">H", 0x0303 if question.listed else min(WIRE_VERSIONS[question.protocol], 0x0303))
        + random
        + bytes([len(session_id)])
        + session_id
        + pack(">H", 2 * len(codes))
        + pack(f">{len(codes)}H", *codes)
        + compression
    )
    extensions = _extensions(question, server_name, shares, cookie)
    size = 4 + len(head) + (2 + len(extensions) if extensions else 0)
    if extensions and size in UNSAFE_SIZES:
        extensions += _extension(PADDING, bytes(max(0, UNSAFE_SIZES.stop - size - 4)))
    if extensions:
        head += pack(">H", len(extensions)) + extensions
    return b"\x01" + len(head).to_bytes(3, "big") + head


def _extension(number: int, body: bytes) -> bytes:
    return pack(">HH", number, len(body)) + body


@lru_cache(maxsize=256)
def _name_extension(name: str) -> bytes:
    raw = name.encode("ascii", "ignore")
    return _extension(SERVER_NAME, pack(">HBH", len(raw) + 3, 0, len(raw)) + raw)


@lru_cache(maxsize=256)
def _list16(number: int, values: tuple[int, ...]) -> bytes:
    return _extension(number, pack(">H", 2 * len(values)) + pack(f">{len(values)}H", *values))


@lru_cache(maxsize=64)
def _versions(top: str, floor: str) -> bytes:
    span = PROTOCOLS[PROTOCOLS.index(floor) : PROTOCOLS.index(top) + 1]
    wire = [WIRE_VERSIONS[name] for name in reversed(span)]
    return _extension(VERSIONS, bytes([2 * len(wire)]) + pack(f">{len(wire)}H", *wire))


_STATUS = _extension(STATUS_REQUEST, b"\x01\x00\x00\x00\x00")
_ALPN_LIST = b"".join(bytes([len(name)]) + name.encode() for name in ALPN_NAMES)
_ALPN = _extension(ALPN, pack(">H", len(_ALPN_LIST)) + _ALPN_LIST)
_FORMATS = _extension(POINT_FORMATS, b"\x03\x00\x01\x02")
_MODES = _extension(PSK_MODES, b"\x01\x01")
_BEFORE_13 = (
    _extension(EXTENDED_MASTER_SECRET, b"")
    + _extension(ENCRYPT_THEN_MAC, b"")
    + _extension(RENEGOTIATION_INFO, b"\x00")
)


def _extensions(
    question: Question, server_name: str | None, shares: Mapping[int, bytes], cookie: bytes
) -> bytes:
    tls13 = question.protocol == "TLSv1.3"
    if not tls13 and (question.shape.tier is Tier.BARE or question.protocol == "SSLv3"):
        return b""
    name = server_name if question.shape.server_name else None
    common = _common(
        question.protocol, question.floor, question.shape.classic, question.groups,
        question.schemes, name or "",
    )  # fmt: skip
    if question.shape.tier is Tier.RICH:
        common += _courtesies(question)
    if tls13 or question.listed:
        common += _versions(question.protocol, question.floor)
    return common + (_shares(shares, cookie) if tls13 else b"")


@lru_cache(maxsize=1024)
def _common(
    protocol: str,
    floor: str,
    classic: bool,
    groups: tuple[int, ...] | None,
    schemes: tuple[int, ...] | None,
    name: str,
) -> bytes:
    """What suites depend on; the same for most questions to one endpoint."""
    out = []
    if name:
        out.append(_name_extension(name))
    if groups is None:
        groups = _every_group(protocol, floor, classic=classic)
    if groups:
        out.append(_list16(GROUPS, groups))
    if floor != "TLSv1.3":
        out.append(_FORMATS)
    if at_least(protocol, "TLSv1.2"):
        if schemes is None:
            schemes = schemes_for(classic=classic, tls13=protocol == "TLSv1.3")
        if schemes:
            out.append(_list16(SCHEMES, schemes))
    return b"".join(out)


def _shares(shares: Mapping[int, bytes], cookie: bytes) -> bytes:
    entries = b"".join(pack(">HH", group, len(key)) + key for group, key in shares.items())
    out = _MODES + _extension(KEY_SHARE, pack(">H", len(entries)) + entries)
    return out + _extension(COOKIE, pack(">H", len(cookie)) + cookie) if cookie else out


def _every_group(protocol: str, floor: str, *, classic: bool) -> tuple[int, ...]:
    groups = groups_for(protocol, classic=classic)
    if protocol == "TLSv1.3" and at_least("TLSv1.2", floor):
        groups += tuple(g for g in groups_for("TLSv1.2", classic=classic) if g not in groups)
    return groups


def _courtesies(question: Question) -> bytes:
    """Extensions that let a server show what it can do, and change nothing about suites."""
    out = _ALPN + _STATUS
    if question.floor != "TLSv1.3":
        out += _BEFORE_13
    if question.ticket:
        out += _extension(TICKET, question.session if isinstance(question.session, bytes) else b"")
    if question.heartbeat:
        out += _extension(HEARTBEAT, b"\x01")
    return out
