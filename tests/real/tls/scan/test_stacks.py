"""Real TLS libraries that close where others refuse, or read short hellos alone: every suite found, and nothing left open."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hardening.findings import Subject
from hardening.tls import policy
from hardening.tls.scan.run import ScanSettings, scan
from tests.real.tls.scan.test_old_stacks import make_keys
from tests.support.tls.scan.again import again
from tests.support.tls.scan.stacks import STACKS, running

SUITES = {
    "boringssl": {"TLSv1.2": 2, "TLSv1.3": 3},
    "go": {"TLSv1.2": 3, "TLSv1.3": 3},
    "java": {"TLSv1.2": 3, "TLSv1.3": 3},
    "rustls": {"TLSv1.2": 3, "TLSv1.3": 3},
    "gnutls": {"TLSv1.3": 3},
    "mbedtls": {"TLSv1.3": 4},
    "nss": {"TLSv1.3": 1},
    "openssl": {"TLSv1.3": 3},
    "wolfssl": {"TLSv1.3": 4},
    "1.0.1e-el6": {"TLSv1.2": 61},
    "1.0.2k-el7": {"TLSv1.2": 4},
    "1.0.2k-upstream": {"TLSv1.2": 4},
}
"""What each offers as it is set up: for GnuTLS, mbedTLS, NSS and wolfSSL as sslscan 2.1.5 finds, for the others as this scan did."""
MOST = 130
"""Connections of an inventory; OpenSSL 1.0.1e with 61 suites takes 109."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl program is missing")
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder)
    folder.chmod(0o755)
    return folder


def _scanned(endpoint: str, *, full: bool) -> Subject:
    return scan([endpoint], [policy.load("aspect")], ScanSettings(full=full)).subjects[0]


def _few(subject: Subject) -> bool:
    return bool(subject.stats["connections"] <= MOST)


@pytest.mark.parametrize("name", STACKS)
def test_each_has_a_full_verdict(name: str, keys: Path) -> None:
    if not STACKS[name].present:
        what = f"{STACKS[name].needs} is missing: make setup servers oracles"
        if os.environ.get("CI") == "true":
            pytest.fail(what)
        pytest.skip(what)
    with running(STACKS[name], keys) as endpoint:
        inventory = again(lambda: _scanned(endpoint, full=True), _few)
        verdict = again(lambda: _scanned(endpoint, full=False), _few)
    assert inventory.offer is not None
    found = {name: len(one["suites"]) for name, one in inventory.offer["protocols"].items()}
    assert found == SUITES[name]
    for subject in (inventory, verdict):
        assert subject.examined.value == "full", subject.reason
        assert subject.policies["aspect"] in ("pass", "fail")
        assert _few(subject)
