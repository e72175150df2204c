"""What `--fix-diff` takes out does not stop the server: small keys, small or unreadable parameters."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls.auditing import audit, mains
from hardening.tls.rendering import kept_level
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from hardening.tls.targets.reading import certificates
from hardening.tls.targets.reading.tree import Tree
from tests.support.ports import free_port
from tests.support.tls import servers
from tests.support.tls.servers import Pair

SMALL_KEY = (
    "ssl_ciphers ALL:!aNULL:@SECLEVEL=0;\n"
    "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {crt}; ssl_certificate_key {key}; }}\n"
)
SMALL_FIELD = (
    "ssl_ciphers ALL:!aNULL:@SECLEVEL=0; ssl_dhparam {dh};\n"
    "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {crt}; ssl_certificate_key {key}; }}\n"
)
LIGHTTPD = (
    'server.modules = ("mod_openssl")\n$SERVER["socket"] == "127.0.0.1:{port}" {{\n  ssl.engine = "enable"\n'
    '  ssl.pemfile = "{crt}"\n  ssl.privkey = "{key}"\n'
    '  ssl.openssl.ssl-conf-cmd = ("CipherString" => "ALL:!aNULL", "MinProtocol" => "TLSv1.2")\n'
    '  ssl.dh-file = "{dh}"\n}}\n'
)
HTTPD = (
    "Listen 127.0.0.1:{port}\n<VirtualHost *:{port}>\nSSLEngine on\nSSLCertificateFile {crt}\n"
    "SSLCertificateKeyFile {key}\nSSLCipherSuite ALL:@SECLEVEL=0\n</VirtualHost>\n"
)


def _made(folder: Path, kind: str, *options: str) -> Pair:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    key, card, both = folder / "own.key", folder / "own.crt", folder / "own.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", kind, *options, "-subj", "/CN=localhost"]
    subprocess.run(
        [*command, "-keyout", str(key), "-out", str(card)], check=True, capture_output=True, timeout=60
    )
    both.write_text(card.read_text() + key.read_text())
    return Pair(card, key, both)


def _parameters(path: Path, bits: int) -> Path:
    command = ["openssl", "dhparam", "-dsaparam", "-out", str(path), str(bits)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    path.chmod(0o644)
    return path


@pytest.mark.parametrize(
    ("name", "text", "key", "field"),
    [
        ("nginx", SMALL_KEY, "rsa:1536", 1024),
        ("httpd", HTTPD, "rsa:1024", 1024),
        ("nginx", SMALL_FIELD, "rsa:2048", 1024),
        ("lighttpd", LIGHTTPD, "rsa:2048", 2048),
    ],
    ids=["nginx-key", "httpd-key", "nginx-field", "lighttpd-field"],
)
def test_a_server_still_starts_and_offers_what_the_policy_says(
    folder: Path, name: str, text: str, key: str, field: int, capfd: pytest.CaptureFixture[str]
) -> None:
    server, patch = servers.needed(name), shutil.which("patch")
    if patch is None:
        pytest.skip("patch is not installed")
    pair, port = _made(folder / "certificates", key), free_port()
    dh = _parameters(folder / "dh.pem", field)
    filled = text.format(port=port, crt=pair.certificate, key=pair.key, dh=dh)
    main = servers.write(name, filled, folder / "server", port, pair)
    target = f"{name}@{find(name).facts.default}"
    assert run(["tls", "audit", str(main), "--target", target, "--fix-diff"]) == 0
    done = capfd.readouterr()
    subprocess.run([patch, "-p1", "-d", "/"], input=done.out, text=True, capture_output=True, check=True)
    small = key != "rsa:2048"
    assert ("@SECLEVEL=1" in main.read_text()) is small
    assert (f"{pair.certificate} is refused by OpenSSL above security level 1" in done.err) is small
    with servers.running(name, main, port):
        settings = scans.ScanSettings(full=True, starttls=server.starttls)
        (seen,) = scans.offers([f"127.0.0.1:{port}"], settings)
    suites = {s.value for p in seen.protocols for s in p.suites}
    assert {p.name for p in seen.protocols} == {"TLSv1.2", "TLSv1.3"}
    assert not [one for one in suites if "_CBC_" in one or one.startswith("TLS_RSA_")]
    assert seen.dh_bits is None or seen.dh_bits >= 2048


@pytest.mark.parametrize(
    ("kind", "options", "level"),
    [
        ("rsa:1024", (), 1),
        ("rsa:2048", (), 2),
        ("rsa:3072", (), 3),
        ("rsa:2048", ("-sha1",), 2),  # its own signature is not asked for
        ("ec", ("-pkeyopt", "ec_paramgen_curve:P-224"), 2),
        ("ec", ("-pkeyopt", "ec_paramgen_curve:P-256"), 3),
    ],
)
def test_the_level_of_a_certificate_is_that_of_openssl(
    tmp_path: Path, kind: str, options: tuple[str, ...], level: int
) -> None:
    pair = _made(tmp_path / "a", kind, *options)
    assert certificates.level(Tree.on_disk(tmp_path), str(pair.certificate)) == level
    for asked in (level, level + 1):
        command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cipher", f"ALL:@SECLEVEL={asked}"]
        command += ["-cert", str(pair.certificate), "-key", str(pair.key), "-naccept", "1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
            try:
                assert server.stdout is not None
                said = server.stdout.readline() + server.stdout.readline()
            finally:
                server.kill()
        assert ("error setting certificate" in said) is (asked > level), said


def test_a_level_that_no_certificate_needs_goes(tmp_path: Path) -> None:
    large, small = _made(tmp_path / "a", "rsa:2048"), _made(tmp_path / "b", "rsa:1024")
    main = tmp_path / "nginx.conf"
    text = "http {{ ssl_ciphers ALL:@SECLEVEL=0; server {{ listen 443 ssl; ssl_certificate {}; }} }}\n"
    nginx = find("nginx")
    for pair, expected in ((large, None), (small, 1)):
        main.write_text(text.format(pair.certificate))
        tree = Tree.on_disk(main)
        asked = mains.AuditInput(target=nginx, version="1.26.3-debian13")
        (way,) = mains.readings(tree, mains.Main(nginx, str(main)), asked)
        found = kept_level.of(tree, nginx, str(main), way)
        assert (found.level if found else None) == expected


def test_no_parameters_are_handed_on_that_the_server_would_not_start_with(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pair, dh = _made(tmp_path / "a", "rsa:2048"), _parameters(tmp_path / "dh.pem", 1024)
    main = tmp_path / "dovecot.conf"
    whole = f"ssl = yes\nssl_server_cert_file = {pair.certificate}\nssl_cipher_list = ALL\n"
    main.write_text(f"{whole}local_name a.example {{\n  ssl_server_dh_file = {dh}\n}}\n")
    arguments = ["--target", "dovecot@2.4.1-debian13", "--policy", "mozilla-intermediate"]
    run(["tls", "audit", str(main), *arguments, "--fix-diff"])
    added = [line for line in capfd.readouterr().out.splitlines() if line.startswith("+")]
    assert any("ssl_cipher_list" in line for line in added)
    assert not any("dh.pem" in line for line in added)


def test_a_command_for_all_services_of_stunnel_goes_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    main = tmp_path / "stunnel.conf"
    main.write_text("config = CipherString:HIGH\n[a]\naccept = 443\nconnect = 1\nsslVersionMin = TLSv1.2\n")
    assert run(["tls", "audit", str(main), "--target", "stunnel@5.74-debian13", "--fix-diff"]) == 0
    assert "-config = CipherString:HIGH" in capfd.readouterr().out


def test_squid_goes_on_without_parameters_that_it_cannot_decode(folder: Path) -> None:
    servers.needed("squid")
    pair, port, dh = _made(folder / "certificates", "rsa:2048"), free_port(), folder / "dh.pem"
    _parameters(dh, 2048)
    for path in (pair.certificate, pair.key, pair.both):
        path.chmod(0o644)
    text = f"https_port 127.0.0.1:{port} tls-cert={pair.certificate} tls-key={pair.key} tls-dh={dh}\n"
    main = servers.write("squid", text, folder / "server", port, pair)
    (read,) = audit.read(main, find("squid"), version="6.13-debian13")
    with servers.running("squid", main, port):
        (seen,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True))
    assert {p.name: {s.value for s in p.suites} for p in read.protocols} == {
        p.name: {s.value for s in p.suites} for p in seen.protocols
    }
