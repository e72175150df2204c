"""OpenLDAP slapd: both places of its settings, and the language of a GnuTLS build."""

from __future__ import annotations

from pathlib import Path

from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.auditing.shared import Audited
from hardening.tls.targets import find

CONFIG = """dn: cn=config
objectClass: olcGlobal
cn: config
olcArgsFile: /var/run/slapd/slapd.args
olcTLSCertificateFile: /etc/ldap/cert.pem
olcTLSCertificateKeyFile: /etc/ldap/key.pem
olcTLSVerifyClient: demand
olcTLSProtocolMin: 3.4
olcTLSCipherSuite: {}
"""


def _audit(path: Path, guessed: bool = False) -> Audited:
    asked = AuditInput(target=None if guessed else find("slapd"), version="2.6.10-debian13")
    return audit([path], [policy.load("aspect")], asked)


def test_cn_config_says_the_same_as_slapd_conf(tmp_path: Path) -> None:
    suites = "TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    folder = tmp_path / "slapd.d"
    folder.mkdir()
    config = folder / "cn=config.ldif"
    config.write_text(CONFIG.format(suites))
    flat = tmp_path / "slapd.conf"
    flat.write_text(
        "TLSCertificateFile /etc/ldap/cert.pem\nTLSCertificateKeyFile /etc/ldap/key.pem\nTLSVerifyClient demand\n"
        f"TLSProtocolMin 3.4\nTLSCipherSuite {suites}\n"
    )
    found = [[s.offer for s in _audit(path).subjects if s.offer] for path in (config, flat)]
    assert found[0]
    assert found[0] == found[1]
    offer = found[0][0]
    assert offer["protocols"]["TLSv1.3"]["suites"] == ["TLS_AES_256_GCM_SHA384"]
    assert list(offer["protocols"]) == ["TLSv1.3"]
    assert offer["client_certificate"]["wants"] == "required"
    assert not [f for f in _audit(config, guessed=True).findings if f.rule.id == "walk/config-syntax"]


def test_a_priority_string_of_gnutls_is_never_a_pass(tmp_path: Path) -> None:
    path = tmp_path / "slapd.conf"
    for string in ("SECURE256:!AES-128-CBC", "NORMAL", "NONE:+VERS-TLS1.2:+AES-256-GCM"):
        path.write_text(f"TLSCertificateFile /c\nTLSCertificateKeyFile /k\nTLSCipherSuite {string}\n")
        run = _audit(path)
        assert {one.examined.value for one in run.subjects} <= {"none", "partial"}, string
        assert "GnuTLS" in str([one.reason for one in run.subjects]), string


def test_dhe_needs_a_file_of_parameters(tmp_path: Path) -> None:
    path = tmp_path / "slapd.conf"
    text = "TLSCertificateFile /c\nTLSCertificateKeyFile /k\nTLSCipherSuite DHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384\n"
    for more, expected in (("", False), ("TLSDHParamFile /dh\n", True)):
        path.write_text(text + more)
        offer = next(s.offer for s in _audit(path).subjects if s.offer)
        suites = offer["protocols"]["TLSv1.2"]["suites"]
        assert ("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384" in suites) is expected
