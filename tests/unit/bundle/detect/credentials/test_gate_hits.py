r"""Vectorscan hits every line that `re` hits, for every pattern of the rules, whatever stands around it.

Some shapes of pattern are missed by the engine where other text goes before them: a class in front of a sign in front
of a repeat, as in `[ ']-\w*(pass|token)=`. A pattern that fails here has to be written without such a front.
"""

from __future__ import annotations

import random
import re

import pytest

from bundle.detect.credentials.rules.pattern_gate import PatternGate, _ends, spread
from tests.support.bundle.detect.credentials.made_hits import made

BETWEEN = ("", " ", "\n", "abcdefghijklmnopqrstuvw\n")


def around(text: str, other: str, pick: random.Random) -> bytes:
    front = other[: pick.randint(0, len(other))]
    return f"{front}{pick.choice(BETWEEN)}{text}{pick.choice(BETWEEN)}{other}".encode("latin-1")


def lines(data: bytes, ends: list[int]) -> set[int]:
    return {data.count(b"\n", 0, end - 1) for end in ends}


def missed(gate: PatternGate, texts: int, seed: int) -> tuple[list[tuple[str, bytes]], int]:
    """Return pattern and text of each hit that is missed, and how many patterns were hit at all."""
    pick = random.Random(seed)
    numbers = {pattern: number for number, pattern in enumerate(gate.patterns) if pattern is not None}
    patterns = list(numbers)
    found, met = [], 0
    for pattern, number in numbers.items():
        compiled = re.compile(pattern.encode(), re.MULTILINE)
        hit = False
        for _ in range(texts):
            other = made(pattern if pick.random() < 0.5 else pick.choice(patterns), pick)
            data = around(made(pattern, pick), other, pick)
            wanted = lines(data, _ends(compiled, data))
            hit |= bool(wanted)
            if wanted - lines(data, list(gate.hits(data).get(number, ()))):
                found.append((pattern, data))
        met += hit
    return found, met


def test_a_shape_that_is_missed_is_told() -> None:
    """The test above can fail: this pattern is one of those that had to be written anew."""
    gate = PatternGate([r"(?i)[\s\"']-[\w-]*(pass|passwd|password|pwd|pw|token)(=|\s{1,4})[\"']?[^\s\"'$-]"])
    gate.compile()
    if gate.engine == "plain":
        pytest.skip("Vectorscan is not installed")
    found, _ = missed(gate, 3000, 1)
    assert found


def test_one_of_many_words_is_many_patterns() -> None:
    names = [f"name{number}" for number in range(30)] + [r"a\.b", r"c\|d"]
    assert spread(rf"\b({'|'.join(names)})\s{{0,4}}\(") == [
        rf"\b(?:{n})\s{{0,4}}\(".replace(f"(?:{n})", n) for n in names
    ]
    for whole in (r"(a|b)c", rf"({'|'.join(names)})x|y", rf"x({'|'.join(names)})", r"a\b"):
        assert spread(whole) == [whole]
