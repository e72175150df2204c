"""Tomcat's list language holds the suites of TLS 1.3: each pair was seen on the wire of Tomcat 10.1.60 (JSSE)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls.auditing import audit as audits
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from hardening.tls.targets.tomcat import ciphers as tomcat_ciphers
from tests.support.ports import free_port
from tests.support.tls import compared, servers

AES256, CHACHA, AES128 = tomcat_ciphers.DEFAULT13.split(":")


@pytest.mark.parametrize(
    ("string", "selected"),
    [
        ("HIGH", {AES256, CHACHA, AES128}),
        ("HIGH:!aNULL:!AESGCM", {CHACHA}),
        ("ALL:!aNULL", {AES256, CHACHA, AES128}),
        ("AESGCM", {AES256, AES128}),
        ("AES128", {AES128}),
        ("ECDHE+AESGCM", set()),
        ("ECDHE-RSA-AES256-GCM-SHA384", set()),
        (f"{AES256},TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", {AES256}),
        ("!CHACHA20:HIGH", {AES256, AES128}),
    ],
)
def test_what_a_list_selects_of_tls13(string: str, selected: set[str]) -> None:
    found = {n for n in tomcat_ciphers.newer(string) if "_CCM" not in n}  # no JDK has those
    assert found == selected


@pytest.mark.parametrize("ciphers", ["", 'ciphers="AES128"', 'ciphers="ECDHE+AESGCM:!CHACHA20"'])
def test_what_ciphers_selects_comes_on_top_of_cipher_suites(ciphers: str, tmp_path: Path) -> None:
    server = servers.needed("tomcat")
    pair, port = servers.pair("rsa", tmp_path / "certificates"), free_port()
    text = (
        f'<Connector port="{port}" address="127.0.0.1" SSLEnabled="true" '
        'sslImplementationName="org.apache.tomcat.util.net.jsse.JSSEImplementation">\n'
        f'<SSLHostConfig protocols="TLSv1.3" cipherSuites="{AES256}" {ciphers}>\n'
        f'<Certificate certificateFile="{pair.certificate}" certificateKeyFile="{pair.key}" />\n'
        "</SSLHostConfig>\n</Connector>\n"
    )
    main = servers.write("tomcat", text, tmp_path / "server", port, pair)
    (audited,) = audits.read(main, find("tomcat"), build=server.library())
    with servers.running("tomcat", main, port):
        (scanned,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True))
    seen = {name: set(suites) for name, suites in compared.seen_in(scanned).items()}
    assert {name: set(suites) for name, suites in compared.seen_in(audited).items()} == seen
    assert AES256 in seen["TLSv1.3"]
