"""Logs that are made to be slow, large or only half read: they end, and what was not looked at is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.findings import InFile
from hardening.upgrade.logs.triage import Triage


@pytest.mark.parametrize("engine", ["auto", "plain"])
def test_what_lies_across_two_pieces_of_a_line_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr("hardening.upgrade.logs.prefilter._CHUNK", 1 << 16)
    path = tmp_path / "a.log"
    said = b"cp: write: No space left on device "
    for at in (1 << 16) - 20, (1 << 16) + 3, (1 << 17) - 1040:
        path.write_bytes(b"x " * (at // 2) + said + b"y " * (1 << 16) + b"\nerror: last\n")
        run = Triage(engine=engine).logs([path])
        assert {(f.rule.id, f.location.line) for f in run.findings if isinstance(f.location, InFile)} == {
            ("log/disk-full", 1), ("log/unknown", 2)
        }  # fmt: skip
