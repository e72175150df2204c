"""Primes of finite-field Diffie-Hellman: which ones many servers share, and whether a number is a safe prime.

`data/registry/primes.json` has the shared primes of 1024 bits and fewer, each with its source.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache

from hardening import resources
from hardening.records import dataclass


@dataclass(frozen=True, slots=True)
class KnownPrime:
    """One prime, by the SHA-256 of its bytes."""

    name: str
    bits: int


@cache
def _known() -> dict[str, KnownPrime]:
    raw = json.loads((resources.tls_data() / "registry/primes.json").read_text("utf-8"))
    return {row["sha256"]: KnownPrime(row["name"], row["bits"]) for row in raw["primes"]}


def find(prime: bytes) -> KnownPrime | None:
    """Return a prime that is known to be shared, or None."""
    from hashlib import sha256  # here: it loads OpenSSL, and few files have parameters

    return _known().get(sha256(prime).hexdigest())


def name(prime: bytes) -> str:
    """Return what a prime is called, or its size alone."""
    known = find(prime)
    bits = int.from_bytes(prime, "big").bit_length()
    return f"{known.name} ({bits} bits)" if known else f"own ({bits} bits)"


_BASES = (2, 3, 5, 7, 11, 13, 17, 19)
_SLOW_BITS = 2048
"""Above this size fewer bases are tried: a round takes 0.1 seconds at 4096 bits."""
_LEAST_ORDER = 224
LARGEST_BITS = 8192
"""Larger numbers are not tested."""


@lru_cache(maxsize=256)
def problem(prime: int, order: int | None = None) -> str:
    """Return why a number must not be a Diffie-Hellman prime; nothing for a safe prime.

    `order` is the size of the subgroup that the file names: a prime with a known prime order of 224 bits or more (X9.42)
    need not be a safe one. A number that is too large to be tested has no problem.
    """
    if prime.bit_length() > LARGEST_BITS:
        return ""
    if not _is_prime(prime):
        return "the modulus is not a prime, so its factors open every session"
    if order is not None:
        if (prime - 1) % order or not _is_prime(order) or order.bit_length() < _LEAST_ORDER:
            return "the order that the file names is not that of a large subgroup"
        return ""
    if not _is_prime((prime - 1) // 2):
        return "the modulus is not a safe prime, so a client can be drawn into a small subgroup"
    return ""


def _is_prime(number: int) -> bool:
    """Return whether a number passes Miller-Rabin."""
    if number <= _BASES[-1]:
        return number in _BASES
    if any(number % small == 0 for small in _BASES):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    bases = _BASES if number.bit_length() <= _SLOW_BITS else _BASES[:3]
    return all(_passes(pow(base, odd, number), number, twos) for base in bases)


def _passes(value: int, number: int, twos: int) -> bool:
    if value in (1, number - 1):
        return True
    for _ in range(twos - 1):
        value = value * value % number
        if value == number - 1:
            return True
    return False
