"""Finite-field primes of 1024 bits and fewer that many servers share; data/registry/primes.json says where each comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class KnownPrime:
    """One prime, by the SHA-256 of its bytes."""

    name: str
    bits: int


@cache
def _known() -> dict[str, KnownPrime]:
    raw = json.loads(files("hardening.tls").joinpath("data/registry/primes.json").read_text("utf-8"))
    return {row["sha256"]: KnownPrime(row["name"], row["bits"]) for row in raw["primes"]}


def find(prime: bytes) -> KnownPrime | None:
    """Return a prime that is known to be shared, or None."""
    return _known().get(sha256(prime).hexdigest())


def name(prime: bytes) -> str:
    """Return what a prime is called, or its size alone."""
    known = find(prime)
    bits = int.from_bytes(prime, "big").bit_length()
    return f"{known.name} ({bits} bits)" if known else f"own ({bits} bits)"
