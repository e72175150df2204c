"""Boxes as they stand in real networks, before real servers: the whole truth, or said to be inconclusive."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hardening.findings import Examined, Run, Subject
from hardening.tls import policy
from hardening.tls.scan.engine.connecting import Wire
from hardening.tls.scan.engine.rate_limit import RateLimits
from hardening.tls.scan.run import ScanSettings, scan
from tests.support.ports import free_port
from tests.support.tls import servers
from tests.support.tls.scan import middleboxes as boxes
from tests.support.tls.scan.middleboxes import Box
from tests.support.waiting import listens, until

_RSA = {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"}
_NEW = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
_GCM = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
MIXED = {"TLSv1.0": _RSA, "TLSv1.2": {_GCM, *_RSA}, "TLSv1.3": _NEW}
STRICT = {"TLSv1.2": {_GCM}, "TLSv1.3": _NEW}
NEWEST = {"TLSv1.3": _NEW}
_SUITES = "ssl_prefer_server_ciphers on; ssl_ecdh_curve X25519:prime256v1; ssl_ciphers "
_MIXED = (
    "ssl_protocols TLSv1 TLSv1.2 TLSv1.3;" + _SUITES + "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:"
    "AES128-SHA:@SECLEVEL=0;"
)
_STRICT = "ssl_protocols TLSv1.2 TLSv1.3;" + _SUITES + "ECDHE-RSA-AES128-GCM-SHA256;"
WIRE = Wire(connect_timeout=6.0, idle_timeout=6.0)


def _certificate(
    folder: Path, name: str, names: int, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
) -> None:
    """Write a key and a certificate that bears so many names."""
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    alternatives = [x509.DNSName("localhost"), *(x509.DNSName(f"host-{n:05}.example") for n in range(names))]
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / f"{name}.key").write_bytes(secret)


@contextmanager
def _nginx(folder: Path) -> Iterator[dict[str, int]]:
    """Run one nginx with all the servers that stand behind the boxes; give their ports."""
    servers.needed("nginx")
    ports = {name: free_port() for name in ("mixed", "strict", "named", "large")}
    key = rsa.generate_private_key(65537, 2048)
    _certificate(folder, "small", 0, key)
    _certificate(folder, "large", 3100, key)

    def block(port: str, settings: str, certificate: str = "small") -> str:
        at = f"listen 127.0.0.1:{ports[port]} ssl backlog=512;" if "default" not in settings else ""
        pair = f"ssl_certificate {folder}/{certificate}.pem; ssl_certificate_key {folder}/{certificate}.key;"
        return f"server {{ {at} {pair} {settings} }}\n"

    named = f"listen 127.0.0.1:{ports['named']} ssl default_server; ssl_reject_handshake on; {_STRICT}"
    blocks = (
        block("mixed", _MIXED), block("strict", _STRICT), block("named", named),
        block("named", _STRICT + "server_name known.example;"), block("large", _STRICT, "large"),
    )  # fmt: skip
    (folder / "n.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log;\n"
        f"events {{}} http {{ access_log off; {''.join(blocks)} }}\n"
    )
    with subprocess.Popen(["nginx", "-p", str(folder), "-c", "n.conf"], stderr=subprocess.DEVNULL) as server:
        try:
            for port in ports.values():
                until(partial(listens, port), what="the server's start")
            yield ports
        finally:
            server.terminate()


@contextmanager
def _stateless(folder: Path) -> Iterator[int]:
    """TLS 1.3 alone, which sends everybody back with a cookie."""
    port = free_port()
    words = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_3", "-stateless", "-quiet", "-www"]
    words += ["-cert", str(folder / "small.pem"), "-key", str(folder / "small.key")]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            until(partial(listens, port), what="the server's start")
            yield port
        finally:
            server.terminate()


def _boxes(ports: dict[str, int], stateless: int) -> dict[str, Box]:
    mixed, strict = (ports["mixed"],), (ports["strict"],)
    return {
        "tarpit": Box(mixed, meet=boxes.tarpit(0.7)),
        "resets-unknown-extensions": Box(mixed, read=boxes.unknown_extension),
        "two-backends": Box((*mixed, *strict)),
        "cookies": Box((stateless,)),
        "half-closes-and-stays": Box(mixed, send=boxes.half_close),
        "half-closes-for-no": Box(mixed, send=boxes.swallow_alerts),
        "a-byte-a-segment": Box(mixed, send=boxes.slowly(0.001)),
        "certificate-of-64-kib": Box((ports["large"],)),
        "waf-and-old-versions": Box(mixed, read=boxes.no_old_versions),
        "waf-and-long-lists": Box(mixed, read=boxes.no_long_lists),
        "bans-for-five-seconds": Box(mixed, meet=boxes.ban(20, 5.0)),
        "bans-for-good": Box(mixed, meet=boxes.ban(20, 1e9)),
    }


TRUTH = {
    "tarpit": MIXED, "resets-unknown-extensions": MIXED, "two-backends": MIXED, "cookies": NEWEST,
    "half-closes-and-stays": MIXED, "half-closes-for-no": MIXED, "a-byte-a-segment": MIXED,
    "certificate-of-64-kib": STRICT, "waf-and-old-versions": MIXED, "waf-and-long-lists": MIXED,
    "bans-for-five-seconds": MIXED, "bans-for-good": MIXED,
}  # fmt: skip
WHOLE = {
    "tarpit", "cookies", "half-closes-and-stays", "a-byte-a-segment", "certificate-of-64-kib", "waf-and-long-lists",
    "bans-for-five-seconds",
}  # fmt: skip
"""Where patience and other forms find everything; what the others hide cannot be had through them."""
SLOW = {"tarpit", "a-byte-a-segment", "bans-for-five-seconds", "bans-for-good"}


def _scan(folder: Path, names: Collection[str]) -> dict[str, dict[str, Subject]]:
    """Scan through these boxes at once, in both modes, each time through new ones."""
    done: dict[str, dict[str, Subject]] = {}
    with _nginx(folder) as ports, _stateless(folder) as stateless:
        for mode, full in (("full", True), ("verdict", False)):
            chosen = {name: box for name, box in _boxes(ports, stateless).items() if name in names}
            with boxes.running(chosen) as endpoints:
                settings = ScanSettings(full=full, wire=WIRE, limits=RateLimits(patience=20.0, budget=240.0))
                run = scan(endpoints.values(), [policy.load("aspect")], settings)
            places = {endpoint: name for name, endpoint in endpoints.items()}
            done[mode] = {places[subject.id]: subject for subject in run.subjects}
    return done


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Subject]]:
    """What is found through boxes that take no time."""
    return _scan(tmp_path_factory.mktemp("boxes"), TRUTH.keys() - SLOW)


def _pairs(offer: dict[str, set[str]]) -> set[tuple[str, str]]:
    return {(version, suite) for version, suites in offer.items() for suite in suites}


def _found(subject: Subject) -> tuple[set[tuple[str, str]], set[str]]:
    offer = subject.offer or {"protocols": {}, "inconclusive": ()}
    got = {(version, suite) for version, one in offer["protocols"].items() for suite in one["suites"]}
    return got, set(offer["inconclusive"])


def _inventory(name: str, subject: Subject) -> None:
    """Fail where anything is missing without a word."""
    truth = _pairs(TRUTH[name])
    got, unknown = _found(subject)
    assert got <= truth
    missing = {(v, s) for v, s in truth - got if v not in unknown and f"{v} {s}" not in unknown}
    assert subject.examined is Examined.NONE or not missing
    if name in WHOLE:
        assert got == truth
        assert subject.examined is Examined.FULL
    elif got != truth:
        assert subject.examined is not Examined.FULL


def _verdict(name: str, subject: Subject) -> None:
    """Fail where a policy passes what it forbids, or fails what it does not."""
    if "TLSv1.0" in TRUTH[name]:
        assert subject.policies["aspect"] != "pass" or subject.examined is not Examined.FULL
    else:
        assert subject.policies["aspect"] == "pass"
    if name in WHOLE and "TLSv1.0" in TRUTH[name]:
        assert subject.policies["aspect"] == "fail"


@pytest.mark.parametrize("name", sorted(TRUTH.keys() - SLOW))
def test_an_inventory_is_whole_or_says_what_is_missing(
    name: str, scanned: dict[str, dict[str, Subject]]
) -> None:
    _inventory(name, scanned["full"][name])


@pytest.mark.parametrize("name", sorted(TRUTH.keys() - SLOW))
def test_a_verdict_never_passes_what_a_policy_forbids(
    name: str, scanned: dict[str, dict[str, Subject]]
) -> None:
    _verdict(name, scanned["verdict"][name])


def test_a_server_that_wants_a_name_is_said_to_want_one(tmp_path: Path) -> None:
    def asked(port: int, sni: str | None) -> Run:
        settings = ScanSettings(full=True, sni=sni, wire=WIRE)
        return scan([f"127.0.0.1:{port}"], [policy.load("aspect")], settings)

    with _nginx(tmp_path) as ports:
        [without] = asked(ports["named"], None).subjects
        [wrong] = asked(ports["named"], "other.example").subjects
        [right] = asked(ports["named"], "known.example").subjects
    for subject in (without, wrong):
        assert subject.examined is Examined.NONE
        assert "--sni" in subject.reason
    assert _found(right)[0] == _pairs(STRICT)
    assert right.examined is Examined.FULL
