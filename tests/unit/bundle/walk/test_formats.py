"""Archives written by the real programs are read back file for file."""

from __future__ import annotations

import hashlib
import lzma
import struct
import zlib
from pathlib import Path

import pytest

from bundle.walk import Member, Problem, WalkLimits, walk


def said(path: Path, limits: WalkLimits | None = None) -> tuple[dict[str, str], list[Problem]]:
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for event in walk(str(path), limits):
        if isinstance(event, Problem):
            problems.append(event)
        elif event.kind == "file" and len(event.parts) > 1 and not event.derived:
            found.setdefault(event.parts[-1].removeprefix("tree/"), event.sha256)
    return found, problems


def test_a_large_file_comes_in_windows_with_the_right_lines(tmp_path: Path) -> None:
    lines = b"".join(b"line %d\n" % n for n in range(1, 5_000_000))
    path = tmp_path / "large.txt"
    path.write_bytes(lines)
    windows = [
        (event.offset, bytes(event.content), event.at(1).line)
        for event in walk(str(path))
        if isinstance(event, Member) and event.kind == "file"
    ]
    assert len(windows) == 2
    offset, content, line = windows[1]
    assert lines[offset : offset + len(content)] == content
    assert line == lines[:offset].count(b"\n") + 1


def test_zlib_is_read_to_its_end_and_what_is_wrong_with_it_is_said(tmp_path: Path) -> None:
    page = b"<?php echo 'hello'; ?>\n" * 9
    whole = zlib.compress(page)
    cases = {
        "two": (whole + zlib.compress(b"more"), page + b"more", None),
        "behind": (whole + b"a note", page, "trailing-data"),
        "checksum": (whole[:-1] + bytes([whole[-1] ^ 1]), page, "checksum"),
        "cut": (whole[:-2], page, "truncated"),
    }
    for name, (data, content, problem) in cases.items():
        (tmp_path / name).write_bytes(data)
        found, problems = said(tmp_path / name)
        assert [p.reason for p in problems] == [problem] * bool(problem), name
        assert (
            problem in ("checksum", "truncated") or found["<content>"] == hashlib.sha256(content).hexdigest()
        )


def test_depth_limit_is_said(tmp_path: Path) -> None:
    from tests.support.bundle.walk import hostile

    path = tmp_path / "x"
    path.write_bytes(hostile.nested(4, lambda inner: hostile.zipped({"n.zip": inner})))
    _, problems = said(path, WalkLimits(depth=3))
    assert [problem.reason for problem in problems] == ["limit-depth"]


def test_an_archive_inside_itself_is_a_quine(tmp_path: Path) -> None:
    """A real quine is a fixed point of deflate; what counts is that content met again below itself ends the descent."""
    from bundle.walk.frame import Frame
    from bundle.walk.walker import Walker
    from tests.support.bundle.walk import hostile

    data = hostile.zipped({"a": b"b"})
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    walker = Walker()
    walker._frames.append(Frame(("outer",), hashlib.sha256(data).hexdigest(), len(data)))
    reasons = [event.reason for event in walker.walk(str(path)) if isinstance(event, Problem)]
    assert reasons == ["quine"]
    assert not walker._frames[0].whole


def test_a_lone_lzma_stream_is_told_whatever_its_dictionary_and_size(tmp_path: Path) -> None:
    """LZMA has no magic: the usual header is believed, any other one that unpacks."""
    path = tmp_path / "x"
    for power in (12, 16, 20, 23):
        for lc, pb in ((3, 2), (0, 0), (4, 4)):
            filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << power, "lc": lc, "lp": 0, "pb": pb}]
            packed = bytearray(lzma.compress(b"Hello, world\n" * 9, lzma.FORMAT_ALONE, filters=filters))
            path.write_bytes(packed)
            assert [bytes(m.content) for m in walk(str(path)) if isinstance(m, Member)][1:] == [
                b"Hello, world\n" * 9
            ]
            packed[5:13] = (13 * 9).to_bytes(8, "little")
            path.write_bytes(packed)
            assert [bytes(m.content) for m in walk(str(path)) if isinstance(m, Member)][1:] == [
                b"Hello, world\n" * 9
            ]


def test_a_header_with_a_page_size_is_no_stream_of_lzma(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for rest in (bytes(5000), bytes(9) + b"\1\2\3" * 900, b"\7" + bytes(12) + bytes(range(1, 250)) * 9):
        for first in (0, 1, 7, 0x5D, 93, 224):
            path.write_bytes(bytes([first]) + struct.pack("<I", 4096) + rest)
            said = list(walk(str(path)))
            assert len(said) == 1, (first, said)


def test_what_is_not_opened_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x"
    arj = b"\x60\xea" + struct.pack("<H", 43) + bytes([34, 11, 1, 11, 16, 0, 2]) + bytes(200)
    unfinished = (
        b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(bytes(20))) + bytes(20) + b"content" * 40
    )
    for data, reason in ((arj, "unsupported"), (unfinished, "corrupt")):
        path.write_bytes(data)
        assert reason in {event.reason for event in walk(str(path)) if isinstance(event, Problem)}
    for head in (
        b"\x60\xea\0\0",
        b"\x60\xea\xff\xff" + bytes(60),
        b"\x60\xea" + b"no magic, two letters" * 9,
    ):
        path.write_bytes(head + bytes(300))
        assert not [event for event in walk(str(path)) if isinstance(event, Problem)]


def lha(*files: tuple[bytes, bytes], level: int = 0) -> bytes:
    """Write an archive of LHA whose members are stored."""
    out = b""
    for name, data in files:
        fixed = b"-lh0-" + struct.pack("<IIIBB", len(data), len(data), 0x21, 0x20, level)
        crc = struct.pack("<H", _crc16(data))
        if level == 2:
            named = struct.pack("<HB", len(name) + 3, 1) + name
            body = fixed + crc + b"U" + named + struct.pack("<HBHH", 5, 0, 0, 0)
            head = struct.pack("<H", len(body) + 2) + body
            out += head[:-4] + struct.pack("<HH", _crc16(head), 0) + data
            continue
        body = fixed + bytes([len(name)]) + name + crc + (b"U\0\0" if level else b"")
        out += bytes([len(body), sum(body) & 0xFF]) + body + data
    return out + b"\0"


def _crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


@pytest.mark.parametrize("level", [0, 1, 2])
def test_an_archive_of_lha_in_a_program_is_opened(level: int, tmp_path: Path) -> None:
    path = tmp_path / "setup.exe"
    packed = lha((b"a.txt", b"content A"), (b"b.txt", b"content B"), level=level)
    path.write_bytes(b"MZ" + bytes(3000) + packed)
    seen = {m.parts[-1]: bytes(m.content) for m in walk(str(path)) if isinstance(m, Member)}
    assert (seen.get("a.txt"), seen.get("b.txt")) == (b"content A", b"content B")
    path.write_bytes(b"MZ" + bytes(3000) + b"a line of -lh5- and -lzs- is none" + bytes(3000))
    assert [m for m in walk(str(path)) if isinstance(m, Problem) or len(m.parts) > 1] == []
