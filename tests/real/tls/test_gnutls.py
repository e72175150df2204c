"""The priority language is resolved as GnuTLS itself resolves it, on strings of a grammar and a seed."""

from __future__ import annotations

import os
import random
import re
import subprocess

import pytest

from hardening.errors import UsageError
from hardening.tls import policy as policies
from hardening.tls import registry
from hardening.tls.libraries import gnutls
from hardening.tls.rendering.gnutls import choose
from hardening.tls.rendering.render import render
from hardening.tls.targets import find
from tests.support.tls import servers

KEYWORDS = (
    "NORMAL",
    "PERFORMANCE",
    "PFS",
    "LEGACY",
    "SECURE128",
    "SECURE192",
    "SECURE256",
    "SUITEB128",
    "SUITEB192",
)
EVERYTHING = "NONE:+VERS-TLS-ALL:+SIGN-ALL:+GROUP-ALL:+MAC-ALL:+KX-ALL:+CIPHER-ALL"
WORDS = (
    "AES-256-GCM AES-128-GCM AES-256-CCM AES-128-CCM-8 AES-256-CBC AES-128-CBC CHACHA20-POLY1305 CAMELLIA-128-CBC "
    "CAMELLIA-256-GCM 3DES-CBC ARCFOUR-128 NULL SHA1 SHA256 SHA384 MD5 AEAD ECDHE-RSA ECDHE-ECDSA RSA DHE-RSA DHE-DSS "
    "PSK DHE-PSK RSA-PSK ANON-DH ANON-ECDH VERS-TLS1.0 VERS-TLS1.1 VERS-TLS1.2 VERS-TLS1.3 VERS-SSL3.0 VERS-TLS-ALL "
    "CIPHER-ALL MAC-ALL KX-ALL GROUP-ALL CURVE-ALL SIGN-ALL GROUP-X25519 GROUP-SECP256R1 CURVE-SECP384R1 "
    "GROUP-FFDHE2048 SIGN-RSA-SHA1 COMP-NULL SECURE256 NORMAL LEGACY"
).split()


def _cli() -> str:
    found = servers.program("gnutls-cli")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("gnutls-cli is not installed; `make servers` installs it")
        pytest.skip("gnutls-cli is not installed; `make servers` installs it")
    return found


def _strings(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        start = chance.choice([*KEYWORDS, "NORMAL", EVERYTHING, EVERYTHING, "NONE"])
        words = [chance.choice("+-!+") + chance.choice(WORDS) for _ in range(chance.randint(0, 7))]
        # datagrams are another matter: gnutls-cli lists what they can use too
        found.append(":".join([start, *words, "-VERS-DTLS-ALL"]))
    return found


def _real(string: str) -> tuple[bool, list[str]]:
    done = subprocess.run(
        [_cli(), "--list", "--priority", string],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    text = done.stdout + done.stderr
    return "rror" in text, re.findall(r"^(TLS_\S+)\s+0x", text, re.MULTILINE)


def _version() -> str:
    done = subprocess.run([_cli(), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


@pytest.mark.parametrize("seed", range(4))
def test_strings_of_a_grammar_come_to_the_same_suites_in_the_same_order(seed: int) -> None:
    if not gnutls.RELEASE.startswith(_version()):
        pytest.skip("the facts are those of another GnuTLS")
    for string in _strings(seed, 75):
        refused, names = _real(string)
        ours = gnutls.resolve(string)
        assert bool(ours.error) is refused, string
        if not refused:
            assert [s.name for s in ours.suites] == names, string


@pytest.mark.parametrize(
    "string", ["", "NORMAL:+FOO", "NORMAL:%FOO", "NORMAL:AES-128-GCM", "+AES-128-GCM", "NONE", "NORMAL, -RSA"]
)
def test_what_gnutls_refuses_is_refused(string: str) -> None:
    assert gnutls.resolve(string).error
    if string:
        assert _real(string)[0]


def test_what_the_system_decides_is_not_guessed() -> None:
    assert "system" in gnutls.resolve("@SYSTEM").error


@pytest.mark.parametrize("name", [n for n in policies.available() if policies.load(n).rules])
def test_no_policy_gets_a_suite_it_forbids(name: str) -> None:
    policy = policies.load(name)
    protocols = tuple(p for p in policy.protocols if p in {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"})
    parts, left = choose(policy, protocols)
    for suite in gnutls.product(protocols, *parts):
        found = registry.suite(suite.iana)
        for protocol in protocols:
            if gnutls.usable(suite, protocol):
                assert policy.forbids_suite(found, protocol) is None
    assert not {s.iana for s in left} & {s.iana for s in gnutls.product(protocols, *parts)}


@pytest.mark.parametrize(("target", "version"), [("exim", None), ("slapd", "2.5.13-debian12")])
@pytest.mark.parametrize("name", [n for n in policies.available() if policies.load(n).rules])
def test_gnutls_itself_takes_what_is_rendered(name: str, target: str, version: str | None) -> None:
    try:
        made = render(find(target), policies.load(name), version=version)
    except UsageError as refused:
        if refused.hint:
            return
        raise
    string = re.search(r"^(?:tls_require_ciphers =|TLSCipherSuite) (.+)$", made.text, re.MULTILINE)
    assert string is not None
    refused_by_it, names = _real(string[1])
    assert not refused_by_it
    assert names == [s.name for s in gnutls.resolve(string[1]).suites]
