"""One pass over a content for everything that is looked for word by word.

The walk wants to know of archives in it, and of payloads it may carry; detectors name words of their own ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from bundle.walk import embedded
from bundle.walk.derive import SCRIPTS, wrapped
from bundle.walk.literals import Gate

_OWN = (*embedded.MARKS, *wrapped.ASKED, *embedded.OWN)
_TELLING = frozenset(_OWN) - {wrapped.SELF}


@cache
def _gate(words: tuple[bytes, ...]) -> Gate:
    return Gate((*_OWN, *words))


def hits(form: str, content: bytes, words: tuple[bytes, ...]) -> Mapping[bytes, int] | None:
    """Return which marks and words a content holds, each with its first offset; None where readers ask for themselves."""
    return _gate(words).hits(content) if words or form in SCRIPTS else None


def is_bare(form: str, content: bytes, hits: Mapping[bytes, int]) -> bool:
    """Whether nothing is made of a text, and nothing is in it."""
    return (
        form in SCRIPTS
        and form not in ("php", "xml")  # PHP builds every word at run time
        and _TELLING.isdisjoint(hits)
        and (wrapped.SELF not in hits or b"\0" not in content)
    )
