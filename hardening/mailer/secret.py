"""A value that must not be printed, and a filter that keeps known values out of every text."""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Iterable
from typing import NoReturn

MASK = "[secret]"
_LONGEST = 300  # characters of what an answer says that are told
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*")
_BEARER = re.compile(r"(?i)(bearer[ =]+)[A-Za-z0-9._~+/=-]{12,}")
_BLOB = re.compile(r"\bdXNlcj[A-Za-z0-9+/=]{20,}")  # Base64 of `user=`: what XOAUTH2 sends


_hidden: tuple[Secret, ...] = ()


def hide(values: Iterable[Secret]) -> None:
    """Mask these values in every text from now on, in place of those before: of the settings that were read last."""
    global _hidden  # noqa: PLW0603 - one settings file a process; a text may be printed far from it
    _hidden = tuple(sorted(dict.fromkeys(values), key=lambda one: -len(one.reveal())))


class Secret:
    """A string that shows itself only through `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


def forms(value: str) -> tuple[str, ...]:
    """Return the spellings in which a value travels: itself, in Base64 and URL-quoted."""
    raw = value.encode()
    spelled = (
        value,
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        urllib.parse.quote(value, safe=""),
        urllib.parse.quote_plus(value),
    )
    return tuple(dict.fromkeys(one for one in spelled if len(one) >= 4))  # noqa: PLR2004 - shorter would mask words


def masked(text: str, *secrets: Secret) -> str:
    """Return text without the secrets, in any of their forms, and without anything that looks like a token."""
    for secret in (*secrets, *_hidden):
        for form in forms(secret.reveal()):
            text = text.replace(form, MASK)
    text = _TOKEN.sub(MASK, text)
    return _BLOB.sub(MASK, _BEARER.sub(r"\1" + MASK, text))


def redacted(text: object, *secrets: Secret) -> str:
    """Return what an answer says, masked and of bounded length: whoever answers may be no mail service, and say what it was sent."""
    return masked(str(text), *secrets)[:_LONGEST]
