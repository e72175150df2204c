"""What is asked of a Java class: the calls and names that a finding can be made of."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from bundle.detect.credentials.judging.keyword import STEMS, Kind, kind_of, one_of
from bundle.detect.credentials.vocabulary import any_of

SETTERS = frozenset(
    "put setProperty set add addProperty setAttribute setParameter putString addParameter putIfAbsent setInitParameter "
    "getProperty getOrDefault get getString optString orElse addHeader setHeader header setRequestProperty addRequestProperty addQueryParameter "
    "queryParam addToEnvironment replace property getenv getParameter Entry SimpleEntry Pair Property Parameter BasicHeader Header "
    "BasicNameValuePair NameValuePair".split()
)
"""Methods that set what their first argument names, or say what it is where nobody sets it."""
ENCODERS = frozenset("encodeToString encodeBase64String encodeBase64 printBase64Binary".split())
"""Methods that write an account and its password for HTTP."""
PAIRED = frozenset(
    "withCredentials setCredentials credentials withBasicAuth setBasicAuth basicAuthentication bind".split()
)
"""Methods that are given an account and its password."""
STORES_OPENED = frozenset("KeyStore KeyStore$PasswordProtection KeyManagerFactory".split())
AUTHORIZATION = ("authorization", "proxy-authorization")
"""Headers that say who somebody is."""
OF_LOGINS = (".user", ".auth", ".userinfo", ".credentials")
"""What keys of settings end with that may hold an account and its password in one."""
_LONGEST_NAME = 1000
"""Letters of a name that is judged; what is judged is remembered, and a class may hold thousands of 64 KiB each."""

_SETS = re.compile(r"(?:set|with|use|and|add|change|reset|verify|check|type|enter|send)(?=[A-Z_])")
_FORM = re.compile(r"(?:As)?(?:CharArray|Chars|Bytes|String|Text)$")
_BARE = frozenset(
    "password passwd passphrase pwd passwort kennwort Password JPasswordField token apiKey apiToken secretKey clientSecret authToken accessToken".split()
)
_PAIR = r"User(?:name|Name|Id)?(?:And)?Pass(?:word|wd)|Login(?:And)?Pass(?:word)?|Credentials?"
_PAIR_SET = re.compile(
    rf"(?:set|with|add|change|reset|update|create|get)\w{{0,20}}(?:{_PAIR})\w{{0,20}}"
    r"|(?:change|reset|update|set)(?:User)?(?:Password|Passwd)"
)
"""Methods that are given an account and its password, as their names say."""
_SIGNS_IN = re.compile(r"(?:sign|log)_?[iI]n\w{0,12}|log[oO]n\w{0,12}|loginAs|authenticate\w{1,12}")
"""Methods that are given them too, where other things may be signed in."""
COMMANDS = frozenset("exec ProcessBuilder".split())
"""What runs a program with its arguments."""
_USERS = re.compile(
    r"(?i)(?:^|_)(?:users?|accounts?|logins?|cred(?:ential)?s?|passw(?:or)?ds?|benutzer|usuarios?|utilisateurs?)(?:_?(?:map|table|list|db))?$"
)
_PASSWORD = re.compile(r"(?i)p(?:ass|wd|w\b|in\b)|kennwort|heslo|clave")


FORBIDDEN = re.compile(
    r"(?i)weak|common|forbid|black|deny|denied|banned|worst|top_?\d|bad|invalid|wrong|leak|known|prohibit|reject|simple|dummy|test"
)
"""Names of lists of passwords that nobody may choose."""


_STEMS = one_of((*STEMS, *"pin sign cred account login logon user auth benutzer usuario utilisateur".split()))


@lru_cache(maxsize=50_000)
def _says(name: str) -> bool:
    """Whether anything more has to be asked of a name: most names of a program are done with here."""
    return bool(_STEMS.search(name.lower())) or not name.isascii()


@lru_cache(maxsize=20_000)  # the same names stand in many classes
def _compared(name: str) -> bool:
    if name in _LOGINS:
        return True
    return bool(_PASSWORD.search(name)) and (
        bool(LOGS_IN.fullmatch(name)) or kind_of(name.removeprefix("get")) is Kind.PASSWORD
    )


@lru_cache(maxsize=20_000)
def _lists(name: str) -> bool:
    return holds_accounts(name) or each(name) is not None


def gives(name: str) -> str | None:
    """Return the name of the password that a method of this name is given: `withDbPassword`, a builder's `password`."""
    if name in _BARE:
        return name
    bare = _FORM.sub("", _SETS.sub("", name, count=1))
    kind = kind_of(bare)
    if name[:1] == bare[:1] or (kind is not Kind.PASSWORD and kind is not Kind.TOKEN):
        return None
    return bare


def pairs(name: str) -> bool:
    """Whether a method of this name is given an account and its password."""
    return name in PAIRED or bool(_PAIR_SET.fullmatch(name))


def signs_in(name: str) -> bool:
    """Whether a method of this name may be given an account and its password."""
    return bool(_SIGNS_IN.fullmatch(name))


_SEVERAL = re.compile(
    r"(?i)(?:(?:pass(?:word|wd|phrase|wort)|pwd|kennwort|pin)(?:s|es|e)|pass(?:es|e|s)|(?:password|passwd|pwd)(?:_?(?:list|array|set))|(?:token|api_?key|secret)s)$"
)
_CREDENTIALS = re.compile(f"(?:^|[a-z0-9$_])(?:{any_of('name/class-of-credentials')})$")


_WORD_FOR_ONE = r"\w{0,12}(?:Password|Passwd|Pass|Pwd|Kennwort)\w{0,8}"
LOGS_IN = re.compile(
    rf"(?:do|try|check|verify|validate|is|can)_?(?:Login|Logon|Auth|Authenticated?|Authori[sz]ed?|User|Credentials|{_WORD_FOR_ONE})"
    r"|login|logon|auth|authenticate|authorize"
)
"""Methods that answer whether somebody may come in."""


_LOGINS = frozenset(
    f"{before}{word}"
    for before in ("do", "try", "check", "verify", "validate", "is", "can")
    for word in (
        "Login",
        "Logon",
        "Auth",
        "Authenticate",
        "Authenticated",
        "Authorized",
        "User",
        "Credentials",
    )
) | frozenset(("login", "logon", "auth", "authenticate", "authorize"))
"""Those of them that say nothing of a password."""


def each(name: str) -> str | None:
    """Return the name of one of the passwords that a list of this name holds."""
    if len(name) > _LONGEST_NAME or not _SEVERAL.search(name) or FORBIDDEN.search(name):
        return None
    return re.sub(r"(?i)_?(?:list|array|set)$|s$|(?<=ss)es$|e$", "", name, count=1)


def holds_login(name: str) -> bool:
    """Whether an object of a class of this name holds an account and its password."""
    own = name.rsplit("$", 1)[-1]
    return own[:1].isupper() and len(name) <= _LONGEST_NAME and bool(_CREDENTIALS.search(name))


def holds_accounts(name: str) -> bool:
    """Whether a table of this name holds accounts with their passwords."""
    return len(name) <= _LONGEST_NAME and bool(_USERS.search(name))


@dataclass(frozen=True, slots=True, eq=False)  # what it answers is remembered by it
class Wanted:
    """What `classes.calls` is asked for."""

    sinks: Collection[str]
    """Names of functions that log in, in lower case."""

    def called(self, name: str) -> bool:
        """Whether a call of this name logs in or opens a store."""
        if name.lower() in self.sinks or name in STORES_OPENED or name in ENCODERS or name in COMMANDS:
            return True
        return (
            len(name) <= _LONGEST_NAME
            and _says(name)
            and (gives(name) is not None or holds_login(name) or pairs(name) or signs_in(name))
        )

    def sets(self, name: str) -> bool:
        """Whether a method of this name sets what its first argument names."""
        return name in SETTERS

    def lists(self, name: str) -> bool:
        """Whether a field of this name holds passwords, or accounts with theirs."""
        return len(name) <= _LONGEST_NAME and _says(name) and _lists(name)

    def compared(self, name: str) -> bool:
        """Whether what has this name, or what a getter of this name returns, is a password, or a method lets somebody in."""
        return len(name) <= _LONGEST_NAME and _says(name) and _compared(name)

    def named(self, name: str) -> bool:
        """Whether a name promises a secret."""
        if len(name) > _LONGEST_NAME or not _says(name):
            return False
        return kind_of(name) is not None or name.lower() in AUTHORIZATION
