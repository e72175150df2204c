"""Words that select or disable suites, alone and joined: none of them forgets what stood before it."""

from __future__ import annotations

import pytest

from hardening.tls.libraries import jsse
from hardening.tls.openssl import build, resolve


@pytest.mark.parametrize("word", ["RSA", "kECDHE", "AES", "SHA256"])
def test_a_word_narrows_the_complement_of_the_default(word: str) -> None:
    def names(string: str) -> set[str]:
        return {one.name for one in resolve(string, build("3.5.9-debian13")).ciphers}

    joined = names(f"COMPLEMENTOFDEFAULT+{word}")
    assert joined
    assert joined == names("COMPLEMENTOFDEFAULT") & names(word)


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        ("TLS_ECDH_anon_WITH_AES_128_CBC_SHA", {"anon", "ecdh", "ecdh_anon"}),
        ("TLS_DH_anon_WITH_AES_128_CBC_SHA", {"anon", "dh", "dh_anon", "diffiehellman"}),
    ],
)
def test_java_disables_anonymous_suites_by_their_key_exchange(suite: str, words: set[str]) -> None:
    every = {"anon", "ecdh", "ecdh_anon", "dh", "dh_anon", "diffiehellman"}
    assert jsse.parts(suite) & every == words
