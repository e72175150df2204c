"""Hold a password hash against the passwords everybody tries first, offline and in bounded time.

Unsalted digests are held against the whole list. A slow hash (crypt's, bcrypt, phpass) is tried with a short list and the
account's own name, and only where its cost is one that people use; what is not tried says so. MD5-crypt, SHA-crypt and
phpass are computed here after their published descriptions; DES-crypt and bcrypt by the system's libcrypt where there is
one, and so are MD5-crypt and SHA-crypt, four times quicker.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import count

_ITOA = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHORT = (
    "", "password", "admin", "root", "123456", "changeme", "changeit", "default", "secret", "toor", "12345678", "admin123", "guest", "test", "1234",
    "letmein", "welcome1", "Password1", "P@ssw0rd", "password123", "operator", "manager", "aspect", "cylon", "matrix",
)  # fmt: skip
"""What slow hashes are tried with, and the name of the account."""
_COSTLY = 4
"""Passwords a costly bcrypt is tried with, where one takes a tenth of a second."""
_MOST_ROUNDS = 20_000
_CHEAP_COST, _MOST_COST = 8, 10
_MOST_TRIED = 1000
"""Slow hashes that one process tries: a bundle of nothing but hashes has to end too."""
_PLAIN = re.compile(r"[$./0-9A-Za-z=]+")
"""What a salt is made of."""
_LIBCRYPT = ("libcrypt.so.1", "libcrypt.so.2")


_tried = count(1)


@lru_cache(maxsize=4096)
def opened(value: str, user: str = "") -> bool | None:
    """Return whether one of the usual passwords has this hash; None where that was not tried."""
    hashed = _for(value)
    if hashed is None or next(_tried) > _MOST_TRIED:
        return None
    return any(hashed(word) == value for word in _words(value, user))


def _words(value: str, user: str) -> Iterator[str]:
    cost = re.match(r"\$2[abxy]\$(\d\d)\$", value)
    words = SHORT if cost is None or int(cost[1]) <= _CHEAP_COST else SHORT[1 : 1 + _COSTLY]
    yield from (*words, *((user,) if user else ()))


def _for(value: str) -> Callable[[str], str] | None:
    """Return the function that makes a hash of the same kind, salt and cost, or None."""
    if found := re.fullmatch(r"(\$(?:1|apr1)\$)([^$]{1,8})\$[./0-9A-Za-z]{22}", value):
        magic, salt = found[1], found[2]
        return _quicker(value, lambda word: md5_crypt(word, salt, magic))
    if found := re.fullmatch(
        r"\$([56])\$(rounds=(\d{1,9})\$)?([^$]{1,16})\$(?:[./0-9A-Za-z]{43}|[./0-9A-Za-z]{86})", value
    ):
        rounds = min(max(int(found[3] or 5000), 1000), 999_999_999)
        kind, written, pepper = found[1], found[2] or "", found[4]
        own = lambda word: sha_crypt(word, pepper, kind, rounds, written)  # noqa: E731 - one of several, as above
        return None if rounds > _MOST_ROUNDS else _quicker(value, own)
    if found := re.fullmatch(r"\$[PH]\$([./0-9A-Za-z])([./0-9A-Za-z]{8})[./0-9A-Za-z]{22}", value):
        power = _ITOA.index(found[1])
        return None if 1 << power > _MOST_ROUNDS else lambda word: phpass(word, value[:12], power)
    cost = re.fullmatch(r"\$2[abxy]\$(\d\d)\$[./0-9A-Za-z]{53}", value)
    if (cost and int(cost[1]) <= _MOST_COST) or re.fullmatch(r"[./0-9A-Za-z]{13}", value):
        system = _system()
        return None if system is None else lambda word: system(word, value)
    return None


def _quicker(value: str, own: Callable[[str], str]) -> Callable[[str], str]:
    """Return the system's function where it knows the kind and settings of a hash, else our own."""
    system = _system()
    front = value[: value.rindex("$") + 1]
    if system is None or not _PLAIN.fullmatch(front) or not system("", value).startswith(front):
        return own
    return lambda word: own(word) if "\0" in word else system(word, value)


@cache
def _system() -> Callable[[str, str], str] | None:
    """Return the system's crypt(3), or None."""
    for name in (*_LIBCRYPT, ctypes.util.find_library("crypt") or ""):
        try:
            function = ctypes.CDLL(name).crypt if name else None
        except (OSError, AttributeError):
            continue
        if function is not None:
            function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_char_p, ctypes.c_char_p]
            crypt = function
            return lambda word, setting: (crypt(word.encode(), setting.encode()) or b"*").decode("latin-1")
    return None


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _base64(raw: bytes, order: tuple[tuple[int, ...], ...]) -> str:
    """Write bytes as crypt does: groups of three in an order of its own, six bits a letter, lowest first."""
    out = ""
    for group in order:
        number = 0
        for index in group:
            number = number << 8 | raw[index]
        for _ in range((len(group) * 8 + 5) // 6):
            out += _ITOA[number & 63]
            number >>= 6
    return out


def md5_crypt(word: str, salt: str, magic: str) -> str:
    """Return the hash of FreeBSD's crypt-md5(3), or Apache's `$apr1$`."""
    password, pepper = word.encode(), salt.encode()
    inner = _md5(password + pepper + password)
    text = password + magic.encode() + pepper
    text += (inner * (len(password) // 16 + 1))[: len(password)]
    size = len(password)
    while size:
        text += b"\0" if size & 1 else password[:1]
        size >>= 1
    made = _md5(text)
    for turn in range(1000):
        text = password if turn & 1 else made
        text += pepper if turn % 3 else b""
        text += password if turn % 7 else b""
        made = _md5(text + (made if turn & 1 else password))
    order = tuple((i, i + 6, i + 12 if i < 4 else 5) for i in range(5))  # noqa: PLR2004 - the last group wraps around
    return f"{magic}{salt}${_base64(made, (*order, (11,)))}"


def _sha_order(size: int, count: int) -> tuple[tuple[int, ...], ...]:
    step, third = (21, count // 3) if size == 64 else (10, count // 3)  # noqa: PLR2004 - SHA-512
    groups, group = [], (0, third, 2 * third)
    for _ in range(third):
        groups.append(group)
        if size == 64:  # noqa: PLR2004 - SHA-512 goes one way, SHA-256 the other
            group = (group[1] + 1, group[2] + 1, group[0] + 1)
        else:
            group = (group[2] + 1, group[0] + 1, group[1] + 1)
    last = (63,) if step == 21 else (31, 30)  # noqa: PLR2004 - what remains
    return (*groups, last)


def sha_crypt(word: str, salt: str, kind: str, rounds: int, said: str) -> str:
    """Return the hash of Drepper's SHA-crypt: `kind` 5 is SHA-256 and 6 is SHA-512; `said` is the rounds as written."""
    make = hashlib.sha512 if kind == "6" else hashlib.sha256
    password, pepper = word.encode(), salt.encode()
    size = make().digest_size
    inner = make(password + pepper + password).digest()
    text = password + pepper + (inner * (len(password) // size + 1))[: len(password)]
    left = len(password)
    while left:
        text += inner if left & 1 else password
        left >>= 1
    made = make(text).digest()
    p_sum = make(password * len(password)).digest()
    p = (p_sum * (len(password) // size + 1))[: len(password)]
    s_sum = make(pepper * (16 + made[0])).digest()
    s = (s_sum * (len(pepper) // size + 1))[: len(pepper)]
    for turn in range(rounds):
        text = p if turn & 1 else made
        text += s if turn % 3 else b""
        text += p if turn % 7 else b""
        made = make(text + (made if turn & 1 else p)).digest()
    return f"${kind}${said}{salt}${_base64(made, _sha_order(size, size - 1))}"


def phpass(word: str, setting: str, power: int) -> str:
    """Return the portable hash of phpass; `setting` is its first twelve letters."""
    password = word.encode()
    made = _md5(setting[4:12].encode() + password)
    for _ in range(1 << power):
        made = _md5(made + password)
    order = tuple((i + 2, i + 1, i) for i in range(0, 15, 3))
    return setting + _base64(made, (*order, (15,)))


def nt_hash(word: str) -> str:
    """Return the NT hash: MD4 (RFC 1320) of the UTF-16 text, in upper-case hex."""
    data = word.encode("utf-16-le")
    size = len(data) * 8
    data += b"\x80" + b"\0" * ((55 - len(data)) % 64) + size.to_bytes(8, "little")
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    for at in range(0, len(data), 64):
        state = _md4_block(state, [int.from_bytes(data[i : i + 4], "little") for i in range(at, at + 64, 4)])
    return b"".join(n.to_bytes(4, "little") for n in state).hex().upper()


_MD4_ROUNDS: tuple[tuple[Callable[[int, int, int], int], int, tuple[int, ...], tuple[int, ...]], ...] = (
    (lambda x, y, z: x & y | ~x & z, 0, tuple(range(16)), (3, 7, 11, 19)),
    (lambda x, y, z: x & y | x & z | y & z, 0x5A827999, tuple(i % 4 * 4 + i // 4 for i in range(16)), (3, 5, 9, 13)),
    (lambda x, y, z: x ^ y ^ z, 0x6ED9EBA1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)),
)  # fmt: skip


def _md4_block(state: list[int], words: list[int]) -> list[int]:
    a, b, c, d = state
    for mix, constant, order, turns in _MD4_ROUNDS:
        for step, index in enumerate(order):
            number = (a + mix(b, c, d) + words[index] + constant) & 0xFFFFFFFF
            turn = turns[step % 4]
            a, b, c, d = d, (number << turn | number >> 32 - turn) & 0xFFFFFFFF, b, c
    return [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d), strict=True)]


def old_mysql(word: str) -> str:
    """Return the hash of MySQL before 4.1: sixteen hex digits, hardly a hash at all."""
    nr, add, nr2 = 1345345333, 7, 0x12345671
    for code in (b for b in word.encode() if b not in b" \t"):
        nr ^= (((nr & 63) + add) * code) + (nr << 8) & 0xFFFFFFFF
        nr &= 0xFFFFFFFF
        nr2 = nr2 + ((nr2 << 8) ^ nr) & 0xFFFFFFFF
        add += code
    return f"{nr & 0x7FFFFFFF:08x}{nr2 & 0x7FFFFFFF:08x}"
