"""What a configuration asks of its clients: no certificate, one if they have it, or one in any case."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.release import directives
from hardening.tls.targets import find

NGINX = (
    "events {{}}\nhttp {{\nserver {{ listen 443 ssl; ssl_certificate c; ssl_certificate_key k;\n{}\n}}\n}}\n"
)
HTTPD = "Listen 443\n<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile /c\n{}\n</VirtualHost>\n"
HAPROXY = "frontend f\n  bind :443 ssl crt /c {}\n"
POSTFIX = "smtpd_tls_cert_file = /c\nsmtpd_tls_security_level = {}\n"
DOVECOT = "ssl = required\nssl_server_cert_file = /c\nssl_server_key_file = /k\n{}\n"
EXIM = "tls_advertise_hosts = *\ntls_certificate = /c\n{}\n"
SLAPD = "TLSCertificateFile /c\nTLSCertificateKeyFile /k\n{}\n"
MOSQUITTO = "listener 8883\ncertfile /c\nkeyfile /k\n{}\n"
TOMCAT = '<Server><Service><Connector port="8443" SSLEnabled="true">\n<SSLHostConfig {}><Certificate certificateFile="c"/></SSLHostConfig></Connector></Service></Server>'
LIGHTTPD = 'server.modules = ("mod_openssl")\n$SERVER["socket"] == ":443" {{ ssl.engine = "enable"\nssl.pemfile = "/c"\n{}\n}}\n'
STUNNEL = "[a]\naccept = 443\nconnect = 80\ncert = /c\n{}\n"
PROFTPD = "<IfModule mod_tls.c>\nTLSEngine on\nTLSRSACertificateFile /c\nTLSRSACertificateKeyFile /k\n{}\n</IfModule>\n"
VSFTPD = "ssl_enable=YES\nrsa_cert_file=/c\n{}\n"
REDIS = "tls-port 6379\ntls-cert-file /c\ntls-key-file /k\n{}\n"
COTURN = "tls-listening-port=5349\ncert=/c\npkey=/k\n{}\n"
JETTY = '<Configure id="sslContextFactory" class="org.eclipse.jetty.util.ssl.SslContextFactory$Server">\n{}\n</Configure>'

CASES: dict[str, tuple[tuple[str, str], ...]] = {
    "nginx": (
        (NGINX.format(""), "none"),
        (NGINX.format("ssl_verify_client on;"), "required"),
        (NGINX.format("ssl_verify_client optional;"), "optional"),
        (NGINX.format("ssl_verify_client optional_no_ca;"), "optional unchecked"),
    ),
    "httpd": (
        (HTTPD.format(""), "none"),
        (HTTPD.format("SSLVerifyClient require"), "required"),
        (HTTPD.format("SSLVerifyClient optional_no_ca"), "optional unchecked"),
    ),
    "haproxy": (
        (HAPROXY.format(""), "none"),
        (HAPROXY.format("ca-file /a verify required"), "required"),
        (HAPROXY.format("ca-file /a verify required crt-ignore-err all"), "required unchecked"),
        (HAPROXY.format("ca-file /a verify optional"), "optional"),
    ),
    "postfix": (
        (POSTFIX.format("may"), "none"),
        (POSTFIX.format("encrypt\nsmtpd_tls_req_ccert = yes"), "required"),
        (POSTFIX.format("may\nsmtpd_tls_req_ccert = yes"), "optional unchecked"),
        (POSTFIX.format("may\nsmtpd_tls_ask_ccert = yes"), "optional unchecked"),
    ),
    "dovecot": (
        (DOVECOT.format(""), "none"),
        (DOVECOT.format("ssl_server_request_client_cert = yes"), "optional"),
        (
            DOVECOT.format("ssl_server_request_client_cert = yes\nauth_ssl_require_client_cert = yes"),
            "required",
        ),
    ),
    "exim": (
        (EXIM.format(""), "none"),
        (EXIM.format("tls_verify_hosts = *"), "required"),
        (EXIM.format("tls_verify_hosts = 192.0.2.0/24"), "optional"),
        (EXIM.format("tls_try_verify_hosts = *"), "optional"),
    ),
    "slapd": (
        (SLAPD.format(""), "none"),
        (SLAPD.format("TLSVerifyClient demand"), "required"),
        (SLAPD.format("TLSVerifyClient try"), "optional"),
        (SLAPD.format("TLSVerifyClient allow"), "optional unchecked"),
    ),
    "mosquitto": (
        (MOSQUITTO.format(""), "none"),
        (MOSQUITTO.format("cafile /a\nrequire_certificate true"), "required"),
    ),
    "tomcat": (
        (TOMCAT.format(""), "none"),
        (TOMCAT.format('certificateVerification="required"'), "required"),
        (TOMCAT.format('certificateVerification="optionalNoCA"'), "optional unchecked"),
    ),
    "lighttpd": (
        (LIGHTTPD.format(""), "none"),
        (LIGHTTPD.format('ssl.verifyclient.activate = "enable"'), "required"),
        (
            LIGHTTPD.format('ssl.verifyclient.activate = "enable"\nssl.verifyclient.enforce = "disable"'),
            "optional",
        ),
    ),
    "stunnel": (
        (STUNNEL.format(""), "none"),
        (STUNNEL.format("verifyChain = yes\nCAfile = /a"), "required"),
        (STUNNEL.format("verify = 1"), "optional"),
    ),
    "proftpd": (
        (PROFTPD.format(""), "none"),
        (PROFTPD.format("TLSVerifyClient on"), "required"),
        (PROFTPD.format("TLSVerifyClient optional"), "optional"),
    ),
    "vsftpd": (
        (VSFTPD.format(""), "optional unchecked"),
        (VSFTPD.format("ssl_request_cert=NO"), "none"),
        (VSFTPD.format("require_cert=YES\nvalidate_cert=YES"), "required"),
    ),
    "redis": (
        (REDIS.format(""), "required"),
        (REDIS.format("tls-auth-clients no"), "none"),
        (REDIS.format("tls-auth-clients optional"), "optional"),
    ),
    "coturn": ((COTURN.format(""), "none"), (COTURN.format("CA-file=/a"), "required")),
    "jetty": (
        (JETTY.format(""), "none"),
        (JETTY.format('<Set name="NeedClientAuth">true</Set>'), "required"),
        (JETTY.format('<Set name="WantClientAuth">true</Set>'), "optional"),
    ),
}


@pytest.mark.parametrize("target", CASES)
def test_what_is_asked_of_clients(target: str, tmp_path: Path) -> None:
    name = find(target).main[-1].rpartition("/")[2]
    path = tmp_path / name
    for text, expected in CASES[target]:
        path.write_text(text)
        run = audit(
            [path],
            [policy.load("bacnet-sc")],
            AuditInput(target=find(target), version=directives(target).default),
        )
        offer = next((one.offer for one in run.subjects if one.offer), None)
        assert offer is not None, (text, [f.message for f in run.findings])
        found = offer.get("client_certificate")
        assert found is not None, text
        said = found["wants"] + ("" if found["checked"] else " unchecked")
        assert said == expected, text
        broken = [f for f in run.findings if f.rule.id == "tls/client-certificate"]
        assert bool(broken) is (expected != "required"), text


def test_a_file_without_a_certificate_says_nothing_of_clients(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("ssl_protocols TLSv1.3;\n")
    run = audit([tmp_path / "nginx.conf"], [policy.load("bacnet-sc")], AuditInput(target=find("nginx")))
    assert not [f for f in run.findings if f.rule.id == "tls/client-certificate"]
    assert {r.verdict.value for r in run.results if r.rule.id == "tls/bacnet-sc/mutual"} == {"skipped"}
