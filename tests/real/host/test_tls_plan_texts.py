"""The diff that the audit prints, applied with the real `patch`, is byte for byte what the playbook installs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hardening.cli import run
from tests.support.odd_certificates import pem, sound
from tests.unit.host.test_tls_plan_texts import CONFIGURATIONS, Host


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_applied_diff_is_what_the_playbook_installs(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    host = Host(tmp_path, name)
    planned = host.planned()
    assert planned != host.texts()
    assert run(host.arguments()) in {10, 4}
    capfdbinary.readouterr()
    assert run([*host.arguments(), "--fix-diff", "--fix-place", host.place]) == 0
    diff = capfdbinary.readouterr().out
    patch = shutil.which("patch")
    if patch is None:
        pytest.skip("patch is not installed")
    done = subprocess.run([patch, "-p1", "-d", "/"], input=diff, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert host.texts() == planned
    capfdbinary.readouterr()
    card = host.folder / "server.pem"  # lighttpd's own; without it the verdict on certificates is open
    card.write_bytes(pem(sound()))
    assert run([*host.arguments(), "-q"]) == 0, capfdbinary.readouterr().out
    card.unlink()
    assert host.planned() == planned, "what is there already is not written a second time"
