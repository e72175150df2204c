"""The first texts are searched without compiling; the words that are asked ahead lose no match."""

from __future__ import annotations

import logging
import random
import re
from pathlib import Path

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.rules import factors, pattern_gate
from bundle.detect.credentials.rules.pattern_gate import PatternGate
from tests.support.bundle.detect.credentials.made_hits import made

PATTERNS = ("abc[0-9]{2}", "(?i)secret=", "x{3}")


def test_the_first_texts_are_searched_without_compiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(pattern_gate, "_FEW", 30)
    one = PatternGate(PATTERNS)
    for engine in ("plain", "plain", "hyperscan"):
        assert one.hits(b"abc12 SECRET=x") == {0: [5], 1: [13]}
        assert one.engine == engine
    assert PatternGate(PATTERNS).engine == "hyperscan"  # it is kept


def test_who_compiles_many_patterns_is_told_where_they_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # An earlier test of this process may have been told, or have asked for quiet.
    pattern_gate._announce.cache_clear()
    caplog.set_level(logging.WARNING, logger="harden")
    PatternGate([f"word{number}" for number in range(100)], engine="hyperscan")
    assert f"kept in {tmp_path}" in caplog.text


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?i)Pass(word)?=", {b"pass"}),
        ("a(bcd|efg)h?", {b"bcd", b"efg"}),
        ("(ab|[0-9])x", {b"x"}),
        ("(abcd){0,3}", set()),
        ("[ab]c{2}", {b"c"}),
        ("(ab|)", set()),
    ],
)
def test_words_without_which_nothing_matches(pattern: str, words: set[bytes]) -> None:
    assert set(factors.needed(pattern)) == words


def test_every_match_holds_one_of_the_words(credentials: Credentials) -> None:
    pick = random.Random(11)
    patterns = sorted({p for p in credentials.gates.whole.patterns if p})
    told = 0
    for pattern in pick.sample(patterns, 300):
        words = factors.needed(pattern)
        for _ in range(5):
            text = made(pattern, pick).encode("latin-1")
            if match := re.search(pattern.encode(), text, re.MULTILINE):
                assert not words or any(word in match[0].lower() for word in words), pattern
                told += bool(words)
    assert told > 1000
