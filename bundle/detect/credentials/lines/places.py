"""Checks of places that are known by their shape: values that stand beside a name, in a line or a call of one kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials.judging import decode, hashes, naming
from bundle.detect.credentials.judging.factory import is_shipped
from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.letters import is_gibberish
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.score import is_drawn
from bundle.detect.credentials.judging.values import (
    SECRET_WORD,
    Strength,
    is_chosen,
    is_compound,
    is_digest_or_id,
    is_generated,
    is_phrase,
    strength,
)
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.vocabulary import any_of

_METHODS = frozenset(
    "md5 crypt exop clear clear_remove_old nds racf ad ssha sha plain required sufficient requisite include".split()
)
"""What `pam_password` and its like are set to: ways, not secrets."""
SETTINGS = frozenset(
    "username user domain login host hostname server port database url name email realm type path file version policy id count scheme role roles "
    "group groups timeout lockout rounds retries interval mode style ttl algorithm method level".split()
)
DIGESTS = frozenset(
    "md5 md5sum sha1 sha1sum sha256 sha512 commit crc crc32 checksum hash sum etag uuid build revision fingerprint".split()
)
"""Names of what a file, or a program, is known by."""
_LONG_TOKEN = 12


def named(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A value beside a name that promises a secret, in a place where values are written bare."""
    name = match["key"].rsplit(".", 1)[-1] if "." in match["key"] else match["key"]
    value = plain(caught.value)
    promised = kind_of(name) or kind_of(match["key"])
    said = naming.strength_beside(promised, value)
    if (
        promised is Kind.PASSWORD
        and said is Strength.NO
        and is_compound(value)
        and value.lower() != name.lower()
    ):
        return caught.by("phrase", value)
    named_so = value.lower() in naming.DUMMIES and naming.NAMES_A_NAME.match(name)
    if promised is None or said is Strength.NO or value.lower() == name.lower() or named_so:
        return None
    if promised is Kind.LIKELY:
        return caught.by("chosen", value) if is_chosen(value) else None
    if promised is Kind.TOKEN:
        sure = naming.token(name, value)
        return None if sure is None else caught.by(sure, value)
    if said is Strength.WORD:
        return caught.by("word", value)
    return replace(caught, value=value)


_ARGUMENT = re.compile(r"^[a-z][a-z_-]*=\S*$")
"""`retry=3` behind a word: an argument beside it."""


_OF_A_COUNTRY = re.compile(r"[A-Z]{2}\t[A-Z][a-z]")
"""`PW<tab>Palau`: a country behind its code."""


def spaced(caught: Catch, match: re.Match[str]) -> Catch | None:
    """`name value` alone on a line of a configuration; a way of hashing is no password."""
    other = caught.value.lower() in _METHODS or (not match["q"] and _ARGUMENT.match(caught.value))
    other = other or _OF_A_COUNTRY.match(match[0])
    return None if other else named(caught, match)


_VARIABLE = re.compile(r"^[A-Z][A-Z0-9]*_[A-Z0-9_]+$")
"""The name of a variable of the environment, beside which no text stands."""


def told(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A name and a value beside each other where texts stand as well: a plain word is one of them."""
    one = named(caught, match)
    if one is None or strength(one.value) > Strength.WORD or is_phrase(one.value) or is_compound(one.value):
        return one
    if _VARIABLE.match(match["key"]) and kind_of(match["key"]) is Kind.PASSWORD:
        return one
    return one.by("label")


def default(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The value that a program takes where nobody set a password: a plain word, too, unless programs call their states so."""
    one = told(caught, match)
    if one is None or not one.is_hint or kind_of(match["key"]) is not Kind.PASSWORD:
        return one
    word = len(one.value) >= _SHORTEST_WORD and not SECRET_WORD.search(one.value)
    return one.by("word") if word and not naming.is_of_a_program(one.value) else one


_SHORTEST_WORD = 5
_NO_GIVING = re.compile(f"(?i)^(?:{any_of('name/no-setter')})")


_SHORT_WORD = 8
_SETTER = re.compile(r"(?i)set_?\w{0,20}(?:key|secret|token)$")
_FIELD = re.compile(
    r"^[a-z]+(?:_[a-z0-9]+)+$|^[a-z][a-z.]*\.[a-z]*(?:pass|passwd|password|pwd|secret|token)\d?$"
)
"""The name of a field, or of a setting."""
_NUMBERED = re.compile(r"_[a-z]+\d{2,4}$")
"""Beside an account, what people choose rather than a field: `boiler_db40`."""


_ADDRESS = re.compile(r"""(?i)["'](?:jdbc|ldap|mysql|postgres(?:ql)?|mongodb|amqp|imap)s?:""")
"""A server's address before the account: what follows both is the password, a word as well."""


def given(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The last literal of a call that is named after passwords, where it looks like one."""
    usual = caught.user and strength(caught.value) >= Strength.COMMON
    setter = _SETTER.match(match["key"])
    other = match["key"].isupper() and kind_of(match["key"]) is None  # PASSWORD_EXPIRED("PWD002")
    other = other or (caught.user.lower() in ("user", "username") and caught.value.lower() in DUMMIES)
    if other or _NO_GIVING.match(match["key"]) or (is_digest_or_id(caught.value) and not setter):
        return None
    if caught.user and _ADDRESS.search(match[0]) and strength(caught.value) >= Strength.WORD:
        return caught.by("word")
    if _FIELD.match(caught.value) and not (caught.user and _NUMBERED.search(caught.value)):
        return None
    if caught.value.isalpha() and caught.value.islower() and len(caught.value) < _SHORT_WORD and not usual:
        return None  # the name of something
    if not is_generated(caught.value) and not is_phrase(caught.value) and not usual:
        return None
    return caught.by("chosen")


_LITERAL = re.compile(r""""[^"]*"|'[^']*'""")
_OF_A_HOST = re.compile(r"[.:/]|localhost")


def last_two(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The last two literals of a call, account and password; or password and database, where the first is drawn and the other a word.

    Behind other literals than a server's address nobody knows which they are, and the account is not told: it may be the password.
    """
    if is_drawn(caught.user) and not is_drawn(caught.value):
        start = caught.start - (match.start("secret") - match.start("user"))
        end = start + len(caught.user)
        return replace(caught, start=start, end=end, value=caught.user, user="", evidence="drawn")
    found = given(caught, match)
    before = _LITERAL.findall(match.string, match.start(), match.start("user") - 1)
    told = not before or (len(before) == 1 and _OF_A_HOST.search(before[0]))
    return found if found is None or told else replace(found, doubtful=True)


def resort(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The last resort of an expression: a usual password too, where the name is a password's and nothing else."""
    usual = kind_of(match["key"]) is Kind.PASSWORD and strength(caught.value) is Strength.COMMON
    if usual and caught.value.lower() not in DUMMIES | _STATES:
        return caught.by("usual")
    found = given(caught, match) or default(caught, match)
    return None if found is None or found.is_hint else found


_STATES = frozenset("default test user guest public private unknown".split())
"""Usual passwords that programs have for other things where nothing is given."""
_HEADING = re.compile(r"(?im)^\[([^\]\n]+)\]")
_PARTS = re.compile(r"[._-]")
_HEADINGS = frozenset("users admins accounts passwords credentials logins user_passwords".split())


def headed(caught: Catch, match: re.Match[str]) -> Catch | None:
    """An account and its password under a heading that says that accounts follow."""
    heading = next(reversed(_HEADING.findall(match.string, 0, match.start())), "")
    named_so = caught.user.lower() in SETTINGS or DIGESTS.intersection(_PARTS.split(caught.user.lower()))
    if heading.lower() not in _HEADINGS or named_so:
        return None
    itself = caught.value.lower() == caught.user.lower()  # `service = service`, as products ship
    roles = match.string[match.end() : match.end() + 1] == ","  # `name = password, role`
    usual = (
        strength(caught.value) is Strength.COMMON
        and not caught.value.isdigit()
        and not caught.value.isalpha()
    )
    usual = usual or (itself and strength(caught.value) is Strength.COMMON)
    usual = usual or is_shipped(caught.user, caught.value)
    return caught if is_generated(caught.value) or usual or (roles and is_chosen(caught.value)) else None


COMPLETES = re.compile(r"[ \t]*complete[ \t]+-\w")
"""A line that tells a shell what a command may be given."""


def paired(caught: Catch, match: re.Match[str]) -> Catch | None:
    """user:password after an option; numbers and groups of the system stand there as well, and what completes a command."""
    if COMPLETES.match(match.string, match.string.rfind("\n", 0, match.start()) + 1):
        return None
    return caught if is_generated(caught.value) and caught.value.lower() != caught.user.lower() else None


_KEY_IN_BASE64 = re.compile(
    r"^(?=[^A-Z]*[A-Z])(?=\D*\d)(?:[A-Za-z0-9+/]{4}){5,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)$"
)
"""A key of 16 bytes and more, which may have a slash in it; padded, as paths are not."""
_SAID_TO_BE_PLAIN = re.compile(r"(?i)\s(?:simple|plain|clear|cleartext)\s+$")


_SEALED = re.compile(r"\sENC\s+$")
"""Before what a gateway has sealed with a key that all of its kind have, in Base64."""


_COUNTED = re.compile(r"[A-Za-z]+,\d{1,6}$")
"""The last word of a text, and the number in the column beside it."""
_DEFINES = re.compile(r"\s*(?:proc|sub|function|def)\s+\w+\s*[{(]")
"""What begins the definition of a function, with the names of its arguments: `proc log_in { name passwd other } {`."""


def worded(caught: Catch, match: re.Match[str]) -> Catch | None:
    """`words name value words` on a line of a configuration: the value has to look like one."""
    value, before = caught.value, match["before"].split()
    usual = match["q"] and (strength(value) >= Strength.COMMON or is_phrase(value))
    between = match.string[match.end("key") : match.start("secret")]
    usual = usual or (_SAID_TO_BE_PLAIN.search(between) and strength(value) >= Strength.WORD)
    if (
        not (is_generated(value) or usual or naming.is_of_access(value))
        or ("/" in value and not ((match["q"] and _KEY_IN_BASE64.match(value)) or _SEALED.search(between)))
        or value.lower() in _METHODS
        or (not match["q"] and (_ARGUMENT.match(value) or _COUNTED.match(value)))
        or (before and before[0][0].isupper())
        or (match["key"].lower() == "passwd" and value.isdigit() and before and "-" in before[-1])
        or _DEFINES.match(match.string, match.string.rfind("\n", 0, match.start() + 1) + 1, match.end())
    ):
        return None
    drawn = "community" in match["key"].lower() and (is_generated(value) or naming.is_of_access(value))
    short = len(value) < _LONG_TOKEN and not drawn
    if kind_of(match["key"]) is Kind.TOKEN and not before and short:
        return None
    return named(caught, match)


def bearer(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What follows `Bearer`: a generated value, not the name of a variable."""
    named_so = naming.NAME_OF_WORDS.match(caught.value) and not is_gibberish(caught.value)
    return caught.by("drawn") if is_generated(caught.value) and not named_so else None


_KNOWN_TO_ALL = re.compile(
    r"(?:^|_)(?:PUBLIC|PUB|PUBLISHABLE|SITE|CACHE|PRIMARY|FOREIGN|SORT|PARTITION|UNIQUE|INDEX|GPG|PGP|SSH|HOST|ACCESS)_P?KEY$"
)
"""Names of keys that open nothing, and of those that are found by their form or by their whole name."""


def environment(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A generated value of a variable that is called a key, where no word of the name tells more."""
    value = caught.value
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    if _KNOWN_TO_ALL.search(match["key"]) or not mixed or value.startswith(("pk_", "/")) or "://" in value:
        return None
    return caught.by("drawn") if is_generated(value) else None


def ldif(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A Base64 value of an LDAP attribute, which may hold a hash."""
    value = decode.plain(caught.value, asked=True)
    if value is None:
        return None
    caught = replace(caught, value=value.strip('"'))  # of Active Directory: within quotes
    return hashes.ldap(caught, match) if value.startswith("{") else named(caught, match)


_SCHEMES = frozenset("urn http https data mailto tel file about javascript xmlns".split())
_CLOCK = re.compile(r"(?i)\d\d(?:[ap]m)?$")
"""Minutes behind the hour at which somebody logged in."""

_MODULE = re.compile(r"[a-z_]\w*(?:\.[a-z_]\w*){2,8}$")
"""The way to a module, behind which a colon has what of it is meant: `basic-auth = a.b.c:create`."""


def _is_no_login(caught: Catch, match: re.Match[str]) -> bool:
    """Whether two words around a colon are a time, or one of several literals of which the one before ends like a name of a login."""
    if (_CLOCK.match(caught.value) and caught.user.isdigit()) or caught.user.lower() in _SCHEMES:
        return True
    if _MODULE.match(caught.user) and caught.value.isidentifier():
        return True
    key = match.start("key") if match.groupdict().get("key") else 0
    listed = key and "," in match.string[match.end("key") : match.start("user")]
    return bool(listed) and match.string[key - 1] not in "\"'"


def login(caught: Catch, match: re.Match[str]) -> Catch | None:
    """`user:password` in one literal, where a login is expected."""
    said = strength(caught.value)
    if caught.value.lower() in DUMMIES or "//" in caught.value or _is_no_login(caught, match):
        return None
    if said < Strength.COMMON:
        line = match.string[: match.start()].rsplit("\n", 1)[-1]
        sure = is_phrase(caught.value) or (said is Strength.WORD and caught.user.lower() in _EVERYWHERE)
        sure = sure or (
            said is Strength.WORD and "basic" in line.lower() and _is_account(caught.user, caught.value)
        )
        return caught.by("word") if sure else None
    return caught


_EVERYWHERE = frozenset("root admin administrator sysadmin superuser sa oracle postgres mysql".split())
"""Accounts that nothing but accounts are called."""
_NO_ACCOUNT = frozenset("user username login name text label field type id key email mail host".split())


def _is_account(user: str, value: str) -> bool:
    """Whether what stands before a word is an account rather than the name of a setting that the word explains."""
    return (
        bool(user) and user.lower() not in _NO_ACCOUNT and value.lower() != user.lower() and not kind_of(user)
    )


def asked(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The value of a call or option that sets a password; a word may be its label."""
    value = plain(caught.value)
    said = strength(value)
    if said is Strength.NO or value.lower() in DUMMIES or caught.user.lower() in ("anonymous", "ftp"):
        return None
    if said > Strength.WORD:
        return caught.by("more-than-a-word", value)
    return caught.by("word" if is_phrase(value) or _is_account(caught.user, value) else "label", value)


def sudoers(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What may be run without a password: everything, or a list."""
    if caught.value == "!authenticate" or re.match(r"(?:\([^)]*\)\s*)?ALL\b", caught.value):
        return caught
    return replace(caught, mark="narrow")


def generated(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A long generated value in a place that is named by what stands around it."""
    value = caught.value
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return caught.by("mixed") if mixed and strength(value) else None


def number(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The number that a door or an account is opened with: less sure than words, for programs count with such names."""
    return caught.by("number")


def plain(value: str) -> str:
    """Return the value without the mark that says how it is stored, and out of a code that names itself."""
    value = re.sub(r"^\{(?:noop|plain|cleartext|clear)\}", "", value, flags=re.IGNORECASE)
    return decode.plain(value, asked=False) or value


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "named": named,
    "spaced": spaced,
    "told": told,
    "default": default,
    "given": given,
    "last-two": last_two,
    "resort": resort,
    "worded": worded,
    "headed": headed,
    "paired": paired,
    "environment": environment,
    "bearer": bearer,
    "ldif": ldif,
    "login": login,
    "asked": asked,
    "sudoers": sudoers,
    "generated": generated,
    "number": number,
}
