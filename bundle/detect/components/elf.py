"""What an ELF file says of the libraries it needs: linking to a library is not containing it."""

from __future__ import annotations

import re
import struct

from bundle.walk.member import Content

_MAGIC = b"\x7fELF"
_DT_NEEDED, _DT_STRTAB, _DT_STRSZ = 1, 5, 10
_PT_LOAD, _PT_DYNAMIC = 1, 2
_MOST = 4096
_NAME = re.compile(r"(lib[A-Za-z0-9_+-]+?)(?:-[\d.]+)?\.so")


def needed(content: Content) -> tuple[str, ...]:
    """Return the DT_NEEDED names of an ELF file (`libssl.so.3`); nothing where there are none."""
    try:
        return tuple(_needed(content))
    except (struct.error, ValueError, IndexError, OverflowError):  # an offset may be beyond any file
        return ()


def linked_libraries(content: Content) -> frozenset[str]:
    """Return the needed libraries without their versions: `libssl`, `libcrypto`."""
    return frozenset(m.group(1) for name in needed(content) if (m := _NAME.match(name)))


def _needed(content: Content) -> list[str]:
    if bytes(content[:4]) != _MAGIC:
        return []
    wide, order = content[4] == 2, "<" if content[5] == 1 else ">"  # noqa: PLR2004 - ELFCLASS64
    if wide:
        phoff = struct.unpack_from(order + "Q", content, 32)[0]
        phentsize, phnum = struct.unpack_from(order + "HH", content, 54)
    else:
        phoff = struct.unpack_from(order + "I", content, 28)[0]
        phentsize, phnum = struct.unpack_from(order + "HH", content, 42)
    loads, dynamic = [], None
    for index in range(min(phnum, 256)):
        at = phoff + index * phentsize
        if wide:
            kind, _, offset, address, _, size = struct.unpack_from(order + "IIQQQQ", content, at)
        else:
            kind, offset, address, _, size = struct.unpack_from(order + "IIIII", content, at)
        if kind == _PT_LOAD:
            loads.append((address, offset, size))
        elif kind == _PT_DYNAMIC:
            dynamic = (offset, size)
    if dynamic is None:
        return []
    entries = _dynamic(content, *dynamic, order + ("QQ" if wide else "II"))
    table = next((value for tag, value in entries if tag == _DT_STRTAB), None)
    if table is None:
        return []
    base = next(
        (offset + table - address for address, offset, size in loads if address <= table < address + size),
        None,
    )
    return (
        []
        if base is None
        else [_string(content, base + value) for tag, value in entries if tag == _DT_NEEDED]
    )


def _dynamic(content: Content, offset: int, size: int, shape: str) -> list[tuple[int, int]]:
    step = struct.calcsize(shape)
    found = []
    for index in range(min(size // step, _MOST)):
        tag, value = struct.unpack_from(shape, content, offset + index * step)
        if tag == 0:
            break
        found.append((tag, value))
    return found


def _string(content: Content, at: int) -> str:
    end = content.find(b"\0", at, at + 256)
    return bytes(content[at:end]).decode("latin-1") if end > at else ""
