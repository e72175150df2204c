"""Settings that a server takes otherwise than their names say, each held against the real one."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from hardening.tls.auditing import audit as audits
from hardening.tls.offer import Offer
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import compared, servers
from tests.support.tls.servers import Pair

POSTFIX = (
    "smtpd_tls_wrappermode = yes\nsmtpd_tls_cert_file = {crt}\nsmtpd_tls_key_file = {key}\n"
    "smtpd_tls_protocols = TLSv1.2\nsmtpd_tls_mandatory_protocols = TLSv1.1\nsmtpd_tls_mandatory_exclude_ciphers = DHE\n{own}"
)
PROFTPD = "TLSEngine on\nTLSRSACertificateFile {crt}\nTLSRSACertificateKeyFile {key}\n{own}"
SQUID = "https_port 127.0.0.1:{port} tls-cert={crt} tls-key={key} {own}\n"
STUNNEL = "[a]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:1\ncert = {both}\n{own}"
HAPROXY = (
    "global\n.if {own}\nssl-default-bind-ciphers AES128-SHA\n.else\nssl-default-bind-ciphers AES256-SHA\n.endif\n"
    "frontend f\nmode http\nbind 127.0.0.1:{port} ssl crt {both}\n"
)
HAPROXY_LIST = "frontend f\nmode http\nbind 127.0.0.1:{port} ssl crt-list {listed}\n{own}"
STUNNEL_TWICE = "cert = {other}\nciphers = ALL\n[a]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:1\ncert = {both}\n{own}"
HTTPD = (
    "Listen 127.0.0.1:{port}\n<VirtualHost *:{port}>\nSSLEngine on\nSSLCertificateFile {crt}\n"
    "SSLCertificateKeyFile {key}\n{own}\n</VirtualHost>\n"
)
LIGHTTPD = (
    'server.modules = ("mod_openssl")\n$SERVER["socket"] == "127.0.0.1:{port}" {{\nssl.engine = "enable"\n'
    'ssl.pemfile = "{crt}"\nssl.privkey = "{key}"\nssl.openssl.ssl-conf-cmd = ({own})\n}}\n'
)
NGINX = "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {crt}; ssl_certificate_key {key}; {own} }}\n"
CASES = {
    "haproxy has its certificate in a list": ("haproxy", HAPROXY_LIST, ""),
    "stunnel has a certificate for all and one of its own": ("stunnel", STUNNEL_TWICE, ""),
    "httpd leaves the curve to the library": ("httpd", HTTPD, "SSLOpenSSLConfCmd ECDHParameters Automatic"),
    "lighttpd says its curves twice": (
        "lighttpd",
        LIGHTTPD,
        '"Curves" => "P-256", "ECDHParameters" => "P-384"',
    ),
    "nginx says its curve by another word": ("nginx", NGINX, "ssl_conf_command ECDHParameters P-384;"),
    "haproxy asks for its library": ("haproxy", HAPROXY, "openssl_version_atleast(1.1.1k)"),
    "haproxy asks for another library": ("haproxy", HAPROXY, "openssl_version_before(3.0.0)"),
    "haproxy asks whether it has TLS": ("haproxy", HAPROXY, "feature(OPENSSL)"),
    "haproxy asks whether it has none": ("haproxy", HAPROXY, "!feature(OPENSSL)"),
    "postfix sizes parameters by the suite": (
        "postfix",
        POSTFIX + "smtpd_tls_mandatory_exclude_ciphers =\n",
        "",
    ),
    "postfix wraps at level may": ("postfix", POSTFIX, "smtpd_tls_security_level = may\n"),
    "postfix wraps at level none": ("postfix", POSTFIX, "smtpd_tls_security_level = none\n"),
    "postfix wraps without a level": ("postfix", POSTFIX, ""),
    "proftpd means all by SSLv23": (
        "proftpd",
        PROFTPD,
        "TLSProtocol SSLv23\nTLSCipherSuite HIGH:@SECLEVEL=0\n",
    ),
    "proftpd passes over what it does not know": (
        "proftpd",
        PROFTPD,
        "TLSCipherSuite HIGH:@SECLEVEL=0\nInclude {included}\n",
    ),
    "proftpd has a list in quotes": (
        "proftpd",
        PROFTPD,
        'TLSCipherSuite "kRSA+AES +SHA !aNULL AES128-SHA"\n',
    ),
    "squid has a field below its level": ("squid", SQUID, "tls-dh={dh}"),
    "stunnel has a curve below its level": ("stunnel", STUNNEL, "curves = prime192v1\n"),
    "stunnel has a curve of TLS 1.2 alone": ("stunnel", STUNNEL, "curves = brainpoolP384r1\n"),
    "stunnel takes a curve away": ("stunnel", STUNNEL, "curves = DEFAULT:-X25519:-X448\n"),
}
"""Each: the server, its text, and what is said besides."""


def _answers(offer: Offer) -> dict[str, tuple[set[str], set[str]]]:
    """What is offered; under TLS 1.0 and 1.1 a scan looks for one group alone."""
    groups = {p.name: {g.value for g in p.groups} for p in offer.protocols if p.name > "TLSv1.1"}
    return {name: (set(suites), groups.get(name, set())) for name, suites in compared.seen_in(offer).items()}


def _compare(name: str, text: str, own: str, kind: str = "rsa") -> None:
    server = servers.needed(name)
    with tempfile.TemporaryDirectory(prefix="harden-otherwise-") as made_in:
        folder = Path(made_in)
        folder.chmod(0o755)
        pair, port = _pair(kind, folder / "certificates"), free_port()
        included = folder / "included.conf"
        included.write_text("TLSProtocol -ALL +TLSv1.2\n")
        own = own.format(dh=_parameters(folder / "dh.pem"), included=included)
        listed, other = folder / "crt.list", servers.pair("ec", folder / "other").both
        listed.write_text(f"{pair.both}\n")
        files = {
            "crt": pair.certificate,
            "key": pair.key,
            "both": pair.both,
            "listed": listed,
            "other": other,
        }
        filled = text.format(port=port, own=own, **files)
        main = servers.write(name, filled, folder / "server", port, pair)
        read = audits.read(main, find(name), version=server.release() or find(name).facts.default)
        with servers.running(name, main, port):
            starttls = None if name == "postfix" else server.starttls
            settings = scans.ScanSettings(full=True, starttls=starttls)
            (seen,) = scans.offers([f"127.0.0.1:{port}"], settings)
    assert [_answers(one) for one in read] == [_answers(seen)]
    if name == "postfix":
        assert [one.dh_bits for one in read] == [seen.dh_bits]


def _parameters(path: Path) -> Path:
    """Write Diffie-Hellman parameters of 1024 bits."""
    made = ["openssl", "dhparam", "-dsaparam", "-out", str(path), "1024"]
    subprocess.run(made, check=True, timeout=60, capture_output=True)
    path.chmod(0o644)
    return path


def _pair(kind: str, folder: Path) -> Pair:
    if kind != "rsa-pss":
        return servers.pair(kind, folder)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    key, card, both = folder / "pss.key", folder / "pss.crt", folder / "pss.pem"
    made = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"]
    made += ["-keyout", str(key), "-out", str(card), "-subj", "/CN=localhost", "-days", "9"]
    subprocess.run(made, check=True, timeout=60, capture_output=True)
    both.write_text(card.read_text() + key.read_text())
    for path in (key, card, both):
        path.chmod(0o644)
    return Pair(card, key, both)


@pytest.mark.parametrize("case", sorted(CASES))
def test_it_is_read_as_it_answers(case: str) -> None:
    _compare(*CASES[case])


@pytest.mark.parametrize("file", ["auto", "none"])
@pytest.mark.parametrize(
    ("excluded", "bits"), [("eNULL", 1024), ("aNULL", 2048), ("AES128, CAMELLIA128", 2048)]
)
def test_postfix_has_smaller_parameters_for_anonymous_suites(
    file: str, excluded: str, bits: int, tmp_path: Path
) -> None:
    text = "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = /a.pem\nsmtpd_tls_dh1024_param_file = {}\n"
    (tmp_path / "main.cf").write_text(text.format(file) + f"smtpd_tls_exclude_ciphers = {excluded}\n")
    target = find("postfix")
    (read,) = audits.read(tmp_path / "main.cf", target, version=target.facts.default)
    assert read.dh_bits == bits


def test_a_key_that_only_signs_is_read_as_it_answers() -> None:
    _compare("stunnel", STUNNEL, "ciphers = ALL:@SECLEVEL=0\n", "rsa-pss")
