"""The certificates of a key store: Java's own form, which shows them, and PKCS #12, which a password opens."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
"""What stores in Java's own form begin with."""
_KEY, _TRUSTED = 1, 2
_MOST_ENTRIES = 1000
_USUAL = "changeit"
"""The password that Java's documentation and Tomcat have where nobody chose one."""
_MOST_ROUNDS = 1_000_000
"""Rounds of deriving a key; Java writes 10,000. A store that asks for more would cost minutes."""
_SALTS = range(4, 65)


def of_java(content: bytes) -> tuple[list[bytes], str]:
    """Return the certificates beside the keys of a store in Java's own form, or why there are none."""
    try:
        ders = list(_of_java(content))
    except (struct.error, ValueError):
        return [], "a Java key store that cannot be read"
    return ders, "" if ders else "a Java key store without a certificate"


def _of_java(content: bytes) -> Iterator[bytes]:
    """Yield the certificates beside the keys of a store in Java's own form, where they are not encrypted. Errors: ValueError, struct.error."""
    version, count = struct.unpack_from(">II", content, 4)
    at = 12

    def block(form: str) -> bytes:
        nonlocal at
        (size,) = struct.unpack_from(form, content, at)
        at += struct.calcsize(form) + size
        if at > len(content):
            raise ValueError
        return content[at - size : at]

    for _ in range(min(count, _MOST_ENTRIES)):
        (tag,) = struct.unpack_from(">I", content, at)
        at += 4
        block(">H")
        at += 8
        chain = 1
        if tag == _KEY:
            block(">I")
            (chain,) = struct.unpack_from(">I", content, at)
            at += 4
        elif tag != _TRUSTED:
            raise ValueError
        for _ in range(min(chain, _MOST_ENTRIES)):
            if version > 1:
                block(">H")
            der = block(">I")
            if tag == _KEY:
                yield der


def of_pkcs12(content: bytes, passwords: Iterable[str]) -> tuple[list[bytes], str]:
    """Return the certificate beside the key of a PKCS #12 store and its chain, leaf first, or why there is none."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

    if _rounds(content) > _MOST_ROUNDS:
        return [], f"a key store (PKCS#12) that asks for more than {_MOST_ROUNDS:,} rounds of its password"
    words = list(dict.fromkeys((*(plain(one) for one in passwords if one), _USUAL, "")))
    for word in words:
        try:
            store = pkcs12.load_pkcs12(content, word.encode() if word else None)
        except UnsupportedAlgorithm as problem:
            return [], f"a key store (PKCS#12) in a form that cannot be read: {problem}"
        except (ValueError, TypeError, x509.InvalidVersion):
            continue
        if store.cert is None:
            return [], "a key store (PKCS#12) without a certificate beside a key"
        chain, others = [store.cert.certificate], [one.certificate for one in store.additional_certs]
        while above := next(
            (one for one in others if one not in chain and one.subject == chain[-1].issuer), None
        ):
            chain.append(above)
        return [one.public_bytes(Encoding.DER) for one in chain], ""
    named = "the password that the configuration has" if len(words) > len(("", _USUAL)) else "changeit"
    return [], f"a key store (PKCS#12) that {named} does not open, or no certificate"


def plain(password: str) -> str:
    """Return a password as the store has it: Jetty may have it obfuscated (`OBF:1v2j1uum...`)."""
    if not re.fullmatch(r"OBF:(?:U?[0-9a-z]{4})+", password):
        return password
    found = bytearray()
    for mark, digits in re.findall(r"(U?)([0-9a-z]{4})", password[4:]):
        high, low = divmod(int(digits, 36), 256)
        found.append((high if mark else (high + low - 254) // 2) & 0xFF)
    return found.decode("utf-8", "replace")


def _rounds(content: bytes) -> int:
    """Return the largest number of rounds that a store asks for: the INTEGER behind the OCTET STRING of a salt."""
    most = 1
    for found in re.finditer(rb"\x02([\x03-\x08])", content):
        at = found.start()
        number = content[found.end() : found.end() + found[1][0]]
        if any(content[max(at - size - 2, 0) : at - size] == bytes((4, size)) for size in _SALTS):
            most = max(most, int.from_bytes(number, "big"))
    return most
