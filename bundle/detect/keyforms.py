"""Private keys in forms of one program or library each: Kerberos, Tor, ssh.com, DNSSEC, GnuPG and Windows."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from struct import error, unpack_from

_KEYTAB = b"\x05\x02"
"""Version 2 of a key table, whose numbers are big-endian (MIT Kerberos, "Keytab file format")."""
_MOST_PARTS, _LONGEST_PART = 16, 256
_KEY_SIZES = frozenset((8, 16, 24, 32))
"""Bytes of keys of DES, AES-128 and RC4, 3DES, and AES-256."""
_TOR = b"== ed25519v1-secret: type0 ==\0\0\0"
_TOR_SIZE = 96
SSHCOM = re.compile(
    rb"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\s+(?P<body>[\s\"',;.()@<>A-Za-z0-9/=+:_\\-]{40,20000}?)---- END SSH2 ENCRYPTED PRIVATE KEY ----"
)
"""The form of ssh.com, which is called encrypted whether or not it is."""
_SSHCOM_MAGIC = 0x3F6FF9EB
_A_HEADER = re.compile(rb"^[A-Za-z][\w-]{0,30}: ?(?:[^\n]*\\\r?\n)*[^\n]*$", re.MULTILINE)
DNSSEC = re.compile(
    rb"^Private-key-format: v1\.\d\s+Algorithm: \d{1,3}[^\n]*\n(?:\w{1,20}: [^\n]*\n){0,8}?(?:PrivateExponent|PrivateKey|Private_value\(x\)): [A-Za-z0-9+/]{20}",
    re.MULTILINE,
)
"""What `dnssec-keygen` writes beside a zone's public key, of RSA and of curves."""


def is_tor(data: bytes) -> bool:
    """Whether a file is the secret key of an onion service (tor's `hs_ed25519_secret_key`)."""
    return data.startswith(_TOR) and len(data) == _TOR_SIZE


_BLOB = re.compile(rb"\x07\x02\0\0\0[\x24\xa4]\0\0RSA2(?P<bits>....)", re.DOTALL)
"""A PRIVATEKEYBLOB of Windows' CryptoAPI, of a key that signs or exchanges; .NET's strong names keep theirs so (`.snk`)."""
_PVK = re.compile(rb"\x1e\xf1\xb5\xb0\0\0\0\0[\1\2]\0\0\0(?P<sealed>....)", re.DOTALL)
_BITS = range(512, 16385)


def windows(data: bytes) -> bool | None:
    """Return whether a key of Windows (`.snk`, `.pvk`) is encrypted; None where there is none."""
    pvk = _PVK.match(data)
    if pvk is not None:
        return pvk["sealed"] != bytes(4)
    blob = _BLOB.match(data)
    return False if blob is not None and int.from_bytes(blob["bits"], "little") in _BITS else None


_GNUPG = re.compile(
    rb"\(11:private-key\(|\(21:protected-private-key\(|(?:[\w-]+: [^\n]*\n){0,8}?Key: \((?:protected-)?private-key\s"
)


def gnupg(data: bytes) -> bool | None:
    """Return whether a key of GnuPG's agent (`private-keys-v1.d`) is encrypted; None where there is none."""
    found = _GNUPG.match(data[:4096])
    return None if found is None else b"protected-" in found[0]


def keytab(data: bytes) -> str | None:
    """Return the principal of the first key of a Kerberos key table; None where there is none."""
    if not data.startswith(_KEYTAB):
        return None
    try:
        return next(_principals(data), None)
    except (error, UnicodeDecodeError):
        return None


def _principals(data: bytes) -> Iterator[str]:
    at = len(_KEYTAB)
    while at + 4 <= len(data):
        (size,) = unpack_from(">i", data, at)
        at += 4
        if size > 0 and at + size <= len(data):
            yield from _principal(data[at : at + size])
        if size == 0:
            return
        at += abs(size)  # a negative size is a hole, where a key was taken out


def _principal(entry: bytes) -> Iterator[str]:
    (parts,) = unpack_from(">H", entry)
    at, names = 2, []
    if parts > _MOST_PARTS:
        return
    for _ in range(parts + 1):  # the realm comes first
        (length,) = unpack_from(">H", entry, at)
        if length > _LONGEST_PART:
            return
        names.append(entry[at + 2 : at + 2 + length].decode())
        at += 2 + length
    at += 4 + 4 + 1 + 2  # type of name, time, version, type of key
    (length,) = unpack_from(">H", entry, at)
    if length in _KEY_SIZES and at + 2 + length <= len(entry) and names[0].isprintable():
        yield f"{'/'.join(names[1:])}@{names[0]}"


def is_sealed(body: bytes) -> bool:
    """Whether a key in the form of ssh.com is encrypted, as the name of its cipher says."""
    text = b"".join(_A_HEADER.sub(b"", body).split())
    try:
        raw = base64.b64decode(text[: len(text) // 4 * 4])
        magic, _, kind = unpack_from(">III", raw)
        (length,) = unpack_from(">I", raw, 12 + kind)
        return magic != _SSHCOM_MAGIC or raw[16 + kind : 16 + kind + length] != b"none"
    except (error, binascii.Error):
        return True
