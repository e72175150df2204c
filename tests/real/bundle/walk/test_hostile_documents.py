"""Hostile documents cost bounded memory and time, and damage does no harm."""

from __future__ import annotations

import random
import resource
import time
import zlib
from pathlib import Path

import pytest

from bundle.walk import WalkLimits
from bundle.walk.formats import outside
from bundle.walk.source import Memory
from tests.support.bundle.walk.olds import book, compound
from tests.support.papers import pdf, text, xlsx

ROWS: list[list[str | float | None]] = [["User", "Password"], ["root", "Marble44gate"]]


def read(data: bytes, kind: str, limits: WalkLimits | None = None) -> tuple[bytes, list[str]]:
    """What the process says of a document: its text, and the reasons for what is missing."""
    said = list(outside.texts(Memory(data), kind, limits or WalkLimits()))
    return (
        b"".join(one for one in said if isinstance(one, bytes)),
        [one.reason for one in said if not isinstance(one, bytes)],
    )


def lines(count: int) -> bytes:
    """The content of a page with this many lines of 60 letters."""
    shown = b"".join(b"0 -1 Td (" + b"%060d" % number + b") Tj\n" for number in range(count))
    return b"BT /F1 1 Tf 72 30000 Td " + shown + b"ET"


def inline(place: str, value: str) -> str:
    row = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return f'<row r="{row}"><c r="{place}" t="inlineStr"><is><t>{value}</t></is></c></row>'


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        (inline("A1", "root") + inline("A1048576", "end"), []),
        (inline("A1", "root") + inline("XFD1048576", "end"), ["crashed"]),
        ("".join(inline(f"A{n}", "x" * 50) for n in range(1, 400_000)), ["limit-member"]),
        (inline("A1", "x" * 400_000_000), ["crashed"]),
    ],
    ids=["far row", "far corner", "many rows", "a cell of 400 MB"],
)
def test_a_hostile_workbook_costs_bounded_memory_and_time(
    tmp_path: Path, rows: str, reasons: list[str]
) -> None:
    data = xlsx(tmp_path / "x.xlsx", rows).read_bytes()
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert read(data, "workbook")[1] == reasons
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10
    assert time.monotonic() - began < 60


def test_a_document_that_takes_too_long_is_reported() -> None:
    found, reasons = read(pdf(text(b"the first page"), *[lines(20_000)] * 24), "pdf", WalkLimits(seconds=1))
    assert reasons == ["limit-time"]
    assert found.startswith(b"the first page")


def test_damage_does_no_harm() -> None:
    drawn = random.Random(11)
    more: list[list[str | float | None]] = [[f"text {n}", float(n)] for n in range(60)]
    for kind, whole in (("workbook", compound(book([*ROWS, *more]))), ("pdf", pdf(text(b"a page")))):
        for _ in range(8):
            data = bytearray(whole)
            at = drawn.randrange(len(data))
            data[at : at + 40] = drawn.randbytes(drawn.randrange(1, 80))
            assert set(read(bytes(data), kind)[1]) <= {"corrupt", "crashed", "encrypted"}


def test_a_bomb_in_a_page_is_bounded() -> None:
    """PDFium unpacks the stream of a page inside the limits of its process."""
    stream = zlib.compress(b" " * (400 << 20), 9)
    other = (
        b"5 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(stream)
        + stream
        + b"\nendstream\nendobj\n"
    )
    data = pdf(text(b"a page"), others=other).replace(b"startxref", b"startxxxx")
    began = time.monotonic()
    assert set(read(data, "pdf")[1]) <= {"corrupt", "crashed", "limit-time"}
    assert time.monotonic() - began < 60
