"""What the readers of sshd_config and ssh_config say is what `sshd -T` and `ssh -G` say of the same files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.targets import find
from hardening.tls.targets.openssh.syntax import NAMES
from tests.support.places import DATA
from tests.support.tls import servers
from tests.unit.tls.targets.test_openssh import _read

SERVER = {
    "nothing": "UsePAM yes\n",
    "lists": "Ciphers aes256-ctr,aes128-cbc\nMACs hmac-sha2-512\nKexAlgorithms curve25519-sha256,ecdh-sha2-nistp256\n",
    "the first wins": "Ciphers aes256-ctr\nCiphers aes128-ctr\n",
    "added": "Ciphers +3des-cbc,aes128-cbc\nMACs +hmac-md5\nHostKeyAlgorithms +ssh-rsa\n",
    "taken away": "Ciphers -aes*-ctr\nMACs -umac-*,hmac-sha1*\nKexAlgorithms -*nist*,sntrup*\n",
    "put first": "Ciphers ^aes256-ctr,aes256-cbc\nMACs ^hmac-sha2-512\nPubkeyAcceptedAlgorithms ^ssh-rsa\n",
    "patterns": "HostKeyAlgorithms ecdsa-*,ssh-ed25519\nPubkeyAcceptedAlgorithms rsa-sha2-*\n",
    "the older name": "PubkeyAcceptedKeyTypes ssh-ed25519\n",
    "equals and quotes": 'Ciphers = "aes256-ctr"\nmacs=hmac-sha2-256\n',
    "remarks": "Ciphers aes256-ctr # nothing older\n# MACs hmac-md5\n",
    "a block": "Match User bob\n    X11Forwarding no\nMatch all\n    PubkeyAcceptedAlgorithms ssh-ed25519\n",
}


def _needed(program: str) -> str:
    found = servers.program(program)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not installed; `make servers` installs it")
        pytest.skip(f"{program} is not installed; `make servers` installs it")
    return found


def _said(output: str) -> dict[str, tuple[str, ...]]:
    rows = dict(line.split(" ", 1) for line in output.splitlines() if " " in line)
    return {kind: tuple(rows[name.lower()].split(",")) for kind, name in NAMES.items()}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A host key, for sshd wants one."""
    path = tmp_path / "ssh_host_ed25519_key"
    make = ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run([_needed("ssh-keygen"), *make], check=True, stdin=subprocess.DEVNULL)
    return path


def _sshd(config: Path, key: Path) -> dict[str, tuple[str, ...]]:
    sshd = _needed("sshd")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    done = subprocess.run(
        [sshd, "-T", "-f", str(config), "-h", str(key)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return _said(done.stdout)


@pytest.mark.parametrize("text", SERVER.values(), ids=SERVER)
def test_the_server_lists_what_we_read(text: str, tmp_path: Path, key: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text(text)
    real = _sshd(config, key)
    (offer,) = audits.read(config, find("openssh"))
    kinds = ("kex", "ciphers", "macs", "user_keys")
    assert _read(offer, kinds) == {k: real[k] for k in kinds}


def test_includes_are_read_in_the_order_of_their_names(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "b.conf").write_text("Ciphers aes128-ctr\nMACs hmac-sha2-512\n")
    (folder / "a.conf").write_text("Ciphers aes256-ctr\nMatch User bob\n")
    config = tmp_path / "sshd_config"
    config.write_text(
        f"Include {folder}/*.conf {tmp_path}/absent.conf\nMACs hmac-sha2-256\nKexAlgorithms curve25519-sha256\n"
    )
    real = _sshd(config, key)
    (offer,) = audits.read(config, find("openssh"))
    kinds = ("kex", "ciphers", "macs", "user_keys")
    assert _read(offer, kinds) == {k: real[k] for k in kinds}
    assert real["ciphers"] == ("aes256-ctr",), "the block of a.conf ends with the file"


@pytest.mark.parametrize(
    "line", ["Ciphers aes512-ctr", "KexAlgorithms curve25519", "MACs +hmac-sha3", "Ciphers arcfour"]
)
def test_what_sshd_refuses_we_say(line: str, tmp_path: Path, key: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text(f"{line}\n")
    sshd = [_needed("sshd"), "-t", "-f", str(config), "-h", str(key)]
    assert subprocess.run(sshd, capture_output=True, check=False).returncode != 0
    found = audits.audit(
        [config], [policies.load("aspect")], AuditInput(target=find("openssh"), version="10.0-debian13")
    )
    assert [f.location.line for f in found.findings if f.rule.id == "tls/unknown-directive"] == [1]  # type: ignore[union-attr]  # a file's finding has a line


CLIENT = {
    "nothing": ("", "any.example"),
    "for one host": ("Host old\nCiphers +3des-cbc\nKexAlgorithms +diffie-hellman-group1-sha1\n", "old"),
    "the first wins": (
        "Host old\nCiphers aes256-ctr\nHost *\nCiphers aes128-ctr\nMACs hmac-sha2-512\n",
        "old",
    ),
    "for all before it": ("Ciphers aes128-ctr\nHost old\nCiphers aes256-ctr\nMACs hmac-sha2-256\n", "old"),
    "patterns of hosts": ("Host !new o*\nMACs hmac-sha2-512\nHost old\nCiphers aes256-ctr\n", "old"),
}


@pytest.mark.parametrize(("text", "host"), CLIENT.values(), ids=CLIENT)
def test_the_client_lists_what_we_read(text: str, host: str, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(f"ForwardAgent no\n{text}")
    ssh = [_needed("ssh"), "-G", "-F", str(config), host]
    done = subprocess.run(ssh, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    offers = {o.subject.rpartition("#ssh:")[2]: o for o in audits.read(config, find("openssh_client"))}
    found = offers.get(host, offers["*"])
    assert _read(found, tuple(NAMES)) == _said(done.stdout)


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not installed")
def test_the_diff_makes_the_audit_clean(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    from hardening.cli import run

    source = DATA / "tls/cases/openssh/10.0-debian13/weak.conf"
    copy = tmp_path / "sshd_config"
    copy.write_text(source.read_text().split("Match")[0])
    arguments = ["tls", "audit", str(copy), "--target", "openssh@10.0-debian13"]
    assert run(arguments) == 10
    capfdbinary.readouterr()
    assert run([*arguments, "--fix-diff"]) == 0
    diff = capfdbinary.readouterr().out
    done = subprocess.run(["patch", "-p1", "-d", "/"], input=diff, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert run([*arguments, "-q"]) == 0
