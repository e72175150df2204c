"""Hosts that were changed have their receipt, whatever else cannot be written."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from bundle.trust import keys
from hardening.cli import run, upgrade_apply
from hardening.errors import ExitCode
from hardening.findings import Run, Subject, SubjectKind
from hardening.upgrade.admission import AdmittedUpgrade

FULL = Path("/dev/full")
RECIPE = Path(str(files("hardening"))) / "products/aspect/upgrade.toml"
JOB = AdmittedUpgrade(
    bundle="/b.zip", sha256="0" * 64, size=1, unpacked=1, product="p", release="2", created="", recipe={}
)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this machine")
def test_a_report_that_cannot_be_written_costs_no_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats = {"state": "committed", "from": "1", "to": "2"}
    host = Subject(id="host", kind=SubjectKind.HOST, stats=stats)
    done = Run.of([host], [], started=datetime.now(UTC))
    monkeypatch.setattr(upgrade_apply, "_admitted", lambda *_, **__: (done, JOB))
    monkeypatch.setattr(upgrade_apply, "_play", lambda *_, **__: done)
    public = keys.write(keys.generate(), tmp_path / "key", passphrase=None)
    receipt = tmp_path / "receipt"
    words = [
        "b.zip",
        "--recipe",
        str(RECIPE),
        "--sign-key",
        str(tmp_path / "key"),
        "--no-passphrase",
        "--receipt",
        str(receipt),
    ]
    assert run(["upgrade", "apply", "--local", *words, "--report", f"json={FULL}"]) == ExitCode.USAGE
    assert run(["upgrade", "receipt", str(receipt), "--key", str(public)]) == ExitCode.OK
