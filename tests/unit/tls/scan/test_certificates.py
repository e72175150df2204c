"""Certificates as servers send them: those that break their own rules are read where clients read them, and never end a scan."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hardening.cli import run as harden
from hardening.tls import certificate, certificate_repair, policy
from hardening.tls.certificate import read
from hardening.tls.judging import trust
from hardening.tls.judging.judge import judge
from hardening.tls.scan.report.offers import offer_of
from hardening.tls.scan.strategy.endpoint_state import Endpoint
from hardening.tls.scan.strategy.probes import _public
from tests.support.odd_certificates import hopeless, odd, pem, sound, unknown_curve
from tests.support.tls.scan import hostile
from tests.support.tls.scan.flawed import serving

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ODD, HOPELESS = odd(until=2021), hopeless()
_SUITE = 0xC02F


@contextmanager
def _serving(chain: Sequence[bytes]) -> Iterator[str]:
    """A server of TLS 1.2 with one suite, that sends these certificates."""
    sent = b"".join(len(der).to_bytes(3, "big") + der for der in chain)
    flight = hostile.server_hello(0x0303, _SUITE, extensions=struct.pack(">HHB", 0xFF01, 1, 0))
    flight += hostile.message(11, len(sent).to_bytes(3, "big") + sent)
    flight += hostile.message(12, b"\x03\x00\x17\x41\x04" + bytes(64) + b"\x04\x03\x00\x40" + bytes(64))
    answer = hostile.record(22, flight + hostile.message(14, b""))

    def reply(data: bytes) -> bytes:
        if data[:1] != b"\x16":
            return hostile.alert(70)
        asked = hostile.parse_hello(data[5:], 0x0301)
        if asked.version < 0x0303 or (asked.versions and 0x0303 not in asked.versions):
            return hostile.alert(70)
        return answer if _SUITE in asked.suites else hostile.alert(40)

    def once(sock: socket.socket) -> None:
        sock.sendall(reply(sock.recv(65536)))
        sock.recv(1)

    with serving(once) as endpoint:
        yield endpoint


def _found(*chain: bytes) -> Endpoint:
    return Endpoint(chains={"0": chain})


@pytest.mark.parametrize("what", ODD)
def test_what_clients_read_is_read(what: str) -> None:
    """Each was taken for no certificate at all, so that nobody said that it has expired."""
    card = read(ODD[what])
    assert card is not None
    assert (card.not_after.year, card.key, card.self_signed) == (2021, "ec:secp256r1", True)
    assert card.subject.startswith("CN=")
    judgement = judge(offer_of(_found(ODD[what]), "h", full=True, connections=1), policy.load("aspect"))
    assert "tls/certificate-expired" in {one.rule.id for one in judgement.findings}


def test_a_name_is_told_as_it_is_written() -> None:
    assert read(ODD["star in PrintableString"]).subject == "CN=*.example"  # type: ignore[union-attr]  # it is read
    assert read(ODD["Latin letter in UTF8String"]).subject == "CN=x.ex?mple"  # type: ignore[union-attr]  # it is read


def _said(*chain: bytes) -> tuple[str, str, set[str]]:
    """Return verdict and reason of the rule about certificates, and what is found."""
    judgement = judge(offer_of(_found(*chain), "h", full=True, connections=1), policy.load("aspect"))
    [result] = [one for one in judgement.results if one.rule.id == "tls/aspect/certificate"]
    return result.verdict.value, result.reason, {one.rule.id for one in judgement.findings}


@pytest.mark.parametrize("what", HOPELESS)
def test_what_nobody_reads_is_said(what: str) -> None:
    """It was said that no certificate was seen, or nothing at all where another came with it."""
    unread = ("inconclusive", "a certificate that is sent cannot be read")
    assert _said(HOPELESS[what])[:2] == unread
    assert _said(sound(), HOPELESS[what])[:2] == unread
    assert _said(ODD["version 6"], HOPELESS[what])[0] == "fail"  # what can be read has expired


def test_an_authority_behind_what_cannot_be_read_is_no_servers_own() -> None:
    """It stood first then, and was judged as if it were."""
    authority = sound("ca", ca=True)
    offer = offer_of(_found(HOPELESS["a month 99"], authority), "h", full=True, connections=1)
    assert (offer.certificates, offer.unread) == ((), 1)
    offer = offer_of(_found(authority, HOPELESS["a month 99"]), "h", full=True, connections=1)
    assert ([one.subject for one in offer.certificates], offer.unread) == (["CN=ca"], 1)


@pytest.mark.parametrize("what", [*ODD, *HOPELESS])
def test_trust_is_a_matter_of_openssl(what: str, tmp_path: Path) -> None:
    """Each ended the whole scan, or let what came after it be trusted in its place."""
    der, authority = (ODD | HOPELESS)[what], sound("ca", ca=True)
    (tmp_path / "ca.pem").write_bytes(pem(authority))
    store = trust.load_store(str(tmp_path / "ca.pem"))
    for chain in ((der,), (der, authority), (authority, der)):
        list(trust.check([chain], None, "h", NOW))
        found = {one.rule.id for one in trust.check([chain], store, "h", NOW)}
        assert "tls/certificate-untrusted" in found or chain[0] is authority


def test_what_is_trusted_in_an_odd_form_stays_so(tmp_path: Path) -> None:
    """OpenSSL takes it as it is: a store that holds it trusts it."""
    der = odd()["star in PrintableString"]
    (tmp_path / "ca.pem").write_bytes(pem(der))
    assert not list(trust.check([(der,)], trust.load_store(str(tmp_path / "ca.pem")), "h", NOW))


def test_a_chain_in_order_is_not_out_of_order_for_what_cannot_be_read() -> None:
    assert not list(trust.check([(sound(), HOPELESS["a month 99"])], None, "h", NOW))


def test_a_name_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in every finding about its certificate, and in the report of a fleet for each server."""
    monkeypatch.setattr(certificate, "LONGEST_NAME", 8)
    card = read(sound("a.very.long.example"))
    assert card is not None
    assert (card.subject, card.issuer) == ("CN=a.ver...", "CN=a.ver...")
    assert read(sound("x")).subject == "CN=x"  # type: ignore[union-attr]  # it is read


def test_a_key_on_no_curve_is_no_key() -> None:
    card = read(unknown_curve())
    assert card is not None
    assert card.key == ""
    assert _public((unknown_curve(),)) is None
    assert _public((ODD["version 6"],)) is None


@pytest.mark.parametrize("what", ["version 6", "Latin letter in UTF8String", "BIT STRING", "a month 99"])
def test_one_such_server_does_not_end_the_scan_of_others(
    what: str, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_bytes(pem(sound("ca", ca=True)))
    words = ["--format", "json", "--trust", str(tmp_path / "ca.pem"), "--vulnerabilities", "--timeout", "2"]
    with _serving([(ODD | HOPELESS)[what]]) as strange, _serving([sound("x.example")]) as other:
        assert harden(["tls", "scan", strange, other, *words]) == 10
    said = json.loads(capfdbinary.readouterr().out)
    assert [one["id"] for one in said["subjects"]] == sorted([strange, other])
    odd_one = next(one for one in said["subjects"] if one["id"] == strange)
    assert len(odd_one["offer"]["certificates"]) == (what in ODD)


@given(st.binary(max_size=80), st.integers(min_value=0, max_value=300), st.sampled_from(sorted(ODD)))
def test_any_bytes_are_a_certificate_or_none(junk: bytes, at: int, what: str) -> None:
    der = ODD[what]
    for data in (junk, der[:at] + junk + der[at:], der[:at] + junk + der[at + len(junk) :]):
        read(data)
        try:
            assert len(certificate_repair.mended(data)) == len(data)
        except ValueError:
            continue
