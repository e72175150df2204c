"""The programs that travel to hosts are one file each; who reads one at night finds by its contents where to look."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from hardening.host import accounts, agent, collect


@pytest.mark.parametrize("program", [agent, accounts])
def test_the_contents_name_every_section(program: object) -> None:
    text = Path(str(getattr(program, "__file__", ""))).read_text(encoding="utf-8")
    listed = text.partition("its sections, in order:\n")[2].partition('"""')[0]
    sections = re.findall(r"^# -- (.+?) -+$", text, re.MULTILINE)
    assert [line.strip() for line in listed.strip().splitlines()] == sections


@pytest.mark.parametrize(
    "pattern", ["a/closed/x", "a/closed/*", "a/*/x", "a/listed/x*", "a/open/x", "no/x", "a/file/x"]
)
def test_programs_that_are_sent_alone_tell_closed_folders_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """Each is one file, so that both have to know by themselves when absent means unknown."""
    for name in ("closed", "listed", "open"):
        (tmp_path / "a" / name).mkdir(parents=True)
    (tmp_path / "a/file").touch()
    rights = {"closed": 0, "listed": os.X_OK}
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & ~rights.get(Path(path).name, 7))
    try:
        agent.not_closed(f"{tmp_path}/{pattern}")  # type: ignore[no-untyped-call]  # it runs on Python 2.6
        said = []
    except OSError as closed:
        said = [closed.filename]
    assert collect.closed(f"{tmp_path}/{pattern}") == said  # type: ignore[no-untyped-call]  # as above
    assert said == (
        [f"{tmp_path}/a/{pattern.split('/')[1]}"] if "closed" in pattern or "listed" in pattern else []
    )
