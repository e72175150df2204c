"""Words without which a pattern cannot match: `re` is asked only of the patterns whose words a text holds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from hardening import user_cache

KIND = "words"
"""The folder of kept words among those of `user_cache`."""
_WORTH = 4
"""Letters of a word beyond which a longer one excludes hardly more texts."""
_MOST = 80
"""Words beyond which looking for them costs more than the pattern."""


def of_all(patterns: Sequence[str]) -> list[tuple[bytes, ...]]:
    """Return what `needed` does for each pattern, kept between runs: parsing them takes a tenth of a second."""
    made = hashlib.sha256(b"1")
    for pattern in patterns:
        made.update(b"%d\0" % len(pattern) + pattern.encode())
    name = made.hexdigest()
    if kept := user_cache.read(KIND, name):
        return [tuple(word.encode("latin-1") for word in words) for words in json.loads(kept)]
    found = [needed(pattern) for pattern in patterns]
    kept = json.dumps([[word.decode("latin-1") for word in words] for words in found]).encode()
    user_cache.write(KIND, name, kept)
    return found


def needed(pattern: str) -> tuple[bytes, ...]:
    """Return words in small letters of which each match holds one, whatever its case; none where that cannot be told."""
    parsed = re._parser.parse(pattern.encode(), re.MULTILINE)  # type: ignore[attr-defined]  # noqa: SLF001 - the only parser that reads what `re` does; what it does not know costs time, never a match
    return tuple(sorted(_of_sequence(parsed)))


def _of_sequence(items: Iterable[tuple[Any, Any]]) -> frozenset[bytes]:
    """Return the most telling of the sets of words of which a sequence needs one each."""
    best: frozenset[bytes] = frozenset()
    run = b""
    for operation, value in items:
        if str(operation) == "LITERAL":
            run += bytes((value,)).lower()
            continue
        best = max(best, frozenset((run,) if run else ()), _of_item(str(operation), value), key=_telling)
        run = b""
    return max(best, frozenset((run,) if run else ()), key=_telling)


def _of_item(operation: str, value: Any) -> frozenset[bytes]:
    if operation == "SUBPATTERN":
        return _of_sequence(value[-1])
    if operation in {"MAX_REPEAT", "MIN_REPEAT"}:
        return _of_sequence(value[2]) if value[0] else frozenset()
    if operation == "BRANCH":
        each = [_of_sequence(one) for one in value[1]]
        words = frozenset().union(*each)
        return words if all(each) and len(words) <= _MOST else frozenset()
    return frozenset()


def _telling(words: frozenset[bytes]) -> tuple[int, int]:
    """Return how much a text without the words excludes: short words and many of them exclude little."""
    return (min(_WORTH, *map(len, words)), -len(words)) if words else (0, 0)
