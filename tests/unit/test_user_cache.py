"""Rendered texts between runs: read from the user's own folder, rendered again if anything about it is not right."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hardening import user_cache
from hardening.tls.rendering import templates
from tests.support import account


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "aspect-hardening/rendered"


def rendered(entry: str = "a") -> str:
    """The text of a template as a new process would have it, and whether Jinja2 was needed for it."""
    templates._engine.cache_clear()
    text = templates.text("tls/java.security.j2", property="jdk.tls", entries=[entry], **HEAD)
    return text + ("jinja2" if templates._engine.cache_info().currsize else "kept")


HEAD = {
    "comment": "#",
    "library": "JDK",
    "notes": [],
    "target": {"title": "Java"},
    "job": {
        "build": "jdk-8",
        "policy": {"id": "aspect", "title": "t", "version": "1"},
        "priority": "",
        "release": {"version": "8"},
    },
}


def test_the_second_run_reads_what_the_first_rendered(folder: Path) -> None:
    text = rendered()
    assert text.endswith("jdk.tls=a\njinja2")
    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert rendered() == text.replace("jinja2", "kept")
    assert rendered("b").endswith("jdk.tls=b\njinja2"), "another value is another text"
    (folder / "0").write_bytes(file.read_bytes())
    file.write_bytes(next(one for one in folder.iterdir() if one.name not in {file.name, "0"}).read_bytes())
    assert rendered() == text, "another's text under its name"


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
def test_what_is_damaged_or_open_to_others_is_not_read(folder: Path, spoil: Callable[[Path], object]) -> None:
    text = rendered()
    (file,) = folder.iterdir()
    spoil(file)
    assert user_cache.read("rendered", file.name) is None
    assert rendered() == text


def test_another_accounts_folder_is_not_read(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    rendered()
    (file,) = folder.iterdir()
    os.chown(folder, account.NOBODY, account.NOBODY)
    assert user_cache.read("rendered", file.name) is None


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    assert rendered()
