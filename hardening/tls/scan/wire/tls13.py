"""TLS 1.3 up to the server's Finished, for what it only says under encryption: the chain, its groups.

The key schedule is RFC 8446 section 7.1. Nothing is proved to the server and no data is exchanged: the
connection is closed once its flight has been read.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from struct import pack
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hardening.tls.scan.strategy.messages import Answer, Question, Want
from hardening.tls.scan.wire import hello
from hardening.tls.scan.wire.answer import CHAIN_LENGTH, Cursor, Listener, MalformedError, read_extensions

SUITES: dict[int, tuple[str, int, Callable[[bytes], Any]]] = {
    0x1301: ("sha256", 16, AESGCM),
    0x1302: ("sha384", 32, AESGCM),
    0x1303: ("sha256", 32, ChaCha20Poly1305),
    0x1304: ("sha256", 16, AESCCM),
    0x1305: ("sha256", 16, lambda key: AESCCM(key, tag_length=8)),
}
"""The suites whose records we can read: hash, key length, cipher."""
_CURVES: dict[int, ec.EllipticCurve] = {23: ec.SECP256R1(), 24: ec.SECP384R1(), 25: ec.SECP521R1()}
GROUPS = (*_CURVES, 29, 30)
"""The groups we can compute a secret in."""


def needs_keys(question: Question) -> bool:
    """Tell whether a question takes real key shares."""
    return question.protocol == "TLSv1.3" and (question.want is Want.SEALED or question.shape.shares)


def _key_pair(group: int) -> tuple[bytes, Callable[[bytes], bytes]]:
    """Return a public key and what makes the shared secret from the other side's."""
    if group == 29:
        private = x25519.X25519PrivateKey.generate()
        raw = private.public_key().public_bytes_raw()
        return raw, lambda peer: private.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
    if group == 30:
        other = x448.X448PrivateKey.generate()
        raw = other.public_key().public_bytes_raw()
        return raw, lambda peer: other.exchange(x448.X448PublicKey.from_public_bytes(peer))
    curve = _CURVES[group]
    key = ec.generate_private_key(curve)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return point, lambda peer: key.exchange(
        ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, peer)
    )


class Tls13Handshake(Listener):
    """A listener that answers a HelloRetryRequest and reads the encrypted flight."""

    __slots__ = (
        "_alg",
        "_iv",
        "_key",
        "_keys",
        "_name",
        "_random",
        "_retried",
        "_sequence",
        "_session",
        "_transcript",
    )

    def __init__(self, question: Question, server_name: str | None) -> None:
        super().__init__(question)
        self._name = server_name
        self._random = os.urandom(32)
        self._session = os.urandom(32)
        self._keys: dict[int, tuple[bytes, Callable[[bytes], bytes]]] = {}
        self._transcript = b""
        self._retried = False
        self._key: Any = None
        self._iv = b""
        self._alg = "sha256"
        self._sequence = 0

    def first(self) -> bytes:
        """Return the ClientHello, with a key share for the first group we can use."""
        offered = self._question.groups or hello.groups_for("TLSv1.3", classic=self._question.shape.classic)
        group = next((g for g in offered if g in GROUPS), None)
        return self._hello([] if group is None else [group], b"")

    def _hello(self, groups: list[int], cookie: bytes) -> bytes:
        self._keys = {group: _key_pair(group) for group in groups}
        data = hello.client_hello(
            self._question,
            server_name=self._name,
            random=self._random,
            shares={group: pair[0] for group, pair in self._keys.items()},
            cookie=cookie,
            session_id=self._session,
        )
        self._transcript += data[5:]
        return data

    def _record(self, content: int, body: bytes) -> Answer | None:
        if content != 23 or self._key is None:
            return super()._record(content, body)
        nonce = (int.from_bytes(self._iv, "big") ^ self._sequence).to_bytes(12, "big")
        self._sequence += 1
        try:
            inner = self._key.decrypt(nonce, body, pack(">BHH", 23, 0x0303, len(body))).rstrip(b"\0")
        except InvalidTag:
            raise MalformedError("a record that does not decrypt") from None
        return super()._record(inner[-1], inner[:-1]) if inner else None

    def _message(self, number: int, message: bytes) -> Answer | None:
        raw = bytes([number]) + len(message).to_bytes(3, "big") + message
        if self._answer is None:
            answer = super()._message(number, message)
            if answer is None or answer.protocol != "TLSv1.3":
                return answer
            return self._server_hello(answer, raw)
        return self._sealed(number, message, self._answer)

    def _server_hello(self, answer: Answer, raw: bytes) -> Answer | None:
        if self._question.want is not Want.SEALED:
            return answer
        if answer.retry:
            if self._retried or (answer.group is not None and answer.group not in GROUPS):
                return answer
            self._retried = True
            self._answer = None
            digest = hashlib.new(
                SUITES[answer.suite][0] if answer.suite in SUITES else "sha256", self._transcript
            )
            self._transcript = b"\xfe" + len(digest.digest()).to_bytes(3, "big") + digest.digest() + raw
            groups = list(self._keys) if answer.group is None else [answer.group]
            self.outgoing += self._hello(groups, answer.cookie)
            return None
        self._transcript += raw
        if answer.suite not in SUITES or answer.group not in self._keys:
            return answer
        self._derive(answer, SUITES[answer.suite])
        return None

    def _derive(self, answer: Answer, suite: tuple[str, int, Callable[[bytes], Any]]) -> None:
        self._alg, length, cipher = suite
        share = Cursor(answer.extensions[hello.KEY_SHARE], at=2).vector(2)
        try:
            secret = self._keys[answer.group or 0][1](share)
        except ValueError:
            raise MalformedError("a key share that is not a point of its group") from None
        empty = hashlib.new(self._alg).digest()
        size = len(empty)
        early = _extract(self._alg, bytes(size), bytes(size))
        handshake = _extract(self._alg, _expand(self._alg, early, b"derived", empty, size), secret)
        seen = hashlib.new(self._alg, self._transcript).digest()
        traffic = _expand(self._alg, handshake, b"s hs traffic", seen, size)
        self._key = cipher(_expand(self._alg, traffic, b"key", b"", length))
        self._iv = _expand(self._alg, traffic, b"iv", b"", 12)

    def _sealed(self, number: int, message: bytes, answer: Answer) -> Answer | None:
        if number == 8:
            found = read_extensions(Cursor(message).vector(2))
            groups = Cursor(found[hello.GROUPS]).vector(2) if hello.GROUPS in found else b""
            listed = tuple(int.from_bytes(groups[i : i + 2], "big") for i in range(0, len(groups) - 1, 2))
            alpn = None
            if hello.ALPN in found:
                alpn = (
                    Cursor(Cursor(found[hello.ALPN]).vector(2)).vector(1).decode("ascii", "backslashreplace")
                )
            answer.server_groups, answer.alpn = listed, alpn
            answer.extensions = {**answer.extensions, **found}
        elif number == 13:
            answer.client_auth = True
        elif number == 11:
            answer.chain, answer.stapled = _certificates(message)
        elif number == 15:
            answer.scheme = Cursor(message).number(2)
        elif number == 20:
            return answer
        return None


def _certificates(message: bytes) -> tuple[tuple[bytes, ...], bool]:
    cursor = Cursor(message)
    cursor.vector(1)
    entries = Cursor(cursor.vector(3))
    chain: list[bytes] = []
    stapled = False
    while entries.left and len(chain) < CHAIN_LENGTH:
        chain.append(entries.vector(3))
        stapled = hello.STATUS_REQUEST in read_extensions(entries.vector(2)) or stapled
    return tuple(chain), stapled


def _extract(alg: str, salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, alg)


def _expand(alg: str, secret: bytes, label: bytes, context: bytes, size: int) -> bytes:
    full = b"tls13 " + label
    info = pack(">HB", size, len(full)) + full + bytes([len(context)]) + context
    out, block, n = b"", b"", 1
    while len(out) < size:
        block = hmac.digest(secret, block + info + bytes([n]), alg)
        out += block
        n += 1
    return out[:size]
