"""Literals of programs of machine code and of data: what tells itself there is found, messages and usages are not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bundle import audit
from hardening.findings import InFile


def test_a_program_as_compilers_make_them(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    (tmp_path / "a.c").write_text(
        '#include <stdlib.h>\nint main(void){return system("mysql -u root -pVk8sQx72Lp aam </tmp/x.sql");}\n'
    )
    subprocess.run([compiler, "-O2", "-o", tmp_path / "ctl", tmp_path / "a.c"], check=True)
    (tmp_path / "a.c").unlink()
    run = audit(tmp_path)
    assert [
        (f.rule.id, Path(f.location.path).name, f.location.line)
        for f in run.findings
        if isinstance(f.location, InFile)
    ] == [("credential/command-line", "ctl", None)]
