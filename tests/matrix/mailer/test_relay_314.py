"""The relay on CPython 3.14, which neither Debian nor PyPI carries: npm has it as WebAssembly (`make mailer-test`)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hardening.mailer.install import relay_archive
from tests.support.places import ROOT

HOME = ROOT / ".cache" / "pyodide"
RUN = """
import { loadPyodide } from "pyodide";
import { readFileSync } from "fs";
const python = await loadPyodide({ stdout: console.log });
python.FS.writeFile("/relay.pyz", readFileSync(process.argv[2]));
python.runPython(readFileSync(process.argv[3], "utf8"));
"""


def test_a_backlog_on_3_14(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (HOME / "node_modules" / "pyodide").is_dir():
        pytest.skip("no CPython 3.14 here: npm install --prefix .cache/pyodide pyodide@314.0.7")
    script = HOME / "run.mjs"  # beside node_modules, where node looks for packages
    script.write_text(RUN)
    inside = ROOT / "tests/support/mailer/in_314.py"
    (tmp_path / "relay.pyz").write_bytes(relay_archive())
    argv = [node, str(script), str(tmp_path / "relay.pyz"), str(inside)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "CRITICAL: the relay does not run" in done.stdout  # nothing serves in there
    assert "0 queued, oldest 0 s, 0 dead" in done.stdout
    assert "3.14: 30 alarms told, status 2" in done.stdout
