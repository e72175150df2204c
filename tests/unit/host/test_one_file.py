"""The agent and the collector report closed folders alike."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hardening.onhost.agent import facts
from hardening.onhost.collect import paths


@pytest.mark.parametrize(
    "pattern", ["a/closed/x", "a/closed/*", "a/*/x", "a/listed/x*", "a/open/x", "no/x", "a/file/x"]
)
def test_programs_that_are_sent_alone_tell_closed_folders_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """Each has its own code for it: absent means unknown below a folder that may not be read."""
    for name in ("closed", "listed", "open"):
        (tmp_path / "a" / name).mkdir(parents=True)
    (tmp_path / "a/file").touch()
    rights = {"closed": 0, "listed": os.X_OK}
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & ~rights.get(Path(path).name, 7))
    try:
        facts.refuse_closed_folder(f"{tmp_path}/{pattern}")
        said = []
    except OSError as closed:
        said = [closed.filename]
    assert paths.closed(f"{tmp_path}/{pattern}") == said
    assert said == (
        [f"{tmp_path}/a/{pattern.split('/')[1]}"] if "closed" in pattern or "listed" in pattern else []
    )
