"""A real Tomcat 9, in Java's own TLS and with OpenSSL, by SSLHostConfig and by the attributes before it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import compared, java_servers, servers

OPENSSL = "3.5.9-debian13"
JARS = Path("/usr/share/java/tomcat9-catalina.jar")
NATIVE = sorted(Path("/usr/lib").glob("*/libtcnative-1.so"))
ATTRIBUTES = {
    "java": 'ciphers="TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA" '
    'sslEnabledProtocols="TLSv1.2" useServerCipherSuitesOrder="true"',
    "java-keywords": 'ciphers="HIGH:!aNULL:!kRSA:!SHA1:!CAMELLIA" sslEnabledProtocols="TLSv1.2,TLSv1.3"',
    "java-defaults": "",
    "native": 'protocol="org.apache.coyote.http11.Http11AprProtocol" SSLProtocol="TLSv1.2+TLSv1.3" '
    'SSLCipherSuite="ECDHE+AESGCM:AES128-SHA256" SSLHonorCipherOrder="true"',
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of its own, short enough for what Tomcat writes there."""
    with tempfile.TemporaryDirectory(prefix="harden-tomcat-") as name:
        yield Path(name)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> servers.Server:
    """The Tomcat of the matrix, replaced by the older one for one test."""
    if not (JARS.exists() and NATIVE and java_servers.java()):
        message = "libtomcat9-java and libtcnative-1 are not installed; `make servers` installs them"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    jar = next(
        p for p in JARS.parent.glob("tomcat9-catalina-*.jar") if re.search(r"-9\.[\d.]+\.jar$", p.name)
    )
    number = re.sub(r".*-(9[\d.]+)\.jar", r"\1", jar.name)
    older = replace(
        servers.SERVERS["tomcat"], command=java_servers.tomcat9, release=lambda: number, check=None
    )
    monkeypatch.setitem(servers.SERVERS, "tomcat", older)
    return older


@pytest.mark.parametrize("library", ["java", "openssl"])
@pytest.mark.parametrize(("kind", "policy"), [("rsa", "aspect"), ("ec", "mozilla-intermediate")])
def test_rendered_audited_and_scanned_agree(
    library: str,
    kind: str,
    policy: str,
    folder: Path,
    server: servers.Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if library == "openssl":
        monkeypatch.setitem(servers.SERVERS, "tomcat", replace(server, library=lambda: OPENSSL))
    views = compared.compare("tomcat", policies.load(policy), kind, folder / "server")
    assert ("openssl.OpenSSLImplementation" in views.text) is (library == "openssl")
    assert views.scanned, "the server answered nothing"
    assert views.equal, views.difference()


@pytest.mark.parametrize("style", sorted(ATTRIBUTES))
def test_the_attributes_of_a_connector_mean_what_we_read(
    style: str, folder: Path, server: servers.Server
) -> None:
    pair, port = servers.pair("rsa", folder / "certificates"), free_port()
    files = (
        f'SSLCertificateFile="{pair.certificate}" SSLCertificateKeyFile="{pair.key}"'
        if style == "native"
        else f'keystoreFile="{folder}/server/keys.p12" keystorePass="{java_servers.PASSWORD}"'
    )
    connector = (
        f'<Connector address="127.0.0.1" port="{port}" SSLEnabled="true" {ATTRIBUTES[style]} {files} />\n'
    )
    if style != "native":
        connector = connector.replace("<Connector", f'<Connector sslImplementationName="{_JSSE}"')
    main = servers.write("tomcat", connector, folder / "server", port, pair)
    java_servers.store(folder / "server", pair)
    build = OPENSSL if style == "native" else java_servers.java_build()
    (audited,) = audits.read(main, find("tomcat"), version=server.release(), build=build)
    with servers.running("tomcat", main, port):
        (scanned,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True))
    mine = compared.with_certificate(audited, "rsa")
    assert {n: set(s) for n, s in mine.items()} == {n: set(s) for n, s in compared.seen_in(scanned).items()}


_JSSE = "org.apache.tomcat.util.net.jsse.JSSEImplementation"


def test_commands_of_openssl_come_over_the_attributes(folder: Path, server: servers.Server) -> None:
    pair, port = servers.pair("rsa", folder / "certificates"), free_port()
    text = (
        f'<Connector address="127.0.0.1" port="{port}" SSLEnabled="true" '
        'sslImplementationName="org.apache.tomcat.util.net.openssl.OpenSSLImplementation">\n'
        '<SSLHostConfig protocols="TLSv1.2" ciphers="ECDHE+AESGCM" honorCipherOrder="true">\n'
        f'<Certificate certificateFile="{pair.certificate}" certificateKeyFile="{pair.key}" type="RSA"/>\n'
        '<OpenSSLConf>\n<OpenSSLConfCmd name="CipherString" value="AES128-SHA:@SECLEVEL=0"/>\n'
        '<OpenSSLConfCmd name="MinProtocol" value="TLSv1.1"/>\n</OpenSSLConf>\n</SSLHostConfig>\n</Connector>\n'
    )
    main = servers.write("tomcat", text, folder / "server", port, pair)
    (audited,) = audits.read(main, find("tomcat"), version=server.release(), build=OPENSSL)
    with servers.running("tomcat", main, port):
        (scanned,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True))
    mine = {n: set(s) for n, s in compared.with_certificate(audited, "rsa").items()}
    assert mine == {n: set(s) for n, s in compared.seen_in(scanned).items()}
    assert mine == {n: {"TLS_RSA_WITH_AES_128_CBC_SHA"} for n in ("TLSv1.1", "TLSv1.2")}
