"""What a server settles before it knows which name is asked for: every real server with two names is read as it answers each."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls.auditing import audit as audits
from hardening.tls.offer import Offer
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import compared, servers
from tests.unit.tls.targets.test_first_answers import _audit

SERVER = """server {{ listen 127.0.0.1:{port} ssl; server_name {name}; ssl_certificate {crt}; ssl_certificate_key {key};
  ssl_protocols TLSv1.2 TLSv1.3; {own} }}
"""


HOST = """<VirtualHost 127.0.0.1:{port}>
  ServerName {name}
  SSLEngine on
  SSLCertificateFile {crt}
  SSLCertificateKeyFile {key}
  SSLProtocol -all +TLSv1.2 +TLSv1.3
  {own}
</VirtualHost>
"""


DOVECOT = """ssl = yes
ssl_server_cert_file = {crt}
ssl_server_key_file = {key}
ssl_min_protocol = TLSv1.2
ssl_curve_list = X25519:P-256
local_name b.example {{
  ssl_min_protocol = TLSv1.3
  ssl_cipher_list = AES128-SHA
  ssl_curve_list = P-384
}}
"""


HAPROXY = """frontend www
    mode http
    bind 127.0.0.1:{port} ssl crt-list {list} curves X25519:P-256
"""


STUNNEL = """[www]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:1
cert = {both}
sslVersionMin = TLSv1.2
curves = X25519:P-256
ciphersuites = TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256
[b]
sni = www:b.example
connect = 127.0.0.1:1
cert = {both}
ciphers = AES128-SHA
curves = P-384
ciphersuites = TLS_AES_256_GCM_SHA384
"""


THIRTEEN = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"


NGINX_FIRST = f"ssl_ciphers HIGH; ssl_conf_command Ciphersuites {THIRTEEN}; ssl_ecdh_curve X25519:P-256;"


NGINX_OWN = (
    "ssl_ciphers AES128-SHA; ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384; ssl_ecdh_curve P-384;"
)


HTTPD_FIRST = "SSLOpenSSLConfCmd Groups X25519:P-256"


HTTPD_OWN = "SSLCipherSuite AES128-SHA\n  SSLCipherSuite TLSv1.3 TLS_AES_256_GCM_SHA384\n  SSLOpenSSLConfCmd Groups P-384"


TEXTS = {
    "nginx": SERVER.replace("{name}", "a.example").replace("{own}", NGINX_FIRST)
    + SERVER.replace("{name}", "b.example").replace("{own}", NGINX_OWN),
    "httpd": "Listen 127.0.0.1:{port}\n"
    + HOST.replace("{name}", "a.example").replace("{own}", HTTPD_FIRST)
    + HOST.replace("{name}", "b.example").replace("{own}", HTTPD_OWN),
    "dovecot": DOVECOT,
    "haproxy": HAPROXY,
    "stunnel": STUNNEL,
}


def _answers(offer: Offer) -> dict[str, tuple[set[str], set[str]]]:
    groups = compared.groups_in(offer, "rsa", {"TLSv1.2", "TLSv1.3"})
    return {p: (set(s), set(groups.get(p, ()))) for p, s in compared.seen_in(offer).items()}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_name_is_read_with_what_the_first_server_settles(name: str) -> None:
    servers.needed(name)
    with tempfile.TemporaryDirectory(prefix="harden-names-") as made_in:
        folder = Path(made_in)
        folder.chmod(0o755)
        pair, port = servers.pair("rsa", folder / "certificates"), free_port()
        listed = folder / "list"
        first = "ciphers HIGH curves P-521 ssl-max-ver TLSv1.2"
        listed.write_text(
            f"{pair.both} [{first}] a.example\n{pair.both} [ciphers AES128-SHA curves P-384] b.example\n"
        )
        filled = TEXTS[name].format(
            port=port, crt=pair.certificate, key=pair.key, both=pair.both, list=listed
        )
        main = servers.write(name, filled, folder / "server", port, pair)
        version = servers.SERVERS[name].release() or find(name).facts.default
        read = {o.subject.rpartition("#")[2]: o for o in audits.read(main, find(name), version=version)}
        read |= {s.rpartition("#")[2]: o for o in read.values() for s in o.also}
        with servers.running(name, main, port):
            for host, key in (("b.example", f"b.example:{port}"), (None, "")):
                (seen,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True, sni=host))
                mine = read[key] if key else next(o for k, o in read.items() if not k.startswith("b.example"))
                assert _answers(mine) == _answers(seen), host


@pytest.mark.parametrize("place", ["host", "global"])
def test_a_real_proftpd_is_read_as_it_answers(place: str) -> None:
    server = servers.needed("proftpd")
    inside = "<Global>\nTLSCipherSuite AES128-SHA:AES256-SHA\n</Global>\n" if place == "global" else ""
    with tempfile.TemporaryDirectory(prefix="harden-first-") as made_in:
        folder = Path(made_in)
        folder.chmod(0o755)
        pair, port = servers.pair("rsa", folder / "certificates"), free_port()
        text = (
            f"TLSEngine on\nTLSRSACertificateFile {pair.certificate}\nTLSRSACertificateKeyFile {pair.key}\n"
            f"TLSProtocol TLSv1.2\nTLSProtocol TLSv1.3\nTLSCipherSuite ECDHE+AESGCM\n{inside}"
        )
        main = servers.write("proftpd", text, folder / "server", port, pair)
        (read,) = audits.read(main, find("proftpd"), version=find("proftpd").facts.default)
        with servers.running("proftpd", main, port):
            settings = scans.ScanSettings(full=True, starttls=server.starttls)
            (seen,) = scans.offers([f"127.0.0.1:{port}"], settings)
        assert _answers(read) == _answers(seen)


EL8 = """openssl_conf = default_modules
[ default_modules ]
ssl_conf = ssl_module
[ ssl_module ]
system_default = crypto_policy
[ crypto_policy ]
.include {equals}{folder}/policy.config
"""


EL8_POLICY = """CipherString = @SECLEVEL=1:AES128-SHA256:ECDHE-RSA-AES128-GCM-SHA256
TLS.MinProtocol = TLSv1.2
TLS.MaxProtocol = TLSv1.3
DTLS.MinProtocol = DTLSv1.2
DTLS.MaxProtocol = DTLSv1.2
"""


@pytest.mark.parametrize("equals", ["= ", ""])
def test_the_policy_that_openssl_cnf_includes_holds_and_is_left_alone(equals: str, tmp_path: Path) -> None:
    (tmp_path / "policy.config").write_text(EL8_POLICY)
    path, text = tmp_path / "openssl.cnf", EL8.format(equals=equals, folder=tmp_path)
    found = _audit(path, "openssl_cnf", text)
    (one,) = found.subjects
    protocols = (one.offer or {})["protocols"]
    assert set(protocols) == {"TLSv1.2", "TLSv1.3"}
    assert protocols["TLSv1.2"]["suites"] == [
        "TLS_RSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ]  # fmt: skip
    assert not [f for f in found.findings if f.rule.id.startswith(("walk/", "tls/unknown"))]
    diff = tmp_path / "fix.diff"
    assert run(["tls", "audit", str(path), "--target", "openssl_cnf", "--fix-diff", "-o", str(diff)]) == 0
    named = [line.rpartition("/")[2] for line in diff.read_text().splitlines() if line.startswith("+++ ")]
    assert named == ["openssl.cnf"]
    subprocess.run(["patch", "-p1", "-s", "-d", "/", "-i", str(diff)], check=True)
    assert run(["tls", "audit", str(path), "--target", "openssl_cnf"]) == 0
