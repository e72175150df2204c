"""What a variable of a shell was given that a command takes as a password further down."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials.judging.values import is_placeholder, is_template
from bundle.detect.credentials.rules.catch import Catch

_GIVEN = r"""(?:^|[;&{(\s])(?P<name>%s)=(?:(?P<q>["'])(?P<quoted>[^"'\n$`\\]{2,100})(?P=q)(?=[\s;&|)]|$)|(?P<bare>[^\s"'$`\\;&|()<>]{2,100})(?=[\s;&|)]|$))?"""
_PATH = re.compile(r"(?:\.{0,2}|~)/[\w.-]+")


def fetched(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The literal that the variable was last given above its command, in the same text; none where it is a variable's or a command's."""
    pattern = re.compile(_GIVEN % re.escape(caught.value), re.MULTILINE)
    before = list(pattern.finditer(match.string, 0, match.start("secret")))
    if not before:
        return None
    given = before[-1]
    group = "quoted" if given["quoted"] else "bare"
    value = given[group]
    if not value or is_placeholder(value) or is_template(value) or " " in value or _PATH.match(value):
        return None
    base = caught.start - match.start("secret")
    start, end = given.span(group)
    return replace(caught, start=base + start, end=base + end, value=value, key=given["name"])


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {"fetched": fetched}
