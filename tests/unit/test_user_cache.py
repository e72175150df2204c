"""Compiled templates between runs: read from the user's own folder, compiled again if anything about it is not right."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hardening import user_cache
from hardening.tls.rendering import templates
from tests.support import account

NAME = "tls/_header.j2"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "aspect-hardening/templates"


def compiled() -> bytes:
    """The code of a template as a new process would load it."""
    templates._engine.cache_clear()
    return bytes(templates._engine().get_template(NAME).root_render_func.__code__.co_code)


def test_the_second_run_reads_what_the_first_compiled(folder: Path) -> None:
    code = compiled()
    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    stamp = file.stat().st_ino
    assert compiled() == code
    assert file.stat().st_ino == stamp


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-9]),
        lambda file: file.write_bytes(file.read_bytes()[:60] + b"\0\1\2" + file.read_bytes()[63:]),
        lambda file: file.chmod(0o666),
        lambda file: file.parent.chmod(0o777),
    ],
    ids=["empty", "cut", "changed", "open file", "open folder"],
)
def test_what_is_damaged_or_open_to_others_is_not_run(folder: Path, spoil: Callable[[Path], object]) -> None:
    code = compiled()
    (file,) = folder.iterdir()
    spoil(file)
    assert user_cache.read("templates", file.name) is None
    assert compiled() == code


def test_another_accounts_folder_is_not_read(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    compiled()
    (file,) = folder.iterdir()
    os.chown(folder, account.NOBODY, account.NOBODY)
    assert user_cache.read("templates", file.name) is None


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    assert compiled()
