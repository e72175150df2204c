"""What stands before a message on its line and says nothing of it: time stamps of any country, host, program, level.

The same pattern travels to hosts, so it is one that the `re` of Python 2.6 takes: no letters beyond ASCII, no named sets.
"""

from __future__ import annotations

import re

_CLOCK = r"\d\d?:\d\d:\d\d(?:[.,]\d+)?"
_WORD = r"[^\s\d:\[\]]"
"""A letter of a weekday, month or time zone in any language."""
_MONTH = rf"(?:\d\d?)?{_WORD}{{1,9}}"
_DAY = rf"\d\d?{_WORD}?"
_ZONE = r"(?:[A-Z]{2,5}|[+-]\d\d:?\d\d|\([^()]{3,12}\))"
_WEEKDAY = rf"{_WORD}{{2,10}}[.,]?"
_DATE = rf"(?:{_MONTH}\s+{_DAY},?|{_DAY}\s+{_MONTH})"
_SHORT = rf"{_DATE}\s+{_CLOCK}"
_LONG = rf"(?:{_WEEKDAY}\s+)?{_DATE},?\s+(?:\d{{4}},?\s+)?{_CLOCK}(?:\s[AP]M)?(?:\s{_ZONE})?(?:\s\d{{4}})?"
_ISO = r"\d{4}[-/.]\d\d?[-/.]\d\d?[T\s]+\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?(?:Z|[+-]\d\d:?\d\d))?"
_PRECISE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d\d:\d\d)"
"""As rsyslog writes it; what a container's output has before it is finer."""
_NUMBERS = r"\d\d?[-/.]\d\d?[-/.]\d\d(?:\d\d)?,?\s+\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s[AP]M)?"
_MYSQLD = r"\d{6}\s+\d\d?:\d\d:\d\d"
_BASIC = r"\d{8}T\d{6}(?:Z|[+-]\d{4})?"
_EPOCH = r"1\d{9}(?:\.\d{1,9})?"
_STAMP = rf"(?:{_ISO}|{_BASIC}|{_EPOCH}|{_NUMBERS}|{_MYSQLD}|{_CLOCK}|{_LONG})"
_PROGRAM = r"(?!mysqldump|mariadb-dump)[\w./()@-]+"
"""A dump's own name is a part of its message."""
_CLIENT = r"(?:[^\s:]*/)?(?:mysql(?:check|_upgrade)?|mariadb(?:-check|-upgrade)?):"
_LEVEL = r"\[?(?:ERROR|WARN(?:ING)?|FATAL|SEVERE|NOTICE|INFO|DEBUG|TRACE|STDOUT|STDERR|stdout|stderr)\]?:?(?:\s+\[[\w.-]+\]:?)?"
"""What a logger says of a line that it passes on; it is no program's own word `ERROR 1556`."""

_FORMS = (
    rf"{_SHORT}\s[^\s:]+\s{_PROGRAM}(?:\[\d+\])?:\s",  # syslog
    rf"{_ISO}\s[^\s:]+\s{_PROGRAM}\[\d+\]:\s",  # syslog with whole dates
    rf"{_PRECISE}\s[^\s:]+\s{_PROGRAM}:\s",  # the same of a program without a number
    rf"<\d{{1,3}}>(?:1\s{_ISO}(?:\s[^\s]+){{4}}\s(?:-|\[[^\]]*\])\s)?",  # syslog as it travels
    r"(?:stdout|stderr)\s[FP]\s",  # of a container
    rf"\[\s*(?:{_STAMP}|\d+\.\d+)\s*\]:?\s+",
    rf"\(\s*{_STAMP}\s*\):?\s+",
    rf"{_STAMP}:?\s+(?:-\s+)?",
    r"==>\s[\w.-]+:\s+|[ \t]+default:\s+",  # of a virtual machine that is set up
    r"[\w.-]+[-_]\d+\s+\|\s",  # of a container
    r"p=\d+\su=\S+\s(?:n=\S+\s)?\|\s+",  # Ansible's log
    r"[ \t]+",
    rf"(?:{_CLIENT}|{_LEVEL}|[+>|*-]+)\s+(?=ERROR\s\d|[Ee]rror\s*:|status\s*:|mysql\.|FATAL\sERROR:|Starting\s)",
)
PREFIXES = re.compile(rf"^(?:{'|'.join(_FORMS)})+")
