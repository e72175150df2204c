"""What standard output and error are (full, closed, a reader that left) never changes what the exit code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.test_streams import HARDEN, found, shell

__all__ = ["found"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_the_caller_closed_are_no_bug(found: Path, closed: str) -> None:
    assert shell(f"{HARDEN} bundle audit found.zip --format json -o r.json {closed}", found).returncode == 10
    assert (found / "r.json").read_text().startswith("{")
    assert shell(f"{HARDEN} bundle audit found.zip {closed}", found).returncode == 10
    assert shell(f"{HARDEN} bundle audit absent.zip {closed}", found).returncode == 2
    assert shell(f"{HARDEN} rules {closed}", found).returncode == 0
