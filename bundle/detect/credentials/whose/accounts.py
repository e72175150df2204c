"""The account of a password, by what its own line says, or its name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundle.detect.credentials.judging.keyword import kind_of
from bundle.detect.credentials.judging.score import is_drawn

VALUE = r"(?:cn|uid)=[\w.@=,-]{1,120}|[A-Za-z_][\w.@\\-]{0,63}"
"""What accounts are called."""
_NOBODY = frozenset(
    "user users username name true false null none string str varchar text required type login self this account id password passwd pass pwd secret with without and or for the in is as by if not "
    "exists identified encrypted plain plaintext cleartext value values set get local remote there default level role group admin_user role_name authentication class privilege new add edit".split()
)
_Q = r"""["'`\[]{0,2}"""
OF_A_CREDENTIAL = (
    r"pass(?:wor[dt]|wd|phrase|code)?|pwd|pw|psw|kennwort|clave|senha|heslo|haslo|parola|wachtwoord|mdp"
)
"""Names of one secret of an account."""
ACCOUNT = r"(?:user(?:[ _-]?name|[ _-]?id)?|login(?:[_-]?name)?|usr|uid|uname|account|auth[_-]?user|principal|bind[_-]?dn|benutzer(?:name)?|usuario|utilisateur)"
_STATEMENTS = tuple(
    re.compile(pattern)
    for pattern in (
        # CREATE USER x, ALTER LOGIN [x], set password for 'x'@'h', GRANT ... TO x@h
        rf"(?i)\b(?:create|alter)\s+(?:user|login|role)\s+(?:if\s+not\s+exists\s+)?{_Q}(?P<v>{VALUE})",
        rf"(?i)\b(?:for|to)\s+{_Q}(?P<v>[A-Za-z_][\w.-]{{0,63}}){_Q}\s?@",
        # INSERT INTO users (...) VALUES (1, 'x', '...
        r"(?i)\bvalues\s{0,4}\(\s{0,4}(?:\d{1,9}\s{0,4},\s{0,4})?'(?P<v>[A-Za-z_][\w.@-]{0,63})'\s{0,4},\s{0,4}[\w:(]{0,40}'?(?:\{\w{1,20}\})?$",
    )
)
_ENTRIES = tuple(
    re.compile(pattern)
    for pattern in (
        # user x, username x, set system login user x
        rf"(?i)(?<![\w-])(?:username|user|utente)\s+{_Q}(?P<v>{VALUE})",
        # x Cleartext-Password := ..., x:hash
        rf"^\s*(?P<v>{VALUE})\s+(?:[A-Za-z]+-)?Password\s{{0,4}}[:=+]",
        r"^(?P<v>[A-Za-z_][\w.@-]{0,63}):(?:\{[\w.-]{1,20}\}|\d+:\d+:[^:\s]{0,600})?$",
    )
)
"""Lines of lists, whose beginnings or words would say other things in a text."""
_PAIRS = tuple(
    re.compile(pattern)
    for pattern in (
        # user=x; User ID=x; "login": "x"
        rf"(?i)(?<![a-z]){ACCOUNT}[\"'\]]{{0,3}}\s{{0,4}}(?:={{1,3}}>?|:=?)\s{{0,4}}{_Q}(?P<v>{VALUE})",
        # <user name="x", /user add name=x, user --name=x, new User {{ Name = "x"
        rf"(?i)\b(?:user|account|login|add)\b[^;|&<>\n]{{0,24}}?\bname\s{{0,4}}=\s{{0,4}}{_Q}(?P<v>{VALUE})",
        # sc config service obj= "x", user { 'x': password => ..., | x | value |
        rf"(?i)\bobj=\s{_Q}(?P<v>{VALUE})",
        rf"(?i)\buser\s?\{{\s{{0,4}}{_Q}(?P<v>{VALUE})",
        r"^\s*\|\s{0,40}[`*]{0,2}(?P<v>[A-Za-z_][\w.@-]{0,40})[`*]{0,2}\s{0,40}\|\s{0,40}[`*]{0,2}$",
    )
)
_BEHIND = tuple(
    re.compile(pattern)
    for pattern in (
        # useradd -p ... x; echo ... | passwd --stdin x
        rf"(?:\||<<<)[^|;&\n]{{0,20}}\bpasswd\s(?:--stdin\s{{1,4}})?{_Q}(?P<v>{VALUE})",
        rf"(?:--stdin\s{{1,4}}){_Q}(?P<v>{VALUE})",
        rf"(?i)(?<![a-z]){ACCOUNT}[\"'\]]{{0,3}}\s{{0,4}}(?:=>?|:)\s{{0,4}}{_Q}(?P<v>{VALUE})",
    )
)
_ADDED = re.compile(
    rf"\b(?:useradd|usermod|adduser)\b[^|;&\n]{{0,400}}?\s{_Q}(?P<v>{VALUE}){_Q}\s*(?:$|[|;&])"
)
_NAMES = re.compile(
    r"(?:^|[^a-z])(?P<v>root|admin(?:istrator)?|sysadmin|superuser|operator|guest|postgres|keycloak|grafana|sa|sysdba|rpcuser)(?:[^a-z]{0,3}(?:user)?[^a-z]{0,2})(?:pass|pw|psw|kennwort|$)"
)
"""Accounts by whose names the settings of their passwords are called: `MYSQL_ROOTPASSWORD_SETTING`, `rootpw`, `AdminPassword`."""
PASSWORD_SETTING = re.compile(
    rf"(?i)(?<![a-z/])(?:{OF_A_CREDENTIAL}|secret)\d{{0,2}}[\"'\]]{{0,3}}\s{{0,8}}(?:=|:|,|>|value\b)"
)
"""The setting of a password: what stands before another one's is not the account of the next."""
_LONGEST = 600


def on_the_line(line: str, at: int, past: int, *, literal: bool, lists: bool) -> list[str]:
    """Return the accounts that the line of a value (from `at` to `past`) names: the nearest before it first, else what is behind.

    More than one is returned only of settings (`user=a login=b password=`), with no other password between.

    `literal`: in a program an account is one, or stands in the literal that the value does. `lists`: the line is one of a list.
    """
    before, behind = line[max(0, at - _LONGEST) : at], line[past : past + _LONGEST]
    pairs = [m for pattern in _PAIRS for m in pattern.finditer(before) if not literal or _is_literal(m)]
    found = [m for pattern in _STATEMENTS for m in pattern.finditer(before)] + pairs
    found += [m for pattern in _ENTRIES for m in pattern.finditer(before)] if lists else []
    somebody = [m for m in found if is_somebody(m["v"]) and kind_of(m["v"]) is None]
    if not somebody:
        return [] if literal else list(_behind(line, behind, past))[:1]
    nearest = max(somebody, key=lambda m: m.start("v"))
    also = [m for m in pairs if m in somebody and len(PASSWORD_SETTING.findall(before, m.end())) <= 1]
    return [nearest["v"], *(m["v"] for m in reversed(also))] if nearest in pairs else [nearest["v"]]


def _is_literal(found: re.Match[str]) -> bool:
    """Whether an account is a literal of a program, or stands in one with the value behind it."""
    text, quotes = found.string, "\"'`"
    return text[found.start("v") - 1] in quotes or not any(q in text[found.end("v") :] for q in quotes)


def _behind(line: str, behind: str, past: int) -> Iterator[str]:
    for pattern in _BEHIND:
        if (found := pattern.search(behind)) and is_somebody(found["v"]):
            yield found["v"]
    for found in _ADDED.finditer(line):
        if found.start("v") >= past and is_somebody(found["v"]):
            yield found["v"]


def in_the_name(name: str) -> str:
    """Return the account whose name is a word of a setting's."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    found = _NAMES.search(parted.lower())
    return found["v"] if found else ""


def is_somebody(name: str) -> bool:
    """Whether a name may be told: a token that stands in an account's place is not a name, and no report holds one."""
    return name.lower() not in _NOBODY and not is_drawn(name)
