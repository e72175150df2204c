"""What the readers of sshd_config and ssh_config say is what `sshd -T` and `ssh -G` say of the same files."""

from __future__ import annotations

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
from hardening.tls.targets.reading.tree import Tree

EL8 = "CRYPTO_POLICY='-oCiphers=aes256-ctr,3des-cbc -oMACs=hmac-sha2-256'\n"


def _read(offer: Offer, kinds: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    assert offer.ssh is not None
    return {k: tuple(s.value for s in offer.ssh.of(k) or ()) for k in kinds}


def test_a_circle_of_includes_is_said(tmp_path: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text(f"Include {config}\nCiphers aes256-ctr\n")
    tree = Tree.on_disk(config)
    release, _ = find("openssh").facts.release(None)
    assert list(find("openssh").read(tree, str(config), Reading(release=release, build=release.openssl)))
    assert [p.kind for p in tree.problems] == ["include-loop"]


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
