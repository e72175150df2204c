"""Configurations that are legal and seldom written so: escapes, commands, repeated blocks; each server is read as it reads itself."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing import mains
from hardening.tls.offer import Offer
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import compared, servers
from tests.support.tls.targets.clean import assert_clean
from tests.unit.tls.targets.test_written_oddly import CONF, DOVECOT, NGINX, STUNNEL, TEXTS, _audit, _order


def _answers(offer: Offer) -> dict[str, tuple[set[str], set[str]]]:
    groups = compared.groups_in(offer, "rsa", {"TLSv1.2", "TLSv1.3"})
    suites = compared.seen_in(offer)
    return {name: (set(found), set(groups.get(name, ()))) for name, found in suites.items()}


@contextmanager
def _written(name: str, text: str) -> Iterator[tuple[Path, int]]:
    """Write a server's configuration with a port and a certificate filled in; give its place and the port."""
    with tempfile.TemporaryDirectory(prefix="harden-odd-") as made_in:
        folder = Path(made_in)
        folder.chmod(0o755)
        pair, port = servers.pair("rsa", folder / "certificates"), free_port()
        filled = text.format(port=port, crt=pair.certificate, key=pair.key, both=pair.both)
        yield servers.write(name, filled, folder / "server", port, pair), port


@pytest.mark.parametrize("case", sorted(TEXTS))
def test_a_real_server_offers_what_is_read(case: str) -> None:
    name, text = TEXTS[case]
    server = servers.needed(name)
    with _written(name, text) as (main, port):
        *_, read = audits.read(main, find(name), version=server.release() or find(name).facts.default)
        with servers.running(name, main, port):
            settings = scans.ScanSettings(full=True, starttls=server.starttls)
            (seen,) = scans.offers([f"127.0.0.1:{port}"], settings)
    assert _answers(read) == _answers(seen)
    assert bool(read.compression) is bool(seen.compression)


OTHER = "server_name b.example; ssl_protocols TLSv1 TLSv1.2; ssl_ciphers HIGH:@SECLEVEL=0; }}\n"


SECOND = (
    "[b]\nsni = a:b.example\nconnect = 127.0.0.1:1\ncert = {both}\nciphers = HIGH:!aNULL\nsecurityLevel = 0\n"
)


NAMES = {
    "nginx-level": (
        "nginx",
        NGINX + "server_name a.example; ssl_protocols TLSv1 TLSv1.2; }}\n" + NGINX + OTHER,
    ),
    "stunnel-level": ("stunnel", STUNNEL + SECOND),
    "stunnel-order": ("stunnel", STUNNEL + "options = CIPHER_SERVER_PREFERENCE\n" + SECOND),
    "dovecot-order": (
        "dovecot",
        DOVECOT
        + "ssl_server_prefer_ciphers = client\nlocal_name b.example {{\n ssl_server_prefer_ciphers = server\n}}\n",
    ),
}


@pytest.mark.parametrize("case", sorted(NAMES))
def test_a_second_name_is_read_with_the_level_and_order_of_the_first(case: str) -> None:
    name, text = NAMES[case]
    servers.needed(name)
    with _written(name, text) as (main, port):
        offers = audits.read(main, find(name), version=find(name).facts.default)
        (read,) = [o for o in offers if "b.example" in o.subject]
        with servers.running(name, main, port):
            (seen,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True, sni="b.example"))
    assert _answers(read) == _answers(seen)
    assert {p.name: p.preference for p in read.protocols} == {p.name: p.preference for p in seen.protocols}


VARIABLES = {
    "section": ("[mine]\nlow = TLSv1.1\n", "MinProtocol = $mine::low\nCipherString = HIGH:@SECLEVEL=0\n"),
    "default": ("list = AES128\n", "MinProtocol = TLSv1.2\nCipherString = ${list}-SHA:$list-SHA256\n"),
    "round": ("list = AES128\nlow = x\n", "low = TLSv1\nMinProtocol = $(low)\nCipherString = $(list)-SHA:@SECLEVEL=0\n"),
    "quotes": ("", 'CipherString = AES128\\-SHA:"AES256-SHA"#:AES128-SHA256\n'),
    "level": ("", "MinProtocol = TLSv1\n1.CipherString = AES256-SHA:@SECLEVEL=0\n2.CipherString = AES128-SHA\n"),
    "compression": ("", "CipherString = AES128-SHA:@SECLEVEL=0\nOptions = Compression\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(VARIABLES))
def test_openssl_fills_in_what_is_read(case: str, folder: Path) -> None:
    servers.needed("openssl_cnf")
    own, lines = VARIABLES[case]
    pair, port = servers.pair("rsa", folder / "certificates"), free_port()
    main = servers.write("openssl_cnf", CONF.format(own=own) + lines, folder / "server", port, pair)
    (read,) = audits.read(main, find("openssl_cnf"), version=find("openssl_cnf").facts.default)
    with servers.running("openssl_cnf", main, port):
        (seen,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True))
    ours = {p: set(s) for p, s in compared.with_certificate(read, "rsa").items()}
    theirs = {p: {x for x in s if "_anon_" not in x} for p, s in compared.seen_in(seen).items()}
    assert ours == theirs
    assert bool(read.compression) is bool(seen.compression)


@pytest.mark.parametrize(("first", "own"), [("on", "off"), ("off", "on")])
def test_whose_order_decides_under_tls13_is_the_default_servers(first: str, own: str, folder: Path) -> None:
    servers.needed("nginx")
    side = {"on": "server", "off": "client"}
    pair, port = servers.pair("rsa", folder / "certificates"), free_port()
    whole = (
        NGINX + "server_name {name}; ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers {order}; }}\n"
    )
    text = "".join(
        whole.format(port=port, crt=pair.certificate, key=pair.key, name=name, order=order)
        for name, order in (("a.example", first), ("b.example", own))
    )
    main = servers.write("nginx", text, folder / "server", port, pair)
    found = audits.audit(
        [main], [policies.load("aspect")], mains.AuditInput(target=find("nginx"), version="1.26.3-debian13")
    )
    with servers.running("nginx", main, port):
        (seen,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True, sni="b.example"))
    wanted = {"TLSv1.2": side[own], "TLSv1.3": side[first]}
    assert {p.name: p.preference for p in seen.protocols} == wanted
    assert _order(found, "b.example") == wanted


def test_squid_takes_the_size_from_the_file_behind_the_curve(tmp_path: Path) -> None:
    make = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:modp_1536"]
    subprocess.run([*make, "-out", str(tmp_path / "dh.pem")], check=True, capture_output=True)
    text = f"https_port 3129 tls-cert=/a.pem cipher=DHE:@SECLEVEL=1 tls-dh=secp384r1:{tmp_path}/dh.pem\n"
    found = _audit(tmp_path / "squid.conf", "squid", text, "4.15-el8")
    assert [(s.offer or {})["dh_bits"] for s in found.subjects] == [1536]


def test_stunnel_takes_parameters_from_the_certificates_file(tmp_path: Path) -> None:
    make = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:modp_1536"]
    subprocess.run([*make, "-out", str(tmp_path / "a.pem")], check=True, capture_output=True)
    text = f"[a]\naccept = 1\nconnect = 2\ncert = {tmp_path}/a.pem\nciphers = DHE:@SECLEVEL=1\n"
    found = _audit(tmp_path / "stunnel.conf", "stunnel", text)
    assert [(s.offer or {})["dh_bits"] for s in found.subjects] == [1536]


FIXED = {
    "nginx": (
        "server { listen 443 ssl; ssl_protocols TLSv1.2; ssl_conf_command Options -ServerPreference,Compression; }\n",
        {},
    ),
    "httpd": (
        (
            "Listen 443\nSSLOpenSSLConfCmd MinProtocol TLSv1\nSSLOpenSSLConfCmd CipherString ALL:@SECLEVEL=0\n"
            "<VirtualHost *:443>\nSSLEngine on\nSSLProtocol all\nSSLOpenSSLConfCmd Options Compression\n</VirtualHost>\n"
        ),
        {},
    ),
    "dovecot": ("ssl = yes\nssl_min_protocol = TLSv1\nssl_cipher_list = ALL:@SECLEVEL=0\nssl_options = compression no_ticket\n", {}),
    "stunnel": ("compression = zlib\nsecurityLevel = 0\n[a]\naccept = 1\nconnect = 2\nciphers = ALL\n", {}),
    "haproxy": (
        "frontend www\n    bind :443 ssl crt-list list\n",
        {"list": "a.pem [ciphers ALL:@SECLEVEL=0 ssl-min-ver TLSv1.0 alpn h2] a.example # one\n\n# two\nb.pem [ssl-min-ver TLSv1.1] b.example *.c.example\nc.pem c.example\n"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FIXED))
def test_the_diff_leaves_nothing_of_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, others = FIXED[name]
    monkeypatch.chdir(tmp_path)
    main = Path(find(name).main[-1].rpartition("/")[2])
    main.write_text(text)
    for other, lines in others.items():
        Path(other).write_text(lines)
    target = f"{name}@{find(name).facts.default}"
    assert run(["tls", "audit", str(main), "--target", target]) == 10
    capsys.readouterr()
    assert run(["tls", "audit", str(main), "--target", target, "--fix-diff", "-o", "fix.diff"]) == 0
    subprocess.run(["patch", "-p1", "-i", "fix.diff"], check=True, capture_output=True)
    assert_clean(["tls", "audit", str(main), "--target", target], tmp_path)
    assert "ompression" not in main.read_text().replace("SSLCompression off", "")
    if name == "dovecot":
        assert "ssl_options = no_ticket\n" in main.read_text()
    for other in others:
        assert Path(other).read_text() == (
            "a.pem [alpn h2] a.example # one\n\n# two\nb.pem b.example *.c.example\nc.pem c.example\n"
        )


SMALL = {
    "nginx": "server {{ listen 443 ssl; ssl_ciphers DHE:@SECLEVEL=0; ssl_dhparam {dh}; }}\n",
    "dovecot": "ssl = yes\nssl_cipher_list = DHE:@SECLEVEL=0\nssl_server_dh_file = {dh}\n",
    "redis": "tls-port 1\ntls-cert-file /a.crt\ntls-ciphers DHE:@SECLEVEL=0\ntls-dh-params-file {dh}\n",
    "haproxy": "global\n    ssl-dh-param-file {dh}\nfrontend a\n    bind :443 ssl crt /a.pem ciphers DHE:@SECLEVEL=0\n",
    "coturn": "tls-listening-port=5349\ncert=/a.pem\npkey=/a.key\ncipher-list=DHE:@SECLEVEL=0\ndh-file={dh}\n",
}


@pytest.mark.parametrize("group", ["modp_1536", "ffdhe3072"])
@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_diff_keeps_no_parameters_below_the_policys_size(
    name: str, group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", f"group:{group}"]
    subprocess.run([*make, "-out", str(tmp_path / "dh.pem")], check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    main = Path(find(name).main[-1].rpartition("/")[2])
    main.write_text(SMALL[name].format(dh=tmp_path / "dh.pem"))
    target = f"{name}@{find(name).facts.default}"
    assert run(["tls", "audit", str(main), "--target", target]) == 10
    assert run(["tls", "audit", str(main), "--target", target, "--fix-diff", "-o", "fix.diff"]) == 0
    subprocess.run(["patch", "-p1", "-i", "fix.diff"], check=True, capture_output=True)
    assert_clean(["tls", "audit", str(main), "--target", target], tmp_path)
    assert main.read_text().count("dh.pem") == (group == "ffdhe3072")


def test_the_size_of_dovecots_parameters_is_told(tmp_path: Path) -> None:
    make = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:modp_1536"]
    subprocess.run([*make, "-out", str(tmp_path / "dh.pem")], check=True, capture_output=True)
    found = _audit(tmp_path / "dovecot.conf", "dovecot", SMALL["dovecot"].format(dh=tmp_path / "dh.pem"))
    assert [f.evidence for f in found.findings if f.rule.id == "tls/dh-bits"] == ["1536"]


def test_the_diff_replaces_a_list_that_was_not_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nginx.conf").write_text("server { listen 443 ssl; ssl_protocols TLSv1.2; ssl_ciphers NOSUCH; }\n")
    audit = ["tls", "audit", "nginx.conf", "--target", "nginx@1.26.3-debian13"]
    assert run([*audit, "--fix-diff", "-o", "fix.diff"]) == 0
    subprocess.run(["patch", "-p1", "-i", "fix.diff"], check=True, capture_output=True)
    assert run(audit) == 0
    assert "NOSUCH" not in Path("nginx.conf").read_text()
