"""What a clean audit is on a machine that has not the certificates of the host that is audited."""

from __future__ import annotations

import json
from pathlib import Path

from hardening.cli import run


def assert_clean(arguments: list[str], folder: Path) -> None:
    """Nothing is found, and everything was read but certificates that are not here."""
    report = folder / "report.json"
    code = run([*arguments, "--format", "json", "-o", str(report)])
    said = json.loads(report.read_text())
    report.unlink()
    lost = [one for one in said["findings"] if one["rule"] == "tls/certificate-unread"]
    assert code == (4 if lost else 0), said["findings"]
    assert all("was not read: not found" in one["message"] for one in lost)
    for one in said["subjects"]:
        assert one["examined"] == "full" or "was not read: not found" in one["reason"]
