"""How bad a thing is in itself, and in which words, whatever policy forbids it."""

from __future__ import annotations

import pytest

from hardening.findings import Severity
from hardening.tls import registry
from hardening.tls.judging import weakness
from hardening.tls.judging.facts import OfferedSuite
from hardening.tls.offer import Located
from tests.support.tls.policy_offers import LINE


@pytest.mark.parametrize(
    ("suite", "words", "severity"),
    [
        ("TLS_RSA_WITH_NULL_MD5", "no encryption, MD5, no forward secrecy", Severity.CRITICAL),
        ("TLS_DH_anon_WITH_RC4_128_MD5", "no authentication, RC4, MD5", Severity.CRITICAL),
        ("TLS_RSA_WITH_DES_CBC_SHA", "DES, SHA-1 MAC, CBC mode, no forward secrecy", Severity.HIGH),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", "3DES, SHA-1 MAC, CBC mode, no forward secrecy", Severity.MEDIUM),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "SHA-1 MAC, CBC mode", Severity.MEDIUM),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "", Severity.MEDIUM),
        ("TLS_AES_128_GCM_SHA256", "", Severity.MEDIUM),
    ],
)
def test_what_is_weak_about_a_suite_is_said_and_weighed(suite: str, words: str, severity: Severity) -> None:
    one = registry.suite(suite)
    assert (", ".join(weakness.words(one)), weakness.of_suite(one)) == (words, severity)


@pytest.mark.parametrize(
    ("group", "severity"),
    [
        ("secp160r1", Severity.HIGH), ("sect163k1", Severity.MEDIUM), ("ffdhe2048", Severity.MEDIUM),
        ("MLKEM1024", Severity.MEDIUM),
    ],
)  # fmt: skip
def test_a_group_of_eighty_bits_of_strength_is_within_reach(group: str, severity: Severity) -> None:
    found = registry.find_group(group)
    assert found is not None
    assert weakness.of_group(found) is severity


@pytest.mark.parametrize(
    ("name", "severity"), [("SSLv2", Severity.HIGH), ("SSLv3", Severity.HIGH), ("TLSv1.0", Severity.MEDIUM)]
)
def test_versions_of_ssl_are_worse_than_old_ones_of_tls(name: str, severity: Severity) -> None:
    assert weakness.of_protocol(name) is severity


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        (
            "TLS_RSA_WITH_RC4_128_SHA",
            "Take TLS_RSA_WITH_RC4_128_SHA (OpenSSL: RC4-SHA) out of the cipher list",
        ),
        ("SSL_FORTEZZA_KEA_WITH_NULL_SHA", "Take SSL_FORTEZZA_KEA_WITH_NULL_SHA out of the cipher list"),
    ],
)
def test_a_suite_is_taken_out_under_the_name_the_list_has_for_it_where_it_has_one(
    name: str, remedy: str
) -> None:
    suite = registry.suite(name)
    fact = OfferedSuite(Located(name, LINE), suite, None, ("TLSv1.0", "TLSv1.2")).fact
    assert fact.remedy == f"{remedy} in /etc/nginx/nginx.conf line 12."
    assert fact.message.startswith(f"{name} is offered under TLSv1.0, TLSv1.2: ")
