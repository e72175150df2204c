"""A release is made from one command, in a copy: version, CHANGELOG, packages, SBOM, provenance, signatures, notes; a tag only with a key."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bundle.trust import dsse, keys
from hardening.cli import run
from hardening.errors import ExitCode

ROOT = Path(__file__).parents[3]
VERSION = "7.1.2"


def call(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(one) for one in words], cwd=cwd, capture_output=True, text=True, check=False, timeout=900
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what is in the work tree now."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    top = tmp_path_factory.mktemp("release") / "clone"
    names = call("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout
    for name in names.rstrip("\0").split("\0"):
        if (ROOT / name).is_file() and not name.startswith(("tests/unit/", "tests/real/", "tests/matrix/", "tests/data/", "tests/fuzz/")):  # fmt: skip
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, top / name)
    (top / "changes/+wonder.added.md").write_text("A wonder of a change.\n")
    for words in (["init", "-q"], ["config", "user.name", "a"], ["config", "user.email", "a@localhost"], ["add", "-A"], ["commit", "-qm", "all"]):  # fmt: skip
        assert call("git", *words, cwd=top).returncode == 0
    return top


@pytest.fixture(scope="module")
def rehearsal(clone: Path) -> Path:
    done = call(sys.executable, "packaging/release.py", VERSION, "--parts", "wheel", cwd=clone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"rehearsal of {VERSION} in ")
    return clone / "dist" / VERSION


def test_the_packages_have_the_version_and_the_checkout_does_not(clone: Path, rehearsal: Path) -> None:
    with zipfile.ZipFile(rehearsal / f"aspect_hardening-{VERSION}-py3-none-any.whl") as archive:
        assert f'__version__ = "{VERSION}"' in archive.read("hardening/__init__.py").decode()
    assert VERSION not in (clone / "hardening/__init__.py").read_text()
    assert call("git", "status", "--porcelain", cwd=clone).stdout == ""
    assert call("git", "tag", "--list", cwd=clone).stdout == ""
    assert len(call("git", "worktree", "list", cwd=clone).stdout.splitlines()) == 1


def test_the_notes_are_made_of_the_fragments(rehearsal: Path) -> None:
    notes = (rehearsal / "NOTES.md").read_text()
    assert "A wonder of a change." in notes
    patch = (rehearsal / "release.patch").read_text()
    assert f"+## {VERSION} (" in patch
    assert "deleted file mode" in patch
    for line in (rehearsal / "SHA256SUMS").read_text().splitlines():
        assert line.split("  ")[0] in notes


def test_everything_is_signed_and_stated(rehearsal: Path) -> None:
    for line in (rehearsal / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((rehearsal / name).read_bytes()).hexdigest() == digest
    key = rehearsal / "release.pub"
    assert run(["report", "verify", str(rehearsal / "SHA256SUMS"), "--key", str(key)]) == ExitCode.OK
    envelope = dsse.load(rehearsal / "provenance.dsse.json")
    envelope.verify([keys.load_public(key)])
    said = dsse.content(envelope)
    assert {one["name"] for one in said["subject"]} == {
        f"aspect_hardening-{VERSION}-py3-none-any.whl",
        f"aspect_hardening-{VERSION}.tar.gz",
    }
    definition = said["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {"version": VERSION, "parts": ["wheel"]}
    assert definition["resolvedDependencies"][0]["digest"]["gitCommit"]
    bill = json.loads((rehearsal / f"aspect-hardening-{VERSION}.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"


@pytest.mark.skipif(shutil.which("cosign") is None, reason="not installed: cosign")
def test_cosign_verifies_every_package_and_refuses_another(rehearsal: Path, tmp_path: Path) -> None:
    asked = [
        "cosign", "verify-blob-attestation", "--key", "release.pub", "--signature", "provenance.dsse.json",
        "--insecure-ignore-tlog", "--type", "slsaprovenance1",
    ]  # fmt: skip
    for package in (*rehearsal.glob("*.whl"), *rehearsal.glob("*.tar.gz")):
        done = call(*asked, package, cwd=rehearsal)
        assert done.returncode == 0, done.stderr
    other = tmp_path / "other.whl"
    other.write_bytes(b"x")
    assert call(*asked, other, cwd=rehearsal).returncode != 0


def test_a_tag_is_made_only_with_a_key(clone: Path, rehearsal: Path, tmp_path: Path) -> None:
    assert rehearsal.is_dir()
    keys.write(keys.generate(), tmp_path / "release.key", passphrase=None)
    asked = [sys.executable, "packaging/release.py", VERSION, "--parts", "wheel", "--key", tmp_path / "release.key"]  # fmt: skip
    done = call(*asked, cwd=clone)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = call("git", "show", f"v{VERSION}:hardening/__init__.py", cwd=clone).stdout
    assert f'__version__ = "{VERSION}"' in shown
    assert (
        call("git", "ls-tree", "--name-only", f"v{VERSION}", "changes/", cwd=clone).stdout
        == "changes/README.md\n"
    )
    assert call("git", "tag", "--list", cwd=clone).stdout == f"v{VERSION}\n"
    statement = dsse.content(dsse.load(clone / "dist" / VERSION / "provenance.dsse.json"))
    (source, *_) = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    tagged = call("git", "rev-parse", f"v{VERSION}^{{commit}}", cwd=clone).stdout.strip()
    assert source["digest"] == {"gitCommit": tagged}
    again = call(*asked, cwd=clone)
    assert "is tagged already" in again.stderr


def test_a_wrong_version_is_one_line(clone: Path) -> None:
    done = call(sys.executable, "packaging/release.py", "next", cwd=clone)
    assert (done.returncode, done.stderr) == (1, "release: 'next' is not a version such as 0.2.0\n")
