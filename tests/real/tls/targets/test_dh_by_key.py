"""Parameters that OpenSSL 3 makes itself are sized by the RSA key; held against the real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls.auditing import audit
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from hardening.tls.targets.reading import security_levels
from tests.real.tls.targets import test_fix_keeps_running as kept
from tests.real.tls.targets import test_otherwise_than_named as texts
from tests.support.ports import free_port
from tests.support.tls import servers

LIST = "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:@SECLEVEL="
TEXTS = {
    "httpd": texts.HTTPD.replace("{own}", "SSLCipherSuite " + LIST + "{level}"),
    "redis": "port 0\ntls-port {port}\ntls-cert-file {crt}\ntls-key-file {key}\ntls-ca-cert-file {crt}\n"
    "tls-auth-clients no\ntls-ciphers " + LIST + "{level}\n",
    "proftpd": texts.PROFTPD.replace("{own}", "TLSCipherSuite " + LIST + "{level}\n"),
    "lighttpd": texts.LIGHTTPD.replace(
        "{own}", '"MinProtocol" => "TLSv1.2", "CipherString" => "' + LIST + '{level}"'
    ),
    "postfix": texts.POSTFIX.replace("{own}", "tls_high_cipherlist = " + LIST + "{level}\n").replace(
        "smtpd_tls_mandatory_protocols = TLSv1.1\nsmtpd_tls_mandatory_exclude_ciphers = DHE\n",
        "smtpd_tls_mandatory_protocols = TLSv1.2\nsmtpd_tls_mandatory_ciphers = high\n",
    ),
}
CASES = [
    ("httpd", 1536, 1), ("httpd", 2048, 1), ("httpd", 2048, 2), ("httpd", 3072, 2), ("httpd", 4096, 2),
    ("httpd", 3072, 3), ("redis", 4096, 2), ("proftpd", 4096, 2), ("postfix", 1536, 0), ("postfix", 4096, 0),
    ("lighttpd", 1536, 1), ("lighttpd", 3072, 2),
]  # fmt: skip
"""The server, the size of its RSA key, and the security level of its list."""


@pytest.mark.parametrize(("name", "bits", "level"), CASES)
def test_they_are_as_large_as_the_key_asks(folder: Path, name: str, bits: int, level: int) -> None:
    server, port = servers.needed(name), free_port()
    pair = kept._made(folder / "certificates", f"rsa:{bits}")
    for path in (pair.certificate, pair.key, pair.both):
        path.chmod(0o644)
    text = TEXTS[name].format(port=port, crt=pair.certificate, key=pair.key, level=level)
    main = servers.write(name, text, folder / "server", port, pair)
    (read,) = audit.read(main, find(name), version=server.release() or find(name).facts.default)
    starttls = None if name == "postfix" else server.starttls
    with servers.running(name, main, port):
        (seen,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True, starttls=starttls))
    assert seen.dh_bits is not None
    assert read.dh_bits == seen.dh_bits


@pytest.mark.parametrize(
    ("level", "key", "field"),
    [
        (0, 1024, 1024),
        (2, 1024, 2048),
        (2, 2048, 2048),
        (3, 2048, 3072),
        (0, 3072, 3072),
        (0, 4096, 4096),
        (4, 2048, 8192),
    ],
)
def test_the_level_asks_as_well(level: int, key: int, field: int) -> None:
    assert security_levels.own_field("3.5.9-debian13", level, key) == field


def test_older_libraries_are_not_known_to() -> None:
    assert security_levels.own_field("1.1.1k-el8", 2, 4096) is None
