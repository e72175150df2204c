"""The first audit of a small archive compiles nothing, and one of `harden warm` reads what it compiled."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

HARDEN = (sys.executable, "-m", "hardening")


def test_a_small_archive_in_an_empty_home_compiles_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("app.conf", "password = Zk3Qm8VxT1\n")
    done = _harden("bundle", "audit", str(archive), home=tmp_path / "home")
    assert done.returncode == 10, done.stderr
    assert done.stderr == ""
    kept = [p for p in (tmp_path / "home").rglob("gates/*") if p.stat().st_size > 1 << 20]
    assert kept == []


def test_warm_fills_a_folder_that_a_run_without_a_home_reads(tmp_path: Path) -> None:
    image = tmp_path / "image"
    made = _harden("warm", "--to", str(image), home=tmp_path / "home")
    assert made.returncode == 0, made.stderr
    assert made.stderr.count("preparing the credential patterns") == 1
    large = tmp_path / "large.zip"
    with zipfile.ZipFile(large, "w") as archive:
        archive.writestr("app.conf", "password = Zk3Qm8VxT1\n" + "nothing in this line\n" * 20_000)
    done = _harden("bundle", "audit", str(large), home=Path("/nonexistent"), HARDEN_CACHE_DIR=str(image))
    assert done.returncode == 10, done.stderr
    assert done.stderr == ""


def _harden(*arguments: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in {"XDG_CACHE_HOME", "HARDEN_CACHE_DIR"}}
    return subprocess.run(
        [*HARDEN, *arguments],
        env={**kept, "HOME": str(home), **more},
        capture_output=True,
        text=True,
        check=False,
    )
