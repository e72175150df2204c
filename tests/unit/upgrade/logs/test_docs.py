"""The messages of docs/logs.md are read as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.errors import ExitCode

PAGE = Path(__file__).parents[4] / "docs/logs.md"


def test_own_messages_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    (tmp_path / "messages.toml").write_text(found[1])
    log = tmp_path / "site.log"
    log.write_text("ERROR: spare driver is absent\n")
    assert run(["logs", "triage", str(log)]) == ExitCode.FINDINGS
    assert run(["logs", "triage", str(log), "--rules", str(tmp_path / "messages.toml")]) == ExitCode.OK
    assert "log/site-driver-absent" in capsys.readouterr().out
