"""The operator's suites as a part of the proof: whatever hangs or asks is no proof, and ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hardening.upgrade import infra

STAND_IN = """#!{python}
import sys, time
{body}
"""


def failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> list[str]:
    """Ask with a stand-in where pytest is run."""
    program = tmp_path / "python"
    program.write_text(STAND_IN.format(python=sys.executable, body=body))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return infra.failures("host", ["hosts"], tmp_path / "settings.toml")


def test_suites_that_hang_are_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infra, "_LONGEST", 0.2, raising=False)
    said = failures(tmp_path, monkeypatch, "time.sleep(5); print('1 passed')")
    assert said == ["testinfra: no answer within 0.2 seconds"]


def test_nobody_is_asked_and_bytes_that_are_no_text_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = "sys.stdout.buffer.write(b'FAILED ' + ascii(sys.stdin.read()).encode() + b' \\xff'); sys.exit(1)"
    assert failures(tmp_path, monkeypatch, asks) == ["testinfra: FAILED '' \ufffd"]


def test_what_passed_is_a_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures(tmp_path, monkeypatch, "print('1 passed')") == []
