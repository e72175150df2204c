"""A thousand archives of other projects' tests: none ends the walk, and what other programs unpack was seen or is said."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundle import audit
from bundle.walk.identify import HEAD, identify
from bundle.walk.member import Member
from bundle.walk.source import Memory
from hardening.findings import Finding, Rule
from tests.support.bundle.walk.foreign import DEBIAN, PYPI, archives

SECONDS = 30
PACE = 2.5e8
"""Bytes of a large one that a loaded machine reads in one more second: some of these unpack to gigabytes."""
_READ = """
import hashlib, json, sys
import libarchive
found = []
try:
    with libarchive.file_reader(sys.argv[1]) as archive:
        for entry in archive:
            if entry.isfile and not entry.islnk and 0 < (entry.size or 1) < 200_000_000:
                digest, size = hashlib.sha256(), 0
                try:
                    for block in entry.get_blocks():
                        digest.update(block)
                        size += len(block)
                except Exception:
                    continue
                if size:
                    found.append((entry.pathname, digest.hexdigest()))
except Exception:
    pass
print(json.dumps(found))
"""
_OWN_LISTING = {"ar": ("1.txt", "2.txt"), "deb": ("data.tar", "control.tar")}
"""What 7z makes of an archive that is not a member of it."""


class Seen:
    """Keeps the digest of everything that detectors get to see."""

    def __init__(self) -> None:
        self.digests: set[str] = set()

    def rules(self) -> tuple[Rule, ...]:
        return ()

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        assert subject
        self.digests.add(member.sha256)
        self.digests.add(hashlib.sha256(member.link.encode()).hexdigest())  # which 7z writes as a file
        return iter(())


def by_libarchive(path: Path) -> list[tuple[str, str]]:
    """What libarchive unpacks: name and SHA-256."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _READ, path], capture_output=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return []
    return [tuple(one) for one in json.loads(done.stdout)] if done.returncode == 0 else []


def by_seven_zip(path: Path, form: str, folder: Path) -> list[tuple[str, str]]:
    """What 7z unpacks without a complaint, but for what is one level for us (a compressed tar) or no member (its listings)."""
    if form in ("pe", "elf") or shutil.which("7z") is None:
        return []
    try:
        done = subprocess.run(
            ["7z", "x", "-y", "-p", "-bd", f"-o{folder}", path], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return []
    found = []
    for one in sorted(folder.rglob("*")) if done.returncode == 0 else ():
        if one.is_symlink() or not one.is_file() or not 0 < one.stat().st_size < 200_000_000:
            continue
        data = one.read_bytes()
        inner = identify(data[:HEAD], Memory(data)) in ("tar", "cpio")
        if one.name not in _OWN_LISTING.get(form, ()) and not (inner and len(list(folder.iterdir())) == 1):
            found.append((one.name, hashlib.sha256(data).hexdigest()))
    return found


@pytest.mark.parametrize("package", [*DEBIAN, *PYPI])
def test_nothing_ends_the_walk_and_nothing_is_passed_over(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: list[str] = []
    for path in archives(package):
        spill, folder = tmp_path / "spill", tmp_path / "by-7z"
        spill.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(spill))
        seen = Seen()
        began = time.process_time()
        run = audit(path, detectors=(seen,), jobs=1)
        spent = time.process_time() - began
        monkeypatch.setattr(tempfile, "tempdir", None)
        (subject,) = run.subjects
        stats = subject.stats
        said = {finding.rule.id for finding in run.findings}
        if spent > SECONDS + stats["bytes_examined"] / PACE:
            wrong.append(f"{path.name}: {spent:.0f} s")
        if list(spill.iterdir()):
            wrong.append(f"{path.name}: left {list(spill.iterdir())}")
        if stats["bytes"] != stats["bytes_examined"] + stats["bytes_not_examined"]:
            wrong.append(f"{path.name}: the books do not balance: {stats}")
        if said & {"walk/crashed", "walk/detector-failed"}:
            wrong.append(f"{path.name}: {said}")
        if not said:  # who says nothing has to have seen everything
            data = path.read_bytes()
            form = identify(data[:HEAD], Memory(data))
            lost = [
                one
                for one in (*by_libarchive(path), *by_seven_zip(path, form, folder))
                if one[1] not in seen.digests
            ]
            if lost:
                wrong.append(f"{path.name} ({form}): passed over {lost[:3]}")
        shutil.rmtree(spill)
        shutil.rmtree(folder, ignore_errors=True)
    assert not wrong, "\n".join(wrong)
