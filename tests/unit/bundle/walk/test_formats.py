"""Archives written by the real programs are read back file for file."""

from __future__ import annotations

import hashlib
import lzma
import os
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from bundle.walk import Limits, Member, Problem, walk
from tests.support.programs import need


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "var" / "www").mkdir(parents=True)
    (root / "var/www/index.php").write_text("<?php echo 'hello'; ?>\n")
    (root / "var/www/grüße.txt").write_text("umlaut\n")
    (root / "big.bin").write_bytes(os.urandom(5_000_000))
    (root / "setup.sh").write_text("#!/bin/sh\necho installing\n")
    (root / "setup.sh").chmod(0o755)
    (root / "empty").write_bytes(b"")
    (root / "link").symlink_to("setup.sh")
    return root


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def said(path: Path, limits: Limits | None = None) -> tuple[dict[str, str], list[Problem]]:
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for event in walk(str(path), limits):
        if isinstance(event, Problem):
            problems.append(event)
        elif event.kind == "file" and len(event.parts) > 1 and not event.derived:
            found.setdefault(event.parts[-1].removeprefix("tree/"), event.sha256)
    return found, problems


COMMANDS = {
    "makeself.run": ("makeself", "makeself -q tree out label ./setup.sh"),
    "makeself-xz.run": ("makeself", "makeself -q --xz tree out label ./setup.sh"),
    "makeself-bzip2.run": ("makeself", "makeself -q --bzip2 tree out label ./setup.sh"),
    "makeself-base64.run": ("makeself", "makeself -q --base64 tree out label ./setup.sh"),
    "makeself-plain.run": ("makeself", "makeself -q --nocomp tree out label ./setup.sh"),
    "7z": ("7z", "7z a -bd out.7z ./tree/* && mv out.7z out"),
    "iso": ("genisoimage", "genisoimage -quiet -R -o out tree"),
    "tar.lz4": ("lz4", "tar cf t.tar tree && lz4 -q -f t.tar out"),
    "tar.zst": ("zstd", "tar cf t.tar tree && zstd -q -f t.tar -o out"),
    "tar.zlib": (
        "perl",
        "tar cf t.tar tree && perl -MCompress::Zlib -0777 -ne 'print compress($_)' t.tar > out",
    ),
    "zst-long": ("zstd", "tar cf t.tar tree && zstd -q -f --long=27 -19 t.tar -o out"),
    "cpio": ("cpio", "cd tree && find . | cpio -o -H newc --quiet > ../out"),
    "cpio-odc": ("cpio", "cd tree && find . | cpio -o -H odc --quiet > ../out"),
    "cpio-crc": ("cpio", "cd tree && find . | cpio -o -H crc --quiet > ../out"),
    "cpio-bin": ("cpio", "cd tree && find . | cpio -o -H bin --quiet > ../out"),
    "tar-gnu": ("tar", "tar -C tree --format=gnu -cf out ."),
    "tar-pax": ("tar", "tar -C tree --format=pax -cf out ."),
    "squashfs-gzip": ("mksquashfs", "mksquashfs tree out -quiet -no-progress"),
    "squashfs-xz": ("mksquashfs", "mksquashfs tree out -quiet -no-progress -comp xz -b 262144"),
    "squashfs-zstd": ("mksquashfs", "mksquashfs tree out -quiet -no-progress -comp zstd -no-fragments"),
    "squashfs-lzo": ("mksquashfs", "mksquashfs tree out -quiet -no-progress -comp lzo"),
    "squashfs-lz4": ("mksquashfs", "mksquashfs tree out -quiet -no-progress -comp lz4"),
    "squashfs-lz4hc": ("mksquashfs", "mksquashfs tree out -quiet -no-progress -comp lz4 -Xhc"),
    "ext2": ("mkfs.ext2", "mkfs.ext2 -q -b 1024 -d tree out 24M"),
    "ext3": ("mkfs.ext3", "mkfs.ext3 -q -d tree out 24M"),
    "ext4": ("mkfs.ext4", "mkfs.ext4 -q -d tree out 24M"),
    "ext4-old": ("mkfs.ext4", "mkfs.ext4 -q -O ^64bit -I 128 -b 1024 -d tree out 24M"),
    "cramfs": ("mkfs.cramfs", "mkfs.cramfs tree out"),
    "cramfs-big": ("mkfs.cramfs", "mkfs.cramfs -N big tree out"),
    "squashfs-plain": ("mksquashfs", "mksquashfs tree out -quiet -no-progress -noI -noD -noF"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_archive_of_a_real_program(name: str, tree: Path, tmp_path: Path) -> None:
    program, command = COMMANDS[name]
    need(program)
    made = subprocess.run(
        command,
        shell=True,
        cwd=tmp_path,
        check=False,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert made.returncode == 0, made.stderr
    found, problems = said(tmp_path / "out")
    wanted = digests(tree)
    assert {name: found.get(name) for name in wanted} == wanted
    assert not problems


def test_a_damaged_file_system_is_said(tree: Path, tmp_path: Path) -> None:
    need("mkfs.ext4")
    path = tmp_path / "fs"
    subprocess.run(
        ["mkfs.ext4", "-q", "-b", "4096", "-d", tree, path, "16M"], check=True, capture_output=True
    )
    whole = path.read_bytes()
    inodes = 4096 * int.from_bytes(whole[4096 + 8 : 4096 + 12], "little")
    root = inodes + int.from_bytes(whole[1024 + 88 : 1024 + 90], "little")
    failed = whole[: 1024 + 58] + b"\2" + whole[1024 + 59 :]  # its state: errors were found
    path.write_bytes(failed)
    assert digests(tree).items() <= said(path)[0].items()
    cases = {
        "truncated": whole[: 4 << 20],
        "unsupported": whole[: 1024 + 96] + b"\xff\xff" + whole[1024 + 98 :],
        "corrupt": whole[: root + 40] + bytes(60) + whole[root + 100 :],
        "trailing-data": whole + b"and more" * 99,
    }
    for reason, data in cases.items():
        path.write_bytes(data)
        assert reason in {problem.reason for problem in said(path)[1]}, reason


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
    _, problems = said(path, Limits(depth=3))
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
