"""What near a value says that it is an example: the word for one, or a host that is nobody's."""

from __future__ import annotations

import re

from bundle.detect.credentials.lines.places import COMPLETES
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View

_EXAMPLES = re.compile(
    r"""(?i)(?<![\w-])(?:\w{1,20}_)?(?:examples?|placeholders?)["']?\s{0,4}[=:]\s{0,4}(?=[\[{(])"""
)
_YAML = re.compile(
    r"(?m)^(?P<in>[ \t]*)(?:- )?examples?:[ \t]*\n(?:(?P=in)[ \t][^\n]*\n){0,20}(?P=in)[ \t][^\n]*\Z"
)
"""What is further in than the word for an example."""
_FOR_INSTANCE = re.compile(
    r"""(?i)(?<![\w-])(?:for (?:example|instance)[ ,:]|examples?: |e\.g\.[ ,:])[^\n"'`]{0,160}["']?\Z"""
)
"""What says in the same sentence that an example follows."""
_CARRIER = re.compile(r"""<apn\s[^<>]{0,300}\bmcc=["'][^<>]*\Z|<apn\s+value=["'](?:(?!</apn>)[\s\S])*\Z""")
"""The access point of a mobile carrier in a list of them, which everybody who has the carrier's card gets in by."""
_PLACEHOLDER = re.compile(
    r"""(?i)\bplaceholder["']?\]?\s{0,2}[=:,]\s{0,2}\{?\s{0,2}(?:(?P<q>["'`])(?:(?!(?P=q))[^\\])*|\\"(?:(?!\\")[\s\S])*)\Z"""
)
"""What a form shows in a field that nobody filled in: `placeholder='{"key": "...`."""
_ANONYMOUS = re.compile(
    r"""(?i)user(?:_?name)?["']?\s{0,4}(?:=>|=|:)\s{0,4}["']?anonymous["']?[,;]?[ \t]{0,8}(?:#[^\n]{0,80})?\n[ \t]*["'$]?[\w.]{1,30}["']?\s{0,4}(?:=>|=|:)\s{0,4}["']?\Z"""
)
"""An account that takes any password, on the line above."""
_ENTRY = 400
_OF_EVERYBODY = (_PLACEHOLDER, _FOR_INSTANCE)
_PUBLIC = (_CARRIER, _ANONYMOUS)
_OPEN, _CLOSE = "[{(", ")}]"
_FAR = 600
"""Bytes before a value in which the word is that makes an example of it."""


def is_public(view: View, at: int) -> bool:
    """Return whether everybody is meant to have a value: that of a mobile carrier, and what an anonymous account is given."""
    near = view.text(max(0, at - _ENTRY), at)
    return any(one.search(near) for one in _PUBLIC)


def explains(view: View, at: int) -> bool:
    """Whether what stands before a value begins a text for people, or brackets behind the word for examples that are still open.

    `examples=["...`, `"example": {"token": "...` of an interface.
    """
    near = view.text(max(0, at - _ENTRY), at)
    before = view.before(at)
    if place.explains(before) or COMPLETES.match(before) or any(one.search(near) for one in _OF_EVERYBODY):
        return True
    before = view.text(max(0, at - _FAR), at)
    if "example" in before and _YAML.search(before):
        return True
    for found in _EXAMPLES.finditer(before):
        depth = 0
        for sign in before[found.end() :]:
            depth += (sign in _OPEN) - (sign in _CLOSE)
            if depth == 0:
                break
        else:
            return True
    return False


_HOST = re.compile(
    r"""(?i)(?:host|server|url|uri|endpoint|gateway|remote|domain|address)\w{0,10}["']?\s{0,8}(?:=>|[=:])?\s{0,4}["']?[^\s@"']{0,60}\bexample\.(?:com|org|net)\b"""
)
"""A setting whose host is of the domains that are kept for examples (RFC 2606), and no address of mail."""
_BESIDE = 300


def beside_a_host(view: View, at: int) -> bool:
    """Whether the setting beside a value names a host that is nobody's: whoever takes the file over sets both."""
    return bool(_HOST.search(view.text(max(0, at - _BESIDE), at + _BESIDE)))


_INTRODUCED = re.compile(
    r"(?:^|\n)[ \t]*(?P<m>[#;]+|//+)[ \t]*[A-Za-z][^\n=]{10,200}:[ \t\r]*\n(?:[ \t]*(?P=m)[ \t\r]*\n){0,2}[ \t]*(?P=m)[^\n]*\Z"
)
"""A line of a comment that ends with a colon, above one that is commented out."""


def introduced(view: View, at: int) -> bool:
    """Whether a comment says right above that what is commented out is to be shown: `or, not encrypted:`."""
    return bool(_INTRODUCED.search(view.text(max(0, at - _FAR), at)))


_OF_INTEGRATION = re.compile(
    r"(?i)(?:^|/)\.(?:github/workflows|circleci|gitlab/ci)/|(?:^|/)\.(?:travis|gitlab-ci|appveyor|drone)\.ya?ml$"
)
_ELSEWHERE = re.compile(
    r"""(?i)(?:@|://|\blogin\b[^\n]{0,160}\s)(?!localhost|127\.|0\.0\.|[\w.-]*\bexample\.)(?:[a-z][\w-]*(?:\.[a-z][\w-]*){1,5}|\d{1,3}(?:\.\d{1,3}){3})(?=[\s:/"'`]|$)"""
)
"""A host that is not a service beside the job."""


def acts_elsewhere(path: str, line: str) -> bool:
    """Whether a command of continuous integration logs in to a host that outlives the job: what it gives there is no trial's."""
    return bool(_OF_INTEGRATION.search(path) and _ELSEWHERE.search(line))
