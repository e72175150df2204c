"""ISO 9660: what one of its trees hides from another, and what lies outside all of them, is looked at."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import pytest

from bundle.walk.formats import isos
from bundle.walk.member import Member
from bundle.walk.problem import Broken, Problem
from bundle.walk.source import Memory
from bundle.walk.walker import Walker
from tests.support.bundle.walk.hostile import noise
from tests.support.programs import need

HERE, THERE = b"seen by one system\n", b"seen by the other\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    (made / "a" / "b").mkdir(parents=True)
    (made / "here.conf").write_bytes(HERE)
    (made / "there.conf").write_bytes(THERE)
    (made / "a" / "b" / "large.bin").write_bytes(noise(70_000))
    (made / "a" / "empty").touch()
    return made


def image(tree: Path, *options: str) -> Path:
    out = tree.parent / "a.iso"
    command: list[str | Path] = [need("genisoimage"), "-quiet", *options, "-o", out, tree]
    subprocess.run(command, check=True, capture_output=True)
    return out


def walked(path: Path) -> tuple[dict[str, bytes], set[tuple[str, str]]]:
    events = list(Walker().walk(str(path)))
    files = {
        e.parts[-1]: bytes(e.content)
        for e in events
        if isinstance(e, Member) and e.kind == "file" and e.parts[1:] and not e.derived
    }
    return files, {(e.reason, e.parts[-1]) for e in events if isinstance(e, Problem)}


@pytest.mark.parametrize("options", ["", "-R", "-J", "-R -J", "-iso-level 4", "-iso-level 4 -R -J"])
def test_trees_over_the_same_files_are_one(options: str, tree: Path) -> None:
    files, said = walked(image(tree, *options.split()))
    assert said == set()
    named = {
        name.lower().split(".")[0].split("/")[-1]: data for name, data in files.items() if "<data" not in name
    }
    assert named == {"here": HERE, "there": THERE, "large": noise(70_000), "empty": b""}
    assert all(HERE not in data and THERE not in data for name, data in files.items() if "<data" in name)


@pytest.mark.parametrize(
    ("options", "hidden", "where"),
    [("-R -J", "here.conf", "Joliet"), ("-J", "THERE.CON", "primary")],
    ids=["rock ridge", "joliet"],
)
def test_a_file_of_the_other_tree_alone_is_hidden(options: str, hidden: str, where: str, tree: Path) -> None:
    path = image(tree, *options.split(), "-hide", "here.conf", "-hide-joliet", "there.conf")
    events = list(Walker().walk(str(path)))
    files, said = walked(path)
    assert HERE in files.values()
    assert THERE in files.values()
    assert said == {("hidden-member", hidden)}
    (problem,) = (e for e in events if isinstance(e, Problem))
    assert where in problem.message


def test_what_no_tree_names_is_looked_at(tree: Path) -> None:
    (tree / "boot.img").write_bytes(b"boots this".ljust(2048, b"\0"))
    path = image(
        tree,
        "-R",
        "-J",
        "-b",
        "boot.img",
        "-no-emul-boot",
        "-hide",
        "boot.img",
        "-hide-joliet",
        "boot.img",
        "-c",
        "boot.cat",
    )
    data = bytearray(path.read_bytes())
    data[1024:1040] = b"in front of all "
    path.write_bytes(data)
    files, _ = walked(path)
    loose = b"".join(content for name, content in files.items() if name.startswith("<data at"))
    assert b"boots this" in loose
    assert b"in front of all " in loose


def test_moved_folders_and_special_files_are_counted_as_libarchive_counts_them(tree: Path) -> None:
    deep = tree / "1/2/3/4/5/6/7/8/9/10"
    deep.mkdir(parents=True)
    (deep / "deep.txt").write_bytes(b"far down\n")
    (tree / "link").symlink_to("here.conf")
    (tree / "again").hardlink_to(tree / "here.conf")
    files, said = walked(image(tree, "-R"))
    assert said == set()
    assert files["1/2/3/4/5/6/7/8/9/10/deep.txt"] == b"far down\n"
    assert all(b"far down" not in data for name, data in files.items() if "<data" in name)


def test_records_that_claim_what_is_not_theirs_hide_nothing(tree: Path) -> None:
    path = image(tree, "-R", "-J", "-hide", "here.conf", "-hide-joliet", "here.conf")
    data = bytearray(path.read_bytes())
    data[0x8000 + 132 : 0x8000 + 136] = (1 << 30).to_bytes(4, "little")  # the size of the tables of paths
    data += THERE.upper().rjust(4096, b"\0")
    path.write_bytes(data)
    files, _ = walked(path)
    assert any(HERE in content for content in files.values()) or HERE not in data
    assert any(THERE.upper() in content for content in files.values())


def test_damage_anywhere_ends_in_findings(tree: Path) -> None:
    path = image(tree, "-R", "-J")
    whole, rng = path.read_bytes(), random.Random(9)
    for _ in range(25):
        broken = bytearray(whole)
        for _ in range(8):
            broken[rng.randrange(0x8000, 0x8000 + 40_000)] = rng.randrange(256)
        path.write_bytes(broken)
        walked(path)


def row(name: bytes, at: int, length: int, flags: int) -> bytes:
    fields = struct.pack("<BI4xI4x7xB6xB", 0, at, length, flags, len(name)) + name
    return bytes([len(fields) + 1]) + fields


def descriptor(kind: int, folder: int) -> bytes:
    made = bytearray(bytes([kind]) + b"CD001\1").ljust(2048, b"\0")
    made[128:130] = (2048).to_bytes(2, "little")
    made[156:190] = row(b"\0", folder, 2048, 2)
    return bytes(made)


def over_each_other(flags: int, *, primary: bool) -> Memory:
    """An image whose one tree has two folders or files that are nearly all of it, and nothing in it but zeros."""
    rows = b"".join(row(name, 40, 8_000_000 - n, flags) for n, name in enumerate((b"A", b"B")))
    folders = (rows, b"") if primary else (b"", rows)
    heads = descriptor(1, 20) + descriptor(2, 21) + b"\xffCD001\1".ljust(2048, b"\0")
    image = bytes(32768) + heads + bytes(2048) + b"".join(one.ljust(2048, b"\0") for one in folders)
    return Memory(image.ljust(8_100_000, b"\0"))


@pytest.mark.parametrize(
    ("flags", "primary", "said"), [(2, True, "folders"), (2, False, "folders"), (0, False, "files")]
)
def test_what_lies_over_each_other_is_not_read_again_and_again(flags: int, primary: bool, said: str) -> None:
    with pytest.raises(Broken, match=f"^{said} of its trees lie over each other$"):
        list(isos.beside(over_each_other(flags, primary=primary), 0))
