"""The command's own options: sizes, passwords, progress, jobs, cache."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import click
import pytest

from hardening.cli import run as harden
from hardening.cli.bundle_audit import SizeType


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a.txt", "harmless\n" * 1000)
    path = tmp_path / "a.zip"
    path.write_bytes(out.getvalue())
    return path


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("64M", 64 << 20), ("20GiB", 20 << 30), ("1k", 1024), ("2tb", 2 << 40)]
)
def test_sizes(text: str, size: int) -> None:
    assert SizeType().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "M", "-5", "1.5G", "12X"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(click.BadParameter):
        SizeType().convert(text, None, None)


def test_every_limit_is_an_option(archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = {
        "--max-depth": "4", "--max-total": "1G", "--max-member": "1G", "--max-members": "100", "--max-ratio": "50",
        "--max-seconds": "60", "--max-spill": "1G", "--max-window": "64M", "--jobs": "1",
    }  # fmt: skip
    words = [word for pair in options.items() for word in pair]
    assert harden(["bundle", "audit", str(archive), *words]) == 0
    assert harden(["bundle", "audit", str(archive), "--max-members", "1"]) == 10
    assert "more than 1 members" in capfd.readouterr().out


def test_progress_goes_to_standard_error(archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert harden(["bundle", "audit", str(archive), "--progress", "always", "--format", "json"]) == 0
    said = capfd.readouterr()
    assert said.out.startswith("{")
    assert "a.zip" in said.err


def test_password_file_that_is_absent(
    archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert harden(["bundle", "audit", str(archive), "--password-file", str(tmp_path / "absent")]) == 2
    assert capfd.readouterr().err.startswith("harden: ")


def test_cache_and_passwords(archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = tmp_path / "words"
    words.write_text("one\ntwo\n")
    kept = tmp_path / "kept"
    for _ in range(2):
        assert (
            harden(["bundle", "audit", str(archive), "--cache", str(kept), "--password-file", str(words)])
            == 0
        )
    assert (kept / "results.sqlite").exists()
    capfd.readouterr()
