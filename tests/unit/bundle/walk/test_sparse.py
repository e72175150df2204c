"""Sparse members of tars are examined as the files an unpacker makes of them: GNU tar writes them here."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from bundle.walk import Member, Problem, walk
from bundle.walk.formats.sparse import Sparse
from tests.support.bundle.walk.hostile import header, padded, pax, zipped

WAYS = {
    "old GNU": ("--format=gnu",),
    "PAX 0.0": ("--format=pax", "--sparse-version=0.0"),
    "PAX 0.1": ("--format=pax", "--sparse-version=0.1"),
    "PAX 1.0": ("--format=pax", "--sparse-version=1.0"),
}


@pytest.mark.parametrize("pieces", [1, 3, 40])
@pytest.mark.parametrize("way", WAYS)
def test_an_archive_with_holes_is_opened(way: str, pieces: int, tmp_path: Path) -> None:
    """A zip whose entries lie behind holes: without them no offset of its directory would be right."""
    inner = zipped({f"n{n}.txt": os.urandom(9) + b"\0" * 70_000 for n in range(pieces)}, 0)
    path = tmp_path / "in.zip"
    with path.open("wb") as out:  # blocks of zeros become holes
        for at in range(0, len(inner), 4096):
            block = inner[at : at + 4096]
            out.seek(len(block), 1) if not block.strip(b"\0") else out.write(block)
        out.truncate(len(inner))
    (tmp_path / "behind.txt").write_text("what follows is read from where it starts")
    command = [
        "tar",
        "-S",
        *WAYS[way],
        "-cf",
        str(tmp_path / "x.tar"),
        "-C",
        str(tmp_path),
        "in.zip",
        "behind.txt",
    ]
    subprocess.run(command, check=True)
    said = list(walk(str(tmp_path / "x.tar")))
    members = {event.parts[1:]: event for event in said if isinstance(event, Member) and event.kind == "file"}
    assert members[("in.zip",)].sha256 == hashlib.sha256(inner).hexdigest()
    assert members[("in.zip",)].size == len(inner)
    assert {("in.zip", f"n{n}.txt") for n in range(pieces)} < members.keys()
    assert bytes(members[("behind.txt",)].content).startswith(b"what follows")
    (sparse,) = (event for event in said if isinstance(event, Problem))
    assert sparse.reason == "special-file"
    assert "holes" not in sparse.message


def test_maps_that_lie_are_not_believed() -> None:
    good = Sparse(100, ((0, 10), (50, 10), (100, 0)))
    assert good.fits(20)
    assert good.small(20)
    assert b"".join(good.filled(iter((b"a" * 15, b"b" * 5)))) == b"a" * 10 + bytes(
        40
    ) + b"a" * 5 + b"b" * 5 + bytes(40)
    for logical, pieces in (
        (100, ((0, 10), (5, 10))),
        (100, ((50, 10), (0, 10))),
        (15, ((0, 10), (10, 10))),
        (100, ((0, 19),)),
        (100, ((-1, -1),)),
    ):
        assert not Sparse(logical, pieces).fits(20)
    assert not Sparse(1 << 40, ((0, 20),)).small(20)


def test_maps_of_hundreds_of_thousands_of_lines_are_read_at_once(tmp_path: Path) -> None:
    """Each would take hours if every block or record of it meant reading the whole once more."""
    pairs = 200_000
    lines = b"%d\n" % pairs + b"".join(b"%d\n1\n" % (n * 2) for n in range(pairs))
    lines += bytes(-len(lines) % 512)
    said = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2 * pairs)}
    new = pax(said) + header(b"s", len(lines) + pairs) + lines + padded(b"x" * pairs) + bytes(1024)
    records = b"".join(
        _record(b"GNU.sparse.offset", b"%d" % (n * 2)) + _record(b"GNU.sparse.numbytes", b"1")
        for n in range(pairs)
    )
    records += _record(b"GNU.sparse.size", b"%d" % (2 * pairs))
    old = (
        header(b"p", len(records), b"x")
        + padded(records)
        + header(b"s", pairs)
        + padded(b"x" * pairs)
        + bytes(1024)
    )
    for data in (new, old):
        (tmp_path / "x.tar").write_bytes(data)
        began = time.process_time()
        members = [event for event in walk(str(tmp_path / "x.tar")) if isinstance(event, Member)]
        assert members[-1].sha256 == hashlib.sha256(b"x\0" * pairs).hexdigest()
        assert time.process_time() - began < 30


def _record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while length != len(b"%d %s=%s\n" % (length, key, value)):
        length += 1
    return b"%d %s=%s\n" % (length, key, value)
