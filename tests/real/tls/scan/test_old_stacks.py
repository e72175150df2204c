"""Real OpenSSL libraries of old distributions with everything on: every suite found, within the fewest connections."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardening.tls.libraries import builds
from hardening.tls.scan.endpoint import parse
from hardening.tls.scan.report import observed
from hardening.tls.scan.run import EndpointExamination, ScanSettings, examine
from hardening.tls.scan.strategy.scope import ScanScope
from tests.support.places import ROOT
from tests.support.tls import oracles
from tests.support.tls.scan.again import again
from tests.support.tls.scan.old_node import node

OAKLEY_2 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16
)  # fmt: skip
"""The prime of RFC 2409 section 6.2."""
PROGRAM = ROOT / "tests/support/tls/scan/old_server.py"
NODE_SCRIPT = """
var tls = require('tls'), fs = require('fs');
var server = tls.createServer({key: fs.readFileSync('rsa.key'), cert: fs.readFileSync('rsa.crt'),
  ciphers: 'ALL:COMPLEMENTOFALL', secureProtocol: 'SSLv23_method'}, function () {});
server.on('clientError', function () {});
server.listen(0, '127.0.0.1', function () { console.log(server.address().port); });
"""


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of each kind, small finite-field parameters: all that lets a suite be chosen."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl program is missing")
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder)
    return folder


def make_keys(folder: Path) -> None:
    """Write them."""
    _openssl(folder, "genrsa", "-traditional", "-out", "rsa.key", "2048")
    _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.key")
    _openssl(folder, "dsaparam", "-genkey", "-noout", "-out", "dsa.pem", "1024")
    _openssl(folder, "dsa", "-in", "dsa.pem", "-out", "dsa.key")
    for kind in ("rsa", "ec", "dsa"):
        subject = ("-subj", "/CN=localhost", "-days", "9")
        _openssl(folder, "req", "-x509", "-key", f"{kind}.key", "-out", f"{kind}.crt", *subject)
    number = OAKLEY_2.to_bytes(129, "big")
    body = b"\x02\x81\x81" + number + b"\x02\x01\x02"
    text = base64.encodebytes(b"\x30\x81" + bytes([len(body)]) + body).decode()
    (folder / "dh.pem").write_text(f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n")


@contextmanager
def old_server(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[str]:
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            yield f"127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.stdin.close()
            try:
                server.wait(2)
            except subprocess.TimeoutExpired:
                server.kill()


def _scan(endpoint: str, *, deep: bool = False) -> EndpointExamination:
    done: list[EndpointExamination] = []
    examine(
        [parse(endpoint)], ScanScope(full=True, deep=deep), ScanSettings(full=True, deep=deep), done.append
    )
    return done[0]


def _missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def test_1_0_2k_with_everything_on(keys: Path) -> None:
    oracle = oracles.oracle("1.0.2k-upstream")
    if not oracle.present:
        _missing("OpenSSL 1.0.2k is not here: make oracles")
    environment = {**os.environ, "LD_LIBRARY_PATH": str(oracle.folder)}
    command = [sys.executable, str(PROGRAM), str(oracle.folder), str(keys)]
    most = (245 + 6) * 1.1
    with old_server(command, keys, environment) as endpoint:
        one = again(lambda: _scan(endpoint), lambda one: one.connections <= most)
    got = {(p.name, code) for p in one.found.offered() for code in p.suites}
    assert len(got) == 245, "the truth, found by test_the_truth_the_slow_way"
    assert one.connections <= most
    assert one.offer.dh_bits == 1024
    assert observed.stats(one.found)["dh_primes"] == ["Oakley group 2 (RFC 2409) (1024 bits)"]
    assert [f.rule.id for f in observed.findings(one.found, one.offer)] == ["tls/dh-known-prime"]
    assert {c.key.partition(":")[0] for c in one.offer.certificates} == {"rsa", "ec", "dsa"}


@pytest.mark.parametrize("build", ["1.0.1e-el6", "1.0.2k-el7", "1.1.0f", "1.1.1w-upstream"])
def test_every_signature_scheme_of_a_server_with_three_keys(build: str, keys: Path) -> None:
    """What a build signs with is what it offers as a client, for every kind of key, whichever suites come first."""
    oracle = oracles.oracle(build)
    if not oracle.present:
        _missing(f"OpenSSL {build} is not here: make oracles")
    environment = {**os.environ, "LD_LIBRARY_PATH": str(oracle.folder)}
    command = [sys.executable, str(PROGRAM), str(oracle.folder), str(keys)]
    with old_server(command, keys, environment) as endpoint:
        one = _scan(endpoint, deep=True)
    seen = next(p for p in one.offer.protocols if p.name == "TLSv1.2")
    assert seen.signatures_complete
    other_keys = ("ed25519", "ed448", "rsa_pss_pss_")
    assert {s.value for s in seen.signature_algorithms} == {
        name for name in builds.build(build).schemes or () if not name.startswith(other_keys)
    }


def test_1_0_1e_with_ssl_2(keys: Path) -> None:
    program = node()
    (keys / "server.js").write_text(NODE_SCRIPT)
    most = (60 + 6 + 20) * 1.1  # a trial, since it closes where others refuse
    with old_server([str(program), "server.js"], keys, dict(os.environ)) as endpoint:
        time.sleep(0.2)
        one = again(lambda: _scan(endpoint), lambda one: one.connections <= most)
    counts = {p.name: len(p.suites) for p in one.found.offered()}
    assert counts == {"SSLv2": 7, "SSLv3": 12, "TLSv1.0": 12, "TLSv1.1": 12, "TLSv1.2": 17}
    assert one.connections <= most
    assert not one.offer.inconclusive
