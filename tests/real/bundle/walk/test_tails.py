"""What lies behind the end of a file or archive is examined, wherever that end is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.bundle.walk.test_tails import TAILS, found


@pytest.mark.skipif(shutil.which("javac") is None, reason="no javac")
@pytest.mark.parametrize("tail", ["zip", "text"])
def test_a_tail_behind_a_class_is_examined(tmp_path: Path, tail: str) -> None:
    (tmp_path / "A.java").write_text(
        "class A { long big = 1L << 40; Object f() { return (Runnable) () -> f(); } }"
    )
    subprocess.run(["javac", "-g", "A.java"], cwd=tmp_path, check=True)
    path = tmp_path / "A.class"
    assert not found(path)
    path.write_bytes(path.read_bytes() + TAILS[tail])
    assert {"credential/login-call", "walk/trailing-data"} <= found(path)
