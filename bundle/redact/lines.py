"""Lines of logs and configurations without the secrets in them.

Forms that are known first, then what stands behind a word for a secret, then everything that is not plain.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from bundle.redact.plain import masked, named

_NAMED = r"(?:pass(?:word|wd|phrase)?|kennwort|pwd|secret|token|api[_-]?key)"
_QUOTED = r"""(?:"(?:\\.?|[^"\\])*(?:"|$)|'(?:\\.?|''|[^'\\])*(?:'|$))"""
"""What is in quotes may hold blanks, and its end may be missing."""
_VALUE = rf"""(?:{_QUOTED}|[^\s'",;&|]+)"""
_HEADER = r"""authorization['"]?\s*[:=]\s*['"]?"""
"""As a client shows it, or a program that has it in an object."""
_SECRETS = (
    # SQL
    re.compile(rf"(?i)\b(identified\s+(?:with\s+['\"]?\w+['\"]?\s+)?(?:by|as)\s+(?:password\s+)?){_QUOTED}"),
    re.compile(rf"(?i)(\bpassword\s*\(\s*){_QUOTED}"),
    # name = value, except MySQL's `(using password: YES)`; an element of XML
    re.compile(rf"(?i)({_NAMED}\w*\s*['\"]?\s*(?:=>|[=:])\s*)(?!(?:yes|no)\)){_VALUE}"),
    re.compile(rf"(?i)({_NAMED}\w*>)[^<\s][^<]*(?=</)"),
    # options of programs
    re.compile(rf"(?i)(--password=|--pass=|\bsshpass\s+-p\s*){_VALUE}"),
    re.compile(
        rf"(?i)((?<=\s)-[a-z-]{{0,24}}(?:pass(?:word|wd|phrase)?|secret|token|api-?key|pwd?)\s+)(?!-){_VALUE}"
    ),
    re.compile(rf"(\bmysql\w*\b[^|;]{{0,200}}?\s-p)(?![\s-]){_VALUE}"),
    re.compile(rf"(\bmysqladmin\b[^|;]{{0,200}}?\spassword\s+){_VALUE}"),
    re.compile(
        rf"(\b(?:user(?:add|mod)|unzip|zip|7za?|unrar|rar)\b[^|;]{{0,200}}?\s-[pP]\s*)(?![\s-]){_VALUE}"
    ),
    re.compile(rf"(\bldap[a-z]+\b[^|;]{{0,200}}?\s-w\s*)(?![\s-]){_VALUE}"),
    re.compile(r"((?<=\s)(?:-[uU]|--user|--proxy-user)[\s=]\s*['\"]?[^\s:%'\"]+[:%])[^\s'\"]+"),
    re.compile(r"(\becho\s+)[^|]{1,200}(?=\|\s*(?:sudo\s+)?[\w/]*(?:passwd\s+--stdin|chpasswd)\b)"),
    re.compile(rf"(\bsnmp[a-z]+\b[^|;]{{0,200}}?\s-c\s*)(?![\s-]){_VALUE}"),
    # arguments of calls that log in, as PHP prints them in the trace of an exception
    re.compile(
        r"(?i)(\b(?:\w{0,24}connect|\w{0,24}login|(?:pdo|mysqli|soapclient)->__construct)\()(?=[^)\n]{0,200}['\"])[^)\n]*"
    ),
    # commands that take a password by its place
    re.compile(rf"(\bhtpasswd\s(?:-\S+\s+){{0,4}}\S+\s+\S+\s+){_VALUE}"),
    re.compile(rf"(\b(?:add_user|change_password|net\s+user)\s+\S+\s+){_VALUE}"),
    re.compile(rf"(\bredis-cli\b[^|;]{{0,200}}?\s-a\s*){_VALUE}"),
    # addresses and headers
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@]{0,200}:)\S+(?=@)"),
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@]+:)[^\s/@]+(?=@)"),
    re.compile(rf"(?i)({_HEADER}(?:basic|bearer|token|negotiate|ntlm)\s+)(?:{_QUOTED}|[^\s'\"]+)"),
    re.compile(rf"(?i)({_HEADER}(?:digest|oauth|aws4-hmac-sha256)\s)[^\n]+"),
    # words that tell of one, where it looks like one: `token expired` and `Bearer realm=` do not
    re.compile(r"(?i)((?:token|\bbearer)\s+['\"]?)(?=[^\s\d]{0,200}\d)[\w.~+/=-]{8,}"),
)
_LONGEST = 300
_LOOKED_AT = 2000


def clear(text: str, explained: Collection[str] = ()) -> str:
    """Return the text with all replaced by `***` that may be a secret; words in `explained` are none.

    Of each line 2,000 characters are looked at; what is behind them is left out.
    """
    return "\n".join(_clear(line, explained) for line in text.split("\n"))


def _clear(line: str, explained: Collection[str]) -> str:
    rest = "…" if len(line) > _LOOKED_AT else ""
    line = line[:_LOOKED_AT]
    for pattern in _SECRETS:
        line = pattern.sub(r"\1***", line)
    return masked(named(line), explained) + rest


def cut(line: str) -> str:
    """Return at most 300 characters of a line, each of which can be printed."""
    line = "".join(c if c.isprintable() else "?" for c in line.strip())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def redacted(line: str, explained: Collection[str] = ()) -> str:
    """Return the line, at most 300 characters of it, with all replaced by `***` that may be a secret."""
    return cut(clear(line, explained))
