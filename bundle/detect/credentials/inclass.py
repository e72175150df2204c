"""Whether what a Java class gives to a call, a field or a comparison is a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from bundle.detect.credentials import calls, naming
from bundle.detect.credentials.catch import Catch
from bundle.detect.credentials.families import Sink
from bundle.detect.credentials.javacode import ACCOUNTS
from bundle.detect.credentials.keyword import Kind, kind_of, names_an_account
from bundle.detect.credentials.values import (
    Strength,
    common,
    is_chosen,
    is_generated,
    is_placeholder,
    strength,
)
from bundle.detect.credentials.wanted import (
    ENCODERS,
    LOGS_IN,
    PAIRED,
    SETTERS,
    STORES_OPENED,
    each,
    gives,
    holds_accounts,
    holds_login,
)
from hardening.findings import Confidence

Found = tuple[str, Catch]
"""The family's name without `credential/`, and what is caught."""

_PAIR = 2
_LOGIN = re.compile(r"([\w.@-]{1,60}):([^\s:/$]{3,100})")
_ACCOUNT = re.compile(r"[a-z][\w.@-]{1,40}")


def judged(  # noqa: C901, PLR0911, PLR0912 - one return for each kind of call
    sinks: Mapping[str, Sink], name: str, given: Sequence[str | None]
) -> Found | None:
    """Judge what `javaclass.calls` says."""
    first = given[0] if given else None
    if name.startswith("="):
        found = _named(name[1:], first)
        beside = found is not None and len(given) > 1 and given[1] not in (None, first)
        return (
            (found[0], replace(found[1], confidence=max(found[1].confidence, Confidence.MEDIUM)))
            if found and beside
            else found
        )
    if name.startswith("~"):
        return _named(name[1:], first) if kind_of(name[1:]) is Kind.PASSWORD else None
    if name.startswith("*"):
        return _among(name[1:], first or "")
    if name.startswith("?#"):
        return _beside(name[2:], (given[1] if len(given) > 1 else "") or "", first or "")
    if name.startswith("?"):
        sure = naming.held_against(name[1:], first or "", account=len(given) > 1 and bool(given[1]))
        if sure is None:
            return None
        return "back-door", Catch(0, 0, first or "", key=name[1:], confidence=sure)
    if name.startswith("@"):
        return _listed(name[1:], given)
    sink = sinks.get(name.lower())
    if sink is not None:
        return _given_to(sink, given)
    if name in STORES_OPENED:
        value = given[-1]  # before it stands the entry's name
        if value and not is_placeholder(value):
            return "login-call", Catch(0, 0, value, key=name, service="key store")
        return None
    if name in ENCODERS:
        return _encoded(name, first)
    if name in PAIRED:
        found = _given_as(name, given[1]) if len(given) == _PAIR and given[1] else None
        return found and (found[0], replace(found[1], user=first or ""))
    if len(given) >= _PAIR and holds_login(name):
        return _held(name, given)
    if len(given) == _PAIR and first:
        return _set(name, first, given[1])
    bare = gives(name) if len(given) == 1 else None
    return _given_as(bare, first) if bare and first else None


def _set(name: str, key: str, value: str | None) -> Found | None:
    """Judge what a table or a default has for a key."""
    if name not in SETTERS:
        return None
    named = _named(key if kind_of(key) is Kind.PASSWORD else key.rsplit(".", 1)[-1], value)
    return named and (
        named[0],
        replace(named[1], confidence=max(named[1].confidence, Confidence.MEDIUM)),
    )


def _encoded(name: str, text: str | None) -> Found | None:
    """Judge a text that is written in Base64: an account and its password, as HTTP wants them."""
    found = _LOGIN.fullmatch(text or "")
    if found is None or (strength(found[2]) is Strength.NO and found[2].lower() not in common()):
        return None
    return "login-call", Catch(
        0, 0, found[2], key=name, user=found[1], service="HTTP", confidence=Confidence.MEDIUM
    )


def _listed(table: str, given: Sequence[str | None]) -> Found | None:
    """Judge an entry of a table of accounts."""
    user, value = given[0] or "", given[1] or ""
    if not holds_accounts(table):
        return None
    plain = _ACCOUNT.fullmatch(user) and strength(user) in (Strength.WORD, Strength.COMMON)
    told = is_chosen(value) or strength(value) is Strength.COMMON
    if not plain or not told or value.lower() == user.lower():
        return None
    return "assignment", Catch(0, 0, value, key=table, user=user, confidence=Confidence.MEDIUM)


def _among(name: str, value: str) -> Found | None:
    """Judge an element of a list of passwords; a word is one where the list says whose passwords they are."""
    one = each(name)
    sure = None if one is None or kind_of(one) is not Kind.PASSWORD else naming.judged(one, value)
    if sure is None or not (is_generated(value) or names_an_account(name[:-1]) or naming.is_joined(value)):
        return None
    return "assignment", Catch(0, 0, value, key=name, confidence=Confidence.MEDIUM)


def _beside(method: str, user: str, value: str) -> Found | None:
    """Judge what a parameter without a name is compared with: right after an account was, or in a method that lets somebody in."""
    lets_in, told = LOGS_IN.fullmatch(method), is_generated(value)
    told = told or bool(
        user and (strength(value) is Strength.COMMON or (lets_in and naming.is_joined(value)))
    )
    if not told or not (user or lets_in):
        return None
    if value.lower() in (user.lower(), *naming.DUMMIES, *ACCOUNTS):
        return None
    return "back-door", Catch(0, 0, value, key=method or "value", user=user, confidence=Confidence.MEDIUM)


def _held(name: str, given: Sequence[str | None]) -> Found | None:
    """Judge what an object is made of whose class holds an account and its password: the first two texts that stand side by side."""
    for user, value in pairwise(given):
        if (
            user
            and value
            and _ACCOUNT.fullmatch(user)
            and value != user
            and (is_chosen(value) or naming.is_joined(value))
        ):
            return "login-call", Catch(0, 0, value, key=name, user=user, confidence=Confidence.MEDIUM)
    return None


def _given_as(name: str, value: str) -> Found | None:
    """Judge what a method is given that says in its name that it takes a password."""
    said = strength(value)
    if said is Strength.NO or value.lower() == name.lower() or naming.SETTING.match(value):
        return None
    sure = Confidence.HIGH if said > Strength.WORD else Confidence.MEDIUM
    return "login-call", Catch(0, 0, value, key=name, confidence=sure)


def _given_to(sink: Sink, given: Sequence[str | None]) -> Found | None:
    """Judge what a class gives to a function that logs in."""
    value = given[sink.secret] if sink.secret < len(given) else None
    if not value or is_placeholder(value) or " " in value or naming.SETTING.match(value):
        return None
    user = given[sink.user] if 0 <= sink.user < len(given) else None
    sure = calls.sure_of_class(sink, value, user)
    if sure is None:
        return None
    return "login-call", Catch(
        0, 0, value, key=sink.callee, user=user or "", service=sink.service, confidence=sure
    )


def _named(name: str, value: str | None) -> Found | None:
    """Judge a value by the name that it is given: a field, or a key in a table."""
    confidence = None if value is None else naming.judged(name, value)
    if value is None or confidence is None or value.lower() == name.lower() or naming.SETTING.match(value):
        return None
    return "assignment", Catch(0, 0, value, key=name, confidence=confidence)
