"""What a ClientHello says, as far as the tests ask."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hello:
    """Suites, and the extensions by number."""

    version: int
    suites: tuple[int, ...]
    extensions: dict[int, bytes]

    def numbers(self, extension: int, skip: int) -> tuple[int, ...]:
        """Return the 16-bit numbers of an extension that starts with a length of `skip` bytes."""
        return _pairs(self.extensions.get(extension, b"")[skip:])

    @property
    def versions(self) -> tuple[int, ...]:
        """Return the versions offered, where the hello lists them."""
        return self.numbers(43, 1)


def _pairs(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))


def parse(record: bytes) -> Hello:
    """Read the first record a client sends."""
    at = 5 + 4
    version = int.from_bytes(record[at : at + 2], "big")
    at += 2 + 32
    at += 1 + record[at]
    length = int.from_bytes(record[at : at + 2], "big")
    suites = _pairs(record[at + 2 : at + 2 + length])
    at += 2 + length
    at += 1 + record[at] + 2
    extensions = {}
    while at + 4 <= len(record):
        number, size = (int.from_bytes(record[at + i : at + i + 2], "big") for i in (0, 2))
        extensions[number] = record[at + 4 : at + 4 + size]
        at += 4 + size
    return Hello(version, suites, extensions)
