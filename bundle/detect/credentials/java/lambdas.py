"""Lambdas of a Java class that do no more than return a literal (JVM specification, 4.7.23)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

from bundle.detect.credentials.java.methods import Method, returned
from bundle.detect.credentials.java.pool import Constants

_HANDLE = 15


def lambdas(data: bytes, at: int, pool: Constants, methods: Sequence[Method]) -> dict[int, str]:
    """Return the literals that lambdas of a class return and that is all they do, by the number of their bootstrap.

    `at` is where the attributes of the class begin. Errors: struct.error, KeyError where they are damaged.
    """
    texts = {m.name: text for m in methods if m.name.startswith("lambda$") and (text := returned(m, pool))}
    (count,) = struct.unpack_from(">H", data, at) if texts else (0,)
    at += 2
    for _ in range(count):
        name, size = struct.unpack_from(">HI", data, at)
        if pool.text(name) == b"BootstrapMethods":
            return dict(_returning(data, at + 6, pool, texts))
        at += 6 + size
    return {}


def _returning(data: bytes, at: int, pool: Constants, texts: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield the number of each bootstrap that makes a lambda out of a method which returns a text, and the text."""
    (count,) = struct.unpack_from(">H", data, at)
    at += 2
    for number in range(count):
        _, size = struct.unpack_from(">HH", data, at)
        for index in struct.unpack_from(f">{size}H", data, at + 4):
            tag, raw = pool[index]
            if tag == _HANDLE and (
                text := texts.get(pool.name(raw[1] << 8 | raw[2]).decode("utf-8", "replace"))
            ):
                yield number, text
        at += 4 + 2 * size
