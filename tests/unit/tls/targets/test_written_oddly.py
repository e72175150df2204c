"""Configurations that are legal and seldom written so: escapes, commands, repeated blocks; each server is read as it reads itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing import mains
from hardening.tls.auditing.shared import Audited
from hardening.tls.targets import find

REDIS = "tls-port {port}\ntls-cert-file {crt}\ntls-key-file {key}\n"
POSTGRESQL = "port={port}\nssl=on\nssl_cert_file='{crt}'\nssl_key_file='{key}'\n"
EXIM = (
    "daemon_smtp_ports = {port}\ntls_advertise_hosts = *\ntls_certificate = {crt}\ntls_privatekey = {key}\n"
)
POSTFIX = "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {crt}\nsmtpd_tls_key_file = {key}\nsmtpd_tls_protocols = "
NGINX = "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {crt}; ssl_certificate_key {key}; "
HTTPD = (
    "Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\nSSLEngine on\nSSLProtocol all\n"
    "SSLCertificateFile {crt}\nSSLCertificateKeyFile {key}\n"
)
LIGHTTPD = (
    'server.modules += ("mod_openssl")\n$SERVER["socket"] == "127.0.0.1:{port}" {{\n'
    'ssl.engine = "enable"\nssl.pemfile = "{both}"\nssl.openssl.ssl-conf-cmd = ("CipherString" => "HIGH:@SECLEVEL=0", '
)
STUNNEL = "[a]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:1\ncert = {both}\nsslVersionMin = TLSv1\n"
MARIADB = "[mysqld]\nskip-ssl\nport={port}\nssl-cert={crt}\nssl-key={key}\n"
DOVECOT = "ssl = yes\nssl_server_cert_file = {crt}\nssl_server_key_file = {key}\nssl_min_protocol = TLSv1.2\n"
SQUID = "https_port 127.0.0.1:{port} tls-cert={crt} tls-key={key} "
CONF = "{own}[default]\nopenssl_conf = d\n[d]\nssl_conf = s\n[s]\nsystem_default = x\n[x]\n"
COMPRESSED = "Options Compression"
LOW = "HIGH:!aNULL:@SECLEVEL=0"
TEXTS = {
    "redis-hex": ("redis", REDIS + 'tls-protocols "TLSv1.2 \\x54LSv1.1"\ntls-ciphers "HIGH\\x3A@SECLEVEL=0"\n'),
    "redis-single": ("redis", REDIS + "tls-protocols 'TLSv1.2'\n"),
    "postgresql-octal": ("postgresql", POSTGRESQL + "ssl_min_protocol_version='TLSv1'\nssl_ciphers='HIGH\\072@SECLEVEL=0' # no\n"),
    "exim-hex": ("exim", EXIM + 'tls_require_ciphers = "NORMAL\\x3a-VERS-TLS1.3\\072-AES-128-CBC"\n'),
    "postfix-number": ("postfix", POSTFIX + ">=0x0303\nsmtpd_tls_exclude_ciphers = aNULL\n"),
    "postfix-digits": ("postfix", POSTFIX + ">=TLSv1.2, >=0302, <=0x303\nsmtpd_tls_exclude_ciphers = aNULL\n"),
    "nginx-level": ("nginx", NGINX + "ssl_protocols TLSv1 TLSv1.2; ssl_ciphers " + LOW + "; ssl_conf_command CipherString HIGH:!aNULL; }}\n"),
    "httpd-level": ("httpd", HTTPD + "SSLCipherSuite HIGH:@SECLEVEL=0\nSSLOpenSSLConfCmd CipherString HIGH:!aNULL\n</VirtualHost>\n"),
    "stunnel-level": ("stunnel", "securityLevel = 0\n" + STUNNEL + "config = CipherString:HIGH:!aNULL\n"),
    "lighttpd-all": ("lighttpd", LIGHTTPD + '"Protocol" => "ALL")\n}}\n'),
    "lighttpd-holes": ("lighttpd", LIGHTTPD + '"Protocol" => "-ALL, TLSv1.1, TLSv1.2", "MinProtocol" => "TLSv1")\n}}\n'),
    "nginx-compression": ("nginx", NGINX + "ssl_protocols TLSv1.2; ssl_ciphers " + LOW + "; ssl_conf_command " + COMPRESSED + "; }}\n"),
    "nginx-no-compression": ("nginx", NGINX + "ssl_protocols TLSv1.2; ssl_ciphers HIGH; ssl_conf_command " + COMPRESSED + "; }}\n"),
    "httpd-compression": ("httpd", HTTPD + f"SSLCipherSuite {LOW}\nSSLOpenSSLConfCmd {COMPRESSED}\n</VirtualHost>\n"),
    "httpd-no-compression": ("httpd", HTTPD + f"SSLCipherSuite {LOW}\nSSLCompression on\n</VirtualHost>\n"),
    "dovecot-compression": ("dovecot", DOVECOT + f"ssl_cipher_list = {LOW}\nssl_options = compression no_ticket\n"),
    "stunnel-compression": ("stunnel", "compression = zlib\nsecurityLevel = 0\n" + STUNNEL + "ciphers = HIGH:!aNULL\n"),
    "dovecot-twice": ("dovecot", DOVECOT + f"protocol imap {{{{\n ssl_min_protocol = TLSv1\n ssl_cipher_list = {LOW}\n}}}}\nprotocol imap {{{{\n ssl_curve_list = P-384\n}}}}\n"),
    "mariadb-on-again": ("mariadb", MARIADB + "tls-ver=TLSv1.1,TLSv1.2\nssl-ciph=HIGH:@SECLEVEL=0#x\n"),
    "squid-short-name": ("squid", SQUID + f"cipher={LOW} tls-dh=P-384:\n"),
}  # fmt: skip


TEXTS |= {
    "httpd-adds-up": (
        "httpd",
        "SSLOpenSSLConfCmd MinProtocol TLSv1\nSSLOpenSSLConfCmd CipherString HIGH:!aNULL:@SECLEVEL=0\n"
        "SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256\n" + HTTPD.replace("SSLProtocol all", "SSLProtocol TLSv1.2 +TLSv1.3")
        + "SSLCipherSuite HIGH\nSSLOpenSSLConfCmd Groups P-384\n</VirtualHost>\n",
    ),
}  # fmt: skip


def _audit(path: Path, target: str, text: str, version: str | None = None) -> Audited:
    path.write_text(text)
    asked = mains.AuditInput(target=find(target), version=version or find(target).facts.default)
    return audits.audit([path], [policies.load("aspect")], asked)


@pytest.mark.parametrize("line", ["MinProtocol = ${ENV::LEAST}", "MinProtocol = $nowhere"])
def test_a_variable_that_the_file_does_not_say_is_no_pass(line: str, tmp_path: Path) -> None:
    found = _audit(tmp_path / "openssl.cnf", "openssl_cnf", CONF.format(own="") + line + "\n")
    assert {s.examined for s in found.subjects} == {"partial"}


def _compression(found: Audited) -> list[object]:
    return [(s.offer or {}).get("compression") for s in found.subjects]


def test_compression_is_on_in_httpd_with_an_old_library(tmp_path: Path) -> None:
    text = "Listen 443\n<VirtualHost *:443>\nSSLEngine on\nSSLCompression on\n</VirtualHost>\n"
    assert _compression(_audit(tmp_path / "httpd.conf", "httpd", text, "2.4.6-el7")) == [True]
    assert _compression(_audit(tmp_path / "httpd.conf", "httpd", text, "2.4.37-el8")) == [False]


@pytest.mark.parametrize(
    ("lines", "on"),
    [
        ("ssl=1\nskip-ssl", False),
        ("skip-ssl\nssl=1", True),
        ("skip-ssl\nenable-ssl", True),
        ("skip-ssl=0", True),
        ("skip-ssl=1", False),
        ("enable-ssl=0", False),
        ("skip-ssl\nssl-ca=/ca.pem", True),
        ("skip-ssl\ntls_version=TLSv1.2", False),
        ("ssl=no", False),
        ("loose-ssl=off\nssl", True),
    ],
)
@pytest.mark.parametrize("target", ["mariadb", "mysql"])
def test_the_last_word_on_tls_holds(lines: str, on: bool, target: str, tmp_path: Path) -> None:
    text = f"[mysqld]\nssl-cert=/a.pem\nssl-key=/a.key\n{lines}\n"
    found = _audit(tmp_path / "my.cnf", target, text)
    assert bool([s for s in found.subjects if s.offer is not None and s.offer["protocols"]]) is on


def _order(found: Audited, name: str) -> Mapping[str, str]:
    (one,) = [s for s in found.subjects if name in s.id]
    return {p: said["preference"] for p, said in (one.offer or {})["protocols"].items()}


def test_a_command_of_httpd_never_brings_anonymous_suites(tmp_path: Path) -> None:
    text = (
        "Listen 443\n<VirtualHost *:443>\nSSLEngine on\nSSLOpenSSLConfCmd CipherString ALL\n</VirtualHost>\n"
    )
    found = _audit(tmp_path / "httpd.conf", "httpd", text)
    assert [f.evidence for f in found.findings if f.rule.id == "tls/suite"]
    assert not [f.evidence for f in found.findings if "anon" in str(f.evidence)]


def test_the_order_of_coturn_decides(tmp_path: Path) -> None:
    text = "tls-listening-port=5349\ncert=/a.pem\npkey=/a.key\n"
    found = _audit(tmp_path / "turnserver.conf", "coturn", text)
    assert set(_order(found, "5349").values()) == {"server"}  # measured on 4.6.1, and so in its source


@pytest.mark.parametrize("release", ["@1.26.3-debian13", ""])
def test_a_list_that_was_not_settled_is_no_pass(release: str, tmp_path: Path) -> None:
    main = tmp_path / "nginx.conf"
    main.write_text("server { listen 443 ssl; ssl_protocols TLSv1.2; ssl_ciphers NOSUCH; }\n")
    assert run(["tls", "audit", str(main), "--target", f"nginx{release}", "--fail-on", "never"]) == 4
