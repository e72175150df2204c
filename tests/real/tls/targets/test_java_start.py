"""A JVM that is started with options offers what an audit of its start script says."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls.auditing import audit as audits
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import java_servers, servers

OPTIONS = {
    "versions": "-Djdk.tls.server.protocols=TLSv1.2",
    "suites": "-Djdk.tls.server.cipherSuites=TLS_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "groups": "-Djdk.tls.namedGroups=secp384r1,x25519",
    "an old version": "-Djdk.tls.server.protocols=TLSv1,TLSv1.1,TLSv1.2,TLSv1.3",
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_start_script_and_the_wire_agree(name: str, folder: Path) -> None:
    server = servers.needed("java_security")
    pair = servers.pair("rsa", folder)
    port = free_port()
    main = servers.write("java_security", "", folder, port, pair)
    script = folder / "run.sh"
    script.write_text(script.read_text().replace("exec java ", f"exec java {OPTIONS[name]} "))
    (read,) = audits.read(
        script, find("java_security"), version=server.release(), build=java_servers.java_build()
    )
    with servers.running("java_security", main, port):
        [seen] = scans.offers([f"127.0.0.1:{port}"])
    predicted = {p.name: ({s.value for s in p.suites}, {g.value for g in p.groups}) for p in read.protocols}
    found = {p.name: ({s.value for s in p.suites}, {g.value for g in p.groups}) for p in seen.protocols}
    assert {n: s for n, (s, _) in found.items()} == {
        n: {x for x in s if "ECDSA" not in x} for n, (s, _) in predicted.items()
    }
    assert all(found[n][1] <= predicted[n][1] for n in found)
