"""How sure the name of a setting and its value make a secret, without the text around them."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from bundle.detect.credentials.judging.keyword import Kind, kind_of, names_an_account
from bundle.detect.credentials.judging.letters import is_gibberish
from bundle.detect.credentials.judging.values import (
    SECRET_WORD,
    WORDS_FOR_ONE,
    Strength,
    is_chosen,
    is_compound,
    is_digest_or_id,
    is_generated,
    is_phrase,
    strength,
)
from bundle.detect.credentials.rules.evidence import Evidence
from bundle.detect.credentials.vocabulary import any_of

PLACEHOLDERS = frozenset(
    "password pass passwd pwd secret user username pw p mypassword mypass userpassword token apikey pwd1".split()
)
"""What manuals have for a password, in addresses too."""
DUMMIES = PLACEHOLDERS | WORDS_FOR_ONE
"""Words for a password, which say nothing beside the name of one."""
NAMES_A_NAME = re.compile(rf"(?i)^(?:\w*_)?(?:{any_of('name/kind-of-a-constant')})s?_")
"""`PROP_PASSWORD = "password"`: the name of a setting, not its value."""
SETTING = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*){2,}\Z")
"""The name of a setting, from which a program takes what it logs in with: `org.eclipse.jetty.ssl.password`."""
_SNMP = re.compile(
    r"(?i)(?:(?:read|write|ro|rw|trap|snmp)[._-]?community(?:[._-]?(?:read|write|ro|rw|trap|string|name))?|community[._-]?string)$"
)
_SHORTEST_TOKEN = 12
_SHORTEST_CHOSEN = 5
_SHORTEST_LETTERS = 8
"""Letters that make no word, where a name says more than `token` or `key`; six small ones do where it ends in `secret`."""
_SHORTEST_WORD = 6
_TWO_WORDS = re.compile(r"^[A-Za-z][a-z]{3,}[-_][a-z]{4,}$")
"""What a person writes where a program asks for a secret to sign with."""
_ORDINAL = re.compile(
    r"^[A-Za-z]+[-_:.]?\d$|^_?[a-z]+\d?(?:[-_][a-z0-9]+)+$|^\d+$|^[a-z]+:|^[A-Z]{2,}(?:[_-](?:[A-Z]{2,}|\d\d))+$"
)
"""Names with a number, dashed names, counts: what identifiers look like."""


_SHORTEST_ROUTING = 16
"""Letters and digits of a service's key for alarms; what tells queues apart is a word, with a number perhaps."""


def _is_of_a_queue(name: str, value: str) -> bool:
    """Whether a routing key tells queues apart, and opens nothing."""
    return "routing" in name.lower() and not (value.isalnum() and len(value) >= _SHORTEST_ROUTING)


NAME_OF_WORDS = re.compile(
    r"_?[a-z]{2,}\d?(?:_[a-z]{2,}\d?)+(?:_v?\d)?$|[a-z]{2,}(?:-[a-z]{2,})+-v\d$|[A-Z]{2,}(?:[_-](?:[A-Z]{2,}|\d\d))+_?\d?$"
)
"""Small words joined by signs, or great ones, a number behind them: `_sf2_attributes`, `PARAM_ALPHANUM`."""


_HASHED = re.compile(r"(?i)hashed_?\w{0,12}(?:token|key)|(?:token|key)_?hash(?:ed)?$")
"""What is kept of a token or key to know it by: nobody gets it out of that."""


def is_a_digest(name: str) -> bool:
    """Whether a name of a token or key says that it holds a digest of one."""
    return bool(_HASHED.search(name))


_OF_A_VECTOR = re.compile(r"(?:[0-9a-f]{2}){6,}$")
"""Bytes in hexadecimal, as the vectors of a test have their salts: what a program keeps secret is written with more signs."""
_OF_A_NAME = re.compile(r"[a-z]{2,}(?:[-_][a-z]{2,}){1,6}(?:[-_]v?\d{1,4}){0,3}$")
"""A salt that tells uses of one key apart by their names, which a reader may know: `feed-secrets-v1-2025`."""

_OF_ACCESS = re.compile(
    r"(?!(?i:read|write|only|access|snmp|community)[-_.]?(?i:ro|rw))(?i:[a-z]\w{1,20}[-_.](?:ro|rw)|\w{2,20}(?-i:[a-z\d](?:RO|RW)))\d{0,3}$"
)
"""A community of SNMP as people call it after what may be done with it: `hvac-rw`, `edgeRO`."""


def is_of_access(value: str) -> bool:
    """Whether a community of SNMP is called after a place and what may be done there."""
    return bool(_OF_ACCESS.match(value))


_OF_A_FIELD = re.compile(r"[a-z]{1,12}\d{0,2}(?:[A-Z][a-z]{2,14}){1,5}\d{0,2}$")
"""The name of a field in what a service answers, which programs look up by a key: `bdc1DischargePower`."""
_OF_A_PROJECT = re.compile(r"(?i)(?:\w{1,20}[._])?posthog_?(?:project_?)?(?:api_?)?(?:key|token)$")
"""A key that a service has everybody's browser send, to count visitors by."""
_SHORTEST_COUNT = 8


def _is_counted(value: str) -> bool:
    """Whether letters and digits go up by one each, as in what somebody types to have something there: `abc123def456`."""
    letters, digits = (
        [ord(c) for c in value.lower() if c.isascii() and kind(c)] for kind in (str.isalpha, str.isdigit)
    )
    return len(letters) + len(digits) == len(value) >= _SHORTEST_COUNT and all(
        b == a + 1 for run in (letters, digits) for a, b in pairwise(run)
    )


_PIECE = re.compile(r"[A-Za-z]+|v?\d[\d.]*[a-z]?|[A-Za-z]{2,}\d[\d.]*[a-z]*|\w{2,4}")
_SHORTEST_OF_A_KEY = 4


def _is_of_a_licence(name: str, value: str) -> bool:
    """Whether a key of licences tells which text is meant (`bsd-new-2.0`): pieces of one length open a program."""
    pieces = value.split("-")
    return (
        len(pieces) > 1
        and "licen" in name.lower()
        and all(map(_PIECE.fullmatch, pieces))
        and (len({len(one) for one in pieces}) > 1 or len(pieces[0]) < _SHORTEST_OF_A_KEY)
    )


_REFERS = re.compile(
    r"(?:(?i:\w*(?:tls|password|passwd|pull|key|auth|cert|existing|credentials?|ssh|git|token))S|s|S)ecret$"
)
_OF_AN_OBJECT = re.compile(
    r"[a-z][a-z0-9]*(?:[-.][a-z0-9]+)*-(?:keys?|passwords?|passwd|secrets?|tls|tokens?|creds?|credentials?|certs?|auth)$"
)
"""What keeps a secret in a cluster, which settings call by its name: `tlsSecret: portal.site-tls`."""


_MANY_MEANINGS = frozenset("pass pw pwd psk".split())
"""Names of other things too: of a turn of drawing, of a folder."""
_JOINED = re.compile(r"^[A-Za-z]{4,}[-_.][A-Za-z]{4,}$")
_OF_A_FORM = frozenset(
    "confirm confirmation repeat retype again verify new old login email question answer hint change".split()
)
_OF_A_PROGRAM = re.compile(rf"(?i)(?:^|[-_.])(?:{any_of('value/word-of-a-program')})(?:$|[-_.])")
"""Words of which programs make the names of their states."""


def is_of_a_program(value: str) -> bool:
    """Whether the value is, or has, a word that programs call their fields and states: `confirm`, `user-default`."""
    return bool(_OF_A_PROGRAM.search(value)) or value.lower() in _OF_A_FORM


def is_joined(value: str) -> bool:
    """Whether the value is two words joined by a sign, neither of which a program would use: `marble-gate`."""
    return bool(_JOINED.match(value)) and not _OF_A_PROGRAM.search(value) and not SECRET_WORD.search(value)


@lru_cache(maxsize=1024)  # programs have few of them, many times: `token: "string"`
def token(  # noqa: PLR0911 - one return for each degree
    name: str, value: str, *, config: bool = False
) -> Evidence | None:
    """Return what says that a value beside a name of a token or key is a secret.

    A generated one is; a short or chosen one only where the name says more than `token` or `key`.
    """
    if "community" in name.lower() and "community" in value.lower():
        return None
    if (
        _HASHED.search(name)
        or _is_counted(value)
        or _is_of_a_queue(name, value)
        or _is_of_a_licence(name, value)
        or _OF_A_PROJECT.match(name)
        or (config and _REFERS.match(name) and _OF_AN_OBJECT.match(value) and not is_gibberish(value))
    ):
        return None
    said = strength(value)
    digits = any(c.isdigit() for c in value)
    if (
        said is Strength.MIXED
        and len(value) >= _SHORTEST_TOKEN
        and (is_gibberish(value) or (digits and not NAME_OF_WORDS.match(value)))
    ):
        vector = name.lower().endswith("salt") and (_OF_A_VECTOR.match(value) or _OF_A_NAME.match(value))
        field = name.lower().endswith("_key") and _OF_A_FIELD.match(value) and not is_gibberish(value)
        return "identifier" if vector or field or is_digest_or_id(value) else "long-token"
    if ("community" in name.lower() and is_of_access(value)) or (
        _SNMP.search(name) and (said >= Strength.WORD or is_compound(value))
    ):
        return "community"
    last = (
        name.lower().endswith(("secret", "community", "credential", "credentials"))
        or "community" in name.lower()
    )
    specific = last or len(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)) > 1
    signs = digits or any(c in "!@#$%^&*" for c in value)
    if len(value) < _SHORTEST_CHOSEN or not specific or said < Strength.WORD:
        return None
    if said is Strength.MIXED and signs and (not _ORDINAL.match(value) or is_gibberish(value)):
        return "chosen"
    if is_gibberish(value) and (
        len(value) >= _SHORTEST_LETTERS or (last and value.islower() and len(value) > _SHORTEST_CHOSEN)
    ):
        return "drawn"
    if said is Strength.COMMON and (last or "secret" in name.lower()):
        return "usual"
    if (
        name.lower().endswith("secret")
        and not config
        and _TWO_WORDS.match(value)
        and not SECRET_WORD.search(value)
    ):
        return "phrase"
    return "phrase" if last and (config or signs) and is_phrase(value) else None


def judged(  # noqa: PLR0911 - one return for each evidence
    name: str, value: str
) -> Evidence | None:
    """Return what says that a name and a quoted value make a secret, where there is no text around them."""
    promised = kind_of(name)
    said = strength_beside(promised, value)
    if promised is Kind.PASSWORD and names_an_account(name) and is_two_words(value):
        return "phrase"
    if promised is None or said is Strength.NO or (value.lower() in DUMMIES and NAMES_A_NAME.match(name)):
        return None
    if promised is Kind.LIKELY:
        return "chosen" if is_chosen(value) else None
    if promised is Kind.TOKEN:
        return None if is_digest_or_id(value) or token(name, value) is None else "token"
    if said is Strength.MIXED:
        return "more-than-a-word"
    if said is Strength.COMMON or names_an_account(name):
        return "usual" if said is Strength.COMMON else "word"
    return "phrase" if name.lower() not in _MANY_MEANINGS and is_joined(value) else "label"


_TWO_SMALL_WORDS = re.compile(r"[a-z]{4,14} [a-z]{4,14}")
_OF_A_SENTENCE = re.compile(rf"\b(?:{any_of('value/word-of-a-sentence')})\b")


def is_two_words(value: str) -> bool:
    """Whether the value is two small words, as nobody writes a message: `blue lantern`."""
    return bool(
        _TWO_SMALL_WORDS.fullmatch(value)
        and not _OF_A_SENTENCE.search(value)
        and not SECRET_WORD.search(value)
    )


def strength_beside(promised: Kind | None, value: str) -> Strength:
    """Return what a value looks like beside a name; `default` stands for one anywhere but behind a name of a password."""
    if promised is Kind.PASSWORD and value.lower() == "default":
        return Strength.WORD
    return strength(value)


_SEVERAL_WORDS = re.compile(r"[a-z]{3,12}(?:[ ][a-z]{3,12}){3,7}")
_JOINING = re.compile(
    r"\b(?:the|and|for|are|was|not|you|can|may|its|has|all|any|but|who|how|use|using|used)\b"
)


def is_several_words(value: str) -> bool:
    """Whether the value is four small words and more without one that holds a sentence together: a phrase that dice chose."""
    return bool(
        _SEVERAL_WORDS.fullmatch(value)
        and not _OF_A_SENTENCE.search(value)
        and not _JOINING.search(value)
        and not SECRET_WORD.search(value)
    )


_ITSELF = re.compile(r"(?i)(?:pass(?:word|wd)|pwd)$")
"""The name of a password and nothing else, as what somebody typed is called: a word that is held against it lets in."""
_OF_STORES = "changeit"
"""What Java's own stores have until somebody changes it, which programs ask for to say so."""


def held_against(name: str, value: str, *, account: bool = False) -> Evidence | None:
    """Return what says that a class compares a password with a back door, and not with a word of the program.

    Beside an `account` that is compared too, or where the name says no more than that it is a password, a usual password is one,
    and so is a word that programs do not use for their states.
    """
    if kind_of(name.rsplit(".", 1)[-1]) is not Kind.PASSWORD or SETTING.match(value):
        return None
    said = strength(value)
    if (said is Strength.COMMON and is_digest_or_id(value)) or is_two_words(value):
        return "compared"
    lets_in = account or (value != _OF_STORES and bool(_ITSELF.match(name.rsplit(".", 1)[-1])))
    if lets_in and said is Strength.COMMON and value.lower() not in DUMMIES:
        return "compared"
    plain = said is Strength.WORD and len(value) >= _SHORTEST_WORD and not _OF_A_PROGRAM.search(value)
    if is_joined(value) or (lets_in and plain and value.isalpha() and value.lower() != name.lower()):
        return "compared"
    if said is not Strength.MIXED or value.lower() == name.lower():
        return None
    return "more-than-a-word" if is_generated(value) else "compared"
