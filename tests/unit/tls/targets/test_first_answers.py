"""What a server settles before it knows which name is asked for: every real server with two names is read as it answers each."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing import mains
from hardening.tls.auditing.shared import Audited
from hardening.tls.targets import find


def _audit(path: Path, target: str, text: str, version: str | None = None) -> Audited:
    path.write_text(text)
    asked = mains.AuditInput(target=find(target), version=version or find(target).facts.default)
    return audits.audit([path], [policies.load("aspect")], asked)


def _versions(found: Audited) -> list[set[str]]:
    return [set((s.offer or {})["protocols"]) for s in found.subjects]


@pytest.mark.parametrize(
    ("commands", "versions"),
    [
        ('ssl_conf_command Protocol "ALL";', {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        ('ssl_conf_command Protocol "-TLSv1.3, +TLSv1.1";', {"TLSv1.1", "TLSv1.2"}),
        ("ssl_conf_command Protocol ALL; ssl_conf_command MinProtocol TLSv1.1;", {"TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        ("ssl_conf_command MinProtocol TLSv1.3; ssl_conf_command MinProtocol None;", {"TLSv1.2", "TLSv1.3"}),
    ],
)  # fmt: skip
def test_the_command_protocol_of_nginx_switches_versions(
    commands: str, versions: set[str], tmp_path: Path
) -> None:
    text = f"server {{ listen 443 ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers DEFAULT:@SECLEVEL=0; {commands} }}"
    assert _versions(_audit(tmp_path / "nginx.conf", "nginx", text)) == [versions]


@pytest.mark.parametrize(
    ("command", "versions"),
    [("-TLSv1.3", {"TLSv1.2"}), ("ALL", {"TLSv1.2", "TLSv1.3"}), ("-ALL,TLSv1.3", {"TLSv1.3"})],
)
def test_the_command_protocol_of_httpd_only_narrows_a_range(
    command: str, versions: set[str], tmp_path: Path
) -> None:
    text = f"<VirtualHost *:443>\nSSLEngine on\nSSLProtocol -all +TLSv1.2 +TLSv1.3\nSSLOpenSSLConfCmd Protocol {command}\n</VirtualHost>\n"
    assert _versions(_audit(tmp_path / "httpd.conf", "httpd", text)) == [versions]


def test_commands_of_stunnel_are_read(tmp_path: Path) -> None:
    text = (
        "[a]\naccept = 1\nconnect = 2\nsslVersionMin = TLSv1.2\nsecurityLevel = 0\nciphers = HIGH\n"
        "config = MinProtocol:TLSv1\nconfig = MaxProtocol:TLSv1.2\nconfig = CipherString:AES128-SHA@SECLEVEL=0\n"
    )
    found = _audit(tmp_path / "stunnel.conf", "stunnel", text)
    assert _versions(found) == [{"TLSv1.0", "TLSv1.1", "TLSv1.2"}]
    (one,) = found.subjects
    assert (one.offer or {})["protocols"]["TLSv1.2"]["suites"] == ["TLS_RSA_WITH_AES_128_CBC_SHA"]


@pytest.mark.parametrize(
    ("options", "bind", "versions"),
    [
        ("", "no-tlsv10 no-tlsv11 ssl-min-ver TLSv1.0", {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        ("no-tlsv12", "ssl-max-ver TLSv1.2", {"TLSv1.2"}),
        ("", "ssl-max-ver TLSv1.1", {"TLSv1.1"}),
        ("", "force-tlsv11 ssl-min-ver TLSv1.0", {"TLSv1.0", "TLSv1.1"}),
        ("force-tlsv12", "ssl-max-ver TLSv1.3", {"TLSv1.2", "TLSv1.3"}),
        ("", "no-tlsv13", {"TLSv1.2"}),
    ],
)
def test_haproxy_ignores_old_switches_beside_a_range(
    options: str, bind: str, versions: set[str], tmp_path: Path
) -> None:
    said = f"    ssl-default-bind-options {options}\n" if options else ""
    text = f"global\n{said}frontend a\n    bind :443 ssl crt /a.pem ciphers DEFAULT@SECLEVEL=0 {bind}\n"
    assert _versions(_audit(tmp_path / "haproxy.cfg", "haproxy", text)) == [versions]


def test_a_line_of_a_crt_list_has_versions_over_those_of_the_bind_line(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("/a.pem a.example\n/b.pem [ssl-min-ver TLSv1.3] b.example\n")
    text = f"frontend a\n    bind :443 ssl crt-list {tmp_path}/list ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3\n"
    found = _audit(tmp_path / "haproxy.cfg", "haproxy", text)
    versions = {s.id.rpartition("#")[2]: set((s.offer or {})["protocols"]) for s in found.subjects}
    assert versions["a.example:443"] == versions["a:443"] == {"TLSv1.2", "TLSv1.3"}
    assert versions["b.example:443"] == {"TLSv1.3"}


@pytest.mark.parametrize(
    ("version", "told", "finite"),
    [
        ("3.0.11-debian13", "", False),
        ("3.0.11-debian13", "    tune.ssl.default-dh-param 2048\n", True),
        ("2.4.22-el9", "", True),
    ],
)
def test_haproxy_has_no_parameters_of_its_own_any_more(
    version: str, told: str, finite: bool, tmp_path: Path
) -> None:
    text = f"global\n{told}frontend a\n    bind :443 ssl crt /a.pem ciphers DEFAULT\n"
    (one,) = _audit(tmp_path / "haproxy.cfg", "haproxy", text, version).subjects
    suites = (one.offer or {})["protocols"]["TLSv1.2"]["suites"]
    assert any("TLS_DHE" in name for name in suites) is finite


@pytest.mark.parametrize(
    ("version", "said", "side"),
    [
        ("1.4.79-debian13", "", "client"),
        ("1.4.79-debian13", 'ssl.openssl.ssl-conf-cmd = ("CipherString" => "HIGH")\n', "client"),
        ("1.4.79-debian13", 'ssl.cipher-list = "HIGH"\n', "server"),
        ("1.4.79-debian13", 'ssl.openssl.ssl-conf-cmd = ("Options" => "ServerPreference")\n', "server"),
        ("1.4.59-debian11", "", "server"),
    ],
)
def test_lighttpd_prefers_its_order_with_a_list_alone_since_1_4_68(
    version: str, said: str, side: str, tmp_path: Path
) -> None:
    text = f'server.port = 443\nssl.engine = "enable"\nssl.pemfile = "/a.pem"\n{said}'
    (one,) = _audit(tmp_path / "lighttpd.conf", "lighttpd", text, version).subjects
    assert (one.offer or {})["protocols"]["TLSv1.3"]["preference"] == side


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_of_httpd_that_goes_on_in_the_next_line_is_one_word(end: str, tmp_path: Path) -> None:
    lines = [
        "<VirtualHost *:443>", "SSLEngine on", "SSLCipherSuite \\", "  ECDHE-RSA-AES128-GCM-SHA256:\\",
        "AES128-SHA", "SSLProtocol\\", "  -all +TLSv1.2", "SSLHonorCipherOrder on", "</VirtualHost>", "",
    ]  # fmt: skip
    path = tmp_path / "httpd.conf"
    path.write_bytes(end.join(lines).encode())
    asked = mains.AuditInput(target=find("httpd"), version=find("httpd").facts.default)
    found = audits.audit([path], [policies.load("aspect")], asked)
    (one,) = found.subjects
    assert (one.offer or {})["protocols"] == {
        "TLSv1.2": {
            "suites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"],
            "preference": "server",
            "groups": ["x25519", "secp256r1", "x448", "secp384r1", "secp521r1"],
            "signature_algorithms": [],
        }
    }


def test_parameters_made_of_dsa_have_a_size(tmp_path: Path) -> None:
    prime = b"\x02\x41\x00" + b"\xff" * 64
    body = prime + b"\x02\x01\x02" + b"\x02\x01\x03"  # p, g, q
    text = base64.b64encode(bytes((0x30, len(body))) + body).decode()
    (tmp_path / "dh.pem").write_text(
        f"-----BEGIN X9.42 DH PARAMETERS-----\n{text}\n-----END X9.42 DH PARAMETERS-----\n"
    )
    (one,) = _audit(
        tmp_path / "nginx.conf",
        "nginx",
        f"server {{ listen 443 ssl; ssl_ciphers DHE:@SECLEVEL=0; ssl_dhparam {tmp_path}/dh.pem; }}",
    ).subjects
    assert (one.offer or {})["dh_bits"] == 512


PROFTPD = """TLSEngine on
TLSEngine off
TLSProtocol TLSv1.2
TLSProtocol TLSv1.3
TLSECDHCurve secp384r1
TLSECDHCurve secp521r1
TLSServerCipherPreference off
TLSServerCipherPreference on
TLSCipherSuite AES128-SHA
TLSCipherSuite AES256-SHA:ECDHE-RSA-AES128-SHA
<Global>
TLSCipherSuite ECDHE-RSA-AES256-SHA
TLSProtocol TLSv1.1
</Global>
"""


@pytest.mark.parametrize(
    ("version", "suite"),
    [
        ("1.3.8-debian13", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
        ("1.3.6-el8", "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ],
)
def test_the_first_line_of_proftpd_holds_and_the_last_cipher_list(
    version: str, suite: str, tmp_path: Path
) -> None:
    (one,) = _audit(tmp_path / "proftpd.conf", "proftpd", PROFTPD, version).subjects
    protocols = (one.offer or {})["protocols"]
    assert set(protocols) == {"TLSv1.2"}
    assert protocols["TLSv1.2"]["suites"] == [suite]
    assert protocols["TLSv1.2"]["preference"] == "client"
    assert set(protocols["TLSv1.2"]["groups"]) <= {"secp384r1"}


@pytest.mark.parametrize(
    ("version", "said", "suites"),
    [
        ("3.10.13-debian13", "smtpd_tls_ciphers = null", {"TLS_RSA_WITH_NULL_SHA256"}),
        ("3.10.13-debian13", "smtpd_tls_ciphers = HIGH\ntls_high_cipherlist = AES128-SHA256", {"TLS_RSA_WITH_AES_128_CBC_SHA256"}),
        ("3.10.13-debian13", "smtpd_tls_ciphers = low\ntls_low_cipherlist = AES128-SHA\ntls_medium_cipherlist = AES128-SHA256",
         {"TLS_RSA_WITH_AES_128_CBC_SHA256"}),
        ("3.5.25-el9", "smtpd_tls_ciphers = low\ntls_low_cipherlist = AES128-SHA256", {"TLS_RSA_WITH_AES_128_CBC_SHA256"}),
        ("3.10.13-debian13", "smtpd_enforce_tls = yes\ntls_medium_cipherlist = AES128-SHA256\nsmtpd_tls_mandatory_ciphers = high", {"TLS_RSA_WITH_AES_128_CBC_SHA256"}),
    ],
)  # fmt: skip
def test_grades_of_postfix(version: str, said: str, suites: set[str], tmp_path: Path) -> None:
    text = f"smtpd_tls_security_level = may\nsmtpd_tls_cert_file = /a.pem\nsmtpd_tls_protocols = TLSv1.2\n{said}\n"
    (one,) = _audit(tmp_path / "main.cf", "postfix", text, version).subjects
    assert suites <= set((one.offer or {})["protocols"]["TLSv1.2"]["suites"])
    if len(suites) == 1 and "NULL" not in str(suites):
        assert suites == set((one.offer or {})["protocols"]["TLSv1.2"]["suites"])


def test_options_of_mariadb_hold_in_the_order_of_files_and_with_loose_before_them(tmp_path: Path) -> None:
    (tmp_path / "deeper.cnf").write_text("[server]\nloose-tls_version = TLSv1.2\n")
    (tmp_path / "more.cnf").write_text(
        f"[mysqld]\nssl-cipher = AES128-SHA\n!include {tmp_path}/deeper.cnf\n[mysqld]\ntls_version = TLSv1.2,TLSv1.3\n"
    )
    text = (
        f"[mysqld]\nssl-cert = /a.pem\n!include {tmp_path}/more.cnf\nloose-ssl-cipher = AES256-SHA\n"
        "[mysql]\nssl-cipher = RC4\n"
    )
    (one,) = _audit(tmp_path / "my.cnf", "mariadb", text).subjects
    protocols = (one.offer or {})["protocols"]
    assert set(protocols) == {"TLSv1.2", "TLSv1.3"}
    assert protocols["TLSv1.2"]["suites"] == ["TLS_RSA_WITH_AES_256_CBC_SHA"]


def test_an_empty_list_of_dovecot_is_that_of_openssl(tmp_path: Path) -> None:
    text = "ssl = yes\nssl_cipher_list =\n"
    (one,) = _audit(tmp_path / "dovecot.conf", "dovecot", text, "2.4.1-debian13").subjects
    assert "TLS_RSA_WITH_AES_128_CBC_SHA256" in (one.offer or {})["protocols"]["TLSv1.2"]["suites"]
