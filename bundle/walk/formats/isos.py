"""What an ISO 9660 image holds beside the tree that libarchive reads: files of its other trees, and what nothing leads to.

A disc may have several trees of names (with Rock Ridge, Joliet, ISO 9660:1999) over the same files; each system shows one
of them. Sources: ECMA-119, the Joliet specification, and libarchive's choice of a tree.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from bundle.walk.formats import ends
from bundle.walk.formats.raw import Note, Raw
from bundle.walk.problem import Broken
from bundle.walk.source import Source, chunks

_SECTOR = 2048
_FIRST, _MOST_VOLUMES = 16, 64
_PRIMARY, _FURTHER, _END = 1, 2, 255
_JOLIET = (b"%/@", b"%/C", b"%/E")
_SUSP = b"SP\x07\x01\xbe\xef"
_MOST_ROWS = 1_000_000
_MOVED = b"CL\x0c\x01"
"""Of a record without content that stands where a folder was, which Rock Ridge has moved."""
_FOLDER, _GOES_ON = 2, 0x80
_LEAST = 33
"""Bytes of a record in front of its name."""
_LOW, _HIGH = struct.Struct("<2I"), struct.Struct(">2I")
Span = tuple[int, int]
"""Where bytes begin, and where they end."""


@dataclass(slots=True)
class _Tree:
    """The files and folders that one volume descriptor leads to."""

    kind: str
    rock_ridge: bool = False
    files: dict[Span, str] = field(default_factory=dict)
    count: int = 0
    """Files, each counted once whatever pieces it has."""
    folders: set[Span] = field(default_factory=set)
    records: list[Span] = field(default_factory=list)
    """Where the records of the folders lie, and the tables of paths, which repeat them."""


def beside(source: Source, read: int) -> Iterator[Raw | Note]:
    """Say what a reader that found so many files has not read, if anything. Errors: Broken, ValueError, LookupError."""
    trees, taken = _trees(source)
    if not trees:
        return
    shown = _shown(trees)
    taken += [span for tree in trees for span in tree.records]
    if shown.count == read:
        taken += shown.files
        files = ((span, (tree, name)) for tree in trees for span, name in tree.files.items())
        further = {span: whose for span, whose in files if span not in shown.files}
        if sum(_within(span, source) for span in further) > source.size:
            raise Broken("corrupt", "files of its trees lie over each other")
        for span, (tree, name) in further.items():
            if not any(block.strip(b"\0") for block in chunks(source, *span)):
                continue
            yield Note("hidden-member", f"is in the {tree.kind} tree of the image alone", name)
            if span[1] > source.size:
                yield Note("truncated", f"ends {span[1] - source.size} bytes too early", name)
            yield Raw(name=name, size=span[1] - span[0], data=chunks(source, *span), hidden=True)
            taken.append(span)
    yield from _left(source, taken)


def _left(source: Source, taken: list[Span]) -> Iterator[Raw]:
    """Say what lies between what was taken and is not empty."""
    at, end = 0, min(source.size, ends.iso(source) or source.size)
    for begin, behind in [*sorted(span for span in taken if span[0] < end), (end, end)]:
        if begin > at and any(block.strip(b"\0") for block in chunks(source, at, begin)):
            yield Raw(name=f"<data at {at}>", size=begin - at, data=chunks(source, at, begin), hidden=True)
        at = max(at, behind)


def _shown(trees: list[_Tree]) -> _Tree:
    """Return the tree that libarchive reads: that of Rock Ridge, else Joliet's, else the plain one."""
    joliet = [tree for tree in trees if tree.kind == "Joliet"]
    return joliet[0] if joliet and not trees[0].rock_ridge else trees[0]


def _trees(source: Source) -> tuple[list[_Tree], list[Span]]:
    """Return the trees, the primary one first, and where their descriptors lie."""
    trees: list[_Tree] = []
    places: list[Span] = []
    for number in range(_FIRST, _FIRST + _MOST_VOLUMES):
        head = source.read(number * _SECTOR, _SECTOR)
        if len(head) < _SECTOR or head[1:6] != b"CD001":
            break
        places.append((number * _SECTOR, (number + 1) * _SECTOR))
        if head[0] == _END:
            break
        if head[0] in (_PRIMARY, _FURTHER):
            trees.append(_tree(source, head, int.from_bytes(head[128:130], "little")))
    return sorted(trees, key=lambda tree: tree.kind != "primary"), places


def _tree(source: Source, head: bytes, block: int) -> _Tree:
    joliet = head[0] == _FURTHER and head[88:91] in _JOLIET
    tree = _Tree("primary" if head[0] == _PRIMARY else "Joliet" if joliet else "further")
    begin, size = _extent(head[156:190], block)
    first = source.read(begin, 255)
    tree.rock_ridge = bool(first) and _SUSP in first[34 : first[0]]
    todo, rows, table, read = [("", (begin, begin + size))], 0, 10, 0
    while todo and rows < _MOST_ROWS:
        path, span = todo.pop()
        if span in tree.folders:
            continue
        tree.folders.add(span)
        read += _within(span, source)
        if read > source.size:
            raise Broken("corrupt", "folders of its trees lie over each other")
        for place, row in _rows(source, span):
            rows += 1
            tree.records.append((place, place + len(row)))
            name = row[33 : 33 + row[32]]
            if name in (b"\0", b"\1") or _MOVED in row[_LEAST + len(name) :]:
                continue
            at, length = _extent(row, block)
            text = name.decode("utf-16-be" if joliet else "latin-1", "replace").split(";", 1)[0]
            text = f"{path}/{text}" if path else text
            if row[25] & _FOLDER:
                table += 8 + len(name) + len(name) % 2
                todo.append((text, (at, at + length)))
                continue
            tree.count += not row[25] & _GOES_ON
            if length:
                tree.files.setdefault((at, at + length), text)
    tables = [number * block for number in (*_LOW.unpack_from(head, 140), *_HIGH.unpack_from(head, 148))]
    tree.records += [(at, at + table) for at in tables if at]
    return tree


def _within(span: Span, source: Source) -> int:
    return max(0, min(span[1], source.size) - span[0])


def _extent(row: bytes, block: int) -> Span:
    """Return where a record's content begins, and its length."""
    return (int.from_bytes(row[2:6], "little") + row[1]) * block, int.from_bytes(row[10:14], "little")


def _rows(source: Source, span: Span) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a folder with their places; none goes over the end of a sector."""
    for start in range(span[0], min(span[1], source.size), _SECTOR):
        sector = source.read(start, min(_SECTOR, span[1] - start))
        at = 0
        while at < len(sector) and sector[at] > _LEAST:
            row = sector[at : at + sector[at]]
            if len(row) < _LEAST + row[32]:
                break
            yield start + at, row
            at += sector[at]
