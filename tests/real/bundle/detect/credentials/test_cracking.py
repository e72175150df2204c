"""Password hashes against what other programs make of the same words."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bundle.detect.credentials.judging import cracking
from tests.unit.bundle.detect.credentials.test_cracking import WORDS


def openssl(*arguments: str) -> str:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing")
    done = subprocess.run(["openssl", "passwd", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("word", WORDS)
def test_crypt_hashes_are_those_of_openssl(word: str) -> None:
    assert cracking.md5_crypt(word, "ab/Cd.12", "$1$") == openssl("-1", "-salt", "ab/Cd.12", word)
    assert cracking.md5_crypt(word, "salt", "$apr1$") == openssl("-apr1", "-salt", "salt", word)
    assert cracking.sha_crypt(word, "ab/Cd.12", "5", 5000, "") == openssl("-5", "-salt", "ab/Cd.12", word)
    assert cracking.sha_crypt(word, "s", "6", 5000, "") == openssl("-6", "-salt", "s", word)
