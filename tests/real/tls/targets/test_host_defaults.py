"""What the host's openssl.cnf settles for a server that leaves it to OpenSSL, held against the real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls import policy
from hardening.tls.auditing import audit, mains
from hardening.tls.libraries import builds
from hardening.tls.offer import Offer
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.real.tls.targets import test_otherwise_than_named as texts
from tests.support.ports import free_port
from tests.support.tls import compared, servers

HEAD = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
WEAK = "CipherString = ALL:@SECLEVEL=0\nCiphersuites = TLS_AES_128_CCM_SHA256\nGroups = P-384\n"
NARROW = "MinProtocol = TLSv1.2\nMaxProtocol = TLSv1.2\nCipherString = AES256-SHA256:ECDHE-RSA-AES128-SHA256@SECLEVEL=1\n"
POSTGRES = "listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\nssl_cert_file = '{crt}'\nssl_key_file = '{key}'\n"
TEXTS = {
    "nginx": texts.NGINX.format(own="", port="{port}", crt="{crt}", key="{key}")
    .replace("{ ", "{{ ", 1)
    .replace(" }", " }}"),
    "httpd": texts.HTTPD.replace("{own}", "SSLProtocol all"),
    "haproxy": "frontend f\nmode http\nbind 127.0.0.1:{port} ssl crt {both} ssl-min-ver TLSv1.0\n",
    "proftpd": texts.PROFTPD.replace("{own}", ""),
    "redis": "port 0\ntls-port {port}\ntls-cert-file {crt}\ntls-key-file {key}\ntls-ca-cert-file {crt}\ntls-auth-clients no\n",
    "mariadb": "[mariadbd]\nport = {port}\nssl-cert = {crt}\nssl-key = {key}\n",
    "squid": texts.SQUID.replace("{own}", ""),
}
"""Each server with as little as it can have."""


def _read(folder: Path, name: str, text: str, told: str, port: int) -> tuple[Path, Offer]:
    pair = servers.pair("rsa", folder / "etc" / "certificates")
    (folder / "etc" / "ssl").mkdir()
    (folder / "etc" / "ssl" / "openssl.cnf").write_text(HEAD + told)
    filled = text.format(port=port, crt=pair.certificate, key=pair.key, both=pair.both)
    main = servers.write(name, filled, folder / "etc" / name, port, pair)
    version = servers.needed(name).release() or find(name).facts.default
    (offer,) = audit.read(main, find(name), version=version)
    return main, offer


@pytest.mark.parametrize("told", [WEAK, NARROW], ids=["weak", "narrow"])
@pytest.mark.parametrize("name", TEXTS)
def test_what_the_server_leaves_open_is_as_the_host_has_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    server, port = servers.needed(name), free_port()
    main, read = _read(folder, name, TEXTS[name], told, port)
    monkeypatch.setenv("OPENSSL_CONF", str(folder / "etc" / "ssl" / "openssl.cnf"))
    with servers.running(name, main, port):
        settings = scans.ScanSettings(full=True, starttls=server.starttls)
        (seen,) = scans.offers([f"127.0.0.1:{port}"], settings)
    mine, theirs = compared.seen_in(read), compared.seen_in(seen)
    assert {n: set(s) for n, s in mine.items()} == {n: set(s) for n, s in theirs.items()}
    newest = [p for p in read.protocols if p.name == "TLSv1.3"]
    for offered in newest:
        (wire,) = (p for p in seen.protocols if p.name == "TLSv1.3")
        assert {g.value for g in offered.groups} == {g.value for g in wire.groups}


def _verdict(
    top: Path, told: str | None, text: str = "server { listen 443 ssl; ssl_protocols TLSv1 TLSv1.2; }"
) -> dict[str, object]:
    (top / "etc" / "nginx").mkdir(parents=True, exist_ok=True)
    (top / "etc" / "ssl").mkdir(exist_ok=True)
    (top / "etc" / "nginx" / "nginx.conf").write_text(f"events {{}}\nhttp {{ {text} }}\n")
    cnf = top / "etc" / "ssl" / "openssl.cnf"
    if told is not None:
        cnf.write_text(told)
    asked = mains.AuditInput(target=find("nginx"), version="1.26.3-debian13")
    (subject,) = audit.audit([top / "etc" / "nginx"], [policy.load("aspect")], asked).subjects
    assert isinstance(subject.offer, dict)
    return subject.offer


def test_a_level_that_the_host_lowers_lets_old_versions_in(tmp_path: Path) -> None:
    plain = _verdict(tmp_path / "plain", None)
    lowered = _verdict(tmp_path / "lowered", HEAD + "CipherString = DEFAULT@SECLEVEL=0\n")
    assert "TLSv1.0" not in plain["protocols"]  # type: ignore[operator]  # an object of JSON
    assert "TLSv1.0" in lowered["protocols"]  # type: ignore[operator]  # as above
    said = [a for a in lowered["assumptions"] if "settles what the server leaves to OpenSSL" in a]  # type: ignore[attr-defined]  # as above
    assert len(said) == 1


@pytest.mark.parametrize(
    "told", ["", HEAD, "[c]\nCipherString = ALL:@SECLEVEL=0\n", HEAD + "Options = -SessionTicket\n"]
)
def test_a_file_that_settles_nothing_changes_nothing(tmp_path: Path, told: str) -> None:
    assert _verdict(tmp_path / "a", told) == {**_verdict(tmp_path / "a", None)}


def test_a_level_of_the_server_s_own_counts_over_the_host_s(tmp_path: Path) -> None:
    text = "server { listen 443 ssl; ssl_protocols TLSv1 TLSv1.2; ssl_ciphers HIGH:@SECLEVEL=2; }"
    offer = _verdict(tmp_path, HEAD + "CipherString = DEFAULT@SECLEVEL=0\n", text)
    assert list(offer["protocols"]) == ["TLSv1.2"]  # type: ignore[call-overload]  # an object of JSON


def test_a_build_says_that_a_host_sets_it_up() -> None:
    name = builds.configured("3.5.9-debian13", {"level": "0", "protocols": "TLSv1.2:TLSv1.3"})
    assert builds.plain(name) == "3.5.9-debian13"
    assert builds.shown(name) == "OpenSSL 3.5.9-debian13 as the host's openssl.cnf sets it"
    assert builds.build(name).security_level == 0
    assert builds.build(name).protocols == ("TLSv1.2", "TLSv1.3")
    assert builds.build("3.5.9-debian13").security_level == 2
