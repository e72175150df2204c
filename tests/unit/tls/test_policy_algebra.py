"""What each word of a rule forbids, asked of single suites, groups, schemes and versions, at the border and beside it."""

from __future__ import annotations

from typing import Any

import pytest

from hardening.tls import registry
from hardening.tls.policies.requirement import (
    GroupNeed,
    ProtocolNeed,
    SchemeNeed,
    SuiteMatch,
    SuiteNeed,
    strength,
)

OLD = registry.suite("TLS_RSA_WITH_3DES_EDE_CBC_SHA")
GOOD = registry.suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
NULL = registry.suite("TLS_RSA_WITH_NULL_MD5")


@pytest.mark.parametrize(("suite", "bits"), [(OLD, 112), (GOOD, 128), (NULL, 0)])
def test_a_suites_strength_is_what_attacks_leave_of_it(suite: registry.Suite, bits: int) -> None:
    assert strength(suite) == bits


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ({}, True),
        ({"names": {OLD.code}}, True), ({"names": {GOOD.code}}, False),
        ({"flags": {"3DES", "RC4"}}, True), ({"flags": {"RC4"}}, False),
        ({"enc": {"3DES"}}, True), ({"enc": {"AES"}}, False),
        ({"kx": {"RSA"}}, True), ({"kx": {"ECDHE"}}, False),
        ({"auth": {"RSA"}}, True), ({"auth": {"ECDSA"}}, False),
        ({"mac": {"SHA1"}}, True), ({"mac": {"AEAD"}}, False),
        ({"mode": {"CBC"}}, True), ({"mode": {"GCM"}}, False),
        ({"recommended": {"N"}}, True), ({"recommended": {"Y", "D"}}, False),
        ({"protocols": {"TLSv1.0", "TLSv1.2"}}, True), ({"protocols": {"TLSv1.0"}}, False),
        ({"unless": {OLD.code}}, False), ({"unless": {GOOD.code}}, True),
        ({"bits_below": 112}, False), ({"bits_below": 113}, True), ({"bits_below": 0}, False),
        ({"forward_secrecy": False}, True), ({"forward_secrecy": True}, False),
        ({"aead": False}, True), ({"aead": True}, False),
        ({"registered": True}, True), ({"registered": False}, False),
        ({"enc": {"3DES"}, "kx": {"RSA"}, "protocols": {"TLSv1.2"}}, True),
        ({"enc": {"3DES"}, "kx": {"ECDHE"}}, False),
    ],
)  # fmt: skip
def test_a_pattern_describes_a_suite_where_every_word_of_it_holds(
    asked: dict[str, Any], *, matches: bool
) -> None:
    words: dict[str, Any] = {
        key: frozenset(value) if isinstance(value, set) else value for key, value in asked.items()
    }
    assert SuiteMatch(**words)(OLD, "TLSv1.2") is matches


@pytest.mark.parametrize(
    ("need", "forbidden"),
    [
        (SuiteNeed(), set()),
        (SuiteNeed(allow=frozenset({GOOD.code})), {OLD, NULL}),
        (SuiteNeed(allow=frozenset()), {OLD, NULL, GOOD}),
        (SuiteNeed(forbid=(SuiteMatch(bits_below=1), SuiteMatch(enc=frozenset({"3DES"})))), {OLD, NULL}),
        (SuiteNeed(allow=frozenset({GOOD.code}), forbid=(SuiteMatch(aead=True),)), {OLD, NULL, GOOD}),
        (SuiteNeed(some=(SuiteMatch(aead=True),)), set()),
    ],
)
def test_a_suite_is_forbidden_where_it_is_not_on_the_list_or_matches(
    need: SuiteNeed, forbidden: set[registry.Suite]
) -> None:
    assert {one.iana for one in (OLD, NULL, GOOD) if need.forbids(one, "TLSv1.2")} == {
        one.iana for one in forbidden
    }


@pytest.mark.parametrize(
    ("need", "forbidden"),
    [
        (ProtocolNeed(), []),
        (ProtocolNeed(allow=frozenset({"TLSv1.2"})), ["TLSv1.0"]),
        (ProtocolNeed(forbid=frozenset({"TLSv1.2"})), ["TLSv1.2"]),
        (ProtocolNeed(allow=frozenset({"TLSv1.2"}), forbid=frozenset({"TLSv1.2"})), ["TLSv1.0", "TLSv1.2"]),
        (ProtocolNeed(require=("TLSv1.3",), require_any=("TLSv1.2",)), []),
    ],
)
def test_a_version_is_forbidden_by_name_or_for_not_being_allowed(
    need: ProtocolNeed, forbidden: list[str]
) -> None:
    assert [name for name in ("TLSv1.0", "TLSv1.2") if need.forbids(name)] == forbidden


def group(name: str) -> registry.Group:
    found = registry.find_group(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("need", "name", "forbids"),
    [
        (GroupNeed(), "sect163k1", False),
        (GroupNeed(forbid=frozenset({1})), "sect163k1", True),
        (GroupNeed(allow=frozenset({1})), "sect163k1", False),
        (GroupNeed(allow=frozenset({1})), "secp521r1", True),
        (GroupNeed(ec_bits_below=521), "secp521r1", False),
        (GroupNeed(ec_bits_below=522), "secp521r1", True),
        (GroupNeed(ff_bits_below=522), "secp521r1", False),
        (GroupNeed(ff_bits_below=3072), "ffdhe3072", False),
        (GroupNeed(ff_bits_below=3073), "ffdhe3072", True),
        (GroupNeed(ec_bits_below=9999), "ffdhe3072", False),
        (GroupNeed(ec_bits_below=9999, ff_bits_below=9999), "MLKEM1024", False),
        (GroupNeed(ec_bits_below=9999, ff_bits_below=9999), "arbitrary_explicit_prime_curves", False),
        (GroupNeed(recommended=frozenset({"D"})), "sect163k1", True),
        (GroupNeed(recommended=frozenset({"D"})), "secp521r1", False),
    ],
)
def test_a_group_is_forbidden_by_name_by_size_or_by_what_iana_says_of_it(
    need: GroupNeed, name: str, *, forbids: bool
) -> None:
    assert need.forbids(group(name)) is forbids


@pytest.mark.parametrize(
    ("need", "forbidden"),
    [
        (SchemeNeed(), []),
        (SchemeNeed(hashes=frozenset({"sha1", "md5"})), ["rsa_pkcs1_sha1"]),
        (SchemeNeed(hashes=frozenset({"256"})), []),
        (SchemeNeed(allow=frozenset({0x0804})), ["rsa_pkcs1_sha1", "rsa_pkcs1_sha256"]),
        (SchemeNeed(forbid=frozenset({0x0804})), ["rsa_pss_rsae_sha256"]),
    ],
)
def test_a_scheme_is_forbidden_by_name_or_by_its_hash(need: SchemeNeed, forbidden: list[str]) -> None:
    names = ("rsa_pkcs1_sha1", "rsa_pkcs1_sha256", "rsa_pss_rsae_sha256")
    schemes = [found for name in names if (found := registry.find_scheme(name)) is not None]
    assert len(schemes) == len(names)
    assert [one.name for one in schemes if need.forbids(one)] == forbidden
