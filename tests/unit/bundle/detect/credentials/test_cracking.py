"""Password hashes against what other programs make of the same words."""

from __future__ import annotations

import ctypes
import ctypes.util

import pytest
from passlib.hash import des_crypt, md5_crypt, sha512_crypt

from bundle.detect.credentials.judging import cracking

WORDS = ("admin", "Hello world!", "a" * 17, "x" * 70, "pässword")


def opens(value: str, word: str) -> bool:
    function = cracking._for(value)
    assert function is not None
    return function(word)


def test_published_vectors() -> None:
    # phpass: its own test program; NT: RFC 1320's algorithm over UTF-16; old MySQL: the manual of PASSWORD()
    assert opens("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12345")
    assert not opens("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12346")
    assert cracking.nt_hash("") == "31D6CFE0D16AE931B73C59D7E0C089C0"
    assert cracking.nt_hash("password") == "8846F7EAEE8FB117AD06BDD830B7586C"
    assert cracking.old_mysql("mypass") == "6f8c114b58f2ce9e"


def test_usual_passwords_and_the_accounts_own_name_open_a_hash() -> None:
    assert cracking.opened(sha512_crypt.using(salt="abcdefgh", rounds=5000).hash("letmein")) is True
    engine = md5_crypt.using(salt="abcdefgh").hash("engine7")
    assert cracking.opened(engine, "engine7") is True
    assert cracking.opened(engine) is False
    assert cracking.opened(engine, "a\0b") is False
    assert cracking.opened(engine, "x" * 5000) is False


def test_what_costs_too_much_is_not_tried() -> None:
    assert cracking.opened("$6$rounds=999999$abc$" + "a" * 86) is None
    assert cracking.opened("$2b$31$" + "a" * 53) is None
    assert cracking.opened("$y$j9T$abc$" + "a" * 43) is None
    assert cracking.opened("nothing") is None
    assert cracking.opened("$P$" + "F" + "a" * 30) is None


def test_bcrypt_and_des_by_the_systems_crypt() -> None:
    name = ctypes.util.find_library("crypt")
    if name is None:
        pytest.skip("there is no libcrypt")
    function = ctypes.CDLL(name).crypt
    function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_char_p, ctypes.c_char_p]
    for setting in (b"ab", b"$2b$05$abcdefghijklmnopqrstuu"):
        made = function(b"changeme", setting).decode()
        assert cracking.opened(made) is True
        assert cracking.opened(function(b"never-guessed-4711", setting).decode()) is False


def test_libpass_and_the_systems_functions_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        *(md5_crypt.using(salt="ab/Cd.12").hash(word) for word in (*WORDS, "")),
        *(sha512_crypt.using(salt="abc", rounds=1234).hash(word) for word in (*WORDS, "")),
        *(des_crypt.using(salt="ab").hash(word[:8]) for word in (*WORDS, "")),
    ]
    by_system = [[opens(value, word) for word in WORDS] for value in made]
    monkeypatch.setattr(cracking, "_system", lambda: None)
    assert [[opens(value, word) for word in WORDS] for value in made] == by_system
    assert any(map(any, by_system))


def test_no_hash_is_tried_less_for_those_of_other_members() -> None:
    if ctypes.util.find_library("crypt") is None:
        pytest.skip("there is no libcrypt, and DES takes seconds without it")
    tried = set()
    for number in range(1100):
        cracking.begin()
        tried.add(cracking.opened(f"ab{number:011}"))
    cracking.begin()
    assert tried == {False}
    assert cracking.opened(des_crypt.using(salt="cd").hash("letmein")) is True
