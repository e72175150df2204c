"""What a variable of a shell was given that a command takes as a password further down."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials.judging.values import is_placeholder, is_template
from bundle.detect.credentials.rules.catch import Catch

_GIVEN = re.compile(
    r"""(?P<q>["'])(?P<quoted>[^"'\n$`\\]{2,100})(?P=q)(?=[\s;&|)]|$)|(?P<bare>[^\s"'$`\\;&|()<>]{2,100})(?=[\s;&|)]|$)""",
    re.MULTILINE,
)
_BEFORE = frozenset(";&{( \t\r\n\f\v")
"""What stands before a name that is given a value, at the start of a text nothing."""
_PATH = re.compile(r"(?:\.{0,2}|~)/[\w.-]+")


def fetched(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The literal that the variable was last given above its command, in the same text; none where it is a variable's or a command's."""
    text, name = match.string, caught.value
    at = text.rfind(f"{name}=", 0, match.start("secret"))
    while at > 0 and text[at - 1] not in _BEFORE:
        at = text.rfind(f"{name}=", 0, at)
    given = _GIVEN.match(text, at + len(name) + 1) if at >= 0 else None
    if given is None:
        return None
    group = "quoted" if given["quoted"] else "bare"
    value = given[group]
    if is_placeholder(value) or is_template(value) or " " in value or _PATH.match(value):
        return None
    base = caught.start - match.start("secret")
    start, end = given.span(group)
    return replace(caught, start=base + start, end=base + end, value=value, key=name)


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {"fetched": fetched}
