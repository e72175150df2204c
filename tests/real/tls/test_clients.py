"""What is predicted of a client is what the real client gets from the real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls import registry
from hardening.tls.auditing import audit
from hardening.tls.clients import client, simulate
from hardening.tls.offer import Offer
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import oracles, servers

REAL = {
    "openssl-0.9.8e": "0.9.8e-rhel5",
    "openssl-1.0.1e": "1.0.1e-el6",
    "openssl-1.0.2k-el7": "1.0.2k-el7",
    "openssl-1.0.2": "1.0.2l-upstream",
    "openssl-1.1.0": "1.1.0f",
    "openssl-1.1.1": "1.1.1w-upstream",
    "openssl-1.1.1k-rh": "1.1.1k-rh",
    "openssl-3.5": "3.5.9-debian13",
}


SETTINGS = {
    "everything": "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0",
    "server's order": (
        "TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers AES128-SHA:ECDHE+AESGCM:AES:@SECLEVEL=0; ssl_prefer_server_ciphers on"
    ),
    "forward secrecy": "TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20; ssl_prefer_server_ciphers on",
    "newest only": "TLSv1.3; ssl_ciphers HIGH",
    "static RSA": "TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers AES256-SHA:AES128-SHA:@SECLEVEL=0",
}


def _offer(server: str, certificate: servers.Pair, folder: Path, port: int) -> tuple[Path, Offer]:
    rendered = (
        f"server {{ listen 127.0.0.1:{port} ssl; server_name localhost;\n"
        f"ssl_certificate {certificate.certificate}; ssl_certificate_key {certificate.key};\n"
        f"ssl_protocols {SETTINGS[server]};\n}}\n"
    )
    main = servers.write("nginx", rendered, folder, port, certificate)
    found = audit.read(main, find("nginx"), build=oracles.SYSTEM)
    assert len(found) == 1
    return main, found[0]


@pytest.mark.parametrize("kind", servers.KEYS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_predicted_handshakes_are_the_real_ones(settings: str, kind: str, tmp_path: Path) -> None:
    servers.needed("nginx")
    oracles.needed(oracles.SYSTEM)
    port = free_port()
    main, offer = _offer(settings, servers.pair(kind, tmp_path / "certificates"), tmp_path / "server", port)
    with servers.running("nginx", main, port):
        for name, build in REAL.items():
            oracles.needed(build)
            predicted = simulate(offer, client(name))
            with oracles.Asker(build) as asker:
                real = asker.connect(port)
            where = f"{name} and {settings} with {kind}: {predicted.reason or predicted} against {real}"
            assert predicted.ok is ("error" not in real), where
            if predicted.ok:
                assert predicted.suite is not None
                assert real["code"] == registry.suite(predicted.suite).code, where
                assert str(predicted.protocol).replace("v1.0", "v1") == real["protocol"], where
