"""Lines that are repeated, inherited, taken back or remarked upon: each server is read as it reads itself."""

from __future__ import annotations

import re
import shutil
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
from tests.unit.tls.targets.test_which_line_holds import SQUID, STUNNEL, _audit, _versions

NGINX = (
    "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {crt}; ssl_certificate_key {key}; "
    "ssl_ciphers HIGH:@SECLEVEL=0; {own} }}\n"
)


VSFTPD = "listen_port={port}\nssl_enable=YES\nrsa_cert_file={crt}\nrsa_private_key_file={key}\n{own}"


POSTGRESQL = (
    "port={port}\nssl=on\nssl_cert_file='{crt}'\nssl_key_file='{key}'\nssl_ciphers='HIGH:@SECLEVEL=0'\n{own}"
)


COTURN = "tls-listening-port={port}\ncert={crt}\npkey={key}\n{own}"


TEXTS = {
    "nginx-repeated": ("nginx", NGINX, "ssl_protocols TLSv1; ssl_protocols tlsv1.2;"),
    "stunnel-cleared": ("stunnel", STUNNEL, "sslVersionMin = TLSv1\noptions = -NO_TLSv1\noptions = NO_TLSv1\n"),
    "stunnel-version": ("stunnel", STUNNEL, "sslVersion = TLSv1.2\nsslVersionMin = TLSv1\n"),
    "squid-remark": ("squid", SQUID, "# tls-min-version=1.2"),
    "squid-version": ("squid", SQUID, "version=5"),
    "squid-taken-back": ("squid", SQUID, "options=NO_TLSv1,NO_TLSv1_1,-NO_TLSv1"),
    "vsftpd-empty": ("vsftpd", VSFTPD, "ssl_ciphers=\n"),
    "postgresql-remark": ("postgresql", POSTGRESQL, "ssl = tru\nssl_min_protocol_version='tlsv1.1'#'\n"),
    "coturn-blanks": ("coturn", COTURN, "cipher-list AES128-SHA:@SECLEVEL=0\nno-tlsv1=0\nno-tlsv1_1 no\nno-tlsv1_2\n"),
}  # fmt: skip


def _answers(offer: Offer) -> dict[str, set[str]]:
    return {name: set(suites) for name, suites in compared.seen_in(offer).items()}


SLOW = "coturn-blanks"
"""It meets a hello it does not like with silence, which a scan is patient with: tests/matrix has it."""


@pytest.mark.parametrize("case", sorted(TEXTS.keys() - {SLOW}))
def test_a_real_server_offers_what_is_read(case: str) -> None:
    name, text, own = TEXTS[case]
    server = servers.needed(name)
    with tempfile.TemporaryDirectory(prefix="harden-lines-") as made_in:
        folder = Path(made_in)
        folder.chmod(0o755)
        pair, port = servers.pair("rsa", folder / "certificates"), free_port()
        filled = text.format(port=port, crt=pair.certificate, key=pair.key, both=pair.both, own=own, top="")
        main = servers.write(name, filled, folder / "server", port, pair)
        (read,) = audits.read(main, find(name), version=server.release() or find(name).facts.default)
        with servers.running(name, main, port):
            settings = scans.ScanSettings(full=True, starttls=server.starttls)
            (seen,) = scans.offers([f"127.0.0.1:{port}"], settings)
        assert _answers(read) == _answers(seen)


@pytest.mark.parametrize(
    ("section", "holds"),
    [("mysqld-11.8", True), ("mariadb-11.8", True), ("client-server", True), ("galera", True), ("mariadb-10.6", False),
     ("mysqld-11", False), ("mariadb-11", True), ("mariadbd-11.8.9", False), ("client", False)],
)  # fmt: skip
def test_sections_of_mariadb_that_its_release_reads(section: str, holds: bool, tmp_path: Path) -> None:
    text = f"[mysqld]\nssl-cert=/a.pem\ntls_version=TLSv1.2\n[{section}]\ntls-version=TLSv1.3\n"
    path = tmp_path / "my.cnf"
    (versions,) = _versions(_audit(path, "mariadb", text, "11.8.9-debian13"))
    assert versions == {"TLSv1.3" if holds else "TLSv1.2"}
    if shutil.which("mariadbd"):
        shown = subprocess.run(
            ["mariadbd", f"--defaults-file={path}", "--print-defaults"], check=True, capture_output=True, text=True, timeout=60
        ).stdout  # fmt: skip
        assert ("--tls-version=TLSv1.3" in shown) is holds


@pytest.mark.parametrize(
    ("text", "ciphers"),
    [
        ("Host a\n  Ciphers aes256-ctr\nHost a b\n  Ciphers aes128-cbc\n", {"a": "aes256-ctr", "b": "aes128-cbc"}),
        ("Host *.x\n  Ciphers aes256-ctr\nHost *.x *\n  Ciphers aes128-cbc\n", {"*": "aes128-cbc", "*.x": "aes256-ctr"}),
        ("Host a b\n  Ciphers aes128-cbc\nHost *\n  Ciphers aes256-ctr\n", {"*": "aes256-ctr", "a b": "aes128-cbc"}),
        ("Host !a *\n  Ciphers aes128-cbc\nHost *\n  Ciphers aes256-ctr\n", {"*": "aes256-ctr", "!a *": "aes128-cbc"}),
    ],
)  # fmt: skip
def test_each_name_of_a_block_of_ssh_has_its_own_first_line(
    text: str, ciphers: dict[str, str], tmp_path: Path
) -> None:
    found = _audit(tmp_path / "ssh_config", "openssh_client", text)
    seen = {s.id.rpartition("#ssh:")[2]: ",".join((s.offer or {})["ssh"]["ciphers"]) for s in found.subjects}
    assert {name: seen.get(name) for name in ciphers} == ciphers
    if shutil.which("ssh"):
        for name in ("a", "b", "m.x", "other"):
            command = ["ssh", "-G", "-F", str(tmp_path / "ssh_config"), name]
            shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
            found_there = re.search(r"^ciphers (.*)$", shown, re.MULTILINE)
            assert found_there is not None
            assert found_there[1] in seen.values()
