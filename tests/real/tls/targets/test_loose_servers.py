"""Real servers told as little, or as much, as careless people tell them offer exactly what is read: no policy is in the way."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.rendering.render import render
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import compared, servers

LOOSE: dict[str, list[tuple[str, str]]] = {
    "nginx": [
        (r"ssl_protocols [^;]*", "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"),
        (r"ssl_ciphers [^;]*", "ssl_ciphers {}"),
    ],
    "httpd": [(r"SSLProtocol .*", "SSLProtocol all"), (r"SSLCipherSuite (?!TLSv1.3).*", "SSLCipherSuite {}")],
    "lighttpd": [
        (r'"MinProtocol" => "[^"]*"', '"MinProtocol" => "TLSv1"'),
        (r'"CipherString" => "[^"]*"', '"CipherString" => "{}"'),
    ],
    "haproxy": [
        (r"ssl-min-ver \S+", "ssl-min-ver TLSv1.0"),
        (r"(ssl-default-bind-ciphers) .*", r"\1 {}"),
    ],
    "stunnel": [(r"(sslVersionMin = ).*", r"\1TLSv1"), (r"(?m)^(ciphers = ).*", r"\1{}")],
    "proftpd": [
        (r"(TLSProtocol\s).*", r"\1TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"),
        (r"(TLSCipherSuite\s+)(?!TLSv1.3).*", r"\1{}"),
    ],
    "dovecot": [(r"(ssl_min_protocol = ).*", r"\1TLSv1"), (r"(ssl_cipher_list = ).*", r"\1{}")],
    "postfix": [
        (r"(smtpd_tls(?:_mandatory)?_protocols = ).*", r"\1>=TLSv1"),
        (r"(tls_high_cipherlist = ).*", r"\1{}"),
    ],
    "postgresql": [
        (r"(ssl_min_protocol_version = ).*", r"\1'TLSv1'"),
        (r"(ssl_ciphers = ).*", r"\1'{}'"),
    ],
    "mariadb": [
        (r"(?m)^(tls[-_]version\s*=\s*).*", r"\1TLSv1.0,TLSv1.1,TLSv1.2,TLSv1.3"),
        (r"(?m)^(ssl[-_]cipher\s*=\s*).*", r"\1{}"),
    ],
    "redis": [
        (r"(tls-protocols ).*", r'\1"TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"'),
        (r"(?m)^(tls-ciphers ).*", r"\1{}"),
    ],
    "squid": [
        (r"tls-min-version=\S+", "tls-min-version=1.0"),
        (r"cipher=\S+", "cipher={}"),
        (r"options=\S+", "options=NO_SSLv3"),
    ],
    "vsftpd": [(r"(?m)^(ssl_tlsv1\w*)=.*", r"\1=YES"), (r"(?m)^(ssl_ciphers=).*", r"\1{}")],
}
SILENT = {
    "dovecot": r"(?m)^ssl_(?:min_protocol|cipher_list|cipher_suites|curve_list|server_prefer_ciphers) = .*\n",
    "exim": r"(?m)^tls_require_ciphers = .*\n",
    "haproxy": r"(?m)^\s*ssl-default-bind-(?:options|ciphers|ciphersuites|curves)\b.*\n",
    "httpd": r"(?m)^SSL(?:Protocol|CipherSuite|HonorCipherOrder|OpenSSLConfCmd|Compression|SessionTickets)\b.*\n",
    "jetty": r'(?s)  <Set name="(?:In|Ex)clude\w+">.*?</Set>\n|  <Set name="useCipherSuitesOrder">true</Set>\n',
    "lighttpd": r"(?s)ssl\.openssl\.ssl-conf-cmd = \(.*?\n\)\n",
    "mariadb": r"(?m)^(?:tls_version|ssl_cipher) = .*\n",
    "nginx": r"(?m)^\s*ssl_(?:protocols|ciphers|conf_command|prefer_server_ciphers|ecdh_curve|session_tickets)\b.*\n",
    "postfix": r"(?m)^(?:smtpd_tls_\w*(?:protocols|ciphers)|tls_\w+) = .*\n",
    "postgresql": r"(?m)^ssl_(?:min_protocol_version|max_protocol_version|ciphers|prefer_server_ciphers|ecdh_curve) = .*\n",
    "proftpd": r"(?m)^TLS(?:Protocol|CipherSuite|ServerCipherPreference|ECDHCurve)\b.*\n",
    "redis": r"(?m)^tls-(?:protocols|ciphers|ciphersuites|prefer-server-ciphers) .*\n",
    "squid": r" (?:cipher|tls-options|tls-min-version)=\S+",
    "stunnel": r"(?m)^(?:sslVersionM\w+|options|ciphers|ciphersuites|curves) = .*\n",
    "tomcat": r'\s(?:protocols|ciphers|cipherSuites|honorCipherOrder)="[^"]*"',
    "vsftpd": r"(?m)^ssl_(?:sslv\d|tlsv\d+|ciphers)=.*\n",
}
"""What to take out of what is rendered, so that only the certificate is left."""
SLOW = {"jetty", "mariadb", "proftpd", "tomcat"}
"""Those that take several seconds to start or to answer: tests/matrix has them."""
QUICK = [("mariadb", "ALL"), ("nginx", "ALL"), ("postfix", "ALL"), ("redis", "ALL")]
"""Those where something beside the lists decides, and one where nothing does; tests/matrix has the others."""


@pytest.mark.parametrize(("name", "ciphers"), QUICK)
def test_everything_switched_on_is_read_as_it_is_offered(name: str, ciphers: str) -> None:
    def loosened(text: str) -> str:
        for pattern, told in LOOSE[name]:
            text, count = re.subn(pattern, told.replace("{}", ciphers), text)
            assert count, pattern
        return text

    _read_as_offered(name, loosened)


@pytest.mark.parametrize("name", sorted(SILENT.keys() - SLOW))
def test_what_nobody_sets_is_read_as_the_server_s_own(name: str) -> None:
    def silenced(text: str) -> str:
        text, count = re.subn(SILENT[name], "", text)
        assert count
        return text

    _read_as_offered(name, silenced)


def _read_as_offered(name: str, change: Callable[[str], str]) -> None:
    """Render, change, start the real server, and see what it offers."""
    server = servers.needed(name)
    with tempfile.TemporaryDirectory(prefix="harden-loose-") as made_in:
        folder = Path(made_in)
        folder.chmod(0o755)
        pair, port = servers.pair("rsa", folder / "certificates"), free_port()
        version, build = server.release(), server.library()
        params = server.params(port, pair)
        made = render(find(name), policies.load("aspect"), version=version, build=build, params=params)
        main = servers.write(name, change(made.text), folder / "server", port, pair)
        found = audits.read(main, find(name), version=made.job.release.version, build=made.job.build)
        (audited,) = [o for o in found if o.subject.endswith(f":{port}")] or found[:1]
        with servers.running(name, main, port):
            settings = scans.ScanSettings(full=True, starttls=server.starttls)
            (scanned,) = scans.offers([f"127.0.0.1:{port}"], settings)
    read = compared.with_certificate(audited, "rsa")
    assert read, "nothing was read"
    assert {p: set(s) for p, s in read.items()} == {p: set(s) for p, s in compared.seen_in(scanned).items()}
