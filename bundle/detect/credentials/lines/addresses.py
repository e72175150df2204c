"""The password within an address, and what of addresses holds none."""

from __future__ import annotations

import re

from bundle.detect.credentials.judging.keyword import PLAIN_WORDS, ascii_name, kind_of
from bundle.detect.credentials.judging.naming import PLACEHOLDERS
from bundle.detect.credentials.judging.values import is_example, is_generated, is_placeholder
from bundle.detect.credentials.rules.catch import Catch

_EXAMPLE_HOSTS = re.compile(
    r"(?i)(?:^|[.@])(?:example\.(?:com|org|net)|example|invalid|host(?:name)?|server|yourhost|my(?:host|server|domain)\S*|domain\.\w+|foo\.\w+|proxy|(?:db|sql|mysql|ldap|smtp|mail|ftp|remote)host)$"
)
NAME_ONLY = re.compile(r"^[A-Z][A-Z_-]*\d?$")
"""A word in capitals, as a program's settings are called."""
_NO_ACCOUNT = frozenset("user username name login foo bar me myuser".split())
"""Accounts of examples; a proxy that is called `proxy` has a real one, and a password that somebody chose."""


_OF_NOBODY = frozenset("johndoe janedoe jdoe john.doe jane.doe".split())
"""People who stand for anybody."""
_MACHINE = re.compile(
    r"(?i)(?!(?:www|api|user|host|server|my|your|some|foo|bar)\d?\.)[a-z][\w-]*\.(?:[\w-]+\.)?example\.(?:com|org|net)\b"
)
"""A machine within one of the domains that examples have, as a site that shows its files to others puts them."""
_NO_PORT = re.compile(r"[^\s:/\"'<>]{0,40}:[^\W\d]{3}")
"""A word in the place of a port, in whatever language: what stands before it are words for an account and a password."""
_NAMES = re.compile(r"(?:[A-Z][a-z]+){2,4}$")
"""What somebody has to fill in, as programs write names: `AccountSid:AuthToken`."""
_FIELD = re.compile(r"(?i)\w+_(?:password|passwd|pass|pwd)$")
_USER_FIELD = re.compile(r"(?i)\w+_(?:user|username|login)$")
"""Names of an account's and of its password, as settings and variables have them: `mysql_username:mysql_password`."""
_PORT = re.compile(r"\d{1,5}[#?,]")
"""A port behind which the address goes on: what looks like its host is no more than an anchor or a question."""


def userinfo(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The password of a URL: not one of the dummies of documentation."""
    host, value = match["host"], caught.value
    public = caught.user.lower() == "anonymous"
    named = _NAMES.match(value) and _NAMES.match(caught.user) and kind_of(value)
    fields = _FIELD.match(value) and _USER_FIELD.match(caught.user)
    public = public or bool(
        named or fields or (value.isalpha() and _NO_PORT.match(match.string, match.end()))
    )
    if public or is_placeholder(value) or value.startswith(("$", "{", "%s", "<", "[")) or _PORT.match(value):
        return None
    if _EXAMPLE_HOSTS.search(host):
        machine = "." not in host or _MACHINE.match(host)
        chosen = machine and is_generated(value) and not is_example(value)
        meant = chosen and caught.user.lower() not in _NO_ACCOUNT
        return caught.by("example-host") if meant else None
    if len(value) < 3 or (re.fullmatch(r"\d{2,5}", value) and not caught.user):  # noqa: PLR2004 - `a:b@c` of tests
        return None
    if NAME_ONLY.match(value) and kind_of(value):
        return None
    if (
        caught.user.lower() in _OF_NOBODY
        or value.lower() in PLACEHOLDERS
        or ascii_name(value.encode().decode("latin-1")).lower() in PLAIN_WORDS
    ):
        return caught.by("word-of-manuals")
    return caught
