"""What libarchive reads, and what happens without it or when it dies."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bundle import audit
from bundle.walk import walk
from bundle.walk.formats import outside
from bundle.walk.formats.raw import ReaderContext
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from bundle.walk.problem import Broken
from bundle.walk.source import Memory
from hardening.errors import ExitCode
from tests.support.bundle.walk import hostile
from tests.support.programs import need


def seven(tmp_path: Path, *options: str, name: str = "x.7z") -> Path:
    program = need("7z")
    (tmp_path / "secret.txt").write_bytes(b"the content of the member\n" * 100)
    out = tmp_path / name
    subprocess.run(
        [program, "a", "-bd", *options, out, tmp_path / "secret.txt"], check=True, capture_output=True
    )
    return out


def test_a_member_whose_sum_does_not_fit_is_said(tmp_path: Path) -> None:
    """libarchive only warns of it, behind the whole content."""
    path = seven(tmp_path, "-mx0")
    whole = audit(path, detectors=(), jobs=1)
    assert not whole.findings
    path.write_bytes(path.read_bytes().replace(b"content", b"kontent", 1))
    damaged = audit(path, detectors=(), jobs=1)
    assert [f.rule.id for f in damaged.findings] == ["walk/checksum"]
    assert damaged.exit_code() is ExitCode.PARTLY_EXAMINED
    assert damaged.subjects[0].stats["bytes_examined"] == whole.subjects[0].stats["bytes_examined"]


def test_without_libarchive_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = seven(tmp_path)
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: None)
    monkeypatch.delenv("LIBARCHIVE", raising=False)
    outside.found.cache_clear()
    try:
        run = audit(path, detectors=(), jobs=1)
    finally:
        monkeypatch.undo()
        outside.found.cache_clear()
    (finding,) = run.findings
    assert finding.rule.id == "walk/library-missing"
    assert "apt install libarchive13t64" in finding.message
    assert "dnf install libarchive" in finding.message


def test_a_child_that_cannot_load_it_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = seven(tmp_path)
    monkeypatch.setenv("LIBARCHIVE", str(tmp_path / "no-such.so"))
    run = audit(path, detectors=(), jobs=1)
    assert {f.rule.id for f in run.findings} == {"walk/crashed"}


def test_a_child_that_says_too_much_and_does_not_end_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = seven(tmp_path)
    says = "import os, time; os.write(1, b'H' + (2 << 20).to_bytes(4, 'little')); time.sleep(60)"
    monkeypatch.setattr(outside, "_start_code", lambda: says)
    monkeypatch.setattr(outside, "_PATIENCE", 0.1)
    run = audit(path, detectors=(), jobs=1)
    assert {f.rule.id for f in run.findings} == {"walk/crashed"}


def test_a_child_that_cannot_be_started_is_a_finding_and_keeps_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(seven(tmp_path), "inner.7z")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-such-python"))
    opened = len(list(Path("/proc/self/fd").iterdir()))
    run = audit(path, detectors=(), jobs=1)
    assert [f.rule.id for f in run.findings] == ["walk/crashed"]
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


def test_damaged_archives_of_libarchive_end_cleanly(tmp_path: Path) -> None:
    data = seven(tmp_path).read_bytes()
    reasons: set[str] = set()
    for at in range(0, len(data), max(1, len(data) // 12)):
        broken = bytearray(data)
        broken[at] ^= 0x5A
        try:
            for raw in outside.members(Memory(bytes(broken)), "7z", ReaderContext("x", WalkLimits())):
                for _ in getattr(raw, "data", ()):
                    pass
        except Broken as problem:
            reasons.add(problem.reason)
    assert "crashed" not in reasons


ENCRYPTED = {
    "traditional": ("-tzip", "-mem=ZipCrypto"),
    "aes-128": ("-tzip", "-mem=AES128"),
    "aes-256": ("-tzip", "-mem=AES256"),
}


@pytest.mark.parametrize("how", ENCRYPTED)
def test_encrypted_zip(how: str, tmp_path: Path) -> None:
    word = os.urandom(6).hex()
    path = seven(tmp_path, *ENCRYPTED[how], f"-p{word}", name="x.zip")
    locked = audit(path, detectors=(), jobs=1)
    assert {f.rule.id for f in locked.findings} == {"walk/encrypted"}
    assert locked.subjects[0].stats["bytes_not_examined"] == 2600
    tried = audit(path, detectors=(), jobs=1, passwords=(b"wrong",))
    assert "none of the passwords given opens it" in tried.findings[0].message
    assert "none of the passwords" not in locked.findings[0].message
    opened = audit(path, detectors=(), jobs=1, passwords=(b"wrong", word.encode()))
    assert not opened.findings
    content = {
        event.name: bytes(event.content)
        for event in walk(str(path), passwords=(word.encode(),))
        if isinstance(event, Member)
    }
    assert content["secret.txt"] == b"the content of the member\n" * 100


def test_encrypted_seven_zip_is_said(tmp_path: Path) -> None:
    path = seven(tmp_path, "-pword", "-mhe=on")
    assert {f.rule.id for f in audit(path, detectors=(), jobs=1).findings} <= {
        "walk/encrypted",
        "walk/corrupt",
        "walk/unsupported",
    }
    assert audit(path, detectors=(), jobs=1).findings


def test_traversal_through_libarchive(tmp_path: Path) -> None:
    need("7z")
    path = tmp_path / "x.tar.lz4"
    plain = tmp_path / "t.tar"
    plain.write_bytes(hostile.tarred({"../x": b"1"}))
    subprocess.run([need("lz4"), "-q", plain, path], check=True)
    assert "walk/traversal" in {f.rule.id for f in audit(path, detectors=(), jobs=1).findings}


def test_a_method_that_libarchive_does_not_know_is_unsupported_and_no_damage(tmp_path: Path) -> None:
    program, path = need("7z"), tmp_path / "a.7z"
    (tmp_path / "a.txt").write_bytes(b"content\n" * 100)
    command: list[str | Path] = [program, "a", "-bd", "-m0=Deflate64", path, tmp_path / "a.txt"]
    subprocess.run(command, check=True, capture_output=True)
    assert {f.rule.id for f in audit(path, jobs=1).findings} == {"walk/unsupported"}
