"""Sizes and offsets in zip records, where 32 bits say "look into the zip64 field" (APPNOTE 4.3.14, 4.5.3)."""

from __future__ import annotations

import struct

from hardening.errors import ArchiveError

END = b"PK\x06\x06"
_ELSEWHERE = 0xFFFFFFFF
_MANY = 0xFFFF
_LOCATOR = 20
_FIELD = 1
"""Id of the extra field that holds 64-bit values."""
_LOCAL = {"packed": 18, "size": 22}
_CENTRAL = {"packed": 20, "size": 24, "offset": 42}
_IN_FIELD = ("size", "packed", "offset")
"""The order of the values in the field; each is there only where its 32 bits say so."""


def set_local(header: bytearray, values: dict[str, int]) -> None:
    """Write sizes into a local header (with name and extra), in 32 or 64 bits as it had them."""
    _set(header, values, _LOCAL, 30 + int.from_bytes(header[26:28], "little"), len(header))


def set_central(record: bytearray, values: dict[str, int]) -> None:
    """Write sizes or the offset into a record of the central directory, in 32 or 64 bits as it had them."""
    name, extra = struct.unpack_from("<2H", record, 28)
    _set(record, values, _CENTRAL, 46 + name, 46 + name + extra)


def _set(record: bytearray, values: dict[str, int], places: dict[str, int], start: int, end: int) -> None:
    wide = [n for n in _IN_FIELD if n in places and _at32(record, places[n]) == _ELSEWHERE]
    field = _field(record, start, end)
    for name, value in values.items():
        if name in wide and field is not None:
            struct.pack_into("<Q", record, field + 8 * wide.index(name), value)
        elif value < _ELSEWHERE:
            struct.pack_into("<I", record, places[name], value)
        else:
            raise ArchiveError(
                "zip: a value no longer fits its field", hint="pack the archive again as zip64"
            )


def _at32(record: bytearray, place: int) -> int:
    return int.from_bytes(record[place : place + 4], "little")


def _field(record: bytearray, start: int, end: int) -> int | None:
    """Return where the values of the zip64 field begin."""
    while start + 4 <= end:
        kind, length = struct.unpack_from("<2H", record, start)
        if kind == _FIELD:
            return start + 4
        start += 4 + length
    return None


def start(records: bytes) -> int:
    """Return where the end records say that the directory begins."""
    place, form = (48, "<Q") if records.startswith(END) else (16, "<I")
    return int(struct.unpack_from(form, records, place)[0])


def end(records: bytes, *, count: int, size: int, start: int) -> bytes:
    """Return the end records (zip64 or not, comment included) for a directory of `size` bytes at `start`."""
    made = bytearray(records)
    at = 0
    if made.startswith(END):
        at = 12 + struct.unpack_from("<Q", made, 4)[0] + _LOCATOR
        struct.pack_into("<4Q", made, 24, count, count, size, start)
        struct.pack_into("<Q", made, at - _LOCATOR + 8, start + size)
    if made[at : at + 4] != b"PK\x05\x06":
        raise ArchiveError(
            "zip: the end of the directory is damaged", hint="the archive is truncated or corrupt"
        )
    for form, place, value, elsewhere in (
        ("<H", at + 8, count, _MANY),
        ("<H", at + 10, count, _MANY),
        ("<I", at + 12, size, _ELSEWHERE),
        ("<I", at + 16, start, _ELSEWHERE),
    ):
        if struct.unpack_from(form, made, place)[0] != elsewhere or not at:
            struct.pack_into(form, made, place, value)
    return bytes(made)
