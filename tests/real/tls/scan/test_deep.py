"""What only finished handshakes show, and what a proxy between changes: nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from hardening.cli import run as harden
from hardening.findings import Run, Verdict
from hardening.tls import policy
from hardening.tls.scan.endpoint import parse_proxy
from hardening.tls.scan.engine.connecting import Wire
from hardening.tls.scan.run import ScanSettings, scan
from tests.real.tls.scan.test_real import GOOD, WEAK, nginx
from tests.support.tls.scan.flawed import serving

DEEP = ScanSettings(full=True, deep=True)


def _scan(endpoint: str, settings: ScanSettings = DEEP, name: str = "aspect") -> Run:
    return scan([f"https://{endpoint}"], [policy.load(name)], settings)


def test_a_current_server(tmp_path: Path) -> None:
    header = "add_header Strict-Transport-Security max-age=31536000 always;"
    with nginx(tmp_path, f"{GOOD} {header} ssl_session_cache shared:a:1m;") as endpoint:
        run = _scan(endpoint)
    seen = run.subjects[0].stats
    assert seen["session_resumption"] == {"psk": True, "session_id": True, "ticket": True}
    assert seen["client_renegotiation"] is False
    assert seen["hsts"] == "max-age=31536000"
    assert seen["extended_master_secret"] is True
    assert (seen["ocsp_stapled"], seen["client_certificate_requested"], seen["alpn"]) == (
        False,
        False,
        "http/1.1",
    )
    offer = run.subjects[0].offer
    assert offer is not None
    psk = ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"]
    assert offer["protocols"]["TLSv1.3"]["signature_algorithms"] == psk
    assert set(psk) < set(offer["protocols"]["TLSv1.2"]["signature_algorithms"])


def test_no_cache_no_tickets_no_header_and_a_client_certificate(tmp_path: Path) -> None:
    settings = f"{WEAK} ssl_session_tickets off; ssl_session_cache off; ssl_verify_client optional_no_ca;"
    with nginx(tmp_path, settings) as endpoint:
        run = _scan(endpoint)
    seen = run.subjects[0].stats
    assert seen["session_resumption"] == {"psk": False, "session_id": False, "ticket": False}
    assert seen["client_certificate_requested"] is True
    assert "tls/hsts-missing" in {f.rule.id for f in run.findings}
    assert seen["server"].startswith("nginx")
    (fix,) = {f.fix.action for f in run.findings if f.rule.id == "tls/suite" and f.fix}
    assert fix == "run `harden tls render nginx --policy aspect`: it writes the settings"
    assert "rsa_pkcs1_sha1" in str(run.subjects[0].offer), "@SECLEVEL=0 signs with SHA-1"


def test_signature_rules_are_judged_once_all_schemes_are_known(tmp_path: Path) -> None:
    """Without --deep they are skipped, never passed."""
    with nginx(tmp_path, GOOD) as endpoint:
        runs = [_scan(endpoint, ScanSettings(full=True)), _scan(endpoint)]
    signatures = {r.id for r in policy.load("aspect").rules if r.signatures is not None}
    assert signatures
    for run, expected in zip(runs, (Verdict.SKIPPED, Verdict.PASS), strict=True):
        got = {r.verdict for r in run.results if r.rule.id.rpartition("/")[2] in signatures}
        assert got, "the policy has such a rule"
        assert (expected in got) is True or Verdict.FAIL in got


@contextmanager
def _proxy(*, refuse: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """An HTTP proxy that knows CONNECT, and what it was asked for."""
    asked: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(4096)
        asked.append(head.split(b"\r\n")[0])
        if refuse:
            sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), 20) as other:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
            back = threading.Thread(target=_pump, args=(other, sock), daemon=True)
            back.start()
            _pump(sock, other)
            back.join(20)

    with serving(serve) as endpoint:
        yield endpoint, asked


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _offer(run: Run) -> dict[str, object]:
    assert run.subjects[0].offer is not None
    return {k: v for k, v in run.subjects[0].offer.items() if k != "connections"}


def test_through_a_proxy_everything_is_the_same(tmp_path: Path) -> None:
    with nginx(tmp_path, WEAK) as endpoint, _proxy() as (proxy, asked):
        direct = _scan(endpoint, ScanSettings(full=True))
        led = _scan(endpoint, ScanSettings(full=True, wire=Wire(proxy=parse_proxy(f"http://{proxy}"))))
    assert _offer(direct) == _offer(led)
    assert led.subjects[0].stats["connections"] == len(asked)
    assert set(asked) == {f"CONNECT {endpoint} HTTP/1.1".encode()}


def test_a_proxy_that_refuses_is_no_answer_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    with _proxy(refuse=True) as (proxy, _):
        assert harden(["tls", "scan", "host.invalid", "--proxy", proxy]) == 3
    assert "the proxy refuses (HTTP/1.1 403 Forbidden)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["h", "--proxy", "u:p@x:1"], ["h", "--proxy", "socks5://x"], ["ssh://h", "--proxy", "x:1"]]
)
def test_what_no_proxy_can_be_is_one_clear_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert harden(["tls", "scan", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) <= 2


def test_a_stapled_answer_is_seen(tmp_path: Path) -> None:
    """Whatever it says: that is the client's to judge."""
    said = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    (tmp_path / "ocsp").write_bytes(said.public_bytes(Encoding.DER))
    with nginx(tmp_path, f"{GOOD} ssl_stapling on; ssl_stapling_file {tmp_path}/ocsp;") as endpoint:
        assert _scan(endpoint, ScanSettings()).subjects[0].stats["ocsp_stapled"] is True
