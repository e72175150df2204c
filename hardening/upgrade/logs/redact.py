"""Log lines without the secrets that programs print into them."""

from __future__ import annotations

import re

_SECRETS = (
    # SQL
    re.compile(
        r"(?i)\b(identified\s+(?:with\s+['\"]?\w+['\"]?\s+)?(?:by|as)\s+(?:password\s+)?)(['\"])(?:(?!\2).)*\2"
    ),
    re.compile(r"(?i)(\bpassword\s*\(\s*)(['\"])(?:(?!\2).)*\2"),
    # name = value, a quoted value as a whole; an element of XML
    re.compile(
        r"(?i)((?:pass(?:word|wd|phrase)?|kennwort|pwd|secret|token|api[_-]?key)\w*\s*['\"]?\s*[=:]\s*)(['\"])(?:(?!\2).)+\2"
    ),
    re.compile(
        r"(?i)((?:pass(?:word|wd|phrase)?|kennwort|pwd|secret|token|api[_-]?key)\w*\s*['\"]?\s*[=:]\s*)(['\"]?)[^\s'\",;&]+"
    ),
    re.compile(r"(?i)((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key)\w*>)()[^<\s][^<]*(?=</)"),
    # options of programs
    re.compile(r"(?i)(--password=|--pass=|\bsshpass\s+-p\s*)()\S+"),
    re.compile(
        r"(?i)((?<=\s)-[a-z-]{0,24}(?:pass(?:word|wd|phrase)?|secret|token|api-?key|pwd?)\s+)(['\"]?)(?![-'\"])[^\s'\"|;]+"
    ),
    re.compile(r"(\bmysql\w*\b[^|;]{0,200}?\s-p)()(?![\s-])\S+"),
    re.compile(r"(\bmysqladmin\b[^|;]{0,200}?\spassword\s+)(['\"]?)[^\s'\"|;]+"),
    re.compile(r"(\b(?:user(?:add|mod)|unzip|zip|7za?|unrar|rar)\b[^|;]{0,200}?\s-[pP]\s*)()(?![\s-])\S+"),
    re.compile(r"(\bldap[a-z]+\b[^|;]{0,200}?\s-w\s*)()(?![\s-])\S+"),
    re.compile(r"((?<=\s)(?:-[uU]|--user|--proxy-user)[\s=]\s*['\"]?[^\s:%'\"]+[:%])()[^\s'\"]+"),
    re.compile(r"(\becho\s+)()[^|]{1,200}(?=\|\s*(?:sudo\s+)?[\w/]*(?:passwd\s+--stdin|chpasswd)\b)"),
    # addresses and headers
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@]+:)()[^\s/@]+(?=@)"),
    re.compile(r"(?i)(authorization:\s*(?:basic|bearer)\s+)()\S+"),
)
_LONGEST = 300


def redacted(line: str) -> str:
    """Return the line, at most 300 characters of it, with passwords and tokens replaced by `***`."""
    for pattern in _SECRETS:
        line = pattern.sub(r"\1***", line)
    line = "".join(c if c.isprintable() else "?" for c in line.strip())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
