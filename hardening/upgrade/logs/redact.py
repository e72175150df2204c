"""Log lines without the secrets that programs print into them."""

from __future__ import annotations

import re

_NAMED = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key)\w*"
_VALUE = r"""(?:"(?:\\.?|[^"\\])*(?:"|$)|'(?:\\.?|[^'\\])*(?:'|$)|[^\s'",;&]+)"""
"""A value in quotes may hold blanks, and its end may be missing."""
_SECRETS = (
    re.compile(r"(?i)\b(identified\s+by\s+(?:password\s+)?)(['\"])(?:\\.?|\2\2|(?!\2)[^\\])*(?:\2|$)"),
    re.compile(
        rf"(?i)({_NAMED}\s*['\"]?\s*[=:]\s*)(?!(?:yes|no)\)){_VALUE}"
    ),  # MySQL's `(using password: YES)`
    re.compile(rf"(?i)((?<!\S)--?(?:password|pass|passwd|token)[\s=]\s*|\bsshpass\s+-p\s*){_VALUE}"),
    re.compile(rf"(\bmysql\w*\b[^|;]*?\s-p)(?![\s-]){_VALUE}"),
    re.compile(rf"(\b(?:curl|wget)\b[^|;]*?\s-u\s*['\"]?[^\s:'\"]+:){_VALUE}"),
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@]+:)[^\s/@]+(?=@)"),
    re.compile(r"(?i)(authorization:\s*(?:basic|bearer)\s+)\S+"),
)
_LONGEST = 300


def redacted(line: str) -> str:
    """Return the line, at most 300 characters of it, with passwords and tokens replaced by `***`."""
    for pattern in _SECRETS:
        line = pattern.sub(r"\1***", line)
    line = "".join(c if c.isprintable() else "?" for c in line.strip())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
