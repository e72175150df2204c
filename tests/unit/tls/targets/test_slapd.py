"""OpenLDAP slapd: both places of its settings, and the language of a GnuTLS build."""

from __future__ import annotations

from pathlib import Path

from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.fix import fix
from hardening.tls.auditing.mains import AuditInput, Main, readings
from hardening.tls.auditing.shared import Audited
from hardening.tls.targets import find
from hardening.tls.targets.reading.tree import Tree

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


def test_the_language_of_the_list_says_which_releases_may_run(tmp_path: Path) -> None:
    path = tmp_path / "slapd.conf"
    for listed, gnutls in (
        ("SECURE256:-VERS-ALL:+VERS-TLS1.2", True),
        ("ECDHE-RSA-AES256-GCM-SHA384", False),
    ):
        path.write_text(f"TLSCertificateFile /c\nTLSCertificateKeyFile /k\nTLSCipherSuite {listed}\n")
        tree = Tree.on_disk(path)
        ways = readings(tree, Main(find("slapd"), str(path)), AuditInput(target=find("slapd")))
        assert ways
        assert {way.release.gnutls for way in ways} == {gnutls}
        for way in ways:
            (offer,) = find("slapd").read(tree, str(path), way)
            suites = {s.value for p in offer.protocols for s in p.suites}
            elliptic = find("slapd").has("TLSECName", way.release) or gnutls
            assert ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" in suites) is elliptic


def test_a_list_of_the_other_library_is_never_a_pass(tmp_path: Path) -> None:
    path = tmp_path / "slapd.conf"
    path.write_text("TLSCertificateFile /c\nTLSCertificateKeyFile /k\nTLSCipherSuite HIGH\n")
    asked = AuditInput(target=find("slapd"), version="2.5.13-debian12")
    run = audit([path], [policy.load("aspect")], asked)
    assert {one.policies["aspect"] for one in run.subjects} == {"unknown"}


def test_a_diff_never_puts_a_list_of_the_other_library_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "slapd.conf"
    path.write_text("TLSCertificateFile /c\nTLSCertificateKeyFile /k\nTLSCipherSuite NORMAL\n")
    diff = fix([path], [policy.load("aspect")], AuditInput(target=find("slapd"))).diff
    assert "+TLSCipherSuite NONE:" in diff
    other = AuditInput(target=find("slapd"), version="2.6.10-debian13")
    assert not fix([path], [policy.load("aspect")], other).diff


def test_a_line_that_slapd_folds_is_read_whole(tmp_path: Path) -> None:
    folder = tmp_path / "slapd.d"
    folder.mkdir()
    config = folder / "cn=config.ldif"
    config.write_text(CONFIG.format("TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES\n 256-GCM-SHA384"))
    whole = [s.offer for s in _audit(config).subjects if s.offer]
    config.write_text(CONFIG.format("TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384"))
    assert whole == [s.offer for s in _audit(config).subjects if s.offer]


def test_cn_config_is_changed_by_a_file_for_ldapmodify(tmp_path: Path) -> None:
    config = tmp_path / "cn=config.ldif"
    config.write_text(CONFIG.format("HIGH").replace("3.4", "3.1"))
    remedies = {f.remedy for f in _audit(config).findings if f.rule.id == "tls/suite"}
    assert len(remedies) == 1
    assert "--param ldif=yes" in remedies.pop()


def test_dhe_needs_a_file_of_parameters(tmp_path: Path) -> None:
    path = tmp_path / "slapd.conf"
    text = "TLSCertificateFile /c\nTLSCertificateKeyFile /k\nTLSCipherSuite DHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384\n"
    for more, expected in (("", False), ("TLSDHParamFile /dh\n", True)):
        path.write_text(text + more)
        offer = next(s.offer for s in _audit(path).subjects if s.offer)
        suites = offer["protocols"]["TLSv1.2"]["suites"]
        assert ("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384" in suites) is expected
