"""Reads the cipher table and the keyword table out of a loaded libssl, as `hardening/tls/data/openssl` keeps them.

Both are arrays of the same structure in the library's data segment. The ciphers are found through the
library's own list, the keywords by looking for a pointer to the word ALL and walking both ways from there.
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Iterator
from ctypes import c_int, c_uint32, c_ulong, c_void_p
from typing import Any

OLD = (("valid", c_int), ("name", c_void_p), ("id", c_ulong))
BITS = (("a2", c_ulong), ("strength_bits", c_int), ("alg_bits", c_int))
FIELDS: dict[str, tuple[tuple[str, Any], ...]] = {
    "0.9.8": (*OLD, ("algorithms", c_ulong), ("strength", c_ulong), *BITS, ("mask", c_ulong), ("strength_mask", c_ulong)),
    "1.0": (
        *OLD,
        *((name, c_ulong) for name in ("kx", "auth", "enc", "mac", "version", "strength")),
        *BITS,
    ),
    "1.1.0": (
        ("valid", c_uint32), ("name", c_void_p), ("id", c_uint32),
        *((name, c_uint32) for name in ("kx", "auth", "enc", "mac")),
        ("version", c_int), ("last", c_int), ("dtls_first", c_int), ("dtls_last", c_int),
        ("strength", c_uint32), ("a2", c_uint32), ("strength_bits", c_int), ("alg_bits", c_uint32),
    ),
}  # fmt: skip
FIELDS["1.1.1"] = (*FIELDS["1.1.0"][:2], ("iana", c_void_p), *FIELDS["1.1.0"][2:])
_WITHOUT_A_NAME = 3
WORD = re.compile(rb"[A-Za-z0-9_.+=-]+\Z")
PARTS = ("kx", "auth", "enc", "mac", "version", "strength")
PARTS_098 = ("algorithms", "mask", "strength", "strength_mask")


def layout(generation: str) -> str:
    """Return which structure a generation of `hardening.tls.libraries.builds.GENERATIONS` has."""
    if generation in {"0.9.8", "1.1.0"}:
        return generation
    return "1.0" if generation.startswith("1.0") else "1.1.1"


class Memory:
    """The mapped parts of one shared library."""

    def __init__(self, library: str, generation: str) -> None:
        self.kind = layout(generation)
        self.structure: Any = type("Cipher", (ctypes.Structure,), {"_fields_": FIELDS[self.kind]})
        self.size = ctypes.sizeof(self.structure)
        self.parts = [(start, ctypes.string_at(start, end - start)) for start, end in _mapped(library)]

    def cipher(self, address: int) -> list[object]:
        """Return one cipher as a row of a build's file."""
        entry = self.structure.from_address(address)
        identity = entry.id
        code = f"0x{identity & 0xFFFFFF:06X}" if identity >> 24 == 2 else f"0x{identity & 0xFFFF:04X}"
        names = ("algorithms", "strength") if self.kind == "0.9.8" else PARTS
        masks = [getattr(entry, name) for name in names]
        return [self._text(entry.name), code, *masks, entry.strength_bits]

    def keywords(self) -> dict[str, list[int]]:
        """Return the keyword table: words and their masks."""
        offset = self.structure.name.offset
        found: dict[str, list[int]] = {}
        for pointer in self._pointers_to(b"ALL"):
            first = pointer - offset
            while self._keyword(first - self.size):
                first -= self.size
            words = {}
            while word := self._keyword(first):
                words[word[0]] = word[1]
                first += self.size
            found = max(found, words, key=len)
        return found

    def _keyword(self, address: int) -> tuple[str, list[int]] | None:
        for start, data in self.parts:
            if start <= address and address + self.size <= start + len(data):
                entry = self.structure.from_buffer_copy(data, address - start)
                text = self._text(entry.name) if entry.name and not entry.valid else None
                if text is None or entry.id or entry.strength_bits:
                    return None
                if self.kind == "0.9.8":
                    return text, [getattr(entry, name) for name in PARTS_098]
                masks = [getattr(entry, name) & 0xFFFFFFFF for name in PARTS[:4]]
                return text, [*masks, entry.version, entry.strength]
        return None

    def _text(self, pointer: int) -> str | None:
        for start, data in self.parts:
            if start <= pointer < start + len(data):
                end = data.find(b"\0", pointer - start, pointer - start + 80)
                word = data[pointer - start : max(end, 0)]
                return word.decode() if WORD.match(word) else None
        return None

    def _pointers_to(self, word: bytes) -> Iterator[int]:
        for place in self._places(word + b"\0"):  # it may be the tail of a longer word
            wanted = struct.pack("<Q", place)
            yield from (at for at in self._places(wanted) if at % 8 == 0)

    def _places(self, wanted: bytes) -> Iterator[int]:
        for start, data in self.parts:
            at = data.find(wanted)
            while at >= 0:
                yield start + at
                at = data.find(wanted, at + 1)


def _mapped(library: str) -> Iterator[tuple[int, int]]:
    """Yield the readable ranges of a library, and the anonymous one after it, which is its data too."""
    inside = False
    with open("/proc/self/maps", encoding="utf-8") as maps:  # noqa: PTH123 - a Path adds nothing here
        for line in maps:
            span, rights, *rest = line.split(maxsplit=5)
            inside = library in line or (inside and len(rest) == _WITHOUT_A_NAME)
            if inside and rights.startswith("r"):
                start, end = (int(part, 16) for part in span.split("-"))
                yield start, end
