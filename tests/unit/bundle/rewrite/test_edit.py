"""Which member an edit means, and how a zip's records take sizes that need 32 or 64 bits."""

from __future__ import annotations

import struct

import pytest

from bundle.rewrite import zip64
from bundle.rewrite.edit import TextEdit, plain, walked
from bundle.rewrite.streams import find
from hardening.errors import ArchiveError

FULL = 0xFFFFFFFF
LARGE = 5 << 32


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("./a/b", "a/b"),
        ("/a/b/", "a/b"),
        ("a//b", "a/b"),
        ("a/../b", "b"),
        ("../../a", "a"),
        ("", ""),
        ("./", ""),
    ],
)
def test_a_name_is_the_same_however_its_packer_wrote_it(name: str, bare: str) -> None:
    assert plain(name) == bare


@pytest.mark.parametrize(
    ("name", "said"),
    [("caf\u00e9 1", "caf\u00e9 1"), ("caf\udce9", r"caf\xe9"), ("a\x1b[2J", r"a\x1b[2J"), ("a\nb", r"a\nb")],
)
def test_a_name_is_edited_by_what_the_walk_calls_it(name: str, said: str) -> None:
    assert walked(name) == said


@pytest.mark.parametrize(
    ("edit", "path", "touched"),
    [
        (TextEdit(("./www/a.php",)), "www/a.php", True),
        (TextEdit(("www/a.php",)), "www/a.php5", False),
        (TextEdit(("www",)), "www/a.php", False),
        (TextEdit(("www",), folder=True), "www/a.php", True),
        (TextEdit(("www",), folder=True), "www", True),
        (TextEdit(("www",), folder=True), "www2/a.php", False),
        (TextEdit(("web.zip", "www"), folder=True), "web.zip", True),
        (TextEdit(("web.zip", "www"), folder=True), "web.zip/a", False),
    ],
)
def test_an_edit_touches_its_member_or_what_is_below_its_folder(
    edit: TextEdit, path: str, *, touched: bool
) -> None:
    assert edit.touches(path) is touched


def test_an_edit_remembers_on_its_way_inwards_what_it_was_asked_for_as() -> None:
    inner = TextEdit(("a.zip", "b.zip", "c")).deeper().deeper()
    assert (inner.parts, inner.origin) == (("c",), ("a.zip", "b.zip", "c"))


def a_record(*, size: int, packed: int, offset: int, field: bytes = b"", other: bytes = b"") -> bytearray:
    extra = other + field
    head = struct.pack("<4s4H4s3I5H2I", b"PK\x01\x02", 45, 45, 0, 0, bytes(4), 0, packed, size,
                       1, len(extra), 0, 0, 0, 0, offset)  # fmt: skip
    return bytearray(head + b"n" + extra)


def test_a_value_is_written_in_the_bits_its_record_has_for_it() -> None:
    record = a_record(size=1, packed=2, offset=3)
    zip64.set_central(record, {"size": 10, "offset": 30})
    assert struct.unpack_from("<2I", record, 20) == (2, 10)
    assert struct.unpack_from("<I", record, 42) == (30,)


@pytest.mark.parametrize("other", [b"", struct.pack("<2HI", 0x5455, 4, 7)])
def test_a_value_whose_record_has_64_bits_for_it_is_written_there_in_its_order(other: bytes) -> None:
    field = struct.pack("<2H2Q", 1, 16, 1, 3)  # size and offset; the packed size fits its 32 bits
    record = a_record(size=FULL, packed=2, offset=FULL, field=field, other=other)
    zip64.set_central(record, {"offset": LARGE + 3, "size": LARGE, "packed": 20})
    assert struct.unpack_from("<2Q", record, 46 + 1 + len(other) + 4) == (LARGE, LARGE + 3)
    assert struct.unpack_from("<2I", record, 20) == (20, FULL)


@pytest.mark.parametrize("value", [FULL, FULL + 1])
def test_a_value_that_no_longer_fits_is_one_clear_error(value: int) -> None:
    zip64.set_central(record := a_record(size=1, packed=2, offset=3), {"size": FULL - 1})
    assert struct.unpack_from("<I", record, 24) == (FULL - 1,)
    with pytest.raises(ArchiveError, match="no longer fits"):
        zip64.set_central(record, {"size": value})


END = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 3, 3, 100, 500, 2) + b"hi"


def test_the_end_of_a_directory_says_how_many_and_where_and_keeps_its_comment() -> None:
    made = zip64.end(END, count=2, size=60, start=400)
    assert struct.unpack_from("<2H2I", made, 8) == (2, 2, 60, 400)
    assert made.endswith(b"hi")
    assert (zip64.start(END), zip64.start(made)) == (500, 400)


def test_the_end_of_a_large_directory_says_it_in_64_bits() -> None:
    wide = struct.pack("<4sQ2H2I4Q", zip64.END, 44, 45, 45, 0, 0, 70_000, 70_000, 100, LARGE)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, LARGE + 100, 1)
    short = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 100, FULL, 0)
    made = zip64.end(wide + locator + short, count=69_999, size=90, start=LARGE - 1)
    assert struct.unpack_from("<4Q", made, 24) == (69_999, 69_999, 90, LARGE - 1)
    assert struct.unpack_from("<Q", made, len(wide) + 8) == (LARGE - 1 + 90,)
    assert struct.unpack_from("<2H2I", made, len(wide + locator) + 8) == (0xFFFF, 0xFFFF, 90, FULL)
    assert zip64.start(made) == LARGE - 1


def test_an_end_that_is_none_is_one_clear_error() -> None:
    with pytest.raises(ArchiveError, match="the end of the directory is damaged"):
        zip64.end(b"PK\x05\x07" + END[4:], count=1, size=1, start=1)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x1f\x8b\x08\0", "gzip"), (b"BZh9", "bzip2"), (b"\xfd7zXZ\0\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x5d\0\0\x80", "lzma"), (b"\x1f\x8b\x07", ""), (b"", ""), (b"PK\x03\x04", ""),
    ],
)  # fmt: skip
def test_a_compressed_file_is_known_by_its_first_bytes(head: bytes, name: str) -> None:
    found = find(head)
    assert (found.name if found else "") == name
