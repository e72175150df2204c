"""What lies behind the end of a file or archive is examined, wherever that end is."""

from __future__ import annotations

import gzip
import io
import sqlite3
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from bundle import audit

SECRET = b"<?php mysqli_connect('localhost', 'app', 'Kf83jx2Lq9ZmA', 'db'); ?>\n"


def a_tar(content: bytes, *, ended: bool = True) -> bytes:
    """Return a tar of one file; without its end mark where it is not `ended`."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        about = tarfile.TarInfo("readme.txt")
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
        size = made.tell()
    return made.getvalue() if ended else made.getvalue()[:size]


def a_zip() -> bytes:
    """Return a zip of one file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("config.php", SECRET)
    return made.getvalue()


def an_ar(content: bytes) -> bytes:
    """Return an ar of one file, without what fills it."""
    return (
        b"!<arch>\n" + b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (b"a.php/", 0, 0, 0, 0o644, len(content)) + content
    )


HEADS = {
    "tar": a_tar(b"hello\n"),
    "unfinished tar": a_tar(b"hello\n", ended=False),
    "tar without its last padding": a_tar(b"hello\n", ended=False)[: 512 + 6],
    "tar that ends within a block": a_tar(b"hello\n", ended=False) + bytes(612),
    "ar": an_ar(b"hello\n"),
    "ar of odd size": an_ar(b"hello"),
}
TAILS = {
    "zip": a_zip(), "tar.gz": gzip.compress(a_tar(SECRET), mtime=0), "text": SECRET, "long text": SECRET + b"x" * 3000,
    "ar": an_ar(SECRET),
}  # fmt: skip


def found(path: Path) -> set[str]:
    """Return the rules of what is found."""
    return {finding.rule.id for finding in audit(path, jobs=1).findings}


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("head", HEADS)
def test_a_tail_behind_an_archive_is_examined(tmp_path: Path, head: str, tail: str) -> None:
    path = tmp_path / "bundle.bin"
    path.write_bytes(HEADS[head] + TAILS[tail])
    assert "credential/login-call" in (rules := found(path))
    assert rules & {"walk/trailing-data", "walk/corrupt", "walk/truncated"}


@pytest.mark.parametrize("head", HEADS)
def test_an_archive_without_a_tail_has_none(tmp_path: Path, head: str) -> None:
    path = tmp_path / "bundle.bin"
    path.write_bytes(HEADS[head])
    assert not found(path)


@pytest.mark.parametrize("tail", ["zip", "text"])
def test_a_tail_behind_a_database_is_examined(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "site.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table t (a)")
    assert not found(path)
    path.write_bytes(path.read_bytes() + TAILS[tail])
    assert {"credential/login-call", "walk/trailing-data"} <= found(path)
