"""Zips: what lies between two entries belongs to neither, and stays when one of them goes."""

from __future__ import annotations

import io
import zipfile

import pytest

from bundle.rewrite import TextEdit
from tests.unit.bundle.rewrite.test_rewrite import FILES, _Unseekable, rewritten

LOOSE = b"loose data between entries"


def a_zip(*, streamed: bool, wide: bool, between: bytes) -> bytes:
    out = io.BytesIO()
    sink: io.BufferedIOBase = _Unseekable(out) if streamed else out
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, data) in enumerate(FILES.items()):
            with archive.open(name, "w", force_zip64=wide) as member:
                member.write(data)
            if number == 1:
                out.write(between)
                if not streamed:
                    archive.start_dir = out.tell()
    return out.getvalue()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("wide", [False, True])
def test_an_entry_goes_with_its_descriptor_and_nothing_else(streamed: bool, wide: bool) -> None:
    gone = list(FILES)[1]
    for between in (b"", LOOSE):
        data = (
            a_zip(streamed=False, wide=wide, between=between)
            if not streamed
            else a_zip(streamed=True, wide=wide, between=b"")
        )
        after = rewritten(data, TextEdit((gone,)))
        with zipfile.ZipFile(io.BytesIO(after)) as made:
            assert made.testzip() is None
            assert {i.filename: made.read(i) for i in made.infolist()} == {
                n: d for n, d in FILES.items() if n != gone
            }
            first = made.infolist()[0]
            behind = made.infolist()[1]
        assert after.count(LOOSE) == (1 if between and not streamed else 0)
        if not between:
            assert b"PK\x01\x02" not in after[first.header_offset : behind.header_offset]
            plain = zipfile.ZipFile(io.BytesIO(data)).infolist()
            kept = (
                plain[1].header_offset - plain[0].header_offset,
                behind.header_offset - first.header_offset,
            )
            assert kept[0] == kept[1]
