"""Checks of entries in tables and lists of a program, and of two things that it compares at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

from bundle.detect.credentials.judging.factory import is_shipped
from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.letters import is_odd
from bundle.detect.credentials.judging.naming import DUMMIES, is_joined
from bundle.detect.credentials.judging.values import (
    SECRET_WORD,
    Strength,
    is_chosen,
    is_digest_or_id,
    is_generated,
    is_placeholder,
    strength,
)
from bundle.detect.credentials.judging.wanted import FORBIDDEN, holds_accounts
from bundle.detect.credentials.lines.places import asked
from bundle.detect.credentials.rules.catch import Catch

_OPENED = re.compile(
    r"""(?P<name>[A-Za-z_][\w]{0,40})["'\]]{0,2}\s{0,4}(?:=>?|:)\s{0,4}(?:new\s+\w{1,20}\s?)?(?:array\s?\(|[\[({])[^;()\[\]{}]*\Z"""
)
"""A table that is still open where a text ends, and its name."""
_FAR = 1500
_ACCEPTED = re.compile(r"(?i)^(?:valid|allowed|auth|known|accepted)$")
"""Names of tables that hold accounts where a value looks like a password."""


def tabled(caught: Catch, match: re.Match[str]) -> Catch | None:
    """An account that every system has and its password, in a table whose name says that accounts are in it."""
    opened = _OPENED.search(match.string, max(0, match.start() - _FAR), match.start())
    value = caught.value
    if opened is None or value.lower() == caught.user.lower() or SECRET_WORD.search(value):
        return None
    if holds_accounts(opened["name"]):
        if strength(value) is Strength.MIXED:
            return caught
        return caught.by("accounts") if is_chosen(value) else None
    sure = _ACCEPTED.match(opened["name"]) and is_generated(value)
    return caught.by("drawn") if sure else None


_GIVEN = r"""(?:\[\w{0,20}\])?["'\]]{0,2}\s{0,4}(?:=>?|:)\s{0,4}"""
_OPENS = r"(?:new\s+\w{1,20}\s?(?:\[\s?\])?\s?)?(?:array\s?\(|[\[({])"
_WHOLE_ROWS = r"(?:[^;()\[\]{}]|[\[({][^;()\[\]{}]*[\])}])*"
_ROWS = re.compile(
    rf"(?:\bstruct\s+(?P<type>\w{{1,40}})\s+)?(?P<name>[A-Za-z_]\w{{0,40}}){_GIVEN}{_OPENS}{_WHOLE_ROWS}\Z"
)
"""A table that is still open behind rows that are not, and its name."""
_NAMED = re.compile(r"[=:]")


def in_rows(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The password of a row that ends with a number, in a table whose name says that accounts are in it."""
    before = match.string[max(0, match.start() - _FAR) : match.start()].rsplit(";", 1)[-1]
    opened = _ROWS.search(before) if _NAMED.search(before) else None
    if opened is None or SECRET_WORD.search(caught.value):
        return None
    if not holds_accounts(opened["name"]) and not holds_accounts(f"{opened['type']}s"):
        return None
    usual = strength(caught.value) in (Strength.COMMON, Strength.MIXED)
    label = caught.value != caught.user and caught.value.lower() == caught.user.lower()
    return caught.by("accounts") if usual and not label else None


def several_passwords(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The first of a list of passwords; a list of those that nobody may choose is none."""
    if FORBIDDEN.search(match["key"]):
        return None
    mixed = strength(caught.value) is Strength.MIXED and is_generated(caught.value)
    return caught.by("chosen") if mixed or is_joined(caught.value) else None


_OF_ANYTHING = re.compile(r"(?i)\b(?:name|account)\s*[=,]")
"""What a program calls many things: held against one word together with another variable, it may be a page's."""


def both(caught: Catch, match: re.Match[str]) -> Catch | None:
    """What is compared right after an account was: a usual password, or one that looks like one."""
    said = strength(caught.value)
    itself = caught.value.lower() == caught.user.lower()
    shipped_so = caught.value == "default" and caught.user.lower() in _OF_SERVERS
    if itself and ((said is not Strength.COMMON and caught.value != "user") or _OF_ANYTHING.search(match[0])):
        return None
    if not (shipped_so or itself) and said not in (Strength.COMMON, Strength.MIXED):
        return None
    return caught.by("compared")


def shipped(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The password of an account that a product is known to ship with."""
    return caught.by("shipped") if is_shipped(caught.user, caught.value) else None


def shipped_and_told(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The same in a text for people, or in what a script says or does."""
    one = shipped(caught, match)
    return None if one is None else replace(one, told=True)


_SPEAKS_SNMP = re.compile(r"(?i)snmp|\boids?\b|1\.3\.6\.1|\btraps?\b")
_KNOWN_COMMUNITIES = frozenset(
    "public private string name read write readonly readwrite default none community".split()
)


def community(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The community of SNMP, a word as well, near what tells that SNMP is spoken; those that everybody knows are none."""
    value = caught.value.lower()
    if (
        value in _KNOWN_COMMUNITIES
        or "community" in value
        or is_digest_or_id(value)
        or strength(caught.value) is Strength.NO
    ):
        return None
    return caught.by("community") if _SPEAKS_SNMP.search(match.string) else None


def of_several(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The first of a list of communities, where it looks like a secret: in such a list also stand their names."""
    return caught.by("chosen") if is_chosen(caught.value) else None


def sentence(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A secret that may be a sentence, in a place that makes it one: only what asks to be replaced is none."""
    value = caught.value
    if (
        is_placeholder(value)
        or SECRET_WORD.search(value)
        or value.lower().startswith(("your", "my ", "some "))
    ):
        return None
    return caught.by("phrase")


_BYTE = re.compile(r"0x([0-9a-fA-F]{1,2})|(-?\d{1,3})")
_KNOWN_KEYS = frozenset(
    ("2b7e151628aed2a6abf7158809cf4f3c", "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
)
"""Keys of FIPS 197 and SP 800-38A, which tests of ciphers hold."""
_NO_SECRET_KEY = re.compile(
    r"(?i)pub|foreign|primary|hash|table|index|map|board|code|test|sort|magic|arrow|press"
)
_KEY_SIZES = (16, 24, 32, 64)
_ALIKE = 3
"""Every third byte may follow another by the step of the one before: more is a table that somebody counted out."""


def random_bytes(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A key of a length that ciphers take, as bytes that no table counts out."""
    if "," in caught.value:
        numbers = [int(x, 16) if x else int(n) % 256 for x, n in _BYTE.findall(caught.value)]
        key = bytes(n for n in numbers if n < 256)  # noqa: PLR2004 - a byte
    else:
        digits = caught.value.replace("\\x", "")
        key = bytes.fromhex(digits) if len(digits) % 2 == 0 else b""
    steps = [(b - a) % 256 for a, b in pairwise(key)]
    counted = sum(a == b for a, b in pairwise(steps)) * _ALIKE > len(steps)
    if len(key) not in _KEY_SIZES or counted or len(set(key)) * 4 < min(len(key), 32) * 3:
        return None
    if key.hex() in _KNOWN_KEYS or _NO_SECRET_KEY.search(match["key"]):
        return None
    return caught.by("drawn")


_RULE_OF_TABLE = re.compile(r"^\s*\|?\s*:?-{2,}")
_SIGNS_OF_TEXT = " \r`*_"
_HEAD_OF_HTML = re.compile(r"(?i)<th[^<>]{0,40}>([^<>]{0,80})</th>")
_CELL_OF_HTML = re.compile(r"(?i)<td[^<>]{0,80}>([^<>]*)</td>")


def _head_and_row(above: str, row: str) -> tuple[list[str], list[str]]:
    """Return the cells of the heading that stands above a row, in HTML or Markdown, and those of the row."""
    if row.startswith("<"):
        table = above[max(0, above.lower().rfind("<table")) :]
        return _HEAD_OF_HTML.findall(table), _CELL_OF_HTML.findall(row)
    lines = above.splitlines()
    while lines and "|" in lines[-1] and not _RULE_OF_TABLE.match(lines[-1]):
        lines.pop()
    head = lines[-2].strip().strip("|").split("|") if len(lines) > 1 and "|" in lines[-1] else []
    return head, row.strip().strip("|").split("|")


def told_in_a_table(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The cell of a row below a heading that says password, where it looks like one: a table of accounts."""
    head, row = _head_and_row(match.string[: match.start()], caught.value)
    kinds = [kind_of(name.strip(_SIGNS_OF_TEXT)) for name in head]
    if len(row) != len(head) or Kind.PASSWORD not in kinds:
        return None
    value = row[kinds.index(Kind.PASSWORD)].strip(_SIGNS_OF_TEXT)
    usual = strength(value) is Strength.COMMON and value.lower() not in DUMMIES
    usual = usual or any(is_shipped(cell.strip(_SIGNS_OF_TEXT), value) for cell in row)
    drawn = strength(value) is Strength.MIXED and is_odd(value)
    if not (usual or drawn or is_chosen(value)):
        return None
    start = caught.start + max(0, match["secret"].find(value))
    end = start + len(value.encode())
    one = replace(caught, start=start, end=end, value=value, key="password")
    return replace(one, evidence="told", told=True)


def in_users(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The first of a list of users that has their passwords; a list of names has as many words."""
    if (
        caught.user.lower() in _FIELDS
        or _ON_A_PAGE.search(caught.user)
        or caught.value == caught.user.capitalize() != caught.user
    ):
        return None  # `operator: "Operator"`, what a user is called on a page
    between = match.string[match.end("user") : match.start("secret")]
    listed = "," in between and not _IN_BRACKETS.search(match.string[match.start() : match.start("user")])
    counted = caught.value.rstrip("0123456789") == caught.user.rstrip("0123456789")
    if (listed and (counted or not is_generated(caught.value))) or _MEMBER.match(caught.value):
        return None
    return asked(caught, match)


def of_accounts(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The password of an account in a table of such, not a field of one: `credentials = {"username": "admin"}`."""
    field = caught.user.lower() in _FIELDS or _FIELD.search(caught.user) or kind_of(caught.user)
    return None if field else asked(caught, match)


_FIELD = re.compile(r"[a-z](?:Id|Key|Name|Type|Url|Host)$")


_FIELDS = frozenset(
    "id user username user_name login name email mail host hostname server url type domain realm provider driver guard model table".split()
)


_ON_A_PAGE = re.compile(r"(?i)_(?:title|text|label|header|placeholder|message)$")
"""The name of a text for people: `users: {"page_title": "Users"`."""
_IN_BRACKETS = re.compile(r"[{\[(]\s*[{\[(]\s*[\"']$")
"""An account and its password between brackets of their own."""
_MEMBER = re.compile(r"[a-z]+\.[a-z]+$")
"""What a program asks a server for: `users.list`."""


_MANY_MORE = re.compile(r"""(?:\s*,\s*["'][^"'\n]{0,40}["']){4}""")
"""Literals behind those that log in: more than there are settings of a connection."""


def of_database(caught: Catch, match: re.Match[str]) -> Catch | None:
    """Host, account and password in one list under the name of a database, which other lists are called after as well."""
    first = _FIRST.search(match[0])
    if _MANY_MORE.match(match.string, match.end()):
        return None
    return asked(caught, match) if first and _HOST.search(first[1]) else None


_WORDS_OF_IT = frozenset("user username password pass url driver".split())


def of_address(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What stands behind an address of a database and an account: any word but the names of these, or of a class."""
    value = caught.value
    if value.lower() in _WORDS_OF_IT or caught.user.lower() in _WORDS_OF_IT or _CLASS.search(value):
        return None
    return None if strength(value) is Strength.NO else caught


_CLASS = re.compile(r"^[a-z]\w*(?:\.[a-z]\w*)+\.[A-Z]\w*$")
_FIRST = re.compile(r"""(?:^|[\[(]\s*)["']([^"'\n]{1,120})["']""")
_HOST = re.compile(
    r"(?i)^(?:dbi:|[a-z]{2,10}:)|[./]|^localhost$|^(?:[a-z]{2,8}[-_])?(?:db|host|server|srv)[-_]?\d*$|^(?:mysql|mariadb|sql|postgres|pgsql|database)(?:[-_]?(?:db|host|server))?\d*$"
)
"""What a connection begins with: the host, or how it is spoken to."""


_MACHINE = re.compile(r"(?i)^(?:[a-z]+(?:-[a-z]+)*[-_]?\d{1,3}|.*[.:/].*)$")
_OF_SERVERS = frozenset("root admin sa postgres mysql dba sysdba system administrator dbadmin".split())


def behind_a_host(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What stands behind this machine and an account in a list: a generated value, for machines and words may be listed so."""
    value = caught.value
    named = caught.user.lower() in _OF_SERVERS
    if not is_chosen(value) or (_MACHINE.match(value) and not (named and "." not in value)):
        return None
    return caught.by("chosen")


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "behind-a-host": behind_a_host,
    "tabled": tabled,
    "in-rows": in_rows,
    "several-passwords": several_passwords,
    "both": both,
    "shipped": shipped,
    "shipped-told": shipped_and_told,
    "community": community,
    "generated-community": of_several,
    "sentence": sentence,
    "random-bytes": random_bytes,
    "told-in-a-table": told_in_a_table,
    "users": in_users,
    "of-accounts": of_accounts,
    "of-database": of_database,
    "of-address": of_address,
}
