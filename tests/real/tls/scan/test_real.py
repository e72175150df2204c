"""Real servers of the distribution: weak ones are named in full, compliant ones pass in eight connections."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from hardening.cli import run as harden
from hardening.findings import Run, Severity
from hardening.reports import render
from hardening.tls import policy, registry
from hardening.tls.scan.run import ScanSettings, offers, scan
from tests.support.ports import free_port
from tests.support.tls import servers
from tests.support.tls.scan.again import again
from tests.support.waiting import listens, until

GOOD = (
    "ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; ssl_ecdh_curve X25519:prime256v1:secp384r1;"
    "ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305;"
)
WEAK = "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:COMPLEMENTOFALL:@SECLEVEL=0;"


@contextmanager
def nginx(
    folder: Path,
    settings: str,
    *,
    listen: str = "127.0.0.1",
    bundle: bytes | None = None,
    port: int | None = None,
    more: str = "",
) -> Iterator[str]:
    """Run nginx with these settings, and more server blocks; give the endpoint."""
    servers.needed("nginx")
    port = port or free_port()
    settings += more.replace("PORT", str(port)) and (
        more.replace("PORT", str(port))
        + f" ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;"
    )
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", "127.0.0.1", "::1", key_type=trustme.KeyType.RSA)
    (folder / "cert.pem").write_bytes(bundle or b"".join(p.bytes() for p in leaf.cert_chain_pems))
    (folder / "key.pem").write_bytes(leaf.private_key_pem.bytes())
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}\n"
        f"http {{ access_log off; server {{ listen {listen}:{port} ssl; ssl_certificate {folder}/cert.pem;"
        f" ssl_certificate_key {folder}/key.pem; {settings} }} }}\n"
    )
    with subprocess.Popen(
        ["nginx", "-p", str(folder), "-c", "nginx.conf"], stderr=subprocess.DEVNULL
    ) as server:
        try:
            until(lambda: listens(port, listen.strip("[]")), what="the start of nginx")
            yield f"{listen}:{port}"
        finally:
            server.terminate()


def _within(most: int) -> Callable[[Run], bool]:
    """Tell whether the only subject of a run took so many connections or fewer."""
    return lambda run: run.subjects[0].stats["connections"] <= most


def _openssl_names() -> set[str]:
    """The suites that the local OpenSSL and nginx can speak with an RSA certificate before TLS 1.3."""
    said = subprocess.run(
        ["openssl", "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    known = registry.suites_by_code()
    found = set()
    for line in said.splitlines():
        first, second = line.split()[0].split(",")
        suite = known[int(first, 16) << 8 | int(second, 16)]
        usable = suite.auth in ("RSA", "anon", "ANON", "NULL") and (suite.kx or "") in (
            "RSA",
            "ECDHE",
            "ECDH",
        )
        if usable and not suite.tls13:
            found.add(suite.iana)
    return found


def _refused_together(run: Run) -> bool:
    """Tell whether refusals were tried together: few connections more than suites were found."""
    offer = run.subjects[0].offer
    assert offer is not None
    seen = sum(len(version["suites"]) for version in offer["protocols"].values())
    return _within(seen + 20)(run)


def test_every_weak_suite_is_named(tmp_path: Path) -> None:
    with nginx(tmp_path, WEAK) as endpoint:
        run = again(lambda: scan([endpoint], [policy.load("aspect")]), _refused_together)
        [offer] = offers([endpoint])
    assert run.exit_code() == 10
    aspect = policy.load("aspect")
    assert _refused_together(run)
    named = {f.evidence.split()[0] for f in run.findings if f.rule.id == "tls/suite"}
    offered = {(p.name, s.value) for p in offer.protocols for s in p.suites}
    assert {name for _, name in offered} >= _openssl_names() - {"TLS_RSA_WITH_NULL_SHA256"}
    weak = {
        name for _, name in offered if (s := registry.find_suite(name)) and aspect.suite_reason(s, "TLSv1.2")
    }
    assert weak
    assert weak <= named
    assert {f.rule.id for f in run.findings} >= {
        "tls/attack-anonymous",
        "tls/attack-null",
        "tls/attack-beast",
    }


def test_an_inventory_of_a_compliant_server_repeats_no_more_than_it_has_to(tmp_path: Path) -> None:
    """Six suites, six versions, two or three groups and a chain; its refusals of versions speak for those of suites."""
    with nginx(tmp_path, GOOD) as endpoint:
        run = again(lambda: scan([endpoint], [policy.load("aspect")], ScanSettings(full=True)), _within(34))
    assert run.subjects[0].policies == {"aspect": "pass"}
    assert _within(34)(run)


@pytest.mark.parametrize("policies", [("aspect",), ("mozilla-intermediate",), ("aspect", "rfc9325")])
def test_a_compliant_server_passes_in_eight_connections(policies: tuple[str, ...], tmp_path: Path) -> None:
    with nginx(tmp_path, GOOD) as endpoint:
        run = again(lambda: scan([endpoint], [policy.load(name) for name in policies]), _within(8))
    [subject] = run.subjects
    assert _within(8)(run)
    assert subject.offer is not None
    assert subject.offer["certificates"]
    assert subject.offer["inconclusive"] == []
    assert list(subject.offer["protocols"]) == ["TLSv1.2", "TLSv1.3"]
    assert subject.offer["protocols"]["TLSv1.3"]["groups"] == ["secp256r1", "secp384r1", "x25519"]
    if policies == ("aspect",):
        assert subject.policies == {"aspect": "pass"}
        assert run.exit_code() == 0


@pytest.mark.parametrize("curves", ["X25519", "prime256v1", "prime256v1:X25519"])
@pytest.mark.parametrize("versions", ["TLSv1.2 TLSv1.3", "TLSv1.2"])
def test_whatever_its_groups(curves: str, versions: str, tmp_path: Path) -> None:
    settings = GOOD.replace("X25519:prime256v1:secp384r1", curves).replace("TLSv1.2 TLSv1.3", versions)
    with nginx(tmp_path, settings) as endpoint:
        run = again(lambda: scan([endpoint], [policy.load("aspect")]), _within(8))
    [subject] = run.subjects
    assert _within(8)(run)
    assert subject.examined == "full"
    assert subject.policies == {"aspect": "pass"}


@pytest.mark.parametrize(
    ("server_decides", "kinds", "groups"),
    [
        ("off", ["ECDSA"], ["secp224r1", "secp256r1", "secp384r1"]),
        (
            "on",
            ["ECDSA"],
            ["secp256r1"],
        ),  # behind the key's curve, which every client has to have, none is chosen
        ("on", ["ECDSA", "RSA"], ["secp224r1", "secp256r1", "secp384r1"]),
    ],
)
def test_groups_beside_the_curve_of_the_key(
    server_decides: str, kinds: list[str], groups: list[str], tmp_path: Path
) -> None:
    """Asked for alone they were refused, since a client has to have that curve (RFC 8422, 5.1), and weak ones passed."""
    key = servers.pair("ec", tmp_path / "ec")
    settings = (
        "ssl_protocols TLSv1.2; ssl_ecdh_curve prime256v1:secp224r1:secp384r1;"
        f" ssl_ciphers {':'.join(f'ECDHE-{kind}-AES128-GCM-SHA256' for kind in kinds)};"
        f" ssl_prefer_server_ciphers {server_decides};"
        f" ssl_certificate {key.certificate}; ssl_certificate_key {key.key};"
    )
    with nginx(tmp_path, settings) as endpoint:
        [inventory] = scan([endpoint], [policy.load("aspect")], ScanSettings(full=True)).subjects
        judged = scan([endpoint], [policy.load("aspect")])
    assert inventory.offer is not None
    assert inventory.offer["protocols"]["TLSv1.2"]["groups"] == groups
    weak = [f.message for f in judged.findings if f.rule.id == "tls/group"]
    assert any("secp224r1" in message for message in weak) == ("secp224r1" in groups)


OLD = "ssl_prefer_server_ciphers on; ssl_ecdh_curve X25519; ssl_ciphers ECDHE-RSA-AES128-SHA:@SECLEVEL=0;"


@pytest.mark.parametrize("old", [("TLSv1",), ("TLSv1.1",), ("TLSv1", "TLSv1.1")])
def test_old_versions_that_are_asked_for_together_are_seen_beside_tls_1_3(
    old: tuple[str, ...], tmp_path: Path
) -> None:
    with nginx(tmp_path, f"ssl_protocols {' '.join(old)} TLSv1.2 TLSv1.3; {OLD}") as endpoint:
        run = scan([endpoint], [policy.load("aspect")])
    assert run.subjects[0].offer is not None
    assert {"TLSv1": "TLSv1.0"}.get(old[0], old[0]) in run.subjects[0].offer["protocols"]
    assert len(run.subjects[0].offer["protocols"]) == len(old) + 2


def test_a_server_with_tls_1_3_alone_shows_its_chain(tmp_path: Path) -> None:
    with nginx(tmp_path, "ssl_protocols TLSv1.3; ssl_ecdh_curve secp384r1;") as endpoint:
        run = again(lambda: scan([endpoint], [policy.load("mozilla-modern")]), _within(8))
        [offer] = offers([endpoint])
    assert run.subjects[0].examined == "full"
    assert _within(8)(run)
    assert offer.certificates[0].key.startswith(("ec:", "rsa:"))
    assert [p.name for p in offer.protocols] == ["TLSv1.3"]
    assert [g.value for g in offer.protocols[0].groups] == ["secp384r1"]


def test_ipv6_and_the_whole_command(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with nginx(tmp_path, GOOD, listen="[::1]") as endpoint:
        assert harden(["tls", "scan", endpoint, "--policy", "aspect", "--format", "json"]) == 0
        said = json.loads(capfdbinary.readouterr().out)
        assert said["subjects"][0]["id"] == endpoint
        trusted = harden(["tls", "scan", endpoint, "--trust", str(tmp_path / "ca.pem"), "--format", "json"])
        assert trusted == 0
        capfdbinary.readouterr()
        assert harden(["tls", "scan", endpoint, "--trust", "system", "--format", "json"]) == 10
        findings = json.loads(capfdbinary.readouterr().out)["findings"]
        assert [f["rule"] for f in findings if f["severity"] == "high"] == ["tls/certificate-untrusted"]


def _plain(run: Run) -> str:
    """The report without what may differ: times, statistics, connections."""
    said = json.loads(render("json", run, fail_on=Severity.MEDIUM))
    del said["started"], said["finished"]
    for subject in said["subjects"]:
        del subject["stats"], subject["offer"]["connections"]
    return json.dumps(said, sort_keys=True)


@contextmanager
def _load(processes: int) -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()


def test_scans_of_one_server_are_identical(tmp_path: Path) -> None:
    chosen = [policy.load("aspect")]
    with nginx(tmp_path, WEAK) as endpoint:
        assert len({_plain(scan([endpoint], chosen)) for _ in range(4)}) == 1
        with _load(2):
            assert len({_plain(scan([endpoint], chosen, ScanSettings(full=True))) for _ in range(2)}) == 1


def test_another_server_s_answer_is_no_pass_for_the_name_that_was_refused(tmp_path: Path) -> None:
    settings = "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256;"
    other = "} server { listen 127.0.0.1:PORT ssl; server_name b.example; ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;"
    aspect = [policy.load("aspect")]
    with nginx(tmp_path, settings, more=other) as endpoint:
        run = scan([endpoint], aspect, ScanSettings(full=True, sni="b.example"), now=datetime.now(UTC))
        first = scan([endpoint], aspect, ScanSettings(full=True, sni="a.example"), now=datetime.now(UTC))
    (named,), (default,) = run.subjects, first.subjects
    assert (named.examined.value, named.policies) == ("partial", {"aspect": "unknown"})
    assert "every hello with this name was refused" in named.reason
    assert (default.examined.value, default.policies) == ("full", {"aspect": "pass"})
