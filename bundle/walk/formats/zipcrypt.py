"""Encrypted zip members: traditional PKWARE and WinZip AES, tried with each password the user gave."""

from __future__ import annotations

import hmac
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from bundle.walk.problem import Broken
from bundle.walk.source import Memory, Source

if TYPE_CHECKING:
    from bundle.walk.formats.zipdir import ZipEntry

_LONGEST = 256 << 20
_KEY_BYTES = {1: 16, 2: 24, 3: 32}


def decrypted(
    source: Source, row: ZipEntry, begin: int, passwords: tuple[bytes, ...]
) -> Iterator[bytes] | None:
    """Return the content of an encrypted member, or None where no password opens it."""
    from bundle.walk.formats.raw import ReaderContext
    from bundle.walk.formats.zipdata import unpack
    from bundle.walk.limits import WalkLimits

    if not passwords or row.packed > _LONGEST:
        return None
    cipher = source.read(begin, row.packed)
    for password in passwords:
        opened = (
            _aes(cipher, row.extra, password) if row.method == 99 else _traditional(cipher, row, password)
        )
        if opened is None:
            continue
        plain, method = opened
        try:
            content = b"".join(unpack(Memory(plain), method, ReaderContext("", WalkLimits())))
        except Broken:
            continue
        if len(content) == row.size and (row.method == 99 or zlib.crc32(content) == row.crc):
            return iter((content,))
    return None


def _aes(cipher: bytes, extra: bytes, password: bytes) -> tuple[bytes, int] | None:
    """Undo WinZip AES (AE-1, AE-2): PBKDF2-SHA1, little-endian counter, HMAC-SHA1 of 10 bytes."""
    import hashlib

    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    found = extra.find(b"\x01\x99\x07\x00")
    strength = extra[found + 8] if found >= 0 and len(extra) >= found + 11 else 0
    if strength not in _KEY_BYTES:
        return None
    length = _KEY_BYTES[strength]
    salt, check, body, mac = (
        cipher[: length // 2], cipher[length // 2 : length // 2 + 2], cipher[length // 2 + 2 : -10], cipher[-10:],
    )  # fmt: skip
    keys = hashlib.pbkdf2_hmac("sha1", password, salt, 1000, 2 * length + 2)
    if keys[-2:] != check or not hmac.compare_digest(
        hmac.digest(keys[length : 2 * length], body, "sha1")[:10], mac
    ):
        return None
    block = Cipher(algorithms.AES(keys[:length]), modes.ECB()).encryptor()  # noqa: S305 - the format's counter is little-endian, so the counter mode is made here
    count = -(-len(body) // 16)
    stream = block.update(b"".join(number.to_bytes(16, "little") for number in range(1, count + 1)))[
        : len(body)
    ]
    plain = (int.from_bytes(body, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(body), "big")
    return plain, int.from_bytes(extra[found + 9 : found + 11], "little")


def _traditional(cipher: bytes, row: ZipEntry, password: bytes) -> tuple[bytes, int] | None:
    """Undo PKWARE's cipher; the last byte of the 12 in front says whether the password fits."""
    import zipfile

    make = getattr(zipfile, "_ZipDecrypter", None)
    if make is None or len(cipher) < 12:
        return None
    decrypt = make(password)
    head = cast("bytes", decrypt(cipher[:12]))
    if head[11] not in (row.crc >> 24, row.clock >> 8):
        return None
    return cast("bytes", decrypt(cipher[12:])), row.method
