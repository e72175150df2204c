"""The resolver says what the real libraries say, string for string, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files

import pytest

from hardening.tls import registry
from hardening.tls.openssl import Build, Cipher, build, resolve, spoken, usable
from tests.support.tls import oracle_grammar as grammar
from tests.support.tls import oracle_hello as hello
from tests.support.tls import oracles

COUNT = 300


@pytest.fixture(scope="module", params=[o.build for o in oracles.ORACLES])
def asked(request: pytest.FixtureRequest) -> Iterator[tuple[Build, oracles.Asker]]:
    """A build, and the process that holds the real library."""
    oracle = oracles.needed(request.param)
    with oracles.Asker(oracle.build) as asker:
        yield build(oracle.build), asker


def _said(string: str, one: Build, *, names: bool) -> list[int] | list[str] | str:
    resolved = resolve(string, one)
    if resolved.error:
        return resolved.error
    return [c.name for c in resolved.ciphers] if names else [c.code for c in resolved.ciphers]


def _agree(one: Build, asker: oracles.Asker, strings: list[str]) -> None:
    answers = asker.lists(strings)
    for string, real in zip(strings, answers, strict=True):
        names = isinstance(real, list) and isinstance(real[0], str)
        assert _said(string, one, names=names) == real, f"{one.name}: {string!r}"


def test_random_strings_resolve_as_in_the_real_library(asked: tuple[Build, oracles.Asker]) -> None:
    one, asker = asked
    _agree(one, asker, list(grammar.strings(one, 20_260_101, COUNT)))


def test_every_keyword_and_every_name_alone(asked: tuple[Build, oracles.Asker]) -> None:
    one, asker = asked
    keywords, names = grammar._vocabulary()
    _agree(one, asker, [*keywords, *names, *grammar.ODD, *grammar.REAL, *grammar.SUITE_B])


def test_a_string_cut_anywhere(asked: tuple[Build, oracles.Asker]) -> None:
    one, asker = asked
    whole = "DEFAULT:!EXP;-RSA+AES,+TLSv1.2 @STRENGTH:@SECLEVEL=2:ECDHE-RSA-AES128-SHA+SHA:!A*:x"
    _agree(one, asker, [whole[:end] for end in range(1, len(whole))])


def test_the_shipped_tables_are_the_librarys_own(asked: tuple[Build, oracles.Asker]) -> None:
    one, asker = asked
    if oracles.oracle(one.name).kind not in {"ctypes", "system"}:
        pytest.skip("its tables lie inside another program's library")
    folder = files("hardening.tls") / "data" / "openssl"
    shipped = json.loads((folder / "builds" / f"{one.name}.json").read_text("utf-8"))
    keywords = json.loads((folder / "keywords.json").read_text("utf-8"))[shipped["keywords"]]
    real = asker.tables(one.generation)
    assert real["ciphers"] == shipped["ciphers"]
    assert real["keywords"] == keywords


def _no_set_up(cipher: Cipher) -> bool:
    """Whether a client sends it without being given a key, a password or a ticket first."""
    suite = cipher.suite
    return suite is None or not any(w in suite.kx + suite.auth for w in ("PSK", "SRP", "KRB5", "GOST"))


def test_the_hello_of_the_library_follows_from_the_data(asked: tuple[Build, oracles.Asker]) -> None:
    one, asker = asked
    if one.name == "1.0.2e-nassl-legacy":
        pytest.skip("its binding cannot be asked for a ClientHello")
    for level in (None, 0, 1, 2, 3, 4) if one.security_level is not None else (None,):
        string = "ALL" if level is None else f"ALL:@SECLEVEL={level}"
        sent = hello.parse(asker.hello(string))
        versions = spoken(one, level)
        if one.generation == "3.0":  # it offers what it cannot do at this level
            versions = spoken(build("1.1.1w-upstream"), one.security_level if level is None else level)
        offered = [c.code for c in resolve(string, one).suites if _no_set_up(c) and not c.sslv2]
        at = one.security_level if level is None else level
        wanted = [
            c.code
            for c in resolve(string, one).suites
            if c.code in offered and not c.sslv2 and any(usable(c, p, at) for p in versions)
        ]
        signalling = {s.code for s in registry.suites() if s.scsv}
        assert [code for code in sent.suites if code not in signalling] == wanted
        if "TLSv1.3" in one.protocols:
            assert {registry.WIRE_VERSIONS[v] for v in versions} - {0x300} == set(sent.versions)
        if level is None:
            groups = {g.id: g.name for g in registry.groups()}
            assert tuple(groups[g] for g in sent.numbers(10, 2)) == one.groups
            schemes = {s.id: s.name for s in registry.schemes()}
            assert tuple(schemes[s] for s in sent.numbers(13, 2)) == one.schemes


A, B = "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"
SUITES13 = (
    "", ":", A, f"{A}:{B}", f"{B}:{A}:{B}", f" {A} :\t{B}", f"{A},{B}", f"{A}::{B}", "FOO", f"{A}:FOO", A.lower(), "AES128-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA", f"{A}:TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_AES_128_CCM_8_SHA256",
    "TLS_SHA256_SHA256", f"TLS_SHA384_SHA384:{A}", A + ":" + "X" * 100,
)  # fmt: skip


@pytest.mark.parametrize("name", ["1.1.1g-upstream", "1.1.1k-rh", "1.1.1w-upstream", "3.5.9-debian13"])
def test_the_setting_for_tls13_is_read_as_in_the_real_library(name: str) -> None:
    oracles.needed(name)
    with oracles.Asker(name) as asker:
        for string, real in zip(SUITES13, asker.suites13(SUITES13), strict=True):
            mine = resolve("ALL", build(name), ciphersuites=string)
            assert [c.code for c in mine.tls13] == (real or []), string
            assert (mine.error is None) is (real is not None), string
