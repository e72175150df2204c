"""The commands of docs/trust.md that need no tool of ours are run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from bundle.trust import keys, policy
from hardening.demo import specimen

TEXT = (Path(__file__).parents[4] / "docs" / "trust.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return str(found)


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", f"set -o pipefail\n{script}"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_trust_file_shown_is_one(tmp_path: Path) -> None:
    for year in (2025, 2026):
        keys.write(keys.generate(), tmp_path / f"release-{year}.key", passphrase=None)
    (tmp_path / "trust.toml").write_text(block("toml"))
    loaded = policy.load(tmp_path / "trust.toml")
    assert loaded.trusted[0].revoked == "laptop lost"


def test_the_drill_for_a_lost_key(tmp_path: Path) -> None:
    """Each command does what its line says: those that begin with ! are refused with exit 11."""
    (tmp_path / "own-copy").mkdir()
    content = specimen.bundle()
    for copy in ("upgrade.zip", "own-copy/upgrade.zip"):
        (tmp_path / copy).write_bytes(content)
    (tmp_path / "trust.toml").write_text('[[key]]\nfile = "lost.key.pub"\n')
    before = "harden bundle keygen --out lost.key --no-passphrase\nharden bundle sign upgrade.zip --key lost.key --no-passphrase"
    assert run(before, tmp_path).returncode == 0
    for line in block("drill").splitlines():
        done = run(line.removeprefix("! "), tmp_path)
        assert done.returncode == (11 if line.startswith("! ") else 0), line + done.stdout + done.stderr
        if line.startswith("! "):
            assert "was revoked: laptop lost" in done.stdout
