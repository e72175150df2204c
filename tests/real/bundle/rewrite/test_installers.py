"""Installers, packages and self-extracting zips are still good by their own programs after a member is gone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bundle.verify_clean.verify import prove
from hardening.errors import ArchiveError, ExitCode
from tests.support.programs import need
from tests.unit.bundle.rewrite.test_installers import without

OPTIONS = [
    (), ("--sha256",), ("--nomd5",), ("--nocrc",), ("--bzip2",), ("--xz",), ("--zstd",), ("--nocomp",), ("--tar-quietly",), ("--notemp",),
]  # fmt: skip


def installer(folder: Path, *options: str) -> Path:
    payload = folder / "payload"
    payload.mkdir()
    for name, text in (
        ("setup.sh", "#!/bin/sh\necho installed\n"),
        ("tool.php", "<?php " + "x" * 9000),
        ("app.php", "<?php"),
    ):
        (payload / name).write_text(text)
    (payload / "setup.sh").chmod(0o755)
    out = folder / "out.run"
    command: list[str | Path] = [need("makeself"), "-q", *options, payload, out, "A label", "./setup.sh"]
    subprocess.run(command, check=True, capture_output=True)
    return out


def said(path: Path, *arguments: str) -> str:
    done = subprocess.run([path, *arguments], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_makeself_checks_and_runs_what_was_rewritten(tmp_path: Path, options: tuple[str, ...]) -> None:
    old = installer(tmp_path, *options)
    new = without(old, "tool.php")
    checked = said(new, "--check")
    for word in ("MD5", "SHA256", "CRC"):
        assert (f"{word} checksums are OK" in checked) is (f"{word} checksums are OK" in said(old, "--check"))
    assert "tool.php" in said(old, "--list")
    assert "tool.php" not in said(new, "--list")
    if "--notemp" not in options:
        assert "installed" in said(new, "--nox11", "--quiet")
    assert without(old, "tool.php").read_bytes() == new.read_bytes()
    proof = prove(old, new)
    assert proof.exit_code() is ExitCode.OK
    assert [f.message for f in proof.findings] == ["removed tool.php"]


def test_a_script_that_was_changed_beside_its_sums_is_no_proof(tmp_path: Path) -> None:
    old = installer(tmp_path)
    new = without(old, "tool.php")
    new.write_bytes(new.read_bytes().replace(b'script="./setup.sh"', b'script="./extra.sh"'))
    assert prove(old, new).exit_code() is ExitCode.REFUSED


def test_sums_that_did_not_fit_before_are_not_made_to_fit(tmp_path: Path) -> None:
    old = installer(tmp_path)
    old.write_bytes(re.sub(rb'^MD5="\w{8}', b'MD5="00112233', old.read_bytes(), count=1, flags=re.MULTILINE))
    with pytest.raises(ArchiveError, match="MD5 does not fit"):
        without(old, "tool.php")
