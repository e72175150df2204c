"""Images of cramfs: those of mkfs.cramfs are read as fsck.cramfs reads them, and those of nobody end in findings."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.bundle.walk import hostile
from tests.support.programs import need
from tests.unit.bundle.walk.test_cramfs import NOISE, TEXT, said


def planted(root: Path) -> Path:
    """A folder with everything that cramfs keeps."""
    (root / "etc" / "deep" / "er").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o700)
    (root / "etc" / "text").write_bytes(TEXT)
    (root / "etc" / "deep" / "er" / "noise").write_bytes(hostile.noise(1_000_000))
    (root / "etc" / "deep" / "zeros").write_bytes(b"a" * 5000 + bytes(70_000) + b"z")
    (root / "copy").write_bytes(TEXT)
    (root / "page").write_bytes(NOISE[:4096])
    (root / "nothing").write_bytes(b"")
    (root / "script").write_bytes(b"#!/bin/sh\n")
    (root / "script").chmod(0o4755)
    (root / "grüße").symlink_to("etc/deep/../text")
    os.mkfifo(root / "pipe", 0o640)
    if os.geteuid() == 0:
        os.mknod(root / "device", 0o600 | stat.S_IFBLK, os.makedev(8, 1))
        os.chown(root / "page", 1234, 56)
    return root


@pytest.mark.parametrize("options", ["", "-N big", "-z", "-p", "-z -N big -p"])
def test_what_mkfs_writes_is_read_as_fsck_reads_it(options: str, tmp_path: Path) -> None:
    need("mkfs.cramfs")
    need("fsck.cramfs")
    tree, out, back = planted(tmp_path / "tree"), tmp_path / "out", tmp_path / "back"
    subprocess.run(["mkfs.cramfs", *options.split(), tree, out], check=True, capture_output=True)
    members, problems = said(out.read_bytes(), tmp_path)
    specials = {name for name in ("pipe", "device") if (tree / name).exists()}
    assert {(p.reason, p.parts[-1]) for p in problems} == {("special-file", name) for name in specials}
    wanted = [tree]
    if (
        "-z" not in options and os.geteuid() == 0
    ):  # fsck.cramfs knows no holes, and gives files to their owners
        done = subprocess.run(["fsck.cramfs", f"--extract={back}", out], check=False, capture_output=True)
        assert done.returncode == 0, done.stderr
        wanted.append(back)
    kinds = {
        stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo", stat.S_IFBLK: "device",
    }  # fmt: skip
    for root in wanted:
        found = {str(path.relative_to(root)): path for path in root.rglob("*")}
        assert found.keys() == members.keys()
        for name, path in found.items():
            about, member = path.lstat(), members[name]
            assert kinds[stat.S_IFMT(about.st_mode)] == member.kind
            if member.kind == "symlink":
                assert member.link == str(path.readlink())
                continue
            assert stat.S_IMODE(about.st_mode) == member.mode
            assert (about.st_uid, about.st_gid & 0xFF) == (member.uid, member.gid)
            if member.kind == "file":
                assert path.read_bytes() == member.content


def test_what_mkfs_is_told_to_insert_is_looked_at(tmp_path: Path) -> None:
    need("mkfs.cramfs")
    (tmp_path / "kernel").write_bytes(hostile.zipped({"a.txt": b"hello"}))
    out = tmp_path / "out"
    subprocess.run(
        ["mkfs.cramfs", "-p", "-i", tmp_path / "kernel", planted(tmp_path / "tree"), out],
        check=True,
        capture_output=True,
    )
    out.write_bytes(b"boot code\0".ljust(512, b"\1") + out.read_bytes()[512:])
    members, problems = said(out.read_bytes(), tmp_path)
    assert b"boot code" in members["<data at 0>"].content
    assert members["<data at 588>"].format == "zip"
    assert {problem.reason for problem in problems} == {"special-file"}
