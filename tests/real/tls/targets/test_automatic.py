"""Servers that offer TLS without a word about it, with a certificate that they make themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls import policy
from hardening.tls.auditing import audit, mains
from hardening.tls.offer import Offer
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import servers

PLAIN = "[mysqld]\ndatadir = /var/lib/mysql\nport = {port}\n"
EXIM = "primary_hostname = mail.example\n"


def _suites(offer: Offer) -> dict[str, set[str]]:
    return {p.name: {s.value for s in p.suites} for p in offer.protocols}


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        ("mariadb", "[mariadbd]\nport = {port}\n", "11.8.9-debian13"),
        (
            "mariadb",
            "[mariadbd]\nport = {port}\nssl_cipher = ALL\ntls_version = TLSv1.2\n",
            "11.8.9-debian13",
        ),
        ("exim", "daemon_smtp_ports = {port}\n", "4.98.2-debian13"),
    ],
)
def test_what_is_read_out_of_silence_is_what_the_server_offers(
    folder: Path, name: str, text: str, version: str
) -> None:
    server, port = servers.needed(name), free_port()
    pair = servers.pair("rsa", folder / "certificates")
    main = servers.write(name, text.format(port=port), folder / "server", port, pair)
    (read,) = audit.read(main, find(name), version=version)
    with servers.running(name, main, port):
        (seen,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True, starttls=server.starttls))
    assert _suites(read), "nothing was read"
    assert _suites(read) == _suites(seen)


@pytest.mark.parametrize(
    ("name", "version"), [("mariadb", "11.8.9-debian13"), ("mysql", "5.7.44-el7"), ("mysql", "8.0.36-el8")]
)
@pytest.mark.parametrize("word", ["skip-ssl", "ssl = 0", "ssl = OFF", "disable-ssl"])
def test_a_word_switches_it_off(tmp_path: Path, name: str, version: str, word: str) -> None:
    path = tmp_path / "my.cnf"
    path.write_text(PLAIN.format(port=3306))
    (offer,) = audit.read(path, find(name), version=version)
    assert offer.protocols
    assert offer.subject.endswith(f"#{name}:3306")
    path.write_text(PLAIN.format(port=3306) + word + "\n")
    assert audit.read(path, find(name), version=version) == []


@pytest.mark.parametrize(
    ("name", "version"),
    [("mariadb", "5.5.68-el7"), ("mariadb", "10.5.22-el9"), ("mysql", "5.1.73-el6"), ("exim", "4.63-el5")],
)
def test_older_releases_keep_silent(tmp_path: Path, name: str, version: str) -> None:
    path = tmp_path / "my.cnf"
    path.write_text(PLAIN.format(port=3306) if name != "exim" else EXIM)
    assert audit.read(path, find(name), version=version) == []


def test_exim_that_advertises_to_nobody_offers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "exim.conf"
    path.write_text(EXIM)
    (offer,) = audit.read(path, find("exim"), version="4.96-el7")
    assert offer.subject.endswith("#smtp:25")
    path.write_text(EXIM + "tls_advertise_hosts =\n")
    assert audit.read(path, find("exim"), version="4.96-el7") == []


@pytest.mark.parametrize("name", ["exim", "mariadb", "mysql"])
def test_where_nobody_says_which_release_runs_it_is_no_verdict(tmp_path: Path, name: str) -> None:
    path = tmp_path / "my.cnf"
    path.write_text(PLAIN.format(port=3306) if name != "exim" else EXIM)
    found = audit.audit([path], [policy.load("aspect")], mains.AuditInput(target=find(name)))
    assert [s.examined for s in found.subjects] == ["none"]
    assert ["offers TLS all the same" in f.message for f in found.findings] == [True]
