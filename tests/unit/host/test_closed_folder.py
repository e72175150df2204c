"""What lies below a folder that may not be read is unknown, not absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hardening.onhost.agent import facts
from hardening.onhost.shared.closed import closed_folder


@pytest.mark.parametrize(
    "pattern", ["a/closed/x", "a/closed/*", "a/*/x", "a/listed/x*", "a/open/x", "no/x", "a/file/x"]
)
def test_a_closed_folder_is_named_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    for name in ("closed", "listed", "open"):
        (tmp_path / "a" / name).mkdir(parents=True)
    (tmp_path / "a/file").touch()
    rights = {"closed": 0, "listed": os.X_OK}
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & ~rights.get(Path(path).name, 7))
    closed = "closed" in pattern or "listed" in pattern
    expected = f"{tmp_path}/a/{pattern.split('/')[1]}" if closed else None
    assert closed_folder(f"{tmp_path}/{pattern}") == expected
    try:
        facts.refuse_closed_folder(f"{tmp_path}/{pattern}")
        refused = None
    except OSError as problem:
        refused = problem.filename
    assert refused == expected
