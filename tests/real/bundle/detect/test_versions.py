"""Versions compare as their own worlds say; dpkg and rpm are asked themselves where they are installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bundle.detect.versions import rpm
from tests.unit.bundle.detect.test_versions import ORDERED


@pytest.mark.skipif(shutil.which("rpm") is None, reason="rpm is not installed here")
def test_rpm_agrees() -> None:
    pairs = [(a, b) for a in ORDERED[rpm] for b in ORDERED[rpm] if ":" not in a + b]
    script = "".join(f'print(rpm.vercmp("{a}", "{b}").." ")\n' for a, b in pairs)
    done = subprocess.run(["rpm", "--eval", f"%{{lua:{script}}}"], capture_output=True, text=True, check=True)
    assert [int(line) for line in done.stdout.split()] == [rpm(a, b) for a, b in pairs]
