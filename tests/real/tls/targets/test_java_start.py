"""A JVM that is started with options offers what an audit of its start script says."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls import policy
from hardening.tls.auditing import audit as audits
from hardening.tls.rendering.render import render
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import compared, java_servers, servers

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


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("name", ["aspect", "cnsa-1.0-rfc9151", "mozilla-intermediate"])
def test_a_jvm_that_is_started_with_rendered_options_offers_what_they_say(
    name: str, kind: str, folder: Path
) -> None:
    server = servers.needed("java_security")
    made = render(
        find("java_security"), policy.load(name), version=server.release(), params={"options": "yes"}
    )
    options, port = folder / "harden.options", free_port()
    options.write_text(made.text)
    main = servers.write("java_security", "", folder, port, servers.pair(kind, folder))
    script = folder / "run.sh"
    script.write_text(script.read_text().replace("exec java ", f"exec java @{options} "))
    build = java_servers.java_build()
    (read,) = audits.read(options, find("java_security"), version=server.release(), build=build)
    with servers.running("java_security", main, port):
        [seen] = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True))
    found = {n: set(s) for n, s in compared.seen_in(seen).items()}
    assert found
    assert found == {n: set(s) for n, s in compared.with_certificate(read, kind).items()}
    assert found == {n: set(s) for n, s in compared.meant(made, kind).items()}
    groups = {p.name: {g.value for g in p.groups} for p in seen.protocols}
    assert groups["TLSv1.3"] == {g.value for p in read.protocols if p.name == "TLSv1.3" for g in p.groups}
