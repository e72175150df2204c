"""Password hashes against what other programs make of the same words."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable

import pytest

from bundle.detect.credentials.judging import cracking

WORDS = ("admin", "Hello world!", "a" * 17, "x" * 70, "pässword")


def test_published_vectors() -> None:
    # phpass: its own test program; NT: RFC 1320's algorithm over UTF-16; old MySQL: the manual of PASSWORD()
    assert cracking.phpass("test12345", "$P$9IQRaTwmf", 11) == "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"
    assert cracking.nt_hash("") == "31D6CFE0D16AE931B73C59D7E0C089C0"
    assert cracking.nt_hash("password") == "8846F7EAEE8FB117AD06BDD830B7586C"
    assert cracking.old_mysql("mypass") == "6f8c114b58f2ce9e"


def test_usual_passwords_and_the_accounts_own_name_open_a_hash() -> None:
    assert cracking.opened(cracking.sha_crypt("letmein", "abcdefgh", "6", 5000, "")) is True
    assert cracking.opened(cracking.md5_crypt("engine7", "abcdefgh", "$1$"), "engine7") is True
    assert cracking.opened(cracking.md5_crypt("engine7", "abcdefgh", "$1$")) is False


def test_what_costs_too_much_is_not_tried() -> None:
    assert cracking.opened("$6$rounds=999999$abc$" + "a" * 86) is None
    assert cracking.opened("$2b$31$" + "a" * 53) is None
    assert cracking.opened("$y$j9T$abc$" + "a" * 43) is None
    assert cracking.opened("nothing") is None


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


def test_own_and_systems_functions_agree() -> None:
    pairs: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("$1$ab/Cd.12$" + "x" * 22, lambda word: cracking.md5_crypt(word, "ab/Cd.12", "$1$")),
        ("$5$s$" + "x" * 43, lambda word: cracking.sha_crypt(word, "s", "5", 5000, "")),
        ("$6$rounds=1234$abc$" + "x" * 86, lambda word: cracking.sha_crypt(word, "abc", "6", 1234, "rounds=1234$")),
        ("$6$odd\0salt$" + "x" * 86, lambda word: cracking.sha_crypt(word, "odd\0salt", "6", 5000, "")),
    )  # fmt: skip
    for value, own in pairs:
        function = cracking._for(value)
        assert function is not None
        for word in (*WORDS, "", "a\0b"):
            assert function(word) == own(word), (value, word)
