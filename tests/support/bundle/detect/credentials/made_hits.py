"""Texts that a pattern matches, made from its own syntax tree: every branch, every count, at random."""

from __future__ import annotations

import random
import re
from typing import Any

_PARSER: Any = re._parser  # type: ignore[attr-defined]  # the tree of a pattern has no public name
_MANY = 4
_LETTERS = "abkpswxyzABKPSW0179 _-.:/=\"'<>(){}[],;|&$%#@!?*+\t"
_CLASSES = {
    "CATEGORY_DIGIT": "0179",
    "CATEGORY_SPACE": "  \t\n",
    "CATEGORY_WORD": "abpsxAKPS019_",
    "CATEGORY_NOT_SPACE": "abpsAK01.:/=-\"'",
}


def made(pattern: str, pick: random.Random) -> str:
    """Return a text that the pattern is likely to match: what looks around is not obeyed."""
    insensitive = pattern.startswith("(?i)")
    text = _sequence(_PARSER.parse(pattern), pick)
    return (
        "".join(pick.choice((c, c.swapcase())) for c in text) if insensitive and pick.random() < 0.3 else text
    )


def _sequence(items: Any, pick: random.Random) -> str:
    return "".join(_one(str(op), argument, pick) for op, argument in items)


def _one(op: str, argument: Any, pick: random.Random) -> str:
    if op == "LITERAL":
        return chr(argument)
    if op in ("NOT_LITERAL", "ANY", "IN"):
        return _letter(op, argument, pick)
    if op == "BRANCH":
        return _sequence(pick.choice(argument[1]), pick)
    if op == "SUBPATTERN":
        return _sequence(argument[3], pick)
    if op in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, inner = argument
        most = min(int(most), int(least) + pick.choice((0, 0, 1, 2, _MANY, 40)))
        return "".join(_sequence(inner, pick) for _ in range(pick.randint(int(least), most)))
    return ""


def _letter(op: str, argument: Any, pick: random.Random) -> str:
    if op == "ANY":
        return pick.choice(_LETTERS)
    if op == "NOT_LITERAL":
        return pick.choice([c for c in _LETTERS if c != chr(argument)])
    if str(argument[0][0]) == "NEGATE":
        return pick.choice([c for c in _LETTERS if not _in(argument[1:], c)] or ["a"])
    kind, value = pick.choice(argument)
    if str(kind) == "LITERAL":
        return chr(value)
    return chr(pick.randint(*value)) if str(kind) == "RANGE" else pick.choice(_CLASSES[str(value)])


def _in(kinds: Any, letter: str) -> bool:
    for kind, value in kinds:
        if str(kind) == "LITERAL" and chr(value) == letter:
            return True
        if str(kind) == "RANGE" and value[0] <= ord(letter) <= value[1]:
            return True
        if str(kind) == "CATEGORY" and letter in (" \t\n" if "SPACE" in str(value) else _CLASSES[str(value)]):
            return True
    return False
