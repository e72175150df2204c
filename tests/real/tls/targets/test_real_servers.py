"""The distribution's own servers accept what is rendered, and offer exactly what was read and rendered."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.policies.ruleset import Policy
from hardening.tls.rendering.render import render
from hardening.tls.scan import run as scans
from hardening.tls.targets import TARGETS, find
from tests.support.ports import free_port
from tests.support.tls import compared, servers

SLOW = {"coturn", "slapd_gnutls"}
"""coturn meets a hello it does not like with silence, and a scan is patient; the other is built first. tests/matrix has them."""
CHECKED = sorted(name for name in servers.SERVERS.keys() - SLOW if servers.SERVERS[name].check is not None)


def _policy(name: str, policy: str) -> Policy:
    """A policy about TLS says nothing of SSH; sshd gets one that does."""
    return policies.load(
        policy if policy == "aspect" or not servers.target_of(name).ssh else "cis-centos7-ssh"
    )


KINDS = [("rsa", "aspect"), ("ec", "mozilla-intermediate")]


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("policy", ["aspect", "mozilla-modern"])
def test_the_server_itself_accepts_it(name: str, policy: str, folder: Path) -> None:
    server = servers.needed(name)
    pair = servers.pair("rsa", folder / "certificates")
    made = render(servers.target_of(name), _policy(name, policy), params=server.params(free_port(), pair))
    done = servers.check(name, servers.write(name, made.text, folder / "server", 1, pair))
    assert done.returncode == 0, done.stderr + made.text


@pytest.mark.parametrize(("kind", "policy"), KINDS)
@pytest.mark.parametrize("name", sorted(servers.SERVERS.keys() - SLOW))
def test_rendered_audited_and_scanned_agree(name: str, policy: str, kind: str, folder: Path) -> None:
    servers.needed(name)
    views = compared.compare(name, _policy(name, policy), kind, folder / "server")
    assert views.scanned, "the server answered nothing"
    assert views.equal, views.difference()


def test_every_target_has_a_real_server_or_says_why_not() -> None:
    proved = {servers.target_of(name).name for name in servers.SERVERS}
    alone = set(TARGETS) - proved
    assert alone == set(servers.WITHOUT_A_SERVER), "add a Server to SERVERS, or a reason to WITHOUT_A_SERVER"
    assert proved <= set(TARGETS)
    assert all(len(reason) > 20 for reason in servers.WITHOUT_A_SERVER.values())


@pytest.mark.parametrize("name", ["haproxy", "lighttpd", "nginx", "postfix", "postgresql", "proftpd"])
def test_parameters_of_ones_own_are_used(name: str, folder: Path) -> None:
    server = servers.needed(name)
    own = folder / "dh3072.pem"
    make = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072"]
    subprocess.run([*make, "-out", str(own)], check=True, capture_output=True)
    pair, port = servers.pair("rsa", folder / "certificates"), free_port()
    params = {**server.params(port, pair), "dhparam": str(own)}
    made = render(servers.target_of(name), policies.load("crypto-policies-future"), params=params)
    main = servers.write(name, made.text, folder / "server", port, pair)
    (audited, *_) = audits.read(main, find(name))
    with servers.running(name, main, port):
        settings = scans.ScanSettings(full=True, starttls=server.starttls)
        (scanned,) = scans.offers([f"127.0.0.1:{port}"], settings)
    assert any("TLS_DHE" in s.value for p in scanned.protocols for s in p.suites)
    assert (audited.dh_bits, scanned.dh_bits) == (3072, 3072)


def test_httpd_takes_parameters_from_the_certificates_file(folder: Path) -> None:
    """What the finding says to do: mod_ssl with OpenSSL 3 takes them from nowhere else."""
    server = servers.needed("httpd")
    pair, port = servers.pair("rsa", folder / "certificates"), free_port()
    make = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072"]
    own = subprocess.run(make, check=True, capture_output=True, text=True).stdout
    policy = policies.load("crypto-policies-default")
    made = render(find("httpd"), policy, params=server.params(port, pair))
    text = made.text.replace(str(pair.certificate), str(folder / "with.pem"))
    (folder / "with.pem").write_text(pair.certificate.read_text() + own)
    main = servers.write("httpd", text, folder / "server", port, pair)
    (audited, *_) = audits.read(main, find("httpd"))
    with servers.running("httpd", main, port):
        (scanned,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True))
    assert (made.offer.dh_bits, audited.dh_bits, scanned.dh_bits) == (2048, 3072, 3072)


def test_a_server_that_is_stopped_leaves_no_process(folder: Path) -> None:
    name = "postfix"  # its master leaves the session it was started in
    server = servers.needed(name)
    pair, port = servers.pair("rsa", folder / "certificates"), free_port()
    made = render(servers.target_of(name), policies.load("aspect"), params=server.params(port, pair))
    main = servers.write(name, made.text, folder / "server", port, pair)
    mine = os.getpid()
    before = set(servers.descendants(mine))
    with servers.running(name, main, port):
        started = set(servers.descendants(mine)) - before
    assert len(started) > 1, "it is one process, so this shows nothing"
    assert not [pid for pid in started if servers.lives(pid)]
