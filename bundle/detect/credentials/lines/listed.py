"""A line of a list of accounts, which settings and names of files look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials.judging import hashes
from bundle.detect.credentials.judging.keyword import kind_of
from bundle.detect.credentials.judging.values import is_placeholder, strength
from bundle.detect.credentials.lines.places import DIGESTS, SETTINGS, plain
from bundle.detect.credentials.rules.catch import Catch

_HEADS = frozenset("document title author abstract section format index files".split())
"""What a package says of its manual, in a file that ends in its section: `feed.user`."""
_LAST_OF_CAMELS = re.compile(r"(?<=[a-z])[A-Z][a-z]+$")
"""The last word of a name as programs write them: `mailAccount_relayHost`."""


_PACKED = frozenset("gz tgz bz2 xz zip jar war ear rpm deb iso img bin exe msi run".split())
"""What names of files end in, beside which a digest is theirs."""
_EXAMPLES = frozenset((("user", "hash"), ("username", "password"), ("login", "password")))
"""What tells how the lines of a list are made."""


def account(  # noqa: PLR0911 - one return for each reason that it is none
    caught: Catch, match: re.Match[str]
) -> Catch | None:
    """A password beside an account in a file that holds nothing else: a list of users."""
    last = caught.user.rsplit(".", 1)[-1].lower()
    word = last.rsplit("_", 1)[-1]
    setting = word in SETTINGS or word in DIGESTS
    if (setting and "=" in match[0]) or (last in _HEADS and ": " in match[0]):
        return None
    if kind_of(caught.user) or "checksum" in caught.user.lower() or last in _PACKED:
        return None
    camel = _LAST_OF_CAMELS.search(caught.user)
    if camel and camel[0].lower() in SETTINGS:
        return None
    value = plain(caught.value)
    if caught.user.lower() in DIGESTS or (caught.user.lower(), value.lower()) in _EXAMPLES:
        return None
    if value.startswith(("MD5:", "CRYPT:", "SHA:", "SHA-")):
        start = value.index(":") + 1
        inner = replace(caught, value=value[start:], start=caught.start + start)
        return hashes.digest(inner, match)
    marked = value == "default" and value != caught.value  # `{plain}default` says nothing else
    if (is_placeholder(value) and not marked) or re.search(r"[\s/\\]|^\{[\w.-]+\}.?$", value):
        return None
    sure = strength(value) or marked
    return caught.by("place" if sure else "label", value)


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {"account": account}
