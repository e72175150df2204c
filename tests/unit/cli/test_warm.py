"""`harden warm --to DIR` fills a folder that runs read through HARDEN_CACHE_DIR."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from bundle.detect.credentials.rules.pattern_gate import PatternGate
from hardening import user_cache
from hardening.cli import run

PATTERNS = ("abc[0-9]{2}",)


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a named folder beside a home and a temporary folder that cannot be made."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    monkeypatch.setenv(user_cache.NAMED, str(tmp_path / "image"))
    return tmp_path / "image"


def test_a_named_folder_comes_first(image: Path) -> None:
    assert PatternGate(PATTERNS, engine="hyperscan").engine == "hyperscan"
    (file,) = (image / "gates").iterdir()
    assert file.stat().st_mode & 0o777 == 0o644
    assert PatternGate.is_kept(PATTERNS)


def test_what_root_keeps_in_a_named_folder_is_read_by_others(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PatternGate(PATTERNS, engine="hyperscan")
    owner = image.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert PatternGate.is_kept(PATTERNS) is (owner == 0)


def test_a_named_folder_that_others_may_write_is_not_read(image: Path) -> None:
    PatternGate(PATTERNS, engine="hyperscan")
    (image / "gates").chmod(0o777)
    assert not PatternGate.is_kept(PATTERNS)


def test_a_folder_that_cannot_be_made_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(user_cache.NAMED, "")
    monkeypatch.setattr(user_cache, "_only_named", False)
    (tmp_path / "file").write_text("in the way")
    assert run(["warm", "--to", str(tmp_path / "file" / "image")]) == 2
    assert "cannot keep compiled patterns here" in capsys.readouterr().err
