"""A name about TLS that a server does not know is a finding with its line; one that only looks so is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls import policy
from hardening.tls.auditing import audit, mains
from hardening.tls.targets import TARGETS, find

STRAYS = {
    "haproxy": "frontend f\n    bind :443 ssl crt /x.pem no-sslv3 no-tlsv1.0 name web\n",
    "jetty": '<Configure id="sslContextFactory" class="org.eclipse.jetty.util.ssl.SslContextFactory$Server">\n'
    '  <Set name="IncludeCipherSuties"><Array type="String"/></Set>\n</Configure>\n',
    "java_security": "security.provider.1=SUN\njdk.tls.disabledAlgoritms=SSLv3\n",
    "mysql": "[mysqld]\nloose-ssl_cypher=x\n",
    "openssh": "Ciphers aes128-ctr\nMacss hmac-sha2-256\n",
    "postfix": "smtpd_tls_security_level = may\nsmtpd_tls_cafile = /x\n",
    "squid": "http_port 3128\nhttps_port 443 tls-cert=/x.pem tls-min-versoin=1.2\n",
    "vsftpd": "ssl_enable=YES\nSSL_TLSV1=NO\n",
    "stunnel": "[s]\ncipers = x\n",
}
"""Each with its mistake in the second line."""
FINE = {
    "haproxy": "frontend f\n    bind :443 ssl crt /ssl-x.pem alpn h2,ssl-odd no-sslv3 mode 600\n    option ssl-hello-chk\n",
    "mysql": "[mysqld]\nloose_ssl_ca=/x\nskip-ssl\n[mysqldump]\nssl-cypher=x\n",
    "openssh": "Ciphers aes128-ctr\nProtocol 2\nGSSAPIKeyExchange no\n",
    "openssh_client": "Host *\n  IgnoreUnknown UseKeychain\n  UseKeychain yes\n",
    "postfix": "smtpd_tls_security_level = may\nmy_tls_file = /x\nsmtpd_tls_cert_file = $my_tls_file\n"
    "their_tls_file = /y\nsmtpd_tls_key_file = ${their_tls_file?/z}\n",
    "postgresql": "ssl = on\nSSL_Ciphers = 'HIGH'\nlisten_addresses = '*'\n",
    "squid": "https_port 443 cert=/x.pem accel vhost\nsslproxy_flags DONT_VERIFY_PEER\n",
    "stunnel": "setuid = nobody\n[s]\naccept = 443\nTIMEOUTclose = 0\n",
}


def said(name: str, text: str, folder: Path, version: str | None = None) -> list[tuple[int | None, str]]:
    """Return the lines and words of the unknown names that an audit finds."""
    path = folder / find(name).main[0].rpartition("/")[2].replace("*", "x")
    path.write_text(text)
    asked = mains.AuditInput(target=find(name), version=version)
    found = audit.audit([path], [policy.load("aspect")], asked).findings
    return [
        (f.location.line, f.message)  # type: ignore[union-attr]  # all are in files
        for f in found
        if f.rule.id == "tls/unknown-directive"
    ]


@pytest.mark.parametrize("versioned", [True, False], ids=["one release", "every release"])
@pytest.mark.parametrize("name", STRAYS)
def test_it_is_named_with_its_line(name: str, versioned: bool, tmp_path: Path) -> None:
    version = find(name).facts.release(None)[0].version if versioned else None
    ((line, message),) = said(name, STRAYS[name], tmp_path, version)
    assert line == 2
    assert message.startswith(f"no {name} we know has ")


@pytest.mark.parametrize("name", FINE)
def test_what_is_known_or_ones_own_is_none(name: str, tmp_path: Path) -> None:
    version = find(name).facts.release(None)[0].version
    assert said(name, FINE[name], tmp_path, version) == []


def test_what_no_release_knows_says_nothing_about_the_release(tmp_path: Path) -> None:
    text = "ssl on;\n"
    plain = said("nginx", f"server {{ listen 443 ssl; ssl_conf_command X Y; }}\n{text}", tmp_path)
    wrong = said(
        "nginx", f"server {{ listen 443 ssl; ssl_conf_command X Y; ssl_cipher x; }}\n{text}", tmp_path
    )
    assert plain == []
    assert [line for line, _ in wrong] == [1]


@pytest.mark.parametrize("name", TARGETS)
def test_every_word_of_a_table_is_known_by_it(name: str) -> None:
    facts = find(name).facts
    newest = facts.releases[-1]
    for kind, words in facts.words.items():
        unknown = {w for w in words.known if w not in facts.features and facts.stray(w, newest, kind)}
        assert unknown == set()
