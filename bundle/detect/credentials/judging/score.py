"""How likely it is that a generator drew a value: one sum over named features, with weights in a data file.

`bundle/data/credentials/decide/score.toml` has a weight for each feature and two limits. `make score` fits the weights; it says what
they were fitted on. `harden bundle explain` prints what each feature adds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from math import log2

from bundle.detect.credentials.judging.letters import is_odd, triples
from hardening.toml_rows import Table

_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^A-Za-z0-9]+")
_HEXADECIMAL = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_LEET = str.maketrans("01345789@$!", "oieastbgasi")
_JOINERS = frozenset("-_./: ")
_OF_PROGRAMS = frozenset("()[]{}<>$%\\|'\"`")
_WORD = 4
"""Letters from which a piece can be a word."""
_MOST = 64
"""Characters that are looked at: more of them do not change the answer."""
_DIFFERENT = 16
"""Different characters that are expected of a long value."""
_HEXADECIMAL_DIGITS = 14
"""Fewer hexadecimal digits are as often an address of an interface or a short checksum."""
_FEWEST = 8
"""Characters of the shortest value that says something by itself."""


def features(value: str) -> Mapping[str, float]:
    """Return the features of a value by name; numbers of things are square roots, so that length does not outweigh form."""
    text = value[:_MOST]
    size = max(1, len(text))
    pieces = _PIECE.findall(text)
    kinds = [_kind(c) for c in text]
    strange = triples(text.lower().translate(_LEET)) if any(c.isdigit() for c in text) else triples(text)
    words = sum(len(p) for p in pieces if len(p) >= _WORD and p.isalpha() and not is_odd(p.lower()))
    hexadecimal = _HEXADECIMAL.fullmatch(text) is not None and {0, 1} <= {min(1, kind) for kind in kinds}
    return {
        "length": log2(size),
        "kinds": len(set(kinds)),
        "digits": kinds.count(0) / size,
        "signs": kinds.count(3) / size,
        "kinds-of-signs": len({c for c in text if not c.isalnum()}) ** 0.5,
        "joiners": sum(c in _JOINERS for c in text) / size,
        "signs-of-programs": sum(c in _OF_PROGRAMS for c in text) / size,
        "pieces": len(pieces) ** 0.5,
        "changes": sum(a != b for a, b in pairwise(kinds)) / size,
        "strange-triples": sum(strange) ** 0.5,
        "triples-of-words": (len(strange) - sum(strange)) ** 0.5,
        "words": words / size,
        "has-word": float(words > 0),
        "repetition": max(0, 1 - len(set(text)) / min(size, _DIFFERENT)),
        "counted": _counted(text),
        "hexadecimal": log2(size / _HEXADECIMAL_DIGITS) if hexadecimal else 0,
    }


def _kind(sign: str) -> int:
    return 0 if sign.isdigit() else 1 if sign.islower() else 2 if sign.isupper() else 3


def _counted(text: str) -> float:
    """Return the share of letters and digits that go up one by one, as a person types them: `1a2b3c4d`."""
    runs = ([ord(c) for c in text.lower() if kind(c)] for kind in (str.isalpha, str.isdigit))
    return sum(b - a in (0, 1) for run in runs for a, b in pairwise(run)) / max(1, len(text))


@cache
def weights() -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return the weights of the features, and the limits by name. Errors: DataError."""
    whole = Table.load(files("bundle") / "data" / "credentials" / "decide" / "score.toml")
    weighed, limits = (
        {key: table.value(key, float) for key in table.keys()}  # noqa: SIM118 - a table, not a mapping
        for table in (whole.table("weight"), whole.table("limit"))
    )
    whole.done()
    return weighed, limits


def contributions(value: str) -> Mapping[str, float]:
    """Return what each feature of a value adds to its score; `always` is what every value has."""
    weighed = weights()[0]
    return {"always": weighed["always"]} | {
        name: weighed[name] * feature for name, feature in features(value).items() if feature
    }


@lru_cache(maxsize=1024)
def score(value: str) -> float:
    """Return the logarithm of the odds that a generator drew a value."""
    return sum(contributions(value).values())


def is_drawn(value: str) -> bool:
    """Return whether a generator drew a value, rather than a person or a program that names something."""
    return len(value) >= _FEWEST and score(value) >= weights()[1]["drawn"]


def is_surely_drawn(value: str) -> bool:
    """Return whether a value proves by itself that a generator drew it, so that a program may replace it."""
    return len(value) >= _FEWEST and score(value) >= weights()[1]["sure"]


def is_of_all_signs(value: str) -> bool:
    """Return whether a generator drew a value from a whole keyboard, blanks too, as it does WordPress's keys and salts."""
    return is_drawn(value) and features(value)["kinds-of-signs"] >= weights()[1]["keyboard"]
