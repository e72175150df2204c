"""Variables of configurations, filled in as far as an honest value grows: each may be twice the one before."""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST = 1 << 14
"""Letters of a value with what its variables stand for: Exim takes no more (big_buffer_size), OpenSSL four times as many."""
OVERGROWN = f"its variables expand to more than {LONGEST} letters"


class OvergrownError(Exception):
    """A value is longer than any that is meant."""


def filled(pattern: re.Pattern[str], text: str, piece: Callable[[re.Match[str]], str]) -> str:
    """Return a text with what its variables stand for. Errors: OvergrownError, before it has grown."""
    size = len(text)

    def counted(found: re.Match[str]) -> str:
        nonlocal size
        value = piece(found)
        size += len(value) - len(found[0])
        if size > LONGEST and len(value) > len(found[0]):
            raise OvergrownError
        return value

    return pattern.sub(counted, text)


def replaced(text: str, name: str, value: str) -> str:
    """Return a text with a macro's name replaced wherever it stands. Errors: OvergrownError, before it has grown."""
    count = text.count(name)
    if count and len(value) > len(name) and len(text) + count * (len(value) - len(name)) > LONGEST:
        raise OvergrownError
    return text.replace(name, value)
