"""Files that are a key or a store of keys as a whole: Java, PKCS #12, DER, OpenPGP and others."""

import base64
import hashlib
import hmac
import re

PKCS8 = re.compile(b"\x30(?:\x82..|\x81.|.)\x02\x01[\x00\x01](?:\x30.{5,30}?\x04|\x02|\x04\x20)", re.DOTALL)
SEALED = re.compile(
    b"\x30(?:\x82..|\x81.)\x30.{1,2}\x06." + re.escape(b"\x2a\x86\x48\x86\xf7\x0d\x01") + b"[\x05\x0c]",
    re.DOTALL,
)
KEY_BAGS = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01"
"""The object identifier of a bag with a key in PKCS #12: 01 plain, 02 encrypted."""
DIGESTS = {"2b0e03021a": "sha1", "608648016503040201": "sha256", "608648016503040202": "sha384",
           "608648016503040203": "sha512"}  # fmt: skip


def number(data, at, size=4):
    """Return a big-endian number."""
    return int(base64.b16encode(data[at : at + size]) or b"0", 16)


def java_key(data):
    """Return whether a JKS or JCEKS store holds a key, not only certificates that are trusted."""
    at, named = 12, number(data, 4) > 1
    for _ in range(min(number(data, 8), 1000)):
        tag = number(data, at)
        if tag != 2:
            return tag in (1, 3)
        at += 4
        at += 2 + number(data, at, 2) + 8
        at += 2 + number(data, at, 2) if named else 0
        at += 4 + number(data, at)
    return False


def java_opens(data, word):
    """Return whether the store's own digest is made with this password."""
    return hashlib.sha1(word.encode("utf-16-be") + b"Mighty Aphrodite" + data[:-20]).digest() == data[-20:]  # noqa: S324 - the format's own


def parts(data):
    """Return the contents of the values that follow each other in DER: (tag, content)."""
    found, at = [], 0
    while at + 2 <= len(data) and len(found) < 64:
        tag, size, start = number(data, at, 1), number(data, at + 1, 1), at + 2
        if size & 0x80:
            count = size & 0x7F
            size, start = number(data, start, count), start + count
        found.append((tag, data[start : start + size]))
        at = start + size
    return found


def whole_der(data):
    """Return whether a file is one value in DER and nothing else."""
    size, count = number(data, 1, 1), 0
    if size & 0x80:
        count = size & 0x7F
        size = number(data, 2, count)
    return 2 + count + size == len(data)


def openpgp(data):
    """Return whether the secret key that a ring of OpenPGP begins with is sealed; None for other files (RFC 9580)."""
    first = number(data, 0, 1)
    if first not in (0x94, 0x95, 0x96, 0xC5) or len(data) < 64:
        return None
    at = {0x94: 2, 0x95: 3, 0x96: 5}.get(first) or (2 if number(data, 1, 1) < 192 else 3)
    count = {1: 2, 2: 2, 3: 2, 16: 3, 17: 4, 20: 3}.get(number(data, at + 5, 1))
    if number(data, at, 1) != 4 or count is None:
        return None
    at += 6
    for _ in range(count):
        bits = number(data, at, 2)
        at += 2 + (bits + 7) // 8
        if not bits or at >= len(data):
            return None
    return number(data, at, 1) != 0


def pkcs12_opens(data, words):
    """Return the first of these passwords with which a PKCS #12 store's own check holds (RFC 7292, appendix B), or None."""
    try:
        outer = parts(parts(data)[0][1])
        content = parts(parts(outer[1][1])[1][1])[0][1]
        mac, salt, rounds = parts(outer[2][1])
        algorithm, wanted = parts(mac[1])
        name = DIGESTS[base64.b16encode(parts(algorithm[1])[0][1]).decode("ascii").lower()]
        rounds = number(rounds[1], 0, len(rounds[1]))
    except (IndexError, ValueError, KeyError):
        return None
    if rounds > 20000:
        return None
    block = 128 if name in ("sha384", "sha512") else 64
    for word in words:
        text = (word + "\0").encode("utf-16-be")
        filled = []
        for one in (salt[1], text):
            size = -(-len(one) // block) * block
            filled.append((one * (size // len(one) + 1))[:size] if one else b"")
        made = b"\x03" * block + filled[0] + filled[1]
        for _ in range(rounds):
            made = hashlib.new(name, made).digest()
        if hmac.new(made, content, getattr(hashlib, name)).digest() == wanted[1]:
            return word
    return None


def store(data, words):
    """Return what a file is that is a key or a store of keys as a whole: (rule or nothing, words); None for other files."""
    head = data[:4]
    if head in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"):
        if not java_key(data):
            return "", "Java key store without a key"
        weak = [word for word in words if java_opens(data, word)]
        return "weak" if weak else "store", "Java key store"
    if (
        head[:1] == b"\x30"
        and b"\x02\x01\x03\x30" in data[:16]
        and b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" in data[:64]
    ):
        if KEY_BAGS + b"\x01" not in data and KEY_BAGS + b"\x02" not in data:
            return "", "PKCS #12 store without a key"
        return "store" if pkcs12_opens(data, words) is None else "weak", "PKCS #12 store"
    if SEALED.match(data):
        return "encrypted", "encrypted key in DER form"
    if PKCS8.match(data) and [len(parts(data)), number(data, 0, 1)] == [1, 0x30] and whole_der(data):
        return "private", "key in DER form"
    if head[:2] == b"\x05\x02" and len(data) > 16 and 0 < number(data, 2) < len(data):
        return "private", "Kerberos key table"
    if re.match(b"\\((?:\\d+:)?(private-key|protected-private-key)", data) or data[:5] == b"Key: ":
        return ("encrypted" if b"protected-private-key" in data else "private"), "key of GnuPG's agent"
    if data[:32].startswith(b"== ed25519v1-secret"):
        return "private", "key of an onion service"
    sealed = openpgp(data)
    if sealed is not None:
        return ("encrypted" if sealed else "private"), "OpenPGP key"
    return None
