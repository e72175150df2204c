"""Post-quantum key agreement, lifetimes, and rules whose day comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.judging import readiness
from hardening.tls.judging.judge import judge
from hardening.tls.offer import Located, Offer, SshOffer
from hardening.tls.policies.requirement import Level
from tests.support.tls.policy_offers import WIRE, certificate, offer, protocol

NEW = "TLS_AES_256_GCM_SHA384"


def _offer(*groups: str, **more: Any) -> Offer:
    return offer(protocol("TLSv1.3", NEW, groups=list(groups)), **more)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (_offer("x25519", "X25519MLKEM768"), "hybrid"),
        (_offer("x25519"), "classical"),
        (_offer("x25519", coverage="forbidden-only"), "unknown"),
        (_offer("x25519", inconclusive=("TLSv1.3 X25519MLKEM768",)), "unknown"),
        (_offer("x25519", hybrid=False), "cannot"),
        (offer(protocol("TLSv1.2", NEW, groups=["x25519"])), "cannot"),
        (offer(protocol("TLSv1.2", NEW, groups=["x25519"]), inconclusive=("TLSv1.3",)), "unknown"),
        (offer(), "unknown"),
    ],
)
def test_key_agreement(said: Offer, word: str) -> None:
    assert readiness.key_agreement(said.to_json())[0] == word


@pytest.mark.parametrize(
    ("exchanges", "word", "groups"),
    [
        (("mlkem768x25519-sha256", "curve25519-sha256"), "hybrid", ("mlkem768x25519-sha256",)),
        (("sntrup761x25519-sha512@openssh.com",), "hybrid", ("sntrup761x25519-sha512@openssh.com",)),
        (("curve25519-sha256",), "classical", ()),
        ((), "unknown", ()),
    ],
)
def test_key_agreement_of_ssh(exchanges: tuple[str, ...], word: str, groups: tuple[str, ...]) -> None:
    lists = (("kex", tuple(Located(name, WIRE) for name in exchanges)),) if exchanges else ()
    said = readiness.inventory(offer(ssh=SshOffer(lists=lists)))
    assert readiness.key_agreement(said) == (word, groups)
    assert said["key_agreement"] == word
    assert ("quantum computer" in said["readiness"][0]) is (word == "classical")


def test_what_a_report_tells_of_a_server() -> None:
    cards = (
        certificate(key="rsa:2048"),
        certificate(subject="CN=ca", key="rsa:4096", ca=True, sha256="cd" * 32),
    )
    said = readiness.inventory(_offer("x25519", certificates=cards))
    first, card = said["readiness"]
    assert said["key_agreement"] == "classical"
    assert first.startswith("key agreement: classical alone: whoever records the traffic now")
    assert "not recommended after 2031 (BSI TR-02102-1)" in first
    assert {(one["key"], one["last"]) for one in said["key_ends"]} == {
        ("key agreement", "2031-12-31"), ("key agreement", "2033-12-31"), ("key agreement", "2035-12-31"),
        ("rsa:2048", "2030-12-31"), ("rsa:2048", "2033-12-31"), ("rsa:2048", "2035-12-31"),
    }  # fmt: skip
    assert all(one["source"].startswith("https://") for one in said["key_ends"])
    hybrid = readiness.inventory(_offer("X25519MLKEM768"))
    assert hybrid["key_ends"] == []
    assert "after" not in hybrid["readiness"][0]
    assert card.startswith(
        "certificate CN=bms.example: rsa:2048, private, valid for 61 days until 2026-07-01 (the limits"
    )
    assert "deprecated after 2030 (NIST IR 8547" in card
    assert "disallowed after 2035 (NIST IR 8547" in card
    assert "CNSA 2.0" in card


@pytest.mark.parametrize(
    ("key", "deprecated", "count"),
    [
        ("rsa:2048", True, 3),
        ("rsa:3072", False, 2),
        ("ec:secp256r1", False, 2),
        ("ed25519", False, 2),
        ("mldsa65", False, 0),
        ("", False, 0),
    ],
)
def test_the_last_days_of_a_key(key: str, deprecated: bool, count: int) -> None:
    found = readiness.of_key(key)
    assert len(found) == count
    assert any(one.word == "deprecated" for one in found) is deprecated


def test_every_row_has_its_source_and_how_far_it_was_read() -> None:
    for row in readiness.ends():
        assert row.source.startswith("https://")
        assert row.verified
        assert row.last > date(2026, 12, 31)


@pytest.mark.parametrize(
    ("groups", "verdict"), [(("x25519", "X25519MLKEM768"), "pass"), (("x25519", "secp256r1"), "fail")]
)
def test_the_policy_asks_for_a_hybrid_group(groups: tuple[str, ...], verdict: str) -> None:
    found = judge(_offer(*groups), policy.load("pq-readiness"), now=datetime(2026, 12, 2, tzinfo=UTC))
    assert found.verdicts["pq-readiness"] == verdict
    unsure = replace(_offer(*groups), coverage="forbidden-only")
    verdict = "unknown" if verdict == "fail" else verdict
    assert judge(unsure, policy.load("pq-readiness")).verdicts["pq-readiness"] == verdict


def test_a_rule_binds_from_its_day_on() -> None:
    """Static Diffie-Hellman is recommended by the BSI until the end of 2026; no file is changed for that."""
    bsi, static = policy.load("bsi-tr-02102-2"), "TLS_DH_RSA_WITH_AES_256_GCM_SHA384"
    said = offer(protocol("TLSv1.2", static, groups=["secp256r1"]))

    for day, word in (
        (datetime(2026, 12, 31, tzinfo=UTC), "advice"),
        (datetime(2027, 1, 1, tzinfo=UTC), "must"),
    ):
        found = judge(said, bsi, now=day)
        (rule,) = (r.rule for r in found.results if r.rule.id == "tls/bsi-tr-02102-2/2027-static")
        assert f"level {word} (" in rule.rationale

    levels = {
        day: {r.id: r.level for r in bsi.at(day).rules} for day in (date(2026, 12, 31), date(2027, 1, 1))
    }
    assert levels[date(2026, 12, 31)]["2027-static"] is Level.ADVICE
    assert levels[date(2027, 1, 1)]["2027-static"] is Level.MUST
    assert bsi.at(date(2026, 12, 31)) is bsi


def test_the_verdict_flips_with_the_clock() -> None:
    readiness_policy = policy.load("pq-readiness")
    said = _offer(
        "X25519MLKEM768",
        certificates=(certificate(key="rsa:2048", not_after=datetime(2040, 1, 1, tzinfo=UTC)),),
    )
    verdicts = [
        judge(said, readiness_policy, now=datetime(year, 6, 1, tzinfo=UTC)).verdicts["pq-readiness"]
        for year in (2030, 2031)
    ]
    assert verdicts == ["pass", "fail"]


@pytest.mark.parametrize(("release", "word"), [("1.26.3-debian13", "hybrid"), ("1.20.1-el7", "cannot")])
def test_a_configuration_says_it_by_its_library(release: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(
        "events {}\nhttp { server { listen 443 ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM; } }\n"
    )
    found = audit([path], [policy.load("pq-readiness")], AuditInput(version=release))
    (subject,) = found.subjects
    assert subject.offer is not None
    assert subject.offer["key_agreement"] == word
    assert subject.policies["pq-readiness"] == {"hybrid": "pass", "cannot": "fail"}[word]


def test_an_unknown_release_is_never_said_to_be_hybrid(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(
        "events {}\nhttp { server { listen 443 ssl; ssl_certificate /c; ssl_certificate_key /k; } }\n"
    )
    [subject] = audit([path], [policy.load("aspect")], AuditInput()).subjects
    assert subject.offer is not None
    assert subject.offer["key_agreement"] == "unknown"
    [said] = subject.offer["readiness"]
    assert "hybrid with 1.26.3-debian13" in said
    assert "cannot with" in said
    assert readiness.key_agreement(subject.offer) == ("unknown", ())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (_offer("x25519", hybrid=False), "the TLS library has no group with ML-KEM"),
        (offer(protocol("TLSv1.2", NEW, groups=["x25519"]), hybrid=True), "TLS 1.3 is not offered"),
    ],
)
def test_why_a_server_cannot_is_said(said: Offer, why: str) -> None:
    assert why in next(readiness.lines(said.to_json()))


@pytest.mark.parametrize(
    ("name", "text", "verdicts"),
    [
        ("slapd.conf", "TLSCertificateFile {0}/c\nTLSCertificateKeyFile {0}/k\nTLSProtocolMin 3.3\nTLSCipherSuite HIGH:!aNULL:!kRSA:!CBC:!SHA1:!SHA256:!SHA384:!AESCCM:!ARIA\ndatabase mdb\n", {"pass", "unknown"}),
        ("nginx.conf", "events {{}}\nhttp {{ server {{ listen 443 ssl; ssl_certificate {0}/c; ssl_certificate_key {0}/k; }} }}\n", {"fail"}),
    ],
)  # fmt: skip
def test_each_release_that_may_run_has_its_verdict(
    name: str, text: str, verdicts: set[str], tmp_path: Path
) -> None:
    from tests.unit.bundle.sbom.test_sbom import key_and_certificate

    key, card = key_and_certificate()
    (tmp_path / "k").write_bytes(key)
    (tmp_path / "c").write_bytes(card)
    (tmp_path / name).write_text(text.format(tmp_path))
    subject, *_ = audit([tmp_path / name], [policy.load("aspect")], AuditInput(now=datetime(2026, 12, 1, tzinfo=UTC))).subjects  # fmt: skip
    found = {one["aspect"] for one in subject.stats["verdicts"].values()}
    assert found == verdicts
    if len(found) == 1:
        assert "depends on which" not in subject.reason
        return
    assert subject.policies == {"aspect": "unknown"}
    assert "aspect: unknown with 2.4.44-el7; pass with 2.6.10-debian13" in subject.reason
    assert "name it with --target slapd@VERSION" in subject.reason
