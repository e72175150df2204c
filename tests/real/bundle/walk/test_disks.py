"""Images of whole disks, with the tables that sfdisk and sgdisk write."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bundle.walk import Member, Problem, walk
from tests.support.bundle.walk import hostile
from tests.support.programs import need

MIB = 1 << 20


FILE = b"mysql -uroot -pKx7pQ2zL\n"


def said(path: Path) -> tuple[list[Member], list[Problem]]:
    members: list[Member] = []
    problems: list[Problem] = []
    for event in walk(str(path)):
        if isinstance(event, Member):  # contents are held no longer than until the next one
            members.append(replace(event, content=bytes(event.content)))
        else:
            problems.append(event)
    return members, problems


def partitioned(path: Path, table: str, places: dict[int, bytes], size: int = 24 * MIB) -> Path:
    """Write an image, let sfdisk write its table, and put contents where partitions begin."""
    need("sfdisk")
    with path.open("wb") as out:
        out.truncate(size)
    subprocess.run(
        ["sfdisk", "-q", "--no-reread", "--no-tell-kernel", str(path)],
        input=table,
        text=True,
        check=True,
        capture_output=True,
    )
    with path.open("r+b") as out:
        for at, data in places.items():
            out.seek(at)
            out.write(data)
    return path


@pytest.mark.parametrize("label", ["dos", "gpt"])
def test_partitions_are_opened_or_said_not_to_be(label: str, tmp_path: Path) -> None:
    ext = b"\0" * 0x438 + b"\x53\xef\1\0" + b"\0" * 100
    inner = hostile.tarred({"etc/setup.sh": FILE})
    table = f"label: {label}\nstart=2048, size=8192\nstart=16384, size=8192\n"
    path = partitioned(tmp_path / "disk.img", table, {2048 * 512: ext, 16384 * 512: inner})
    members, problems = said(path)
    names = [m.parts[1] for m in members if len(m.parts) == 2]
    assert names == ["<partition 1>", "<partition 2>"]
    assert [(p.reason, p.parts[-1]) for p in problems if p.reason == "unsupported"] == [
        ("unsupported", names[0])
    ]
    assert [m.content for m in members if m.parts[-1] == "etc/setup.sh"] == [FILE]


def test_logical_partitions_are_found_along_their_chain(tmp_path: Path) -> None:
    table = "label: dos\nstart=2048, size=2048\nstart=8192, size=32768, type=5\nstart=10240, size=2048\nstart=16384, size=2048\n"
    places = {start * 512: FILE for start in (2048, 10240, 16384)}
    members, problems = said(partitioned(tmp_path / "disk.img", table, places))
    found = [m for m in members if m.parts[-1].startswith("<partition")]
    assert [m.parts[-1] for m in found] == [
        "<partition 1>",
        "<partition 2>",
        "<partition 3>",
    ]
    assert all(bytes(m.content).startswith(FILE) for m in found)
    assert not problems


def test_what_lies_between_partitions_is_looked_at(tmp_path: Path) -> None:
    table = "label: dos\nstart=8192, size=2048\n"
    path = partitioned(tmp_path / "disk.img", table, {4096: FILE, 20 * MIB: FILE})
    members, _ = said(path)
    gaps = [m for m in members if m.parts[-1].startswith("<data")]
    assert [m.parts[-1] for m in gaps] == ["<data at 512>", f"<data at {10240 * 512}>"]
    assert all(FILE in m.content for m in gaps)


def test_sgdisks_table_of_many_rows(tmp_path: Path) -> None:
    need("sgdisk")
    path = tmp_path / "disk.img"
    with path.open("wb") as out:
        out.truncate(24 * MIB)
    made = [f"-n={n}:{n * 4096}:+1M" for n in range(1, 6)]
    subprocess.run(["sgdisk", "-o", *made, str(path)], check=True, capture_output=True)
    members, problems = said(path)
    assert len([m for m in members if m.parts[-1].startswith("<partition")]) == 5
    assert not problems


def test_a_partition_that_is_cut_off_is_said(tmp_path: Path) -> None:
    table = "label: dos\nstart=2048, size=20480\n"
    path = partitioned(tmp_path / "disk.img", table, {2048 * 512: FILE})
    path.write_bytes(path.read_bytes()[: 4 * MIB])
    members, problems = said(path)
    assert [(p.reason, p.not_examined) for p in problems] == [("truncated", 11 * MIB - 4 * MIB)]
    assert any(bytes(m.content).startswith(FILE) for m in members)


def test_a_chain_that_bites_its_tail_ends(tmp_path: Path) -> None:
    table = "label: dos\nstart=8192, size=32768, type=5\nstart=10240, size=2048\n"
    path = partitioned(tmp_path / "disk.img", table, {})
    data = bytearray(path.read_bytes())
    ebr = data.find(b"\x55\xaa", 8192 * 512) - 510
    data[ebr + 462 : ebr + 478] = (
        b"\0\0\0\0\x05\0\0\0" + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
    )
    path.write_bytes(data)
    members, _ = said(path)
    assert len([m for m in members if m.parts[-1].startswith("<partition")]) == 1


def test_a_real_hybrid_image_is_still_an_iso(tmp_path: Path) -> None:
    if shutil.which("xorriso") is None:
        need("genisoimage")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.sh").write_bytes(FILE)
    subprocess.run(
        ["genisoimage", "-quiet", "-R", "-o", "out.iso", "tree"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    data = bytearray((tmp_path / "out.iso").read_bytes())
    data[446:462] = b"\x80\0\0\0\x17\0\0\0" + (1).to_bytes(4, "little") + (64).to_bytes(4, "little")
    data[510:512] = b"\x55\xaa"
    (tmp_path / "out.iso").write_bytes(data)
    members, _ = said(tmp_path / "out.iso")
    assert members[0].format == "iso"
    assert any(m.parts[-1] == "a.sh" for m in members)
