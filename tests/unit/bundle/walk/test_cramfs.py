"""Images of cramfs: those of mkfs.cramfs are read as fsck.cramfs reads them, and those of nobody end in findings."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from bundle.walk import Member, Problem, walk
from bundle.walk.identify import HEAD, identify
from bundle.walk.source import Memory
from tests.support.bundle.walk import cram, hostile
from tests.support.bundle.walk.cram import Entry

TEXT = hostile.text(10_000)
NOISE = hostile.noise(9000)
PLAIN, DIRECT = 1 << 31, 1 << 30


def said(data: bytes, folder: Path) -> tuple[dict[str, Member], list[Problem]]:
    """Return what is in an image, by name, and what is said about it."""
    path = folder / "image"
    path.write_bytes(data)
    members: dict[str, Member] = {}
    problems: list[Problem] = []
    for event in walk(str(path)):
        if isinstance(event, Problem):
            problems.append(event)
        elif len(event.parts) == 2 and not event.derived:
            members[event.parts[1]] = replace(event, content=bytes(event.content))
    return members, problems


def reasons(data: bytes, folder: Path) -> set[str]:
    return {problem.reason for problem in said(data, folder)[1]}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("boot", [b"", b"\xeb\xfe".ljust(512, b"\x90")])
def test_images_by_hand(order: str, boot: bytes, tmp_path: Path) -> None:
    made = cram.image(
        Entry(b"dev", b"", cram.DEVICE, size=0x801),
        Entry(b"dir", [Entry(b"text", TEXT), Entry(b"holes", bytes(9000) + b"end")], cram.FOLDER),
        Entry(b"link", b"dir/text", cram.LINK),
        order=order,
        boot=boot,
    )
    assert identify(made[:HEAD], Memory(made)) == "cramfs"
    members, problems = said(made, tmp_path)
    data = {"<data at 0>": members.pop("<data at 0>").content} if boot else {}
    assert data == ({"<data at 0>": boot} if boot else {})
    assert [problem.reason for problem in problems] == ["special-file"]
    assert list(members) == ["dev", "dir", "link", "dir/text", "dir/holes"]
    assert members["link"].link == "dir/text"
    assert members["dir/text"].content == TEXT
    assert members["dir/holes"].content == bytes(9000) + b"end"
    assert all((one.uid, one.gid) == (1000, 10) for one in members.values())


@pytest.mark.parametrize("order", "<>")
def test_pointers_with_flags(order: str, tmp_path: Path) -> None:
    """Packed, as it is, as it is somewhere else, behind that, packed somewhere else, behind that, as it is at the end."""
    parts = [hostile.noise(4096, seed) for seed in range(6)] + [b"the end"]
    first, fourth, sixth = (zlib.compress(parts[n]) for n in (0, 3, 5))
    fifth = zlib.compress(parts[4])

    def stored(at: int, order: str) -> bytes:
        body, begins, ends = bytes(4 * 7), [0] * 7, [0] * 7

        def put(number: int, data: bytes, gap: int = 0) -> None:
            nonlocal body
            if gap:
                body = cram.padded(body) + bytes(gap)
            begins[number] = at + len(body)
            body += data
            ends[number] = at + len(body)

        put(0, first)
        put(1, parts[1])
        put(2, parts[2], 8)
        put(3, fourth)
        put(4, struct.pack(f"{order}H", len(fifth)) + fifth, 4)
        put(5, sixth)
        put(6, parts[6], 12)
        pointers = (
            ends[0], PLAIN | ends[1], PLAIN | DIRECT | begins[2] >> 2, ends[3], DIRECT | begins[4] >> 2, ends[5],
            PLAIN | DIRECT | begins[6] >> 2,
        )  # fmt: skip
        return struct.pack(f"{order}7I", *pointers) + body[28:]

    content = b"".join(parts)
    made = cram.image(Entry(b"f", stored, size=len(content)), order=order, flags=cram.EXTENDED)
    members, problems = said(made, tmp_path)
    assert members["f"].content == content
    assert (problems, list(members)) == ([], ["f"])


@pytest.mark.parametrize("page", [8192, 16384, 65536])
def test_pages_of_other_machines(page: int, tmp_path: Path) -> None:
    long = TEXT * 20
    made = cram.image(Entry(b"a", TEXT[:99]), Entry(b"f", cram.blocks(long, page), size=len(long)))
    members, problems = said(made, tmp_path)
    assert (members["f"].content, problems) == (long, [])


def test_an_old_image_says_neither_its_size_nor_its_sum(tmp_path: Path) -> None:
    made = cram.image(Entry(b"f", TEXT), flags=0, size=1 << 16)
    members, problems = said(made + b"behind", tmp_path)
    assert list(members) == ["f", f"<data at {len(made.rstrip(bytes(1))) + 3 & ~3}>"]
    assert problems == []


def plain(length: int) -> cram.Stored:
    """One block that is not packed."""
    return lambda at, order: struct.pack(f"{order}I", PLAIN | at + 4 + length) + b"x" * length


FILE = Entry(b"f", TEXT)
HOSTILE = {
    "traversal": (cram.image(Entry(b"../../x", TEXT)), "traversal"),
    "traversal by folders": (cram.image(Entry(b"..", [FILE], cram.FOLDER)), "traversal"),
    "absolute": (cram.image(Entry(b"/etc/x", TEXT)), "absolute-name"),
    "control": (cram.image(Entry(b"a\0b\x1b", TEXT)), "odd-name"),
    "undecodable": (cram.image(Entry(b"\xff\xfe", TEXT)), "odd-name"),
    "link": (cram.image(Entry(b"l", b"../../etc", cram.LINK)), "link-escape"),
    "through a link": (cram.image(Entry(b"l", b"/etc", cram.LINK), Entry(b"l/x", TEXT)), "through-link"),
    "twice": (cram.image(FILE, Entry(b"f", b"other")), "duplicate-name"),
    "device": (cram.image(Entry(b"d", b"", cram.DEVICE)), "special-file"),
    "socket": (cram.image(Entry(b"d", b"", 0o140777)), "special-file"),
    "no kind": (cram.image(Entry(b"d", b"", 0o777)), "special-file"),
    "checksum": (cram.image(FILE, crc=1), "checksum"),
    "behind": (cram.image(FILE) + b"and more", "trailing-data"),
    "cut": (cram.image(FILE)[:-2000], "truncated"),
    "cut superblock": (cram.image(FILE)[:60], "truncated"),
    "cut behind boot code": (cram.image(FILE, boot=bytes(512))[:1024], "truncated"),
    "features": (cram.image(FILE, flags=0x1003), "unsupported"),
    "no size": (cram.image(FILE, size=0), "corrupt"),
    "large size": (cram.image(FILE, size=0xFFFFFFFF), "truncated"),
    "root": (b"\x45\x3d\xcd\x28" + bytes(72), "corrupt"),
    "folder in itself": (cram.image(Entry(b"d", [], cram.FOLDER, size=16, place=76)), "corrupt"),
    "folder nowhere": (cram.image(Entry(b"d", [FILE], cram.FOLDER, place=0)), "corrupt"),
    "folder outside": (cram.image(Entry(b"d", [FILE], cram.FOLDER, place=1 << 27)), "truncated"),
    "folder of zeros": (cram.image(Entry(b"d", [FILE], cram.FOLDER, size=999)), "corrupt"),
    "deep": (cram.image(cram.nested(60, b"d" * 200)), "corrupt"),
    "no name": (cram.image(Entry(b"f", TEXT, named=0)), "corrupt"),
    "long name": (cram.image(Entry(b"f", TEXT, named=63)), "odd-name"),
    "file nowhere": (cram.image(Entry(b"f", TEXT, place=0)), "corrupt"),
    "file outside": (cram.image(Entry(b"f", TEXT, place=1 << 27)), "truncated"),
    "long link": (cram.image(Entry(b"l", b"a" * 5000, cram.LINK)), "corrupt"),
    "link nowhere": (cram.image(Entry(b"l", cram.pointing(1 << 29), cram.LINK, size=9)), "corrupt"),
    "block outside": (cram.image(Entry(b"f", cram.pointing(PLAIN | DIRECT | 99999), size=9)), "truncated"),
    "length outside": (cram.image(Entry(b"f", cram.pointing(DIRECT | 99999), size=9)), "truncated"),
    "block backwards": (cram.image(Entry(b"f", cram.pointing(2), size=9)), "corrupt"),
    "large block": (cram.image(Entry(b"f", cram.pointing(9000, body=bytes(9999)), size=9)), "corrupt"),
    "large plain block": (cram.image(Entry(b"f", plain(5000), size=9)), "corrupt"),
    "short plain block": (cram.image(Entry(b"f", plain(50), size=51)), "corrupt"),
    "short block": (cram.image(replace(FILE, content=cram.blocks(TEXT[:99]), size=100)), "corrupt"),
    "long block": (cram.image(replace(FILE, content=cram.blocks(TEXT[:99]), size=98)), "corrupt"),
    "no zlib": (cram.image(Entry(b"f", cram.pointing(44, body=b"x" * 40), size=9)), "corrupt"),
    "half a block": (
        cram.image(Entry(b"f", cram.pointing(44, body=zlib.compress(NOISE)[:40]), size=99)), "truncated"
    ),
    "sum of a block": (
        cram.image(Entry(b"f", cram.pointing(17, body=zlib.compress(b"abcde")[:-1] + b"x"), size=5)), "checksum"
    ),
    "bomb": (cram.image(*cram.again(Entry(b"", cram.pointing(*[4 * 4095] * 4095), size=4095 << 12), 9)), "bomb"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_image_is_a_finding(case: str, tmp_path: Path) -> None:
    data, reason = HOSTILE[case]
    assert identify(data[:HEAD], Memory(data)) == "cramfs"
    began = time.process_time()
    found = reasons(data, tmp_path)
    assert time.process_time() - began < 10
    assert reason in found
    if reason not in ("checksum", "truncated"):
        assert not found & {"checksum"}


def test_what_follows_damage_is_read(tmp_path: Path) -> None:
    made = cram.image(
        Entry(b"a", b"x" * 5000, cram.LINK),
        Entry(b"b", cram.pointing(44, body=b"Kx7pQ2zL" * 5), size=9),
        Entry(b"c", [Entry(b"d", TEXT), Entry(b"", TEXT)], cram.FOLDER),
        Entry(b"e", TEXT),
    )
    members, _ = said(made, tmp_path)
    assert members["c/d"].content == members["e"].content == TEXT
    assert any(b"Kx7pQ2zL" in one.content for name, one in members.items() if name.startswith("<data"))


def test_what_lies_behind_a_block_s_own_stream_is_read(tmp_path: Path) -> None:
    body = zlib.compress(b"abcde") + bytes(3) + b"hidden words"
    made = cram.image(Entry(b"f", cram.pointing(4 + len(body), body=body), size=5))
    members, _ = said(made, tmp_path)
    assert members["f"].content == b"abcde"
    assert any(b"hidden words" in one.content for one in members.values())


def test_folders_over_each_other_end_soon(tmp_path: Path) -> None:
    """Every entry is a folder that begins one entry later: read as they say, they would have 80 million entries."""
    count = 12_000  # entries, and no more are read than there can be
    entries = [
        Entry(b"d", [], cram.FOLDER, size=16 * (count - n - 1), place=cram.SUPER + 16 * (n + 1))
        for n in range(count - 1)
    ]
    data = cram.image(*entries, Entry(b"f", b"x"))
    tracemalloc.start()
    began = time.process_time()
    messages = [problem.message for problem in said(data, tmp_path)[1]]
    assert messages.count("its folders lie over each other") == 1
    assert len(messages) <= len(data) // 16
    assert time.process_time() - began < 20
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


def test_a_disk_is_no_cramfs(tmp_path: Path) -> None:
    inner = cram.image(FILE)
    members, problems = said(hostile.disk(inner), tmp_path)
    assert members["<partition 1>"].format == "cramfs"
    assert problems == []
    hidden = bytearray(hostile.disk(bytes(4096), hostile.tarred({"a.txt": b"hello"})))
    hidden[512:588] = cram.image(FILE, boot=bytes(512))[512:588]  # an image that would have no partitions
    members, _ = said(bytes(hidden), tmp_path)
    assert members["<partition 2>"].format == "tar"


def test_an_image_in_firmware_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "firmware"
    for order in "<>":
        path.write_bytes(b"\0" + hostile.noise(3001) + cram.image(FILE, order=order) + hostile.noise(999, 2))
        found = [event.parts for event in walk(str(path)) if isinstance(event, Member)]
        assert (str(path), "<data at 3002>", "f") in found
    path.write_bytes(b"\0" + hostile.noise(3001) + b"Compressed ROMFS" + hostile.noise(999, 2))
    assert len(list(walk(str(path)))) == 1


def test_damage_anywhere_ends_in_findings(tmp_path: Path) -> None:
    made = cram.image(FILE, Entry(b"d", [Entry(b"n", NOISE)], cram.FOLDER), Entry(b"l", b"f", cram.LINK))
    dice = random.Random(1)
    for _ in range(150):
        broken = bytearray(made)
        broken[dice.randrange(76, 400)] ^= 1 << dice.randrange(8)
        assert reasons(bytes(broken), tmp_path)
