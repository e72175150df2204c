"""One pass over a small text for everything the walk wants to know of it: archives in it, and payloads it may carry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from bundle.walk import embedded
from bundle.walk.derive import SCRIPTS, wrapped

if TYPE_CHECKING:
    from bundle.detect.gate import Gate


@cache
def _gate() -> Gate:
    from bundle.detect.gate import Gate  # here, for the detectors import the walk

    return Gate((*embedded.MARKS, *wrapped.ASKED, *embedded.OWN))


def hits(form: str, content: bytes) -> Mapping[bytes, int] | None:
    """Return which marks and words a text holds, each with its first offset; None where readers ask for themselves."""
    return _gate().hits(content) if form in SCRIPTS else None
