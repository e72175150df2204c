"""The diff of `--fix-diff`, applied with the real `patch`, makes the audit clean and keeps what is not TLS."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hardening.cli import run

CASES = Path(__file__).parents[1] / "cases"
FLAGGED = [
    "httpd/2.2.15-el6/shipped_early.conf",
    "httpd/2.4.71-debian13/tree",
    "nginx/1.26.3-debian13/tree",
    "nginx/1.20.1-el7/defaults.conf",
    "lighttpd/1.4.79-debian13/loose.conf",
    "vsftpd/3.0.5-debian13/weak.conf",
    "java_security/8.0.161/shipped.conf",
    "jetty/9.4.57-debian13/tweak",
    "tomcat/10.1.60-debian13/hosts",
    "tomcat/7.0.76-el7/native",
]


@pytest.mark.parametrize("case", FLAGGED)
def test_the_applied_diff_makes_the_audit_clean(
    case: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    target, version, _ = case.split("/")
    source = CASES / case
    copy = tmp_path / source.name
    if source.is_dir():
        shutil.copytree(source, copy)
    else:
        shutil.copy(source, copy)
    arguments = ["tls", "audit", str(copy), "--target", f"{target}@{version}"]
    assert run([*arguments]) == 10
    capfdbinary.readouterr()
    assert run([*arguments, "--fix-diff"]) == 0
    diff = capfdbinary.readouterr().out
    patch = shutil.which("patch")
    if patch is None:
        pytest.skip("patch is not installed")
    done = subprocess.run([patch, "-p1", "-d", "/"], input=diff, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert run([*arguments, "-q"]) == 0, capfdbinary.readouterr().out
    capfdbinary.readouterr()
    assert run([*arguments, "--fix-diff"]) == 0
    assert capfdbinary.readouterr().out == b"", "a clean configuration needs no diff"


def test_what_no_diff_can_mend_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "lighttpd.conf"
    shutil.copy(CASES / "lighttpd/1.4.18-aspect/shipped.conf", copy)
    arguments = ["tls", "audit", str(copy), "--target", "lighttpd@1.4.18-aspect", "--fix-diff"]
    assert run(arguments) == 2
    assert "nothing is left" in capfd.readouterr().err
