"""What a server said to a hello, read with strict bounds; pure functions over bytes.

Every length is checked against what is there, every total against a limit, so that hostile bytes
cost little and become `Kind.GARBAGE` with a reason, never an exception that escapes.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct, unpack_from

from hardening.tls import registry
from hardening.tls.registry import WIRE_VERSIONS
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, OtherProtocol, Question, Want, at_least
from hardening.tls.scan.wire import hello

HELLO_LIMIT = 64 * 1024
"""Bytes after which a server that has not finished its first message is not speaking TLS."""
FLIGHT_LIMIT = 256 * 1024
"""Bytes of certificates and key exchange that are read; real chains are under 20 KiB."""
RECORD_LIMIT = 16384 + 2048
RECORDS = 4096
CHAIN_LENGTH = 32
RETRY_RANDOM = sha256(b"HelloRetryRequest").digest()

_NAMES = {wire: name for name, wire in WIRE_VERSIONS.items()}
_ALERT, _HANDSHAKE, _DATA, _CHANGE = 21, 22, 23, 20
HEARTBEAT_RECORD = 24
_CONTENTS = (_ALERT, _HANDSHAKE, _DATA, _CHANGE, HEARTBEAT_RECORD)
_GREETINGS = (
    (b"HTTP/", OtherProtocol.HTTP),
    (b"SSH-", OtherProtocol.SSH),
    (b"220", OtherProtocol.SMTP),
    (b"* OK", OtherProtocol.IMAP),
    (b"+OK", OtherProtocol.POP3),
    (b"<", "sends markup"),
)


_number = int.from_bytes
_FRONT = Struct(">H32sB")
_CHOICE = Struct(">HB")


TOO_SHORT = "a length points past the end of its message"


class MalformedError(ValueError):
    """The bytes are not what the protocol says; the message is the reason."""


class Cursor:
    """Reads fields off bytes; never past their end."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data, self.at, self.end = data, at, len(data) if end is None else end

    def take(self, size: int) -> bytes:
        """Return the next bytes. Errors: MalformedError when there are fewer."""
        at = self.at
        self.at = after = at + size
        if after > self.end:
            raise MalformedError(TOO_SHORT)
        return self.data[at:after]

    def number(self, size: int) -> int:
        """Return the next big-endian number of that many bytes."""
        at = self.at
        self.at = after = at + size
        if after > self.end:
            raise MalformedError(TOO_SHORT)
        return self.data[at] if size == 1 else _number(self.data[at:after], "big")

    def vector(self, size: int) -> bytes:
        """Return the next length-prefixed bytes."""
        return self.take(self.number(size))

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self.end - self.at


class Listener:
    """Takes bytes as they come and says when the question is answered."""

    __slots__ = (
        "_alerts",
        "_answer",
        "_buffer",
        "_limit",
        "_messages",
        "_question",
        "_records",
        "heard",
        "outgoing",
    )

    def __init__(self, question: Question) -> None:
        self._question = question
        self._limit = HELLO_LIMIT if question.want is Want.HELLO else FLIGHT_LIMIT
        self._buffer = bytearray()
        self._messages = bytearray()
        self._alerts = bytearray()
        self._records = 0
        self._answer: Answer | None = None
        self.heard = 0
        self.outgoing = b""

    @property
    def settled(self) -> bool:
        """Whether the ServerHello is there, and only what follows it is missing."""
        return self._answer is not None

    def feed(self, data: bytes) -> Answer | None:
        """Take more bytes; return the answer once it is complete."""
        self.heard += len(data)
        self._buffer += data
        try:
            found = self._read_sslv2() if self._question.protocol == "SSLv2" else self._read()
        except MalformedError as problem:
            found = self._partial(AnswerKind.GARBAGE, str(problem))
        if found is None and self.heard > self._limit:
            found = self._partial(AnswerKind.GARBAGE, f"more than {self._limit} bytes without an end")
        if found is not None:
            found.heard = self.heard
        return found

    def end(self, kind: AnswerKind, detail: str = "") -> Answer:
        """Return the answer when the connection ended (or time ran out) before it was complete."""
        answer = self._partial(kind, detail)
        answer.heard = self.heard
        return answer

    def _partial(self, kind: AnswerKind, detail: str) -> Answer:
        """A ServerHello that was read stands, whatever went wrong after it."""
        if self._answer is not None:
            self._answer.chain_problem = detail or kind.value
            return self._answer
        return Answer(kind=kind, detail=detail)

    def _read(self) -> Answer | None:
        buffer = self._buffer
        while len(buffer) >= 5:
            content, major, size = buffer[0], buffer[1], buffer[3] << 8 | buffer[4]
            if content not in _CONTENTS or major != 3:
                raise MalformedError(_guess(bytes(buffer[:16])))
            if size > RECORD_LIMIT:
                raise MalformedError("a record is longer than the protocol allows")
            if len(buffer) < 5 + size:
                return None
            self._records += 1
            if self._records > RECORDS:
                raise MalformedError("too many records")
            body = bytes(buffer[5 : 5 + size])
            del buffer[: 5 + size]
            found = self._record(content, body)
            if found is not None:
                return found
        if buffer and buffer[0] not in _CONTENTS:
            raise MalformedError(_guess(bytes(buffer[:16])))
        return None

    def _record(self, content: int, body: bytes) -> Answer | None:
        if content == _ALERT:
            return self._alert_bytes(body)
        if content == _CHANGE:
            return None
        if content in (_DATA, HEARTBEAT_RECORD):
            raise MalformedError("application data before the handshake")
        self._messages += body
        messages = self._messages
        while len(messages) >= 4:
            size = messages[1] << 16 | messages[2] << 8 | messages[3]
            if size > self._limit:
                raise MalformedError(f"a handshake message claims {size} bytes")
            if len(messages) < 4 + size:
                return None
            number, message = messages[0], bytes(messages[4 : 4 + size])
            del messages[: 4 + size]
            found = self._message(number, message)
            if found is not None:
                return found
        return None

    def _alert_bytes(self, body: bytes) -> Answer | None:
        """Before TLS 1.3 an alert may be split over records, and a record may hold several (RFC 5246 section 6.2.1)."""
        alerts = self._alerts
        alerts += body
        while len(alerts) >= 2:
            level, number = alerts[:2]
            del alerts[:2]
            found = self._alert(level, number)
            if found is not None:
                return found
        return None

    def _alert(self, level: int, number: int) -> Answer | None:
        if level not in (1, 2):
            raise MalformedError("an alert that is not one")
        if number == 0:
            return self._partial(AnswerKind.CLOSED, "close_notify")
        if level == 1 and number != 41:
            return None  # a warning, such as unrecognized_name: the handshake goes on
        if self._answer is not None:
            self._answer.chain_problem = f"alert {number}"
            return self._answer
        return Answer(kind=AnswerKind.ALERT, alert=number, fatal=level == 2)

    def _message(self, number: int, message: bytes) -> Answer | None:
        if number == 0 and not message:
            return None  # a HelloRequest says nothing
        if self._answer is None:
            if number != 2:
                raise MalformedError(f"handshake message {number} in place of a ServerHello")
            answer = server_hello(message, self._question)
            self._answer = answer
            done = self._question.want is Want.HELLO or answer.retry or answer.protocol == "TLSv1.3"
            return answer if done else None
        return self._flight(number, message, self._answer)

    def _flight(self, number: int, message: bytes, answer: Answer) -> Answer | None:
        if number == 11:
            answer.chain = certificates(message)
        elif number == 22:
            answer.stapled = True
        elif number == 12:
            key_exchange(message, answer)
        elif number == 13:
            answer.client_auth = True
        elif number == 14:
            return answer
        return None

    def _read_sslv2(self) -> Answer | None:
        buffer = self._buffer
        if not buffer:
            return None
        if buffer[0] in (_ALERT, _HANDSHAKE) and (len(buffer) < 2 or buffer[1] == 3):
            return self._read()
        if len(buffer) < 3:
            return None
        if not buffer[0] & 0x80:
            raise MalformedError(_guess(bytes(buffer[:16])))
        size = (buffer[0] & 0x7F) << 8 | buffer[1]
        if len(buffer) < 2 + size:
            return None
        return sslv2_answer(bytes(buffer[2 : 2 + size]))


def _guess(first: bytes) -> str:
    return next((what for start, what in _GREETINGS if first.startswith(start)), "not a TLS record")


def sslv2_answer(body: bytes) -> Answer:
    """Read an SSL 2.0 SERVER-HELLO or ERROR. Errors: MalformedError."""
    cursor = Cursor(body)
    number = cursor.number(1)
    if number == 0:
        return Answer(kind=AnswerKind.ALERT, alert=40, fatal=True, detail=f"SSL 2.0 error {cursor.number(2)}")
    if number != 4:
        raise MalformedError(f"SSL 2.0 message {number} in place of a SERVER-HELLO")
    cursor.take(2)  # session id hit, certificate type
    if cursor.number(2) != 0x0002:
        raise MalformedError("an SSL 2.0 SERVER-HELLO with another version")
    certificate, specs, connection = cursor.number(2), cursor.number(2), cursor.number(2)
    der, raw = cursor.take(certificate), cursor.take(specs)
    cursor.take(connection)
    if specs % 3:
        raise MalformedError("a cipher kind is cut short")
    kinds = tuple(int.from_bytes(raw[i : i + 3], "big") for i in range(0, specs, 3))
    return Answer(
        kind=AnswerKind.HELLO,
        protocol="SSLv2",
        kinds=kinds,
        suite=kinds[0] if kinds else None,
        chain=(der,) if der else (),
    )


def server_hello(message: bytes, question: Question) -> Answer:
    """Read a ServerHello or HelloRetryRequest against what was asked. Errors: MalformedError."""
    cursor = Cursor(message)
    wire, random, size = _FRONT.unpack(cursor.take(_FRONT.size))
    session = cursor.take(size)
    suite, compression = _CHOICE.unpack(cursor.take(_CHOICE.size))
    if size > 32:
        raise MalformedError("a session id of more than 32 bytes")
    extensions = read_extensions(cursor.vector(2)) if cursor.left else {}
    if cursor.left:
        raise MalformedError("bytes after the extensions of a ServerHello")
    chosen = extensions.get(hello.VERSIONS)
    if chosen is not None:
        if len(chosen) != 2:
            raise MalformedError("supported_versions of a ServerHello is not one version")
        wire = int.from_bytes(chosen, "big")
    protocol = _NAMES.get(wire)
    if protocol is None or protocol == "SSLv2":
        raise MalformedError(f"version 0x{wire:04X} in a ServerHello")
    if not at_least(question.protocol, protocol) or (protocol == "TLSv1.3" and chosen is None):
        raise MalformedError(f"answers {question.protocol} with {protocol}")
    retry = protocol == "TLSv1.3" and random == RETRY_RANDOM
    return Answer(
        kind=AnswerKind.HELLO,
        protocol=protocol,
        suite=suite,
        retry=retry,
        group=_key_share_group(extensions.get(hello.KEY_SHARE), retry=retry),
        compression=compression,
        session_id=session,
        random=random,
        cookie=_cookie(extensions.get(hello.COOKIE)),
        extensions=extensions,
        alpn=_alpn(extensions.get(hello.ALPN)),
    )


def read_extensions(raw: bytes) -> dict[int, bytes]:
    """Read an extension block. Errors: MalformedError (cut short, one given twice)."""
    found: dict[int, bytes] = {}
    at, end = 0, len(raw)
    while at < end:  # by hand: every ServerHello comes through here, several times for each suite
        body = at + 4
        after = body + (raw[at + 2] << 8 | raw[at + 3]) if body <= end else body
        if after > end:
            raise MalformedError(TOO_SHORT)
        number = raw[at] << 8 | raw[at + 1]
        if number in found:
            raise MalformedError(f"extension {number} twice")
        found[number] = raw[body:after]
        at = after
    return found


def _key_share_group(raw: bytes | None, *, retry: bool) -> int | None:
    if raw is None:
        return None
    if len(raw) < 2 or (retry and len(raw) != 2):
        raise MalformedError("key_share without a group")
    return int.from_bytes(raw[:2], "big")


def _cookie(raw: bytes | None) -> bytes:
    return b"" if raw is None else Cursor(raw).vector(2)


def _alpn(raw: bytes | None) -> str | None:
    if raw is None:
        return None
    name = Cursor(Cursor(raw).vector(2)).vector(1)
    return name.decode("ascii", "backslashreplace")[:64]


def certificates(message: bytes) -> tuple[bytes, ...]:
    """Read a Certificate message before TLS 1.3. Errors: MalformedError."""
    cursor = Cursor(Cursor(message).vector(3))
    found: list[bytes] = []
    while cursor.left and len(found) < CHAIN_LENGTH:
        found.append(cursor.vector(3))
    return tuple(found)


def key_exchange(message: bytes, answer: Answer) -> None:
    """Note what a ServerKeyExchange shows: curve, or prime and its size, and the signature scheme."""
    suite = registry.suites_by_code().get(answer.suite or 0)
    kx, hinted = (suite.kx or "", suite.auth == "PSK") if suite else ("", False)
    cursor = Cursor(message)
    try:
        if hinted:
            cursor.vector(2)
        if kx.startswith("ECDH"):
            if cursor.number(1) == 3:
                answer.group = cursor.number(2)
                cursor.vector(1)
            else:
                answer.group = 0xFF01
                return
        elif kx.startswith("DH"):
            prime = cursor.vector(2).lstrip(b"\0")
            answer.dh_bits, answer.dh_prime = int.from_bytes(prime, "big").bit_length(), prime
            cursor.vector(2)
            cursor.vector(2)
        elif kx == "RSA" and not hinted:
            modulus = cursor.vector(2)
            answer.rsa_export_bits = int.from_bytes(modulus, "big").bit_length()
            return
        else:
            return
        if answer.protocol == "TLSv1.2" and cursor.left >= 4:
            (scheme,) = unpack_from(">H", message, cursor.at)
            answer.scheme = scheme
    except MalformedError as problem:
        answer.chain_problem = f"key exchange: {problem}"
