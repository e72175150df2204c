"""What standard output and error are (full, closed, a reader that left) never changes what the exit code says."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode

FULL = Path("/dev/full")
HARDEN = f"{sys.executable} -m hardening"


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=120,
    )


@pytest.fixture
def found(tmp_path: Path) -> Path:
    """A bundle with so many findings that no pipe holds the report."""
    with zipfile.ZipFile(tmp_path / "found.zip", "w") as archive:
        for number in range(60):
            archive.writestr(f"www/{number}.php", specimen.tool(f"Zk7-{number}-pXw9qLt4"))
    return tmp_path


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_a_reader_that_has_seen_enough_does_not_turn_findings_into_success(found: Path, form: str) -> None:
    done = shell(f"{HARDEN} bundle audit found.zip --format {form} | head -c 10", found)
    assert (done.returncode, done.stderr) == (10, "")


@pytest.mark.parametrize("gone", ["", "2>&1"])
def test_a_reader_that_left_ends_no_work_and_hides_no_exit_code(found: Path, gone: str) -> None:
    """What a verb says before its report must not end it: files would be missing, and the exit code 0."""
    done = shell(
        f"{HARDEN} bundle clean found.zip -o out.zip --fail-on info --report json=r.json {gone} | true", found
    )
    assert done.returncode == 10
    assert (found / "r.json").read_text().startswith("{")


def test_a_pipe_of_the_commands_own_that_breaks_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hardening.cli import rules

    def broken(**_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")  # a connection, or a program that it feeds

    monkeypatch.setattr(rules.command, "callback", broken)
    assert run(["rules"]) == ExitCode.BUG
    assert "internal error: BrokenPipeError" in capsys.readouterr().err


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this machine")
@pytest.mark.parametrize(
    "verb", ["rules", "--help", "tls render nginx", "bundle audit found.zip --format json"]
)
def test_a_full_disk_is_one_line_and_no_bug(found: Path, verb: str) -> None:
    done = shell(f"{HARDEN} {verb} > /dev/full", found)
    said = [line for line in done.stderr.splitlines() if line.startswith("harden: ")]
    assert (done.returncode, said) == (2, ["harden: cannot write: No space left on device"])
    assert "Exception ignored" not in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this machine")
def test_a_log_that_is_full_does_not_change_the_exit_code(tmp_path: Path) -> None:
    assert shell(f"{HARDEN} bundle audit absent.zip 2> /dev/full", tmp_path).returncode == 2


def test_an_account_without_a_name_is_called_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass
    import os

    from hardening.cli.caller import user

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert user() == f"uid {os.getuid()}"


def test_nothing_that_is_quoted_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A message may quote what a host printed or a bundle is called."""
    assert run(["bundle", "audit", "absent\x1b[2J\u202e.zip"]) == 2
    assert "absent\\x1b[2J\\u202e.zip: no such file" in capsys.readouterr().err
