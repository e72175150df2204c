"""A version that a file names and nobody can use is told as inert, for every target, and only where it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.findings import Finding, InFile, Severity
from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing import mains
from hardening.tls.targets import find

CASES = {
    "nginx": ("server {\n listen 443 ssl;\n ssl_protocols SSLv3 TLSv1.2;\n}\n", 3),
    "httpd": ("Listen 443\n<VirtualHost *:443>\nSSLEngine on\nSSLProtocol -all +SSLv3 \\\n  +TLSv1.2\n</VirtualHost>\n", 4),
    "lighttpd": (
        'ssl.engine = "enable"\nssl.openssl.ssl-conf-cmd = (\n "Protocol" => "-ALL, SSLv3, TLSv1.2")\n', 2),
    "haproxy": ("frontend a\n bind :443 ssl crt /a.pem force-sslv3\n", 2),
    "dovecot": ("ssl = yes\nssl_min_protocol = SSLv3\n", 2),
    "stunnel": ("[a]\naccept = 443\nconnect = 80\nsslVersionMin = SSLv3\n", 4),
    "proftpd": ("TLSEngine on\nTLSProtocol SSLv3 TLSv1.2\n", 2),
    "vsftpd": ("ssl_enable=YES\nssl_sslv3=YES\nssl_tlsv1_2=YES\n", 2),
    "postfix": ("smtpd_tls_security_level = may\nsmtpd_tls_protocols = SSLv3, TLSv1.2\n", 2),
    "openssl_cnf": (
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = SSLv3\nCipherString = HIGH\n", 7),
    "tomcat": (
        ('<Server><Service><Connector port="1" SSLEnabled="true">\n<SSLHostConfig protocols="SSLv3+TLSv1.2"/>'
        "</Connector></Service></Server>\n"), 2),
}  # fmt: skip


def _inert(path: Path, target: str, version: str | None = None, build: str | None = None) -> list[Finding]:
    asked = mains.AuditInput(target=find(target), version=version or find(target).facts.default, build=build)
    found = audits.audit([path], [policies.load("aspect")], asked)
    return [f for f in found.findings if f.rule.id == "tls/inert-protocol"]


@pytest.mark.parametrize("target", CASES)
def test_a_named_version_that_the_library_lacks_is_inert(tmp_path: Path, target: str) -> None:
    text, line = CASES[target]
    path = tmp_path / f"a.{'xml' if target == 'tomcat' else 'conf'}"
    path.write_text(text)
    named = [f for f in _inert(path, target) if f.evidence == "SSLv3"]
    assert len(named) == 1, _inert(path, target)
    assert named[0].level is Severity.INFO
    assert isinstance(named[0].location, InFile)
    assert named[0].location.line == line
    assert named[0].policies == ("aspect",)
    assert "SSLv3" in named[0].remedy


def test_it_is_no_longer_inert_where_the_library_has_it(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(CASES["nginx"][0])
    assert not _inert(path, "nginx", "1.20.1-el7", "1.0.2k-el7")


def test_a_level_that_rules_a_version_out_is_said(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text("server {\n listen 443 ssl;\n ssl_protocols TLSv1 TLSv1.2;\n}\n")
    (one,) = _inert(path, "nginx")
    assert one.evidence == "TLSv1.0"
    assert "security level 2" in one.message


@pytest.mark.parametrize(
    "text",
    [
        "SSLProtocol all\n",
        "SSLProtocol all -SSLv3\n",
        "# SSLProtocol +SSLv3\nSSLProtocol all -SSLv2\n",
        "SSLEngine on\n",
    ],
)
def test_what_a_word_for_all_or_a_default_brings_is_not_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "httpd.conf"
    path.write_text(f"Listen 443\n<VirtualHost *:443>\nSSLEngine on\n{text}</VirtualHost>\n")
    assert not _inert(path, "httpd")


def test_protocol_1_of_ssh_is_inert_where_the_release_has_none(tmp_path: Path) -> None:
    path = tmp_path / "sshd_config"
    path.write_text("Port 22\nProtocol 2,1\n")
    (one,) = _inert(path, "openssh", "8.0-el8")
    assert one.evidence == "protocol 1"
    assert not _inert(path, "openssh", "5.3-el6")
