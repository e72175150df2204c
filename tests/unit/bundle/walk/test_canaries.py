"""What the walk does not open, nobody finds: a component in every place of the corpus is named there."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from bundle import audit
from bundle.walk import Member, Problem, walk
from bundle.walk.formats import lz
from bundle.walk.problem import Broken
from hardening.findings import Examined, InFile
from tests.support.bundle.walk.canaries import PHP, TREE, canaries
from tests.support.bundle.walk.hostile import header, noise, summed, tarred, zipped


def test_every_canary_is_named_where_it_lies(tmp_path: Path) -> None:
    for one in canaries(tmp_path):
        for depth, data in enumerate((one.data, zipped({"var/in.dat": one.data}))):
            path = tmp_path / "case"
            path.write_bytes(data)
            run = audit(path, jobs=1)
            places = {
                f.location.path
                for f in run.findings
                if f.rule.id == "component/adminer" and isinstance(f.location, InFile)
            }
            wanted = [str(path), *(["var/in.dat"] if depth else []), *([one.place] if one.place else [])]
            shown = {re.sub(r" at \d+>", " at>", place) for place in places}
            assert "!/".join(wanted) in shown, f"{one.name}: named at {places or 'no place'}"
            said = {finding.rule.id.removeprefix("walk/") for finding in run.findings}
            assert one.reasons <= said, f"{one.name}: {said}"
            stats = run.subjects[0].stats
            assert stats["bytes"] == stats["bytes_examined"] + stats["bytes_not_examined"]


def test_a_cache_does_not_hide_what_lies_inside_a_file_that_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "case"
    path.write_bytes(b"\x7fELF" + noise(3000) + zipped(TREE) + noise(400, 2))
    runs = [audit(path, jobs=1, cache=tmp_path / "cache") for _ in range(2)]
    assert runs[0].findings == runs[1].findings
    assert any(f.rule.id == "component/adminer" for f in runs[1].findings)
    assert runs[0].subjects[0].stats["bytes"] == runs[1].subjects[0].stats["bytes"]


def test_a_damaged_archive_behind_a_program_ends_in_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "program"
    whole = gzip.compress(tarred({"a.bin": noise(9000), **TREE}), mtime=0)
    sizeless = bytearray(header(b"x", 0))
    sizeless[124:136] = b"no number at"
    path.write_bytes(b"\x7fELF" + noise(3000) + gzip.compress(summed(sizeless) + noise(5000), mtime=0))
    assert [f.rule.id for f in audit(path, jobs=1).findings] == ["walk/corrupt"]
    for at in (700, 5000, len(whole) - 6):
        broken = bytearray(whole)
        broken[at : at + 4] = b"\xff\0\xff\0"
        for data in (bytes(broken), whole[:at], gzip.compress(tarred(TREE)[512:] + noise(5000), mtime=0)):
            path.write_bytes(b"\x7fELF" + noise(3000) + data)
            run = audit(path, jobs=1)
            assert not any(f.rule.id == "walk/detector-failed" for f in run.findings)
            stats = run.subjects[0].stats
            assert stats["bytes"] == stats["bytes_examined"] + stats["bytes_not_examined"]


def test_magics_alone_are_no_archives(tmp_path: Path) -> None:
    path = tmp_path / "program"
    magics = (b"\x1f\x8b\x08\0", b"\xfd7zXZ\0", b"BZh91AY&SY", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\1\0", b"MSCF\0\0\0\0", b"hsqs",
              b"\xed\xab\xee\xdb", b"!<arch>\n", b"ustar\0", b"070701", b"CD001\1", b"PK\5\6", b"\x28\xb5\x2f\xfd", b"H4sIAAAA",
              b"\nbegin 644 x\n", b"UEsDBAoA")  # fmt: skip
    path.write_bytes(b"\x7fELF" + b"".join(magic + noise(40_000, n) for n, magic in enumerate(magics)))
    assert [event for event in walk(str(path)) if isinstance(event, Problem) or len(event.parts) > 1] == []


@pytest.mark.parametrize(
    "magic", [b"MSWIM\0\0\0", b"QFI\xfb", b"LUKS\xba\xbe", b"Salted__", b"\x85\x19\x03\x20"]
)
def test_containers_that_are_not_opened_are_said(magic: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(tarred({"inner": magic + noise(3000), "a.txt": b"hello"}))
    run = audit(path, jobs=1, detectors=())
    assert [finding.rule.id for finding in run.findings] == ["walk/unsupported"]
    assert run.subjects[0].examined is Examined.PARTIAL


def test_an_honest_archive_in_a_program_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF" + noise(3000) + zipped({"a.txt": b"hello " * 99}) + noise(3000, 2))
    events = list(walk(str(path)))
    assert [event for event in events if isinstance(event, Problem)] == []
    assert [event.parts[-1] for event in events if isinstance(event, Member)][-1] == "a.txt"


def test_blocks_of_lz4_and_lzo_that_are_damaged_end_in_one_word() -> None:
    for seed in range(400):
        data = noise(seed % 60 + 1, seed)
        for undo in (lz.unlz4, lz.unlzo):
            with suppress(Broken):
                assert len(undo(data, 4096)) <= 4096 + 255 * 60


def test_a_directory_that_hides_a_unicode_name(tmp_path: Path) -> None:
    data = zipped({"good.txt": PHP})
    field = struct.pack("<HHBI", 0x7075, 13, 1, zlib.crc32(b"good.txt")) + b"evil.php"
    row = data.find(b"PK\1\2")
    end = data.find(b"PK\5\6")
    directory = bytearray(data[row:end] + field)
    struct.pack_into("<H", directory, 30, len(field))
    tail = bytearray(data[end:])
    struct.pack_into("<I", tail, 12, len(directory))
    path = tmp_path / "x.zip"
    path.write_bytes(data[:row] + directory + tail)
    assert [f.rule.id for f in audit(path, jobs=1, detectors=()).findings] == ["walk/two-readings"]
