"""Containers that are recognised and not opened: which one a content is, and which one lies inside it.

The rows are in bundle/data/unopened.toml. A short magic proves nothing inside a file: there a checksum has to agree.
"""

from __future__ import annotations

import re
import shlex
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from bundle.walk.source import Source
from hardening.toml_rows import Table

Order = Literal["little", "big"]

_APART = "part.img"
HEAD = 4096
"""Bytes of the head in which a magic is looked for without another read."""


@dataclass(frozen=True, slots=True)
class ContainerKind:
    """One kind of container."""

    name: str
    """With its article."""
    next: str
    """The step that unpacks it."""
    magic: tuple[tuple[int, bytes], ...] = ()
    inside: str = ""
    behind: bytes = b""
    packed: bytes = b""
    suffix: str = ""

    def message(self, name: str) -> str:
        """Return what follows the file's name in a finding."""
        return f"is {self.name}, which is not opened. {self.advice(name)}"

    def advice(self, name: str) -> str:
        """Return the next step for a file of this name, or for bytes of another one that the walk named: `<data at 512>`."""
        apart = f"Write these bytes to a file, here {_APART}. " if name.startswith("<") else ""
        step = apart + re.sub(r"\bFILE\b", lambda _: shlex.quote(_APART if apart else name), self.next)
        return step if "audit" in step else f"{step}. Then audit the result"


@cache
def rows() -> tuple[ContainerKind, ...]:
    """Return every row. Errors: DataError."""
    table = Table.load(files("bundle") / "data" / "unopened.toml")
    found = tuple(_row(one) for one in table.rows("container"))
    table.done()
    return found


def _row(table: Table) -> ContainerKind:
    table.text("source")
    row = ContainerKind(
        table.text("name"), table.text("next"),
        tuple((at, bytes.fromhex(magic)) for at, magic in table.value("magic", list, [])),
        table.text("inside", ""), bytes.fromhex(table.text("behind", "")), bytes.fromhex(table.text("packed", "")),
        table.text("suffix", ""),
    )  # fmt: skip
    if row.inside and row.inside not in _PROOFS:
        raise table.wrong("inside", f"{row.inside!r} is not a known check")
    table.done()
    return row


@cache
def _by_place() -> tuple[tuple[int, tuple[tuple[bytes, ContainerKind], ...]], ...]:
    """Return, for each place, the magics that stand there."""
    found: dict[int, list[tuple[bytes, ContainerKind]]] = {}
    for row in rows():
        for at, magic in row.magic:
            found.setdefault(at, []).append((magic, row))
    return tuple((at, tuple(group)) for at, group in sorted(found.items()))


def at_start(head: bytes, source: Source) -> ContainerKind | None:
    """Return which container a content is whose first bytes are `head`."""
    for at, group in _by_place():
        longest = max(len(magic) for magic, _ in group)
        if at < 0:
            held = source.read(source.size + at, longest) if source.size >= -at else b""
        elif at + longest <= HEAD:
            held = head[at : at + longest]
        else:
            held = source.read(at, longest) if source.size > at else b""
        for magic, row in group:
            if held.startswith(magic):
                return row
    return None


def by_name(name: str) -> ContainerKind | None:
    """Return which container a file of unknown content is by the end of its name."""
    return next((row for row in rows() if row.suffix and name.lower().endswith(row.suffix)), None)


@cache
def inside() -> dict[bytes, ContainerKind]:
    """Return the magics that are looked for anywhere in a file, each with its row."""
    return {magic: row for row in rows() if row.inside for _, magic in row.magic}


def proved(source: Source, place: int, row: ContainerKind) -> bool:
    """Return whether a magic at a place begins a container of this kind."""
    return _PROOFS[row.inside](source, place)


def behind_program(tail: bytes) -> ContainerKind | None:
    """Return which installer the bytes behind a program's end belong to."""
    return next((row for row in rows() if row.behind and row.behind in tail), None)


def _crc(data: bytes, start: int) -> int:
    """Return a CRC-32 that is not inverted at its end."""
    return zlib.crc32(data, start ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def _jffs2(order: Order) -> Callable[[Source, int], bool]:
    def proof(source: Source, place: int) -> bool:
        head = source.read(place, 12)
        return len(head) == 12 and _crc(head[:8], 0) == int.from_bytes(head[8:], order)

    return proof


def _ubi(source: Source, place: int) -> bool:
    head = source.read(place, 64)
    return len(head) == 64 and _crc(head[:60], 0xFFFFFFFF) == int.from_bytes(head[60:], "big")


def _ubifs(source: Source, place: int) -> bool:
    length = int.from_bytes(source.read(place + 16, 4), "little")
    if not 24 <= length <= 1 << 20:
        return False
    node = source.read(place, length)
    return len(node) == length and _crc(node[8:], 0xFFFFFFFF) == int.from_bytes(node[4:8], "little")


_PROOFS: dict[str, Callable[[Source, int], bool]] = {
    "jffs2-le": _jffs2("little"), "jffs2-be": _jffs2("big"), "ubi": _ubi, "ubifs": _ubifs,
}  # fmt: skip


def program_end(form: str, source: Source) -> int:
    """Return where a program's own bytes end; 0 where its header does not say."""
    try:
        return _elf_end(source) if form == "elf" else _pe_end(source)
    except (ValueError, IndexError):
        return 0


def _elf_end(source: Source) -> int:
    head = source.read(0, 64)
    wide = head[4] == 2
    order: Order = "little" if head[5] == 1 else "big"

    def number(data: bytes, at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    size = 8 if wide else 4
    starts = (32, 40) if wide else (28, 32)
    counts = (54, 58) if wide else (42, 46)
    end = 0
    fields = (
        ((8, 32), (24, 32)) if wide else ((4, 16), (16, 20))
    )  # offset and size: of a segment, of a section
    for start_at, count_at, (offset_at, size_at) in zip(starts, counts, fields, strict=True):
        table, each, many = (
            number(head, start_at, size),
            number(head, count_at, 2),
            number(head, count_at + 2, 2),
        )
        rows_ = source.read(table, each * many) if table else b""
        end = max(end, table + each * many if table else 0)
        for at in range(0, len(rows_) - each + 1, each or 1):
            if start_at == starts[1] and number(rows_, at + 4, 4) == 8:  # a section without bytes in the file
                continue
            end = max(end, number(rows_, at + offset_at, size) + number(rows_, at + size_at, size))
    return end


def _pe_end(source: Source) -> int:
    at = int.from_bytes(source.read(60, 4), "little")
    head = source.read(at, 24)
    if head[:4] != b"PE\0\0":
        return 0
    many, optional = int.from_bytes(head[6:8], "little"), int.from_bytes(head[20:22], "little")
    symbols, count = int.from_bytes(head[12:16], "little"), int.from_bytes(head[16:20], "little")
    end = 0
    table = source.read(at + 24 + optional, 40 * many)
    for place in range(0, len(table) - 39, 40):
        size, start = (int.from_bytes(table[place + n : place + n + 4], "little") for n in (16, 20))
        end = max(end, start + size)
    if symbols:
        strings = symbols + 18 * count
        end = max(end, strings + int.from_bytes(source.read(strings, 4), "little"))
    return end


def certificates(source: Source) -> tuple[int, int]:
    """Return begin and end of the signature of a PE file, which is no content."""
    at = int.from_bytes(source.read(60, 4), "little")
    kind = int.from_bytes(source.read(at + 24, 2), "little")
    entry = source.read(at + 24 + (112 if kind == 0x20B else 96) + 4 * 8, 8)
    start, size = int.from_bytes(entry[:4], "little"), int.from_bytes(entry[4:], "little")
    return (start, start + size) if size else (source.size, source.size)


_LEAST = 512
_MODULE = b"~Module signature appended~\n"


def in_program(form: str, source: Source, opened: int, name: str) -> Iterator[str]:
    """Say how a program is packed, and what lies behind its end that was not opened; `opened` ends the last archive in it."""
    head = source.read(0, HEAD)
    yield from (row.message(name) for row in rows() if row.packed and row.packed in head)
    end = program_end(form, source)
    if not 0 < end < source.size:
        return
    signed, over = certificates(source) if form == "pe" else (source.size, source.size)
    start = max(end, opened)
    if start >= signed:
        start = max(start, over)
        signed = source.size
    size = signed - start
    if size < _LEAST or source.read(source.size - len(_MODULE), len(_MODULE)) == _MODULE:
        return
    tail = source.read(start, min(size, 8 << 20))
    if not tail.strip(b"\0\xff") or _is_plain(tail):
        return
    row = behind_program(tail)
    if row is not None:
        yield row.message(name)
    else:
        yield (
            f"holds {size} bytes behind the end of the program, from byte {start} on, in a format that is not known. "
            "Have its maker say what they are, or unpack it and audit the folder"
        )


def _is_plain(tail: bytes) -> bool:
    """Return whether a tail is text, which detectors read in the file itself."""
    sample = tail[:65536]
    return len(sample.translate(None, bytes(range(32, 127)) + b"\t\n\r\f")) * 20 <= len(sample)
