"""The certificate files that configurations name: judged where they are read, named where they are not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.errors import ExitCode
from tests.unit.tls.targets.test_certificate_files import NGINX, compliant


def test_openssl_req_with_512_bits_fails(tmp_path: Path) -> None:
    """The smallest input: RSA 512 was a pass, exit 0."""
    pem, key = tmp_path / "c.pem", tmp_path / "k.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:512", "-subj", "/CN=a", "-keyout", key, "-out", pem],
        check=False, capture_output=True,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("this openssl makes no key of 512 bits")
    config = compliant(tmp_path, pem.read_bytes())
    arguments = ("--policy", "pci-dss-4.0.1", "-q")
    assert run([str(word) for word in ("tls", "audit", config, *NGINX, *arguments)]) == ExitCode.FINDINGS
    assert run([str(word) for word in ("host", "audit", "--root", tmp_path, *arguments)]) == ExitCode.FINDINGS
