"""With CI=true a program that is missing fails the test that needs it; what is skipped for another reason stays so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = """
import pytest
def test_a(): pytest.skip("patch is not installed")
@pytest.mark.skipif(True, reason="the openssl program is missing")
def test_b(): pass
def test_c(): pytest.importorskip("no_such_module")
def test_d(): pytest.skip("needs gpg")
@pytest.mark.skipif(True, reason="root may write everywhere")
def test_e(): pass
@pytest.mark.xfail(reason="it is missing")
def test_f(): raise ValueError
def test_g(): pass
"""


@pytest.mark.parametrize(
    ("ci", "came"),
    [
        ("true", "3 failed, 1 passed, 1 skipped, 1 xfailed, 2 errors"),  # a mark and a module are errors
        ("", "1 passed, 6 skipped, 1 xfailed"),
    ],
)
def test_what_is_missing_fails_where_nobody_looks_at_skips(tmp_path: Path, ci: str, came: str) -> None:
    (tmp_path / "test_one.py").write_text(MODULE)
    (tmp_path / "test_two.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(tmp_path), "-p", "tests.conftest",
         "-p", "no:cacheprovider", "--continue-on-collection-errors", str(tmp_path)],
        env={**os.environ, "CI": ci}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert came in done.stdout.splitlines()[-1], done.stdout
