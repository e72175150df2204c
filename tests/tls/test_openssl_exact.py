"""The resolver says what the real libraries say, string for string, in order."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hardening.tls import registry
from hardening.tls.openssl import Build, Cipher, build, resolve, spoken, usable

HERE = Path(__file__).parent
COUNT = 300


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


oracles = _load("oracles")
grammar = _load("oracle_grammar")
hello = _load("oracle_hello")


@pytest.fixture(scope="module", params=[o.build for o in oracles.ORACLES])
def asked(request: pytest.FixtureRequest) -> Iterator[tuple[Build, object]]:
    """A build, and the process that holds the real library."""
    oracle = oracles.oracle(request.param)
    if not oracle.present:
        reason = f"{oracle.build} is not here; `make oracles` brings it"
        if os.environ.get("CI") == "true" and oracle.kind != "system":
            pytest.fail(reason)
        pytest.skip(reason)
    with oracles.Asker(oracle.build) as asker:
        yield build(oracle.build), asker


def _said(string: str, one: Build, *, names: bool) -> list[int] | list[str] | str:
    resolved = resolve(string, one)
    if resolved.error:
        return resolved.error
    return [c.name for c in resolved.ciphers] if names else [c.code for c in resolved.ciphers]


def _agree(one: Build, asker: object, strings: list[str]) -> None:
    answers = asker.lists(strings)  # type: ignore[attr-defined]  # the module is loaded by path
    for string, real in zip(strings, answers, strict=True):
        names = isinstance(real, list) and isinstance(real[0], str)
        assert _said(string, one, names=names) == real, f"{one.name}: {string!r}"


def test_random_strings_resolve_as_in_the_real_library(asked: tuple[Build, object]) -> None:
    one, asker = asked
    _agree(one, asker, list(grammar.strings(one, 20_260_101, COUNT)))


def test_every_keyword_and_every_name_alone(asked: tuple[Build, object]) -> None:
    one, asker = asked
    keywords, names = grammar._vocabulary()
    _agree(one, asker, [*keywords, *names, *grammar.ODD, *grammar.REAL, *grammar.SUITE_B])


def test_a_string_cut_anywhere(asked: tuple[Build, object]) -> None:
    one, asker = asked
    whole = "DEFAULT:!EXP;-RSA+AES,+TLSv1.2 @STRENGTH:@SECLEVEL=2:ECDHE-RSA-AES128-SHA+SHA:!A*:x"
    _agree(one, asker, [whole[:end] for end in range(1, len(whole))])


def _no_set_up(cipher: Cipher) -> bool:
    """Whether a client sends it without being given a key, a password or a ticket first."""
    suite = cipher.suite
    return suite is None or not any(w in suite.kx + suite.auth for w in ("PSK", "SRP", "KRB5", "GOST"))


def test_the_hello_of_the_library_follows_from_the_data(asked: tuple[Build, object]) -> None:
    one, asker = asked
    if one.name == "1.0.2e-nassl-legacy":
        pytest.skip("its binding cannot be asked for a ClientHello")
    for level in (None, 0, 1, 2, 3, 4) if one.security_level is not None else (None,):
        string = "ALL" if level is None else f"ALL:@SECLEVEL={level}"
        sent = hello.parse(asker.hello(string))  # type: ignore[attr-defined]  # loaded by path
        versions = spoken(one, level)
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
            groups = registry.groups_by_id()
            assert tuple(groups[g].name for g in sent.numbers(10, 2)) == one.groups
            schemes = registry.schemes_by_id()
            assert tuple(schemes[s].name for s in sent.numbers(13, 2)) == one.schemes
