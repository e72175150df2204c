"""Private keys in every form, made here, plain and sealed with what everybody tries first."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.unit.bundle.detect.test_keys import NONE, OLD, PEM, RSA, rules


def test_a_store_of_keytool(tmp_path: Path) -> None:
    if shutil.which("keytool") is None:
        pytest.skip("keytool is missing: install a JDK")
    for kind in ("JKS", "JCEKS", "PKCS12"):
        store = tmp_path / kind
        subprocess.run(
            ["keytool", "-genkeypair", "-alias", "a", "-keyalg", "EC", "-dname", "CN=a", "-storetype", kind,
             "-keystore", str(store), "-storepass", "changeit", "-keypass", "changeit"],
            check=True, capture_output=True,
        )  # fmt: skip
        assert rules(store.read_bytes()) == ["key/weak-passphrase"]


@pytest.mark.parametrize(("word", "rule"), [("", "key/private"), ("vR9-tq.0Lz", "key/encrypted")])
def test_keys_of_ssh_com(tmp_path: Path, word: str, rule: str) -> None:
    puttygen = shutil.which("puttygen")
    if puttygen is None:
        pytest.skip("needs putty-tools")
    (tmp_path / "pem").write_bytes(RSA.private_bytes(PEM, OLD, NONE))
    (tmp_path / "word").write_text(word)
    subprocess.run(
        [puttygen, tmp_path / "pem", "-O", "private-sshcom", "-o", tmp_path / "key", "--new-passphrase", tmp_path / "word"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert rules((tmp_path / "key").read_bytes()) == [rule]


def test_keys_of_the_agent_of_gnupg() -> None:
    gpg = shutil.which("gpg")
    if gpg is None:
        pytest.skip("needs gpg")
    home = Path(tempfile.mkdtemp(prefix="gpg", dir="/tmp"))
    try:
        ask = [gpg, "--homedir", str(home), "--batch", "--pinentry-mode", "loopback"]
        subprocess.run(
            [*ask, "--passphrase", "", "--quick-gen-key", "a@plant.local"], check=True, capture_output=True
        )
        subprocess.run(
            [*ask, "--passphrase", "vR9-tq.0Lz", "--quick-gen-key", "b@plant.local"],
            check=True,
            capture_output=True,
        )
        said = [
            rules(one.read_bytes(), f"root/.gnupg/private-keys-v1.d/{one.name}")
            for one in (home / "private-keys-v1.d").iterdir()
        ]
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)
    assert sorted(map(str, said)) == [
        "['key/encrypted']",
        "['key/encrypted']",
        "['key/private']",
        "['key/private']",
    ]
