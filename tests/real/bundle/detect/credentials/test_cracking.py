"""Password hashes against what other programs make of the same words."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bundle.detect.credentials.judging import cracking
from tests.unit.bundle.detect.credentials.test_cracking import WORDS, opens


def openssl(*arguments: str) -> str:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing")
    done = subprocess.run(["openssl", "passwd", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("system", [True, False])
@pytest.mark.parametrize("word", WORDS)
def test_hashes_of_openssl_are_opened_by_their_word(
    word: str, system: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not system:
        monkeypatch.setattr(cracking, "_system", lambda: None)
    made = [
        openssl("-1", "-salt", "ab/Cd.12", word),
        openssl("-apr1", "-salt", "salt", word),
        openssl("-5", "-salt", "ab/Cd.12", word),
        openssl("-6", "-salt", "s", word),
    ]
    assert [value for value in made if not opens(value, word)] == []
    assert [value for value in made if opens(value, word + "x")] == []
