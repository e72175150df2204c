"""What the readers of sshd_config and ssh_config say is what `sshd -T` and `ssh -G` say of the same files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hardening.errors import UsageError
from hardening.findings import Severity
from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.judging.judge import judge
from hardening.tls.offer import Offer
from hardening.tls.rendering.render import render
from hardening.tls.targets import find
from hardening.tls.targets.base import Reading
from hardening.tls.targets.openssh.syntax import NAMES
from hardening.tls.targets.reading.tree import Tree
from tests.support.places import DATA
from tests.support.tls import servers

EL8 = "CRYPTO_POLICY='-oCiphers=aes256-ctr,3des-cbc -oMACs=hmac-sha2-256'\n"

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


def _read(offer: Offer, kinds: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    assert offer.ssh is not None
    return {k: tuple(s.value for s in offer.ssh.of(k) or ()) for k in kinds}


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


def test_a_circle_of_includes_is_said(tmp_path: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text(f"Include {config}\nCiphers aes256-ctr\n")
    tree = Tree.on_disk(config)
    release, _ = find("openssh").facts.release(None)
    assert list(find("openssh").read(tree, str(config), Reading(release=release, build=release.openssl)))
    assert [p.kind for p in tree.problems] == ["include-loop"]


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


def test_on_el8_the_system_wide_policy_wins_unless_it_is_switched_off(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    (etc / "ssh").mkdir(parents=True)
    (etc / "crypto-policies/back-ends").mkdir(parents=True)
    (etc / "crypto-policies/back-ends/opensshserver.config").write_text(EL8)
    (etc / "ssh/sshd_config").write_text("Ciphers aes256-ctr\n")
    (etc / "centos-release").write_text("CentOS Linux release 8.5.2111\n")
    asked = [policies.load("aspect")]
    found = audits.audit([etc / "ssh"], asked)
    (weak,) = [f for f in found.findings if f.evidence == "ciphers 3des-cbc"]
    assert "opensshserver.config" in str(weak.location)
    (etc / "sysconfig").mkdir()
    (etc / "sysconfig/sshd").write_text("# free of the policy\nCRYPTO_POLICY=\n")
    found = audits.audit([etc / "ssh"], asked)
    assert not [f for f in found.findings if f.evidence.startswith("ciphers")]


def test_el9_reads_the_system_wide_policy_by_its_include(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    (etc / "ssh/sshd_config.d").mkdir(parents=True)
    (etc / "crypto-policies/back-ends").mkdir(parents=True)
    back = "/etc/crypto-policies/back-ends/opensshserver.config"
    (tmp_path / back[1:]).write_text("Ciphers aes256-ctr,aes256-cbc\n")
    (etc / "ssh/sshd_config").write_text("Include /etc/ssh/sshd_config.d/*.conf\nCiphers aes128-ctr\n")
    (etc / "ssh/sshd_config.d/50-redhat.conf").write_text(f"Include {back}\n")
    (offer,) = audits.read(etc / "ssh/sshd_config", find("openssh"), version="8.7-el9")
    assert _read(offer, ("ciphers",)) == {"ciphers": ("aes256-ctr", "aes256-cbc")}


def test_host_keys_decide_which_host_key_algorithms_are_offered(tmp_path: Path) -> None:
    (tmp_path / "one.pub").write_text("ssh-rsa AAAA test\n")
    (tmp_path / "sshd_config").write_text(
        f"HostKey {tmp_path}/one\nHostKeyAlgorithms rsa-sha2-512,ssh-ed25519\n"
    )
    (offer,) = audits.read(tmp_path / "sshd_config", find("openssh"))
    assert _read(offer, ("host_keys",)) == {"host_keys": ("rsa-sha2-512",)}


@pytest.mark.parametrize("version", [r.version for r in find("openssh").facts.releases])
@pytest.mark.parametrize("policy", [n for n in policies.available() if policies.load(n).ssh])
def test_what_is_rendered_reads_back_clean_or_says_why(policy: str, version: str) -> None:
    try:
        made = render(find("openssh"), policies.load(policy), version=version)
    except UsageError as refused:
        if refused.hint:
            return
        raise
    judged = {
        f.evidence for f in judge(made.offer, policies.load(policy)).findings if f.level >= Severity.MEDIUM
    }
    explained = {f.evidence for f in made.findings} | {
        word for f in made.findings for word in f.message.replace(",", " ").split()
    }
    assert all(e in explained or e.split()[-1] in explained for e in judged)


def test_a_policy_that_says_nothing_about_ssh_is_no_pass(tmp_path: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text("Ciphers aes256-ctr\n")
    found = audits.audit([config], [policies.load("pci-dss-4.0.1")], AuditInput(version="10.0-debian13"))
    assert found.subjects[0].policies == {"pci-dss-4.0.1": "unknown"}
    assert "says nothing about SSH" in found.findings[0].message
    with pytest.raises(UsageError, match="says nothing about SSH"):
        render(find("openssh"), policies.load("pci-dss-4.0.1"))


def test_a_policy_about_ssh_alone_is_no_pass_for_a_web_server(tmp_path: Path) -> None:
    config = tmp_path / "nginx.conf"
    config.write_text("server {\nlisten 443 ssl;\nssl_protocols TLSv1.3;\n}\n")
    found = audits.audit(
        [config],
        [policies.load("cis-centos7-ssh")],
        AuditInput(target=find("nginx"), version="1.26.3-debian13"),
    )
    assert found.subjects[0].policies == {"cis-centos7-ssh": "unknown"}


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
