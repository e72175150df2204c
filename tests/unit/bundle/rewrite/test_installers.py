"""Installers, packages and self-extracting zips are still good by their own programs after a member is gone."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from bundle.rewrite import TextEdit, rewrite
from bundle.verify_clean.verify import prove
from hardening.errors import ExitCode
from tests.unit.bundle.rewrite.test_rewrite import a_zip


def without(path: Path, *parts: str) -> Path:
    new = path.with_name("new" + path.suffix)
    with path.open("rb") as source, new.open("w+b") as target:
        rewrite(source, target, [TextEdit(parts)])
    new.chmod(0o755)
    return new


EXTRACTOR = """#!/bin/sh
# sha256 {sha}
offset={offset}
tail -c +$offset "$0" | tar xzf - -C "$1"
exit 0
"""


def test_a_foreign_extractor_with_its_own_offset_and_digest_still_extracts(tmp_path: Path) -> None:
    import hashlib

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name in ("a.php", "tool.php", "b.php"):
            info = tarfile.TarInfo(name)
            info.size = 4000
            archive.addfile(info, io.BytesIO((name * 4000).encode()[:4000]))
    archive_bytes = out.getvalue()
    script = EXTRACTOR.format(sha=hashlib.sha256(archive_bytes).hexdigest(), offset="{}") + "#" * 9000 + "\n"
    text = script.format(len(script.format("1234")) + 1).encode()
    old = tmp_path / "old.sh"
    old.write_bytes(text + archive_bytes)
    new = without(old, "tool.php")
    (tmp_path / "to").mkdir()
    subprocess.run(["sh", new, tmp_path / "to"], check=True)
    assert sorted(p.name for p in (tmp_path / "to").iterdir()) == ["a.php", "b.php"]
    data = new.read_bytes()
    digest = hashlib.sha256(data[len(text) :]).hexdigest()
    assert digest.encode() in data[: len(text)]


@pytest.mark.parametrize("absolute", [True, False])
def test_a_zip_behind_a_program_keeps_its_program_and_how_it_counts(
    tmp_path: Path, *, absolute: bool
) -> None:
    stub = Path(shutil.which("true") or "/bin/true").read_bytes()
    packed = a_zip({"a.php": b"<?php 1;" * 50, "tool.php": b"<?php 2;" * 90, "b.php": b"<?php 3;"})
    old = tmp_path / "old.exe"
    if absolute:
        old.write_bytes(stub)
        with (
            zipfile.ZipFile(old, "a", zipfile.ZIP_DEFLATED) as archive,
            zipfile.ZipFile(io.BytesIO(packed)) as had,
        ):
            for info in had.infolist():
                archive.writestr(info.filename, had.read(info))
    else:
        old.write_bytes(stub + packed)
    new = without(old, "tool.php")
    data = new.read_bytes()
    assert data.startswith(stub)
    with zipfile.ZipFile(new) as archive:
        assert archive.namelist() == ["a.php", "b.php"]
        assert archive.testzip() is None
    first = int.from_bytes(data[data.index(b"PK\x01\x02", len(stub)) + 42 :][:4], "little")
    assert first == (len(stub) if absolute else 0)
    assert prove(old, new).exit_code() is ExitCode.OK
    new.write_bytes(b"X" + data[1:])
    assert prove(old, new).exit_code() is ExitCode.REFUSED
