"""A real Debian package, cleaned: what dpkg reads from it differs from the original in the reported removals alone."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from bundle.audit import audit
from bundle.clean.run import clean
from bundle.verify_clean.verify import prove
from hardening.errors import ExitCode

CACHE = Path(__file__).parents[3] / ".cache" / "clean"
FOLDER = "usr/share/phpmyadmin"


@pytest.fixture(scope="module")
def package() -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    if not (found := sorted(CACHE.glob("phpmyadmin_*.deb"))):
        subprocess.run(
            ["apt-get", "download", "-q", "phpmyadmin"],
            cwd=CACHE,
            capture_output=True,
            timeout=120,
            check=False,
        )
        found = sorted(CACHE.glob("phpmyadmin_*.deb"))
    if not found:
        word = "Debian's package phpmyadmin is not to be had: apt-get download phpmyadmin"
        pytest.fail(word) if os.environ.get("CI") == "true" else pytest.skip(word)
    return found[-1]


def members(deb: Path, what: str) -> list[tuple[object, ...]]:
    """Every member of a part of the package, as dpkg itself unpacks that part, in order."""
    raw = subprocess.run(["dpkg-deb", what, deb], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        listed: list[tuple[object, ...]] = []
        for m in archive:
            body = archive.extractfile(m) if m.isreg() else None
            digest = hashlib.sha256(body.read()).hexdigest() if body else ""
            listed.append((m.name, m.type, m.mode, m.uid, m.gid, m.uname, m.mtime, m.linkname, digest))
        return listed


def test_only_what_is_reported_is_gone(package: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.deb", tmp_path / "2.deb"
    after = clean(package, first, lambda p: audit([p], jobs=1))
    removed = [r.reason for r in after.results if r.reason.startswith("removed ")]
    assert {r.split("!/")[-1] for r in removed} == {f"{FOLDER}/"}
    before = members(package, "--fsys-tarfile")
    gone = [m for m in before if f"{m[0]}/".startswith(f"./{FOLDER}/")]
    assert len(gone) > 1000
    assert members(first, "--fsys-tarfile") == [m for m in before if m not in gone]
    control = [m for m in members(first, "--ctrl-tarfile") if m[0] != "./md5sums"]
    assert control == [m for m in members(package, "--ctrl-tarfile") if m[0] != "./md5sums"]
    assert [f.message for f in after.findings if f.rule.id == "clean/sums"]
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", first, tree], check=True)
    subprocess.run(["md5sum", "--quiet", "--strict", "-c", "DEBIAN/md5sums"], cwd=tree, check=True)
    listed = (tree / "DEBIAN" / "md5sums").read_text()
    assert f"  {FOLDER}/" not in listed
    assert "  usr/share/doc/phpmyadmin/" in listed
    assert after.exit_code() is audit([first], jobs=1).exit_code() is ExitCode.OK
    proof = prove(package, first)
    assert proof.exit_code() is ExitCode.OK
    assert len([f for f in proof.findings if f.rule.id == "prove/removed"]) == len(gone)
    clean(package, second, lambda p: audit([p], jobs=1))
    assert first.read_bytes() == second.read_bytes()
