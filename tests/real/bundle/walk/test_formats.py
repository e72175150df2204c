"""Archives written by the real programs are read back file for file."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.programs import need
from tests.unit.bundle.walk.test_formats import said


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
