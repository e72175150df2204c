"""Each classic trap is named where a string steps into it, and nowhere else."""

from __future__ import annotations

import pytest

from hardening.tls.libraries.openssl_traps import TRAPS, notes
from hardening.tls.openssl import build, resolve

EL6, EL7, NEW = "1.0.1e-el6", "1.0.2k-el7", "3.5.9-debian13"


@pytest.mark.parametrize(
    ("string", "name", "says"),
    [
        ("HIGH:!ADH", EL7, "AECDH-AES256-SHA, AECDH-AES128-SHA still do not authenticate the server"),
        ("HIGH", EL7, "HIGH holds anonymous suites"),
        ("ALL", EL7, "Anonymous suites are in the list"),
        ("HIHG:!aNULL", EL7, "Did you mean HIGH?"),
        ("HIHG", EL7, "Nothing is selected"),
        (
            "AES:!HIHG:!aNULL",
            EL7,
            "'!HIHG' means nothing to this build and is skipped without a word. Did you mean HIGH?",
        ),
        (
            "HIGH:RC4+",
            EL7,
            "'RC4+' makes the whole string invalid: a keyword or a cipher's name is required there",
        ),
        ("AES:eNULL:!aNULL", EL7, "do not encrypt at all"),
        ("AES:-SHA1:AES:!aNULL", EL7, "!SHA1 removes for good"),
        ("!SHA1:AES256-SHA:AES:!aNULL", EL7, "'AES256-SHA' adds nothing: !SHA1"),
        ("AES:DEFAULT:!aNULL", EL7, "DEFAULT is understood only at the very start"),
        ("AES:TLSv1.2:!aNULL", "0.9.8e-rhel5", "trips over the dot"),
        ("AES:@SECLEVEL=2:!aNULL", EL7, "security levels came with OpenSSL 1.1.0"),
        ("AES:TLS_AES_128_GCM_SHA256:!aNULL", EL7, "TLS 1.3 suites are not in the cipher list"),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", EL7, "here it is called AES128-SHA"),
        ("AES:+RC4:!aNULL", EL7, "never adds"),
        ("AES:RC4+SHA256+SSLv3:!aNULL", EL7, "selects nothing in 1.0.2k-el7"),
        ("AES:AES+RC4:!aNULL", EL7, "its parts exclude each other"),
        ("ALL:!aNULL", EL6, "SSL 2.0 ciphers are in the list: "),
        ("AES:@FOO:!aNULL", EL7, "'@FOO' makes the whole string invalid: only @STRENGTH and, from 1.1.0 on"),
        ("PROFILE=SYSTEM:!SHA1", "1.1.1k-el8", "whatever the host's crypto policy says"),
        ("PROFILE=SYSTEM", "1.1.1k-rh", "system-wide policy"),
        ("ALL:!eNULL", NEW, "Security level 2 stops"),
    ],
)
def test_a_trap_is_named(string: str, name: str, says: str) -> None:
    assert any(says in note for note in notes(resolve(string, build(name))))


@pytest.mark.parametrize(
    ("string", "word", "times"),
    [
        # two elements bring parts of it back, and both are mended by one word
        ("AES:-SHA1:AES128:AES256:!aNULL", "takes out, but not for good", 1),
        # of what is named again one is gone for good, and the others are in the list already
        ("AES128-GCM-SHA256:AES128-SHA256:!SHA1:kRSA+AES128", "adds nothing", 0),
        ("AES128-SHA:AES128-SHA", "adds nothing", 0),
        ("!SHA1:AES:+AES256-SHA:!aNULL", "adds nothing", 0),  # nor was it to
        ("AES:AES256-SHA:!aNULL", "adds nothing", 0),
        ("AES:+SHA1:!aNULL", "does nothing here", 0),
    ],
)
def test_a_trap_is_named_once_and_what_is_none_is_not(string: str, word: str, times: int) -> None:
    assert sum(word in note for note in notes(resolve(string, build(EL7)))) == times


@pytest.mark.parametrize("name", [EL6, EL7, NEW])
def test_a_careful_string_steps_into_none(name: str) -> None:
    string = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:!aNULL"
    assert notes(resolve(string, build(name))) == ()


def test_suites_that_only_authenticate_are_called_out() -> None:
    found = resolve("AES128-SHA", build(NEW), ciphersuites="TLS_SHA256_SHA256")
    assert any("TLS_SHA256_SHA256 does not encrypt" in note for note in notes(found))


def test_the_last_cipher_of_an_old_library_cannot_be_removed() -> None:
    one = build(EL6)
    string = "AES128-SHA:" + ":".join(f"!{c.name}" for c in one.ciphers if c.name != "AES128-SHA")
    found = resolve(string + ":!AES128-SHA", one)
    assert [c.name for c in found.ciphers] == ["AES128-SHA"]
    assert any("cannot remove the last cipher" in note for note in notes(found))


def test_every_trap_is_in_the_registry_once() -> None:
    assert len(set(TRAPS)) == len(TRAPS)
