"""squashfs beyond what an honest image needs: tables that lie, blocks that are damaged, and more fragments than a table's block lists."""

from __future__ import annotations

import random
import struct
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from bundle.walk.member import Member
from bundle.walk.problem import Problem
from bundle.walk.walker import Walker
from tests.support.bundle.walk.hostile import noise
from tests.support.programs import need

NONE = (1 << 64) - 1
MAGIC = 0x73717368


def walked(path: Path) -> tuple[dict[str, str], list[str]]:
    events = list(Walker().walk(str(path)))
    files = {
        e.parts[-1]: e.sha256 for e in events if isinstance(e, Member) and e.parts[1:] and e.kind == "file"
    }
    return files, [e.reason for e in events if isinstance(e, Problem)]


def packed(tree: Path, image: Path, *options: str) -> bytes:
    subprocess.run(
        [need("mksquashfs"), tree, image, "-noappend", "-quiet", *options], check=True, capture_output=True
    )
    return image.read_bytes()


def test_a_table_of_fragments_takes_no_more_memory_than_it_is_long(tmp_path: Path) -> None:
    blocks = 8192
    meta = struct.pack("<H", 0x8000 | 8192 & 0x7FFF) + bytes(8192)
    table = struct.pack("<Q", 96) * blocks  # all of them one block
    at = 96 + len(meta)
    head = struct.pack(
        "<5I6H8Q", MAGIC, 1, 0, 1 << 17, 512 * blocks, 1, 17, 0, 0, 4, 0, 0, at + len(table), at, NONE, 96, 96, at, NONE
    )  # fmt: skip
    path = tmp_path / "a.sqfs"
    path.write_bytes(head + meta + table)
    tracemalloc.start()
    try:
        walked(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_fragments_are_found_over_several_blocks_of_their_table(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(1100):
        (tree / f"{number}.bin").write_bytes(noise(4000, number))
    packed(tree, tmp_path / "a.sqfs", "-b", "4096")
    (tmp_path / "b.sqfs").write_bytes(packed(tree, tmp_path / "b.sqfs", "-b", "4096", "-no-fragments"))
    found, said = walked(tmp_path / "a.sqfs")
    assert (len(found), said) == (1100, [])
    assert found == walked(tmp_path / "b.sqfs")[0]


@pytest.mark.parametrize("how", ["gzip", "xz"])
def test_damage_in_a_block_with_a_checksum_is_never_passed_over(how: str, tmp_path: Path) -> None:
    tree, image = tmp_path / "tree", tmp_path / "a.sqfs"
    tree.mkdir()
    rng = random.Random(5)
    (tree / "full.bin").write_bytes(
        bytes(rng.choices(b"abcdefgh", k=2 << 17))
    )  # blocks that are filled to the end
    (tree / "part.txt").write_bytes(b"".join(b"%d\n" % rng.getrandbits(40) for _ in range(9000)))
    data = packed(tree, image, "-comp", how)
    whole, said = walked(image)
    assert said == []
    for _ in range(60):
        broken = bytearray(data)
        broken[rng.randrange(96, len(data) - 4096)] ^= 1 << rng.randrange(8)
        image.write_bytes(broken)
        found, said = walked(image)
        assert found == whole or said
