"""What resolving promises beside the order that the real libraries confirm."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.errors import UsageError
from hardening.tls import policy, registry
from hardening.tls.openssl import NAMES, build, builds, negotiable, resolve, spoken
from hardening.tls.rendering.render import render
from hardening.tls.targets import find
from hardening.tls.targets.reading import group_lists, security_levels

STRINGS = st.text(alphabet="AESHIGRC4DULTNk12358:+-!@ ,;=._", max_size=60)


@given(STRINGS, st.sampled_from(NAMES))
def test_any_text_is_either_refused_or_resolved_and_the_steps_add_up(text: str, name: str) -> None:
    found = resolve(text, build(name))
    assert bool(found.error) is not bool(found.ciphers)
    assert len(set(found.ciphers)) == len(found.ciphers)
    held: set[object] = set()
    for step in found.steps:
        if step.action == "add":
            assert not held & set(step.changed)
            held |= set(step.changed)
        elif step.action in {"kill", "delete"}:
            assert set(step.changed) <= held
            held -= set(step.changed)
        elif step.action in {"move", "sort"}:
            assert set(step.changed) <= held
    if not found.error:
        assert held == set(found.ciphers)


@given(STRINGS, st.sampled_from(NAMES))
def test_killing_a_keyword_at_the_end_leaves_none_of_it(text: str, name: str) -> None:
    one = build(name)
    alone = set(resolve("RSA", one).ciphers)
    found = resolve(text + ":!RSA", one)
    if one.release >= (1, 0, 2):  # older ones cannot remove a cipher that is alone
        assert not alone & set(found.ciphers)


def test_protocols_keep_what_they_can_negotiate() -> None:
    one = build("1.0.2k-el7")
    whole = resolve("HIGH:!aNULL", one)
    old = resolve("HIGH:!aNULL", one, protocols=("TLSv1.0",))
    assert [c for c in whole.ciphers if negotiable(c, "TLSv1.0")] == list(old.ciphers)
    assert 0 < len(old.ciphers) < len(whole.ciphers)
    with pytest.raises(UsageError, match=r"TLSv1\.4"):
        resolve("HIGH", one, protocols=("TLSv1.4",))


def test_tls13_suites_are_apart_and_have_a_setting_of_their_own() -> None:
    one = build("3.5.9-debian13")
    assert [c.name for c in resolve("AES128-SHA", one).tls13] == [
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_GCM_SHA256",
    ]
    assert resolve("AES128-SHA", one, ciphersuites="").tls13 == ()
    assert resolve("AES128-SHA", one, protocols=("TLSv1.2",)).tls13 == ()
    assert resolve("AES128-SHA", build("1.0.2k-el7")).tls13 == ()


def test_the_security_level_is_read_and_applied() -> None:
    one = build("1.1.1k-rh")
    found = resolve("ALL:@SECLEVEL=2", one)
    assert found.security_level == 2
    assert not [c for c in found.under("TLSv1.2") if "RC4" in c.name or "ADH" in c.name]
    assert "SSLv3" not in spoken(one, 2)
    assert spoken(build("3.5.9-debian13")) == ("TLSv1.2", "TLSv1.3")
    assert spoken(build("3.5.9-debian13"), 0)[0] == "TLSv1.0"


def test_an_unknown_build_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        build("1.0.2k")
    assert "1.0.2k-el7" in caught.value.hint


def test_every_cipher_of_every_build_has_a_name_at_iana_or_is_known_as_a_draft() -> None:
    for one in builds():
        for cipher in (*one.ciphers, *one.tls13):
            assert cipher.iana.startswith(("TLS_", "SSL_CK_")), (one.name, cipher)
            assert cipher.sslv2 or cipher.suite is not None
        assert len({c.code for c in one.ciphers}) == len(one.ciphers)


@pytest.mark.parametrize("target", ["httpd", "lighttpd", "nginx"])
@pytest.mark.parametrize("name", [name for name in NAMES if build(name).conf])
def test_a_server_is_given_the_commands_that_its_library_knew_when_it_was_asked(
    target: str, name: str
) -> None:
    """SSL_CONF_cmd answers -2 to a command it does not know, and the server does not start."""
    text = render(find(target), policy.load("mozilla-old-5.8"), build=name).text
    given = set(
        re.findall(r'^ *(?:"(\w+)" =>|ssl_conf_command (\w+)|SSLOpenSSLConfCmd (\w+))', text, re.MULTILINE)
    )
    asked = {one for words in given for one in words if one}
    unknown = {said.split(" ", 1)[0] for said, answer in (build(name).conf or {}).items() if answer == -2}
    assert asked.isdisjoint(unknown)
    assert asked or target != "lighttpd"


def test_loading_and_resolving_are_quick() -> None:
    build.cache_clear()
    start = time.process_time()
    one = build("3.5.9-debian13")
    loaded = time.process_time() - start
    strings = [
        f"HIGH:!aNULL:!MD5:+AES128:ECDHE-RSA-AES128-SHA:{'!' * (i % 2)}{c.name}"
        for i, c in enumerate(one.ciphers)
    ]
    resolve("HIGH", one)
    start = time.process_time()
    for string in strings:
        resolve(string, one)
    each = (time.process_time() - start) / len(strings)
    assert loaded < 0.03  # a tenth of that on a quiet machine
    assert each < 0.003  # a twentieth of that on a quiet machine


@pytest.mark.parametrize(
    ("name", "level", "oldest"),
    [
        ("1.0.2k-el7", 5, "SSLv3"),  # it has no levels
        ("1.1.1k-el8", 1, "TLSv1.0"),
        ("1.1.1k-el8", 2, "TLSv1.0"),
        ("1.1.1k-el8", 3, "TLSv1.1"),
        ("1.1.1k-el8", 4, "TLSv1.2"),
        ("3.5.9-debian13", 0, "TLSv1.0"),
        ("3.5.9-debian13", 1, "TLSv1.2"),
    ],
)
def test_a_security_level_takes_old_versions_away(name: str, level: int, oldest: str) -> None:
    """SSL_CTX_set_security_level(3): 2 forbids SSL 3.0, 3 TLS 1.0, 4 TLS 1.1; from 3.0 on, MD5 and SHA-1 go at 1."""
    speaks = security_levels.protocols_of(name, level)
    assert next(one for one in registry.PROTOCOLS if one != "SSLv2" and one in speaks) == oldest


@pytest.mark.parametrize("name", NAMES)
def test_a_server_told_no_groups_has_the_measured_ones_or_says_whence(name: str) -> None:
    one = build(name)
    if one.server_groups_verified == "measured":
        assert one.server_groups == one.groups
    else:
        assert one.server_groups != one.groups
        assert one.server_groups_verified.partition(":")[0] in {"memory", "source"}
    names = group_lists.own(one)
    assert len(names) == len(one.server_groups)
    assert set(names) <= group_lists.known(one)
