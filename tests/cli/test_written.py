"""What a verb writes never falls on what it reads, nor on something else that it writes."""

from __future__ import annotations

import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.errors import ExitCode


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "upgrade.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "an upgrade\n")
    return path


@pytest.mark.parametrize(
    "words",
    [
        "audit upgrade.zip -o upgrade.zip",
        "audit upgrade.zip --format json --report sarif=./upgrade.zip",
        "audit upgrade.zip --report json=link.zip",
        "audit upgrade.zip --report json=a --report sarif=a",
        "audit upgrade.zip --report json=a -o ./a",
        "audit upgrade.zip --rules own.toml --report text=own.toml",
        "audit upgrade.zip --waivers own.toml --report text=own.toml",
        "clean upgrade.zip -o clean.zip --report json=upgrade.zip",
        "clean upgrade.zip -o clean.zip --report json=clean.zip",
        "clean upgrade.zip -o clean.zip --secrets upgrade.zip",
        "clean upgrade.zip -o clean.zip --secrets clean.zip",
        "clean upgrade.zip -o clean.zip --secrets s --report json=s",
        "sbom upgrade.zip -o upgrade.zip",
        "sbom upgrade.zip -o list.json --report json=list.json",
        "sign upgrade.zip --unsigned -o upgrade.zip",
        "sign upgrade.zip --unsigned --report json=upgrade.zip",
        "sign upgrade.zip --unsigned --report json=upgrade.zip.dsse.json",
        "sign upgrade.zip --unsigned --report json=upgrade.zip.inventory.dsse.json",
        "verify upgrade.zip --key own.toml -o upgrade.zip",
        "diff upgrade.zip upgrade.zip -o upgrade.zip",
        "learn upgrade.zip -o upgrade.zip",
        "envelope upgrade.zip --export upgrade.zip",
    ],
)
def test_nothing_is_written_over_what_is_read(
    words: str, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (bundle.parent / "link.zip").symlink_to("upgrade.zip")
    (bundle.parent / "own.toml").write_text("")
    before, names = bundle.read_bytes(), sorted(bundle.parent.iterdir())
    assert run(["bundle", *words.split()]) == ExitCode.USAGE
    assert "choose another name" in capfd.readouterr().err
    assert bundle.read_bytes() == before
    assert sorted(bundle.parent.iterdir()) == names, "nothing was made"


def test_a_baseline_may_be_written_anew_and_a_device_takes_any_number(bundle: Path) -> None:
    words = ["bundle", "audit", str(bundle), "-o", "/dev/null"]
    assert run([*words, "--report", "json=known.json"]) == ExitCode.OK
    assert run([*words, "--baseline", "known.json", "--report", "json=known.json"]) == ExitCode.OK
    assert run([*words, "--report", "json=/dev/null", "--report", "sarif=/dev/null"]) == ExitCode.OK


def test_a_disk_that_fills_up_costs_no_report_that_was_there(bundle: Path) -> None:
    old, new = bundle.with_name("old.json"), bundle.with_name("new.json")
    old.write_text("the report of yesterday\n")
    for path in (old, new):
        done = subprocess.run(
            [sys.executable, "-m", "hardening", "bundle", "audit", bundle.name, "--format", "json", "-o", path.name],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
        assert done.stderr.startswith(f"harden: cannot write {path.name}: ")
    there = (p.name for p in bundle.parent.iterdir() if not p.name.startswith(".coverage"))
    assert sorted(there) == ["old.json", "upgrade.zip"]
    assert old.read_text() == "the report of yesterday\n"
