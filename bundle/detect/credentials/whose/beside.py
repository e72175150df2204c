"""The account of a password, by the setting next to it whose name goes with its own."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.whose.accounts import (
    ACCOUNT,
    OF_A_CREDENTIAL,
    PASSWORD_SETTING,
    VALUE,
    is_somebody,
)

NEAR = 400
"""Bytes to either side in which the account's setting is."""
_SETTING = re.compile(
    rf"""(?i)(?P<key>{ACCOUNT})(?:["'\]]{{0,3}}\s{{0,8}}(?:=>|:=|=|:|,)\s{{0,8}}(?P<q>["']?)|["']\s{{1,8}}value\s{{0,4}}=\s{{0,4}}(?P<p>["'])|>\s{{0,8}})(?P<v>{VALUE})(?P<end>["'<\s,;}})&\]]|$)"""
)
"""A setting that names an account: in an assignment, as a name with its value, in an element. What its name has before that is read backwards, which is far quicker."""
_OF_A_NAME = string.ascii_letters + string.digits + "_.$-"
_LONGEST_FRONT = 40
_IS_ONE = re.compile(rf"(?i)(?:{OF_A_CREDENTIAL})\d{{0,2}}$")
_LAST = re.compile(rf"(?i)(?:{OF_A_CREDENTIAL}|{ACCOUNT})\d{{0,2}}$")
_FAR = 2
"""Lines over which a bare `user` goes with a password whose name has more to it, and the other way round."""


def beside(text: str, start: int, one: Catch, kind: str) -> list[str]:
    """Return the accounts of the settings next to a password (from `start` on) whose names go with it, the nearest first.

    In a program an account is a literal. What stands behind the password counts beside one before it only if no other password follows.
    """
    if not _IS_ONE.search(one.key.rstrip("\"']")):
        return []
    key, quoted, end = one.key, kind == place.CODE, start + one.end - one.start
    front = _front(key)
    named = text.rfind(key, 0, start)
    begin = named if named >= 0 else start
    found = [m for m in _SETTING.finditer(text) if _may_be(m, quoted=quoted)]
    accounts: list[str] = []
    for other in _nearest(found, begin, end):
        before = text[max(0, other.start() - _LONGEST_FRONT) : other.start()]
        name = before[len(before.rstrip(_OF_A_NAME)) :]
        first_sign = other.start() - len(name)
        between = text[other.end() : begin] if other.end() <= begin else text[end:first_sign]
        own = _front(name + other["key"])
        goes = own == front or (not (own and front) and between.count("\n") <= _FAR)
        if goes and not PASSWORD_SETTING.search(between) and "\n\n" not in between and "\n[" not in between:
            last = other.start() < begin or not accounts or not PASSWORD_SETTING.search(text, other.end())
            accounts += [other["v"].strip()] if last else []
    return accounts


_HEADS = re.compile(
    rf"""(?m)^(?P<indent>[ \t]*)(?:-[ ]+name:[ ]*["']?|(?P<flat>dn:[ ]*|olcRootDN:[ ]*|rootdn[ \t]+["']?)|(?:edit|user)[ ]+["']?)(?P<v>{VALUE})["']?[ \t]*\{{?[ \t\r]*$"""
)
"""What the entry of an account begins with: in a list of YAML, of LDIF, in the configuration of a device."""


def headed(view: View, one: Catch) -> str:
    """Return the account whose entry a value is in: one that begins a few lines above, with no other between."""
    text = view.text(max(0, one.start - NEAR), one.start)
    found = [m for m in _HEADS.finditer(text) if is_somebody(m["v"])]
    if not found:
        return ""
    last = found[-1]
    between = text[last.end() :].split("\n")[1:]
    indent = len(last["indent"])
    inner = all(
        line.strip() and (len(line) - len(line.lstrip()) > indent or last["flat"]) for line in between[:-1]
    )
    return str(last["v"]) if inner and between else ""


def _nearest(found: list[re.Match[str]], start: int, end: int) -> Iterator[re.Match[str]]:
    """Yield what stands before a value, the nearest first, and then what stands behind it: accounts come first."""
    yield from sorted((m for m in found if m.end() <= start), key=lambda m: start - m.end())
    yield from sorted((m for m in found if m.start() >= end), key=lambda m: m.start() - end)


def _may_be(found: re.Match[str], *, quoted: bool) -> bool:
    marked = bool(found["q"] or found["p"]) or found["end"] == "<"
    return is_somebody(found["v"]) and (marked or not quoted)


def _front(name: str) -> str:
    """Return what a name has before its word for a password or an account, without signs: `db` of `db.password`."""
    last = name.rpartition("[")[2].rpartition("->")[2]
    return re.sub(r"[\W_]", "", _LAST.sub("", last.strip("\"'$ "))).lower()
