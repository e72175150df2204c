"""Mistakes as data: each is answered with what was wrong and the next step, in a few lines, with a documented code."""

from __future__ import annotations

import io
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run
from tests.support.places import DATA

_USAGE = 2
_MOST, _PARTS = 3, 8


def mistakes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((DATA / "cli/mistakes.toml").read_text())["mistake"]
    return found


def test_there_are_as_many_as_promised_and_each_once() -> None:
    assert len(mistakes()) >= 130
    assert len({one["command"] for one in mistakes()}) == len(mistakes())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with zipfile.ZipFile(tmp_path / "clean.zip", "w") as archive:
        archive.writestr("readme.txt", "text\n")
    (tmp_path / "nginx.conf").write_text("events {}\nhttp { server { listen 80; } }\n")
    (tmp_path / "notes.txt").write_text("notes\n")
    (tmp_path / "ignore.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    return tmp_path


@pytest.mark.parametrize("part", range(_PARTS))
def test_each_mistake_is_answered(folder: Path, capfd: pytest.CaptureFixture[str], part: int) -> None:
    assert folder.is_dir()
    wrong = []
    for one in mistakes()[part::_PARTS]:
        words = one["command"].split()
        code = run(words)
        out, err = capfd.readouterr()
        if code != one["exit"] or one["says"] not in (out + err).replace("\n  next: ", "; "):
            first = (err or out).strip().splitlines()
            wrong.append(f"{one['command']}: exit {code}: {' | '.join(first[:_MOST])}")
        elif code == _USAGE and (
            "Traceback" in err
            or not err.startswith("harden: ")
            or len(err.splitlines()) > _MOST
            or "next: " not in err
        ):
            wrong.append(f"{one['command']}: {err}")
    assert wrong == []
