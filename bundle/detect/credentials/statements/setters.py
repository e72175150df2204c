"""Calls that set something by its name: the name and the value are two arguments."""

from __future__ import annotations

import re

_CALLED_WITH = re.compile(
    r"""(?i)(?:define|put|set\w*|add\w*|config|option|property|attribute|param\w*|store|update_option)\s*\(\s*(?:["'][\w. -]{1,60}["']\s*,\s*){0,2}["']$"""
)
_OPTION_SET = re.compile(r"(?i)(?:set_?opt\w*|set\w*option\w*|define|attribute)\s*\([^()\n]*,\s*$")
_SYMBOL_SET = re.compile(
    r"(?i)(?:^|[\s.(])\w{0,20}(?:set|config|option|define|store)\w{0,20}[ \t(]{1,3}(?::\w{1,40},\s?){0,2}:$"
)
"""`set :password, "..."`, as Ruby names a setting."""


_OF_NAMES = ('_parameters("', "_parameters('", '_params("', "_params('")
"""Calls that are given names: `sensitive_post_parameters("password", "password2")`."""


def sets(before: str, key: str, *, quoted_key: bool, quoted: bool) -> bool:
    """Whether what stands before a name with a comma behind it is such a call; quoted: the value is in quotes."""
    if before.endswith(_OF_NAMES):
        return False
    if quoted_key:
        return bool(_CALLED_WITH.search(before))
    if not quoted:
        return False
    if before.endswith(":"):
        return bool(_SYMBOL_SET.search(before))
    if not key.rsplit(".", 1)[-1].isupper():
        return False
    # a constant in the place of the key: put(Context.SECURITY_CREDENTIALS, "...")
    return bool(_CALLED_WITH.search(before + "'") or _OPTION_SET.search(before))
