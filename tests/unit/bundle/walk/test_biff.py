"""Workbooks of the nineties: every text that is put into one comes out of it, and damage does no harm."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bundle.detect.credentials import Credentials
from bundle.walk import walk
from bundle.walk.derive import biff
from bundle.walk.derive.compound import stream
from bundle.walk.member import Member
from tests.support.bundle.walk.olds import begin, book, compound, record, shared

Cell = str | float | None
ROWS: list[list[Cell]] = [
    ["User", "Password"],
    ["root", "Marble44gate"],
    [None, 4711.0],
    ["\u010dernobyl", 1.5],
]
LINES = "User\tPassword\nroot\tMarble44gate\n\t4711\n\u010dernobyl\t1.5\n".encode()
LETTERS = st.characters(codec="utf-16-le", min_codepoint=0x21, max_codepoint=0x24F)
CELLS = st.one_of(st.none(), st.text(LETTERS, min_size=1, max_size=60), st.integers(0, 10**9).map(float))


def said(cell: Cell) -> str:
    return "" if cell is None else " ".join(cell.split()) if isinstance(cell, str) else f"{cell:.15g}"


@pytest.mark.parametrize("filler", [0, 400])
def test_a_stream_of_either_size(filler: int) -> None:
    more: list[list[Cell]] = [[f"text {n}", float(n)] for n in range(filler)]
    rows = [*ROWS, *more]
    found = list(biff.sheets(compound(book(rows))))
    assert [one[: len(LINES)] for one in found] == [LINES]
    assert found[0].count(b"\n") == len(rows)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12), st.integers(12, 200))
@example([["ab\u0101", "x" * 40]], 12)
def test_what_is_put_into_a_workbook_comes_out_of_it(rows: list[list[Cell]], at_most: int) -> None:
    lines = ["\t".join(map(said, row)) for row in rows]
    lines = [line.rstrip("\t") for line in lines if line.strip()]
    found = b"".join(biff.sheets(compound(book(rows, at_most)))).decode()
    assert [line.rstrip("\t") for line in found.split("\n")[:-1]] == lines


def test_numbers_texts_and_results_of_every_record() -> None:
    head = struct.pack("<HHH", 0, 0, 0)
    short = struct.pack("<HI", 0, 4711 << 2 | 2) + struct.pack("<HI", 0, 150 << 2 | 3)
    cells = (
        record(0x204, head + struct.pack("<HB", 3, 0) + b"abc"),
        record(0x27E, struct.pack("<HHHI", 0, 1, 0, 0x3FF00000)),
        record(0xBD, struct.pack("<HH", 0, 2) + short + struct.pack("<H", 3)),
        record(0x06, struct.pack("<HHH", 0, 4, 0) + bytes(6) + b"\xff\xff" + bytes(8)),
        record(0x207, struct.pack("<HB", 2, 1) + "\u0105b".encode("utf-16-le")),
        record(0x06, struct.pack("<HHH", 0, 5, 0) + struct.pack("<d", 2.5) + bytes(8)),
    )
    whole = begin(5) + begin(16) + b"".join(cells)
    assert list(biff.sheets(compound(whole))) == ["abc\t1\t4711\t1.5\t\u0105b\t2.5\n".encode()]
    old = begin(16, 0x500) + record(0x204, head + struct.pack("<H", 4) + b"caf\xe9")
    assert list(biff.sheets(compound(old, "Book"))) == ["caf\u00e9\n".encode()]


def test_formatted_texts_and_those_of_the_far_east() -> None:
    text = struct.pack("<HBHI", 2, 12, 1, 5) + b"ab" + bytes(4) + bytes(5) + struct.pack("<HB", 1, 0) + b"c"
    table = record(0xFC, struct.pack("<II", 2, 2) + text)
    cells = b"".join(record(0xFD, struct.pack("<HHHI", 0, n, 0, n)) for n in range(3))
    assert list(biff.sheets(compound(begin(5) + table + begin(16) + cells))) == [b"ab\tc\t\n"]


def test_nothing_of_a_sealed_one_nor_of_another_document() -> None:
    sealed = begin(5) + record(0x2F, bytes(54)) + shared(["User"]) + begin(16)
    assert list(biff.sheets(compound(sealed))) == []
    assert list(biff.sheets(compound(book(ROWS), "WordDocument"))) == []
    assert stream(b"\xd0\xcf\x11\xe0", ["Workbook"]) == b""


def test_what_cells_take_is_bounded() -> None:
    long = "x" * 1000
    cells = b"".join(record(0xFD, struct.pack("<HHHI", n // 200, n % 200, 0, 0)) for n in range(20_000))
    held = biff._read(begin(5) + shared([long]) + begin(16) + cells)
    assert sum(len(one.lines()) for one in held) < 9 << 20


@given(st.binary(max_size=400), st.integers(0, 6000))
def test_damage_does_no_harm(noise: bytes, at: int) -> None:
    more: list[list[Cell]] = [[f"text {n}", float(n)] for n in range(60)]
    whole = bytearray(compound(book([*ROWS, *more])))
    whole[at : at + len(noise)] = noise
    list(biff.sheets(bytes(whole)))
    list(biff.sheets(bytes(whole[:at])))
    biff._read(noise)


def test_accounts_in_a_workbook_are_found(tmp_path: Path) -> None:
    path = tmp_path / "accounts.xls"
    path.write_bytes(compound(book(ROWS[:2])))
    members = [event for event in walk(str(path)) if isinstance(event, Member)]
    assert [bytes(m.content) for m in members if m.derived == "sheet-text"] == [
        b"User\tPassword\nroot\tMarble44gate\n"
    ]
    assert any(list(Credentials().check(m, "b.zip")) for m in members if m.derived == "sheet-text")
