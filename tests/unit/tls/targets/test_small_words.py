"""What is said of files that are nearly a server's, and remedies that fit their finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls import policy
from hardening.tls.auditing.audit import audit, read
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.auditing.shared import Audited
from hardening.tls.judging.judge import judge
from hardening.tls.targets import find
from tests.support.tls.policy_offers import NOW, offer, protocol


def _audit(path: Path, target: str | None, name: str = "aspect", version: str | None = None) -> Audited:
    asked = AuditInput(target=find(target) if target else None, version=version)
    return audit([path], [policy.load(name)], asked)


def test_two_elements_without_one_around_them_are_named(tmp_path: Path) -> None:
    path = tmp_path / "server.xml"
    path.write_text('<Connector port="8443" SSLEnabled="true"/>\n<Listener className="x"/>\n')
    said = [f.message for f in _audit(path, "tomcat").findings if f.rule.id == "walk/config-syntax"]
    assert said == [
        "not XML: something follows <Connector>; one element, such as <Server>, has to hold all others"
    ]


def test_a_schema_of_ldap_is_no_servers_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "duaconf.schema").write_text(
        "# DUA schema\nattributetype ( 1.3.6 NAME 'preferredServerList'\n\tDESC 'Preferred host addresses DUA'\n"
        "\tSINGLE-VALUE )\nssl on\nTLS_CACERT /x\n"
    )
    run = _audit(folder, None)
    assert not [f for f in run.findings if f.rule.id == "walk/config-syntax"]


@pytest.mark.parametrize(
    ("name", "group"),
    [("aspect", "ffdhe2048"), ("crypto-policies-future", "ffdhe3072"), ("bsi-tr-02102-2", "ffdhe3072")],
)
def test_a_remedy_for_parameters_passes_the_rule_that_asked_for_it(name: str, group: str) -> None:
    suite = protocol("TLSv1.2", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384")
    judgement = judge(offer(suite, dh_bits=1024), policy.load(name), now=NOW)
    [remedy] = [f.remedy for f in judgement.findings if f.rule.id == "tls/dh-bits"]
    assert f"Use {group} or larger" in remedy


def test_a_patched_key_exchange_is_not_denied_for_certain(tmp_path: Path) -> None:
    path = tmp_path / "ssh_config"
    path.write_text("KexAlgorithms mlkem768nistp256-sha256,diffie-hellman-group1-sha1\n")
    run = _audit(path, "openssh_client", "crypto-policies-legacy", "9.9-el10")
    [said] = [f.message for f in run.findings if f.rule.id == "tls/unknown-directive"]
    assert "a distribution's patch" in said
    assert "ssh -Q kex" in said
    named = [f.evidence for f in run.findings if f.rule.id == "tls/ssh-algorithm"]
    assert "diffie-hellman-group1-sha1" not in named, "LEGACY lets the client use it"


LEVEL_3 = (
    "openssl_conf = c\n[c]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\nMinProtocol = TLSv1.2\n"
    "CipherString = @SECLEVEL=3:kEECDH:kEDH\n"
)


@pytest.mark.parametrize(("version", "small"), [("3.5.9-debian13", False), ("1.1.1-el8", True)])
def test_openssl_3_makes_larger_parameters_at_a_higher_level(
    tmp_path: Path, version: str, small: bool
) -> None:
    path = tmp_path / "openssl.cnf"
    path.write_text(LEVEL_3)
    asked = AuditInput(target=find("openssl_cnf"), version=version)
    found = audit([path], [policy.load("crypto-policies-future")], asked).findings
    assert any(one.rule.id == "tls/dh-bits" for one in found) is small


def test_an_empty_list_of_tls_1_3_suites_is_none(tmp_path: Path) -> None:
    """OpenSSL 3.5 says `no ciphers available`: it was read as if the line were not there."""
    path = tmp_path / "openssl.cnf"
    text = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1.2\nCiphersuites ="
    versions = []
    for suites in ("", " TLS_AES_128_GCM_SHA256"):
        path.write_text(f"{text}{suites}\n")
        [seen] = read(path, find("openssl_cnf"))
        versions.append({one.name: len(one.suites) for one in seen.protocols}.get("TLSv1.3", 0))
    assert versions == [0, 1]
