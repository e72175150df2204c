"""The subject of a commit has at most 72 characters: the hook refuses a longer one, and `make lint` finds it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CI = Path(__file__).parents[2] / ".ci"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    shutil.copytree(CI / "hooks", tmp_path / ".ci" / "hooks")
    shutil.copy(CI / "check-subjects", tmp_path / ".ci")
    for command in (
        ["init", "-q"], ["config", "user.name", "a"], ["config", "user.email", "a@example.com"],
        ["config", "core.hooksPath", ".ci/hooks"], ["add", "."],
    ):  # fmt: skip
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def commit(checkout: Path, subject: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "commit", "-q", "--allow-empty", "-m", subject, *options],
        cwd=checkout, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_long_subject_is_refused_and_found(checkout: Path) -> None:
    assert (
        commit(checkout, "x" * 73, "--no-verify").returncode == 0
    )  # it brings the hook: older ones do not count
    assert commit(checkout, "é" * 72).returncode == 0
    refused = commit(checkout, "y" * 73)
    assert refused.returncode == 1
    assert "73 characters, at most 72" in refused.stderr
    check = [checkout / ".ci" / "check-subjects"]
    assert subprocess.run(check, check=False).returncode == 0
    assert commit(checkout, "y" * 73, "--no-verify").returncode == 0
    found = subprocess.run(check, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "y" * 73 in found.stderr
