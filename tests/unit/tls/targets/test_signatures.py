"""Lists of signature schemes: read as OpenSSL reads them, written so that the policy holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.findings import Verdict, in_file
from hardening.tls import policy as policies
from hardening.tls import registry
from hardening.tls.auditing import audit as audits
from hardening.tls.judging.judge import judge
from hardening.tls.libraries import builds
from hardening.tls.offer import Located
from hardening.tls.rendering.render import render
from hardening.tls.targets import find
from hardening.tls.targets.reading import signatures

BUILDS = tuple(b.name for b in builds.builds() if b.schemes)
AT = in_file("x", 7)


def left(
    text: str, build: str = "3.5.9-debian13", level: int = 2, keys: frozenset[str] | None = None,
    protocol: str = "TLSv1.2", signers: frozenset[str] = frozenset({"RSA", "ECDSA"}),
) -> tuple[str, ...] | None:  # fmt: skip
    found = signatures.left(Located(text, AT), build, level, keys, protocol, signers)
    assert found is None or all(said.at == AT for said in found)
    return None if found is None else tuple(said.value for said in found)


@pytest.mark.parametrize("build", BUILDS)
def test_what_is_written_for_a_build_is_read_back_as_what_was_meant(build: str) -> None:
    own = builds.build(build).schemes or ()
    words = signatures.writable((s for n in own if (s := registry.find_scheme(n)) is not None), build)
    assert signatures.meant(":".join(words), build) == own


def test_before_1_1_1_a_list_has_pairs_alone() -> None:
    assert signatures.meant("RSA+SHA256:ECDSA+SHA384", "1.0.2k-el7") == (
        "rsa_pkcs1_sha256",
        "ecdsa_secp384r1_sha384",
    )
    assert signatures.meant("rsa_pkcs1_sha256", "1.0.2k-el7") is None
    assert signatures.meant("RSA-PSS+SHA256", "1.1.0f") is None
    assert signatures.meant("RSA-PSS+SHA256:PSS+SHA512", "1.1.1k-el8") == (
        "rsa_pss_rsae_sha256",
        "rsa_pss_rsae_sha512",
    )


@pytest.mark.parametrize("text", ["RSA+SHA256:nonsense", "", "RSA+SHA999", "+SHA256", "GOST+SHA256"])
def test_a_list_with_a_word_that_nobody_knows_says_nothing(text: str) -> None:
    assert left(text) is None


def test_a_key_signs_with_its_own_schemes() -> None:
    text = "RSA+SHA256:rsa_pss_rsae_sha256:rsa_pss_pss_sha256:ECDSA+SHA256:ECDSA+SHA384:ed25519:DSA+SHA256"
    assert left(text, keys=frozenset({"rsa"})) == ("rsa_pkcs1_sha256", "rsa_pss_rsae_sha256")
    assert left(text, keys=frozenset({"rsa-pss"})) == ("rsa_pss_pss_sha256",)
    assert left(text, keys=frozenset({"ec"})) == ("ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384")
    assert left(text, keys=frozenset({"ed25519"})) == ("ed25519",)
    assert left(text, keys=frozenset({"dsa"}), signers=frozenset({"DSS"})) == ("dsa_sha256",)


def test_suites_without_a_signature_have_no_scheme() -> None:
    assert left("RSA+SHA256", signers=frozenset()) == ()
    assert left("RSA+SHA256", protocol="TLSv1.1") == ()


def test_under_tls_1_3_the_scheme_names_the_curve_of_the_key() -> None:
    text = "ECDSA+SHA256:ECDSA+SHA384:RSA+SHA256:rsa_pss_rsae_sha256"
    assert left(text, protocol="TLSv1.3", keys=frozenset({"ec", "ec:secp384r1"})) == (
        "ecdsa_secp384r1_sha384",
    )
    assert left(text, protocol="TLSv1.2", keys=frozenset({"ec", "ec:secp384r1"})) == (
        "ecdsa_secp256r1_sha256",
        "ecdsa_secp384r1_sha384",
    )
    assert left(text, protocol="TLSv1.3", keys=frozenset({"rsa"})) == ("rsa_pss_rsae_sha256",)
    assert left("ECDSA+SHA256", protocol="TLSv1.3", keys=frozenset({"ec", "ec:secp521r1"})) == ()


@pytest.mark.parametrize(
    ("build", "level", "kept"),
    [
        ("1.1.1g-upstream", 1, ("rsa_pkcs1_sha1", "rsa_sha224", "rsa_pkcs1_sha256")),
        ("1.1.1g-upstream", 2, ("rsa_sha224", "rsa_pkcs1_sha256")),
        ("1.1.1g-upstream", 3, ("rsa_pkcs1_sha256",)),
        ("1.1.1g-upstream", 4, ()),
        ("1.1.1k-el8", 2, ("rsa_pkcs1_sha1", "rsa_sha224", "rsa_pkcs1_sha256")),  # Red Hat lets it through at its own level
        ("3.5.9-debian13", 0, ("rsa_pkcs1_sha1", "rsa_sha224", "rsa_pkcs1_sha256")),
        ("3.5.9-debian13", 1, ("rsa_sha224", "rsa_pkcs1_sha256")),
        ("1.0.2k-el7", 0, ("rsa_pkcs1_sha1", "rsa_sha224", "rsa_pkcs1_sha256")),
    ],
)  # fmt: skip
def test_security_levels_rule_weak_hashes_out(build: str, level: int, kept: tuple[str, ...]) -> None:
    """Each as real nginx of Debian 13 and the libraries of `make oracles` answered."""
    assert left("RSA+SHA1:RSA+SHA224:RSA+SHA256", build, level, frozenset({"rsa"})) == kept


def test_a_release_that_knows_no_such_word_is_not_read_by_it(tmp_path: Path) -> None:
    path = tmp_path / "the.conf"
    path.write_text("server {\nlisten 443 ssl;\nssl_sigalgs RSA+SHA224;\n}\n")
    for version, seen in (("1.26.3-debian13", False), ("1.31.2", True)):
        found = audits.read(path, find("nginx"), version=version)
        assert any(p.signature_algorithms for one in found for p in one.protocols) is seen


@pytest.mark.parametrize("target", ["nginx", "httpd", "haproxy", "lighttpd", "openssl_cnf"])
@pytest.mark.parametrize("policy", ["aspect", "bsi-tr-02102-2", "rhel-default"])
def test_what_is_rendered_keeps_the_rules_on_signatures(target: str, policy: str) -> None:
    one = policies.load(policy)
    made = render(find(target), one)
    asked = [r.id for r in one.rules if r.signatures and r.binding]
    assert asked
    judged = judge(made.offer, one)
    results = {r.rule.id: r.verdict for r in judged.results}
    assert {results[one.result_rules[name].id] for name in asked} == {Verdict.PASS}


def test_where_it_cannot_be_told_that_is_said() -> None:
    made = render(find("httpd"), policies.load("aspect"), version="2.4.6-el7")
    assert "SignatureAlgorithms" not in made.text
    (said,) = [f for f in made.findings if "signature algorithms cannot be chosen" in f.message]
    assert "rsa_pkcs1_sha1" in said.message
    assert "2.4.8" in said.remedy


def test_a_policy_that_leaves_a_curve_out_says_which_keys_have_no_tls_1_3() -> None:
    made = render(find("nginx"), policies.load("cnsa-1.0-rfc9151"))
    assert [f for f in made.findings if "a key on P-256 and P-521" in f.message]
    assert not [f for f in render(find("nginx"), policies.load("aspect")).findings if "a key on" in f.message]
