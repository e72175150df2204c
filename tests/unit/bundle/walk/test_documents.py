"""Texts of PDF files and rows of workbooks, which a limited process reads: what is in comes out, and damage does no harm."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bundle.detect.credentials import Credentials
from bundle.walk import Member, Problem, WalkLimits, walk
from bundle.walk.formats import outside
from bundle.walk.source import Memory
from tests.support.bundle.walk.olds import begin, book, compound, globals_then, record, shared
from tests.support.papers import pdf, text, xlsx

ROWS: list[list[str | float | None]] = [
    ["User", "Password"],
    ["root", "Marble44gate"],
    [None, 4711.0],
    ["\u010dernobyl", 1.5],
]
LINES = "User\tPassword\nroot\tMarble44gate\n\t4711\n\u010dernobyl\t1.5\n".encode()


def read(data: bytes, kind: str, limits: WalkLimits | None = None) -> tuple[bytes, list[str]]:
    """What the process says of a document: its text, and the reasons for what is missing."""
    said = list(outside.texts(Memory(data), kind, limits or WalkLimits()))
    return (
        b"".join(one for one in said if isinstance(one, bytes)),
        [one.reason for one in said if not isinstance(one, bytes)],
    )


def told(path: Path) -> tuple[list[bytes], list[tuple[str, str]]]:
    events = list(walk(str(path)))
    texts = [
        bytes(e.content) for e in events if isinstance(e, Member) and e.derived in ("pdf-text", "sheet-text")
    ]
    return texts, [(e.reason, e.message) for e in events if isinstance(e, Problem)]


def test_every_page_of_a_pdf() -> None:
    pages = pdf(text(b"Password: hunter\\0502\\051"), text(b"a page"), b"ABT (no text) Tj ET")
    assert read(pages, "pdf") == (b"Password: hunter(2)\na page\n\n", [])


def test_a_font_that_numbers_its_letters() -> None:
    """Office programs write glyph numbers, and a table that says which letters they are."""
    table = b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange "
    table += b"4 beginbfchar <0001> <0067> <0002> <0061> <0003> <0074> <0004> <0065> endbfchar endcmap end"
    font = b"3 0 obj\n<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /ToUnicode 101 0 R /DescendantFonts [100 0 R] >>\nendobj\n"
    others = b"100 0 obj\n<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>\nendobj\n"
    others += b"101 0 obj\n<< /Length %d >>\nstream\n" % len(table) + table + b"\nendstream\nendobj\n"
    whole = pdf(b"BT /F1 12 Tf 72 720 Td <0001000200030004> Tj ET", others=font + others)
    start = whole.rindex(b"startxref")
    without = whole[:start].replace(
        b"xref\n0 ", b"xxxx\n0 "
    )  # so that the objects are looked for, and the last of a number counts
    assert read(without + whole[start:].replace(b"startxref", b"startxxxx"), "pdf") == (b"gate\n", [])


def test_what_of_a_pdf_was_not_read_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "manual.pdf"
    whole = pdf(text(b"a page"))
    path.write_bytes(whole[: whole.index(b"3 0 obj")])
    assert told(path) == ([], [("corrupt", "is a damaged PDF: its text was not read")])
    sealed = whole.replace(
        b"/Root 1 0 R",
        b"/Root 1 0 R /Encrypt << /Filter /Standard /V 1 /R 2 /P -1 /O ("
        + b"o" * 32
        + b") /U ("
        + b"u" * 32
        + b") >> /ID [(a)(a)]",
    )
    path.write_bytes(sealed)
    assert told(path) == ([], [("encrypted", "is a PDF that needs a password: its text was not read")])


def test_an_office_document_with_a_password_is_reported(tmp_path: Path) -> None:
    """Its package lies encrypted in a compound file (MS-OFFCRYPTO 2.3.1)."""
    name = "EncryptedPackage".encode("utf-16-le")
    entry = name.ljust(64, b"\0") + (len(name) + 2).to_bytes(2, "little") + b"\x02\0"
    path = tmp_path / "plan.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(1024, b"\0") + entry.ljust(128, b"\0"))
    assert told(path) == (
        [],
        [("encrypted", "is an Office document that needs a password: its text was not read")],
    )


@pytest.mark.parametrize("filler", [0, 400])
def test_rows_of_an_old_workbook(filler: int) -> None:
    more: list[list[str | float | None]] = [[f"text {n}", float(n)] for n in range(filler)]
    found, reasons = read(compound(book([*ROWS, *more], 60)), "workbook")
    assert found[: len(LINES)] == LINES
    assert found.count(b"\n") == len(ROWS) + filler
    assert reasons == []


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
    whole = globals_then(b"", begin(16) + b"".join(cells) + record(0x0A, b""))
    assert read(compound(whole), "workbook")[0] == "abc\t1\t4711\t1.5\t\u0105b\t2.5\n".encode()
    old = record(0x204, head + struct.pack("<H", 4) + b"caf\xe9")
    sheet = begin(16, 0x500) + old + record(0x0A, b"")
    assert read(compound(globals_then(b"", sheet, 0x500), "Book"), "workbook")[0] == "caf\u00e9\n".encode()


def test_formatted_texts_and_those_of_the_far_east() -> None:
    formatted = (
        struct.pack("<HBHI", 2, 12, 1, 5) + b"ab" + bytes(4) + bytes(5) + struct.pack("<HB", 1, 0) + b"c"
    )
    table = record(0xFC, struct.pack("<II", 2, 2) + formatted)
    cells = b"".join(record(0xFD, struct.pack("<HHHI", 0, n, 0, n)) for n in range(2))
    whole = globals_then(table, begin(16) + cells + record(0x0A, b""))
    assert read(compound(whole), "workbook")[0] == b"ab\tc\n"


def test_a_sealed_workbook_is_reported_and_another_document_is_not(tmp_path: Path) -> None:
    path = tmp_path / "accounts.xls"
    path.write_bytes(compound(globals_then(record(0x2F, b"\1\0" + bytes(52)) + shared(["User"]), begin(16))))
    assert told(path) == (
        [],
        [("corrupt", "is a workbook that is damaged or needs a password: its rows were not read")],
    )
    path.write_bytes(compound(book(ROWS), "WordDocument"))
    assert told(path) == ([], [])


CELLS = (
    '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
    '<row r="2"><c r="A2" t="inlineStr"><is><t>root</t></is></c><c r="B2"/><c r="C2"><v>42</v></c><c r="D2" t="s"><v>2</v></c></row>'
)
SHARED = "<si><t>User</t></si><si><r><t>Pass</t></r><r><t>word</t></r></si><si><t>a &amp; b</t></si>"


def test_accounts_in_a_workbook_are_found(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "accounts.xlsx", CELLS, SHARED)
    assert told(path) == ([b"User\t\tPassword\nroot\t\t42\ta & b\n"], [])
    old = tmp_path / "accounts.xls"
    old.write_bytes(compound(book(ROWS[:2])))
    sheets = [e for e in walk(str(old)) if isinstance(e, Member) and e.derived == "sheet-text"]
    assert [bytes(e.content) for e in sheets] == [b"User\tPassword\nroot\tMarble44gate\n"]
    assert any(list(Credentials().check(e, "b.zip")) for e in sheets)


def test_a_workbook_without_its_list_of_sheets_is_reported(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "accounts.xlsx", CELLS)
    path.write_bytes(path.read_bytes().replace(b"xl/workbook.xml", b"xl/workbxxx.xml"))
    assert told(path)[1] == [
        ("corrupt", "is a workbook that is damaged or needs a password: its rows were not read")
    ]
