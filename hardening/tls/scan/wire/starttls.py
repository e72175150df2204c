"""How TLS is started inside thirteen protocols; scripts for `Dialogue`.

Nothing is sent beyond what the protocol needs to get to TLS: no login, no name but the host's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from struct import pack

from hardening.tls.judging.cleartext import OVERWRITTEN
from hardening.tls.scan.endpoint import ScanTarget
from hardening.tls.scan.wire.dialogue import Dialogue, LineReader, NoTls, Script

CLIENT = b"scanner.invalid"
"""The name we give where a protocol wants one (RFC 6761 section 6.4)."""
_MYSQL_TLS = 0x0800
_ENOUGH_LINES = 200


def dialogue(target: ScanTarget, *, proxy: bool = False) -> Dialogue | None:
    """Return the dialogue that leads to TLS at a target, or None where TLS starts at once."""
    make = SCRIPTS[target.starttls] if target.starttls is not None else None
    if not proxy:
        if make is None:
            return None
        name = (target.server_name or target.host).encode("ascii", "ignore")
        return Dialogue(lambda lines: make(lines, name))

    def through(lines: LineReader) -> Script:
        why = yield from connect(lines, target)
        if why is None and make is not None:
            why = yield from make(lines, (target.server_name or target.host).encode("ascii", "ignore"))
        return why

    return Dialogue(through)


def connect(lines: LineReader, target: ScanTarget) -> Script:
    """Ask an HTTP proxy for a tunnel (RFC 9110 section 9.3.6)."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    at = f"{host}:{target.port}".encode("ascii", "ignore")
    yield b"CONNECT " + at + b" HTTP/1.1\r\nHost: " + at + b"\r\n\r\n"
    status = yield from lines.line()
    for _ in range(_ENOUGH_LINES):
        if not (yield from lines.line()):
            break
    parts = status.split(None, 2)
    if len(parts) >= 2 and parts[0].startswith(b"HTTP/") and parts[1][:1] == b"2":
        return None
    return f"the proxy refuses ({status[:80].decode('ascii', 'replace')})"


def _reply(lines: LineReader) -> Generator[bytes, bytes, tuple[bytes, list[bytes]]]:
    """Read a reply of numbered lines (SMTP, FTP, NNTP); return its code and the text of each line."""
    text = []
    for _ in range(_ENOUGH_LINES):
        line = yield from lines.line()
        text.append(line[4:])
        if line[3:4] != b"-":
            return line[:3], text
    return b"", text


def _not(what: str, code: bytes) -> str:
    """Return why TLS cannot start after a numbered reply that is no success.

    A server that is closing or too busy (421, 400) says nothing about TLS.
    """
    problem = f"{what} is refused ({code.decode('ascii', 'replace')})"
    refused = code[:1] in (b"4", b"5") and code not in (b"421", b"400")
    return NoTls(problem) if refused else problem


def _smtp(lines: LineReader, hello: bytes) -> Script:
    code, _ = yield from _reply(lines)
    if not code:
        return "the greeting does not end"
    if not code.startswith(b"2"):
        return f"the greeting is refused ({code.decode('ascii', 'replace')})"
    yield hello + b" " + CLIENT + b"\r\n"
    code, text = yield from _reply(lines)
    if not code.startswith(b"2"):
        # without extended commands there is no STARTTLS; anything else is about this client
        problem = f"{hello.decode()} is refused ({code.decode('ascii', 'replace')})"
        return NoTls(problem) if code in (b"500", b"502", b"504") else problem
    words = [line.split()[0].upper() for line in text if line.split()]
    if b"STARTTLS" not in words:
        masked = any(len(word) >= _MASKED and set(word[:-1]) == {ord("X")} for word in words)
        return NoTls(_OVERWRITTEN if masked else "STARTTLS is not offered")
    yield b"STARTTLS\r\n"
    code, _ = yield from _reply(lines)
    return None if code.startswith(b"2") else _not("STARTTLS", code)


_MASKED = 8
"""Letters of STARTTLS: some firewalls overwrite it with as many X."""
_OVERWRITTEN = f"STARTTLS is not offered: {OVERWRITTEN}"


def smtp(lines: LineReader, _name: bytes) -> Script:
    """RFC 3207."""
    return (yield from _smtp(lines, b"EHLO"))


def lmtp(lines: LineReader, _name: bytes) -> Script:
    """RFC 2033, RFC 3207."""
    return (yield from _smtp(lines, b"LHLO"))


def imap(lines: LineReader, _name: bytes) -> Script:
    """RFC 9051 section 6.2.1."""
    greeting = yield from lines.line()
    if not greeting.upper().startswith((b"* OK", b"* PREAUTH")):
        return "the greeting is not IMAP's"
    yield b"a STARTTLS\r\n"
    for _ in range(_ENOUGH_LINES):
        line = yield from lines.line()
        if line.startswith(b"a "):
            answer = line.upper()
            if answer.startswith(b"A OK"):
                return None
            return NoTls("STARTTLS is refused") if answer.startswith((b"A NO", b"A BAD")) else _NO_ANSWER
    return _NO_ANSWER


_NO_ANSWER = "no answer to STARTTLS"


def pop3(lines: LineReader, _name: bytes) -> Script:
    """RFC 2595 section 4."""
    if not (yield from lines.line()).startswith(b"+OK"):
        return "the greeting is not that of POP3, or is refused"
    yield b"STLS\r\n"
    line = yield from lines.line()
    if line.startswith(b"+OK"):
        return None
    return NoTls("STLS is refused") if line.startswith(b"-ERR") else "no answer to STLS"


def ftp(lines: LineReader, _name: bytes) -> Script:
    """RFC 4217."""
    code, _ = yield from _reply(lines)
    if not code.startswith(b"2"):
        return "the greeting is refused"
    yield b"AUTH TLS\r\n"
    code, _ = yield from _reply(lines)
    return None if code.startswith(b"2") else _not("AUTH TLS", code)


def nntp(lines: LineReader, _name: bytes) -> Script:
    """RFC 4642."""
    if not (yield from lines.line()).startswith(b"20"):
        return "the greeting is refused"
    yield b"STARTTLS\r\n"
    line = yield from lines.line()
    return None if line.startswith(b"382") else _not("STARTTLS", line[:3])


def sieve(lines: LineReader, _name: bytes) -> Script:
    """RFC 5804 section 2.2."""
    for _ in range(_ENOUGH_LINES):
        line = yield from lines.line()
        if line.upper().startswith((b"OK", b"NO", b"BYE")):
            break
    if not line.upper().startswith(b"OK"):
        return "the greeting is refused"
    yield b"STARTTLS\r\n"
    line = (yield from lines.line()).upper()
    if line.startswith(b"OK"):
        return None
    return NoTls("STARTTLS is refused") if line.startswith(b"NO") else _NO_ANSWER


def ldap(lines: LineReader, _name: bytes) -> Script:
    """RFC 4511 section 4.14: an extended request, and the result code in the answer."""
    oid = b"1.3.6.1.4.1.1466.20037"
    request = b"\x02\x01\x01\x77" + bytes([len(oid) + 2]) + b"\x80" + bytes([len(oid)]) + oid
    yield b"\x30" + bytes([len(request)]) + request
    head = yield from lines.take(2)
    size = head[1]
    if size & 0x80:
        size = int.from_bytes((yield from lines.take(size & 0x7F)), "big")
    body = yield from lines.take(min(size, 65536))
    answer = _LDAP_RESULT.match(body)
    if head[:1] != b"\x30" or answer is None:
        return "the answer is not that of LDAP, or ends the session"
    if answer[1] == b"\x00":
        return None
    problem = f"StartTLS is refused (result {answer[1][0]})"
    return problem if answer[1][0] == _LDAP_BUSY else NoTls(problem)


_LDAP_RESULT = re.compile(
    rb"\x02[\x01-\x04]\x00*\x01\x78(?:[\x00-\x7f]|[\x81-\x84].{1,4}?)\x0a\x01(.)", re.DOTALL
)
"""The answer to our message 1: an extended response, its length, and the result code."""
_LDAP_BUSY = 51


def _xmpp(lines: LineReader, name: bytes, namespace: bytes) -> Script:
    yield (
        b"<?xml version='1.0'?><stream:stream xmlns='" + namespace + b"' "
        b"xmlns:stream='http://etherx.jabber.org/streams' to='" + name + b"' version='1.0'>"
    )
    features = yield from lines.until(b"</stream:features>", b"<stream:features/>", b"</stream:stream>")
    if features.endswith(b"</stream:stream>"):
        return "the stream is refused"
    if b"urn:ietf:params:xml:ns:xmpp-tls" not in features:
        return NoTls("starttls is not offered")
    yield b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    chunk = yield from lines.until(b">")
    if b"<proceed" in chunk:
        return None
    return NoTls("starttls is refused") if b"<failure" in chunk else "no answer to starttls"


def xmpp(lines: LineReader, name: bytes) -> Script:
    """RFC 6120 section 5, as a client."""
    return (yield from _xmpp(lines, name, b"jabber:client"))


def xmpp_server(lines: LineReader, name: bytes) -> Script:
    """RFC 6120 section 5, as a server."""
    return (yield from _xmpp(lines, name, b"jabber:server"))


def postgres(lines: LineReader, _name: bytes) -> Script:
    """SSLRequest of the PostgreSQL protocol, version 3.0."""
    yield pack(">II", 8, 80877103)
    reply = yield from lines.take(1)
    if reply == b"S":
        return None
    return NoTls("SSLRequest is refused") if reply == b"N" else "the answer to SSLRequest is an error"


def mysql(lines: LineReader, _name: bytes) -> Script:
    """The handshake of MySQL and MariaDB, protocol 10, and an SSLRequest packet."""
    head = yield from lines.take(4)
    packet = yield from lines.take(min(int.from_bytes(head[:3], "little"), 65536))
    if packet[:1] == b"\xff":
        return "the server refuses the client"
    end = packet.find(b"\0", 1)
    if packet[:1] != b"\x0a" or end < 0 or len(packet) < end + 16:
        return "the greeting is not MySQL's"
    low = int.from_bytes(packet[end + 14 : end + 16], "little")
    if not low & _MYSQL_TLS:
        return NoTls("TLS is not offered")
    capabilities = 0x0000A201 | _MYSQL_TLS  # long password, protocol 4.1, transactions, secure connection
    body = pack("<IIB", capabilities, 1 << 24, 33) + bytes(23)
    yield len(body).to_bytes(3, "little") + b"\x01" + body
    return None


def rdp(lines: LineReader, _name: bytes) -> Script:
    """X.224 connection request that asks for TLS (MS-RDPBCGR 2.2.1.1)."""
    yield bytes.fromhex("030000130ee000000000000100080003000000")
    head = yield from lines.take(4)
    body = yield from lines.take(max(0, min(int.from_bytes(head[2:4], "big"), 4096) - 4))
    if body[1:2] != b"\xd0":
        return "the answer is not that of RDP"
    if len(body) >= 8 and body[7] == 3:
        return (
            NoTls("TLS is refused") if body[11:12] in _RDP_WITHOUT else "the security it asks for is another"
        )
    return None


_RDP_WITHOUT = (b"\x02", b"\x03")
"""SSL_NOT_ALLOWED_BY_SERVER and SSL_CERT_NOT_ON_SERVER (MS-RDPBCGR 2.2.1.2.2)."""


SCRIPTS: Mapping[str, Callable[[LineReader, bytes], Script]] = {
    "smtp": smtp,
    "lmtp": lmtp,
    "imap": imap,
    "pop3": pop3,
    "ftp": ftp,
    "ldap": ldap,
    "xmpp": xmpp,
    "xmpp-server": xmpp_server,
    "nntp": nntp,
    "sieve": sieve,
    "postgres": postgres,
    "mysql": mysql,
    "rdp": rdp,
}
