"""Whether what a Java class gives to a call, a field or a comparison is a secret."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from bundle.detect.credentials.java import sources
from bundle.detect.credentials.java.said import ACCOUNTS
from bundle.detect.credentials.java.written import Literal
from bundle.detect.credentials.judging import naming
from bundle.detect.credentials.judging.keyword import Kind, kind_of, names_an_account
from bundle.detect.credentials.judging.values import (
    Strength,
    common,
    is_chosen,
    is_generated,
    is_placeholder,
    strength,
)
from bundle.detect.credentials.judging.wanted import (
    AUTHORIZATION,
    ENCODERS,
    LOGS_IN,
    OF_LOGINS,
    PAIRED,
    SETTERS,
    STORES_OPENED,
    each,
    gives,
    holds_accounts,
    holds_login,
    pairs,
    signs_in,
)
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.evidence import Evidence
from bundle.detect.credentials.rules.families import Family, Sink
from bundle.detect.credentials.statements import calls
from bundle.detect.credentials.texts.textview import View

Found = tuple[str, Catch]
"""The family's name without `credential/`, and what is caught."""

_PAIR = 2
_HOST_AND_PORT = 2
_LOGIN = re.compile(r"([\w.@-]{1,60}):([^\s:/$]{3,100})")
_SCHEME = re.compile(r"(?i)(?:bearer|token|api-?key|key)\s+([\w.~+/=-]{12,2000})")
_OBJECT = re.compile(r"\d{1,10}(?:\.\d{1,10}){3,30}")
"""The number of an object (X.660), or an address."""
_ACCOUNT = re.compile(r"[a-z][\w.@-]{1,40}")


def judged(  # noqa: C901, PLR0911, PLR0912 - one return for each kind of call
    sinks: Mapping[str, Sink], name: str, given: Sequence[str | None]
) -> Found | None:
    """Judge what `classes.calls` says."""
    first = given[0] if given else None
    if name.startswith("="):
        found = _named(name[1:], first)
        beside = found is not None and len(given) > 1 and given[1] not in (None, first)
        return (found[0], found[1].at_least("set")) if found and beside else found
    if name.startswith("~"):
        return _named(name[1:], first) if kind_of(name[1:]) is Kind.PASSWORD else None
    if name.startswith("!"):
        return _alone(name[1:], first or "")
    if name.startswith("<"):
        return _returned(name[1:], first)
    if name.startswith(">"):
        return _sent((first or "").strip())
    if name.startswith("*"):
        return _among(name[1:], first or "", given[1:])
    if name.startswith("?#"):
        return _beside(name[2:], (given[1] if len(given) > 1 else "") or "", first or "")
    if name.startswith("?"):
        sure = naming.held_against(name[1:], first or "", account=len(given) > 1 and bool(given[1]))
        if sure is None and first and kind_of(name[1:]) is Kind.TOKEN:
            told = is_generated(first) and naming.token(name[1:], first) is not None
            sure = "compared" if told or _HEXADECIMAL.fullmatch(first) else None
        if sure is None:
            return None
        return "back-door", Catch(0, 0, first or "", key=name[1:], evidence=sure)
    if name.startswith("@"):
        return _listed(name[1:], given)
    sink = sinks.get(name.lower())
    if sink is not None and ((found := _given_to(sink, given)) is not None or name not in PAIRED):
        return found
    if name in STORES_OPENED:
        value = given[-1]  # before it stands the entry's name
        kind = (
            len(given) == _PAIR + 1 and given[0] is given[1] is None
        )  # its makers and its kind: super(spi, provider, "native")
        if value and not is_placeholder(value) and not (kind and strength(value) is Strength.WORD):
            return "login-call", Catch(0, 0, value, key=name, service="key store")
        return None
    if name in ENCODERS:
        return _encoded(name, first)
    if len(given) == _PAIR and given[1] and pairs(name):
        found = _given_as("password", given[1]) if first and first != given[1] else None
        return found and (found[0], replace(found[1], key=name, user=first or ""))
    if len(given) == _PAIR and first and given[1] and signs_in(name) and is_chosen(given[1]):
        found = _given_as("password", given[1]) if first != given[1] else None
        return found and (found[0], replace(found[1], key=name, user=first))
    if len(given) >= _PAIR and holds_login(name):
        return _held(name, given)
    if len(given) == _PAIR and first:
        return _set(name, first, given[1])
    bare = gives(name) if len(given) == 1 else None
    return _given_as(bare, first) if bare and first else None


_NAME_OF_ONE = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)+|[A-Za-z]+")


def _alone(name: str, value: str) -> Found | None:
    """Judge the only text of a constant of an enumeration, which is the name of a setting as a rule."""
    if kind_of(name) is not Kind.PASSWORD or _NAME_OF_ONE.fullmatch(value):
        return None
    if not (is_chosen(value) or strength(value) is Strength.COMMON):
        return None
    return "assignment", Catch(0, 0, value, key=name, evidence="chosen")


_SETTING_ALONE = re.compile(rb"\s*[\w.-]{1,60}\s{0,3}[=:]\s{0,3}\S+\s*")


_OPENSSL = ("-passin", "-passout", "-passwd", "-pass")


def in_command(given: Sequence[str | None]) -> Iterator[Found]:
    """Yield the passwords of OpenSSL's that a program is given: `-passout pass:...`."""
    for option, value in pairwise(given):
        secret = (value or "").removeprefix("pass:")
        if option in _OPENSSL and value != secret and not is_placeholder(secret):
            yield "command-line", Catch(0, 0, secret, key=option or "")


def in_lines(view: View, caught: Iterable[tuple[Family, Catch]]) -> list[tuple[Family, Catch]]:
    """Return what counts of what is caught in a literal of several lines: settings, and values that no sentence has."""
    return [
        (family, one)
        for family, one in caught
        if family.rule.id != "credential/password-hash"  # which the text of the class says
        and (is_generated(one.value) or _SETTING_ALONE.fullmatch(view.line(one.start).encode("latin-1")))
    ]


def in_source(
    text: str,
    judge: Callable[[str, Sequence[str | None]], Iterable[tuple[Family, Catch]]],
) -> Iterator[tuple[Family, Catch]]:
    """Yield what is a secret of what a Java source says, with its place."""
    for name, given in sources.said(text):
        for family, one in judge(name, given):
            places = (part for part in given if isinstance(part, Literal) and one.value in part)
            if (written := next(places, None)) is not None:
                start = text.find(one.value, written.start, written.end)
                end = start + len(one.value) if start >= 0 else written.end
                yield family, replace(one, start=start if start >= 0 else written.start, end=end)


def as_command(given: Sequence[str | None]) -> bytes:
    """Return a program and its arguments as one line of a shell's; what is no literal is `"$x"`."""
    return " ".join('"$x"' if one is None else shlex.quote(one) for one in given).encode("utf-8", "replace")


def _set(name: str, key: str, value: str | None) -> Found | None:
    """Judge what a table or a default has for a key."""
    if name.rsplit("$", 1)[-1] not in SETTERS:
        return None
    if value and key.lower() in AUTHORIZATION and (found := _SCHEME.fullmatch(value)):
        return _given_as("token", found[1])
    if (
        value
        and key.lower().endswith(OF_LOGINS)
        and (login := _LOGIN.fullmatch(value))
        and is_chosen(login[2])
    ):
        return _encoded(name, value)
    named = _named(key if kind_of(key) is Kind.PASSWORD else key.rsplit(".", 1)[-1], value)
    return named and (named[0], named[1].at_least("set"))


def _encoded(name: str, text: str | None) -> Found | None:
    """Judge a text that is written in Base64: an account and its password, as HTTP wants them."""
    found = _LOGIN.fullmatch(text or "")
    if found is None or (strength(found[2]) is Strength.NO and found[2].lower() not in common()):
        return None
    return "login-call", Catch(0, 0, found[2], key=name, user=found[1], service="HTTP", evidence="encoded")


_OF_LOGINS = re.compile(r"(?i)login|cred|passw")


def _listed(table: str, given: Sequence[str | None]) -> Found | None:
    """Judge an entry of a table of accounts."""
    user, value = given[0] or "", given[1] or ""
    if not holds_accounts(table):
        return None
    plain = _ACCOUNT.fullmatch(user) and strength(user) in (Strength.WORD, Strength.COMMON)
    told = is_chosen(value) or strength(value) is Strength.COMMON
    told = told or (user in ACCOUNTS and strength(value) >= Strength.WORD and bool(_OF_LOGINS.search(table)))
    if not plain or not told or value.lower() in (user.lower(), *naming.DUMMIES):
        return None
    return "assignment", Catch(0, 0, value, key=table, user=user, evidence="accounts")


def _returned(method: str, value: str | None) -> Found | None:
    """Judge what a method returns whose name promises a secret."""
    name = method[3:] if method.startswith("get") and method[3:4].isupper() else method
    if kind_of(name) not in (Kind.PASSWORD, Kind.TOKEN) or (value or "").lower() in naming.DUMMIES:
        return None
    return _named(name, value)


def _sent(value: str) -> Found | None:
    """Judge what a program sends after it has been asked for a password."""
    if strength(value) < Strength.COMMON or naming.SETTING.match(value) or value.lower() in naming.DUMMIES:
        return None
    return "login-call", Catch(0, 0, value, key="password", evidence="set")


def _among(name: str, value: str, others: Sequence[str | None]) -> Found | None:
    """Judge an element of a list of passwords; a word is one where the list says whose passwords they are, or has no names of fields."""
    one = each(name)
    if one is not None and kind_of(one) is Kind.TOKEN and is_generated(value):
        told = len(value) >= _SHORTEST_OF_MANY and (
            _HEXADECIMAL.fullmatch(value) or naming.token(one, value) is not None
        )
        return ("assignment", Catch(0, 0, value, key=name, evidence="token")) if told else None
    sure = None if one is None or kind_of(one) is not Kind.PASSWORD else naming.judged(one, value)
    if sure is None:
        return None
    plain = bool(others) and not any(_names_a_field(other) for other in (value, *others) if other)
    if not (plain or is_generated(value) or names_an_account(one or "") or naming.is_joined(value)):
        return None
    return "assignment", Catch(0, 0, value, key=name, evidence="set")


def _names_a_field(value: str) -> bool:
    return value.lower() in naming.DUMMIES or strength(value) is Strength.NO or naming.is_of_a_program(value)


_ASKS_FOR_ONE = re.compile(r"(?:check|verify|try)_?(?:User|Admin|Login)?(?:Password|Passwd|Pass|Pwd)")
"""Methods that take a password for nothing but a comparison; what `validates` one may forbid usual ones."""


def _beside(method: str, user: str, value: str) -> Found | None:
    """Judge what a parameter without a name is compared with.

    It counts right after an account was compared, in a method that lets somebody in, and wherever it is of all kinds of
    characters: what else a program asks for has names that somebody can read.
    """
    lets_in, told = bool(LOGS_IN.fullmatch(method)), is_generated(value)
    usual = user.lower() in ACCOUNTS
    if user and not usual:
        told = is_generated(value) and value.lower() != value
        told = told or (is_chosen(value) and any(one.isdigit() for one in value))
    told = told or bool(user and naming.is_two_words(value))
    asked = usual or bool(not user and _ASKS_FOR_ONE.fullmatch(method))
    told = told or (asked and strength(value) is Strength.COMMON)
    told = told or (usual and lets_in and naming.is_joined(value))
    if not told or not (user or lets_in or _is_of_all_kinds(value)):
        return None
    if value.lower() in (user.lower(), *naming.DUMMIES, *ACCOUNTS):
        return None
    return "back-door", Catch(0, 0, value, key=method or "value", user=user, evidence="compared")


_LEAST_KINDS = 10
_SHORTEST_OF_MANY = 16
"""Letters of a token in a list of them: shorter ones are those of a grammar."""


def _is_of_all_kinds(value: str) -> bool:
    kinds = (str.islower, str.isupper, lambda one: one.isdigit() or one in "!@#$%^&*=+~")
    return len(value) >= _LEAST_KINDS and all(any(kind(one) for one in value) for kind in kinds)


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
            return "login-call", Catch(0, 0, value, key=name, user=user, evidence="set")
    return None


def _given_as(name: str, value: str) -> Found | None:
    """Judge what a method is given that says in its name that it takes a password."""
    said = strength(value)
    if said is Strength.NO or value.lower() == name.lower() or naming.SETTING.match(value):
        return None
    if name.lower() == "community" and value.lower() != "community":
        return "login-call", Catch(0, 0, value, key=name, service="SNMP", evidence="community")
    if kind_of(name) is Kind.TOKEN:
        if not is_generated(value) or value.isdigit() or naming.token(name, value) is None:
            return None
        return "login-call", Catch(0, 0, value, key=name, evidence="token")
    sure: Evidence = "more-than-a-word" if said > Strength.WORD else "word"
    return "login-call", Catch(0, 0, value, key=name, evidence=sure)


def _given_to(sink: Sink, given: Sequence[str | None]) -> Found | None:
    """Judge what a class gives to a function that logs in."""
    if sink.callee == "getConnection" and len(given) == _PAIR:
        sink = replace(sink, user=0, secret=1)  # of a source of connections, which knows where they go
    elif sink.callee == "connect" and len(given) == _HOST_AND_PORT + _PAIR and given[1] is None:
        sink = replace(sink, user=_HOST_AND_PORT, secret=_HOST_AND_PORT + 1)
    elif len(given) == 1 and sink.user == 0 and sink.secret == 1:
        return _encoded(sink.callee, given[0])
    value = given[sink.secret] if sink.secret < len(given) else None
    if (
        not value
        or (is_placeholder(value) and value != "default")
        or " " in value
        or naming.SETTING.match(value)
        or _OBJECT.fullmatch(value)
    ):
        return None
    user = given[sink.user] if 0 <= sink.user < len(given) else None
    sure = calls.sure_of_class(sink, value, user)
    if sure is None or (user or "").lower() == "anonymous":
        return None
    return "login-call", Catch(
        0, 0, value, key=sink.callee, user=user or "", service=sink.service, evidence=sure
    )


_HEXADECIMAL = re.compile(r"(?:[0-9a-f]{2}){8,64}|(?:[0-9A-F]{2}){8,64}")
_OF_DIGITS = re.compile(
    r"(?i)(?:token|secret|api[-_]?key|auth[-_]?key|(?:aes|des|raw|hmac|cluster|encryption|crypt|cipher|signing|master|private|secret|shared)_?key)\d*$"
)
"""Names whose values are often written in hexadecimal, and are the digest of nothing."""


def _named(name: str, value: str | None) -> Found | None:
    """Judge a value by the name that it is given: a field, or a key in a table."""
    sure = None if value is None else naming.judged(name, value)
    if value and name.lower() == "salt" and _HEXADECIMAL.fullmatch(value):
        return None  # bytes to begin with, which nobody keeps secret
    if value and _HEXADECIMAL.fullmatch(value) and _OF_DIGITS.search(name) and not naming.is_a_digest(name):
        sure = "token"
    if value is None or sure is None or value.lower() == name.lower() or naming.SETTING.match(value):
        return None
    return "assignment", Catch(0, 0, value, key=name, evidence=sure)
