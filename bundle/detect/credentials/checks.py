"""What has to be true of a catch beyond its pattern, by the word that a net's `check` names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials import alone
from bundle.detect.credentials.judging import decode, hashes, naming, tokens
from bundle.detect.credentials.judging.factory import is_shipped
from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.naming import DUMMIES, PLACEHOLDERS
from bundle.detect.credentials.judging.values import (
    SECRET_WORD,
    Strength,
    common,
    is_chosen,
    is_compound,
    is_digest_or_id,
    is_generated,
    is_placeholder,
    is_template,
    strength,
)
from bundle.detect.credentials.lines import around, codes, comparing, fetched, listed, perls, places, tables
from bundle.detect.credentials.lines.addresses import NAME_ONLY, userinfo
from bundle.detect.credentials.prose import columns, paragraphs
from bundle.detect.credentials.rules.catch import Catch

_NAME_OF_A_SETTING = re.compile(r"(?:[A-Z][a-z]+){3,5}$")
"""As templates call what they are given: `MasterUserPassword`."""


_OF_USAGES = frozenset(("user", "username", "login"))
"""What stands for an account where a usage is told: `curl -u user:password`."""
_FILLED_IN = re.compile(r"%\d{1,2}(?:\$[sdv])?$")
"""What a format fills in by its number, before its sign: `IDENTIFIED BY '%1'`, `password=%2$s`."""


def place_only(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The place makes it a secret; only placeholders are none."""
    value = caught.value.strip()
    named_so = NAME_ONLY.match(value) and (
        value.lower() in DUMMIES or (kind_of(value) and value.lower() not in common())
    )
    itself = value == "user" == caught.user  # `htpasswd -b users user user`, as products ship
    stands_for_one = (
        is_placeholder(value) and value != "default" and not itself
    )  # `-pdefault` says nothing else
    named_so = named_so or (
        "_" in value and not any(c.isdigit() for c in value) and match[0].count(value) > 1
    )  # `password_required = 'password_required'`
    if _NAME_OF_A_SETTING.match(value) and kind_of(value):
        caught = caught.by("name-of-a-setting")
    filled = _FILLED_IN.match(value) or (
        caught.user.lower() in _OF_USAGES
        and value.lower() in DUMMIES
        and (f"{caught.user}:{value}" in match[0] or f"{caught.user}%{value}" in match[0])
    )
    joined = filled or value.startswith(('")', "')"))  # the end of a literal: `BY '").append(word).append("'`
    return None if stands_for_one or joined or " " in value or named_so or len(value) == 1 else caught


_OF_A_SENTENCE = frozenset(
    "will would option options argument arguments flag flags switch parameter parameters is are was and or must may might can could should shall to for if when then "
    "the this that these with without from into instead also only both either which requires implies means needs takes sets gives has does".split()
)
"""What goes on with a text that speaks of an option: `--passwd will write`."""


_DESCRIBED = re.compile(r"[ ]{2,}[A-Z][a-z]+ [a-z]+ ")
"""What an option is for, behind its name and the word for its value: `--clientpass phrase    Set passphrase for`."""


def flag(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The value of an option called like a password: not the option's own description."""
    name = match.groupdict().get("key")
    if name and kind_of(name) is None:
        return None
    value = caught.value
    if NAME_ONLY.match(value.rstrip(":")) and value.lower() not in common():
        return None
    said = strength(value)
    if _DESCRIBED.match(match.string, match.end()):
        return None
    if said is Strength.NO or value.lower() in DUMMIES or value.lower().rstrip(".,;:") in _OF_A_SENTENCE:
        return None
    return caught if said >= Strength.COMMON else caught.by("word")


_TEXTS = re.compile(
    r"(?i)<(?:\w{1,12}:)?(?:text|label|string|message|msg|caption|title|tooltip|phrase|translation)s?\s[^<>]*$"
)
"""The beginning of an element that holds a text for people."""
_OF_TEXTS = re.compile(
    r"(?i)(?:^|[._])(?:msg|messages?|labels?|lbl|texts?|txt|titles?|captions?|prompts?|i18n|field)$"
)
"""What stands before the name of a text for people: `msg.password`."""


def key(  # noqa: PLR0911 - one return for each kind of name and value
    caught: Catch, match: re.Match[str]
) -> Catch | None:
    """The value of an XML attribute or element whose name promises a secret."""
    name = match["key"]
    promised, own = kind_of(name), kind_of(name.rsplit(".", 1)[-1])
    if promised is None or own is Kind.PASSWORD:  # javax.jdo.option.ConnectionPassword
        promised = own
    value = decode.entities(caught.value).removeprefix("{noop}")
    front, _, last = name.rpartition(".")
    if (
        (value in _PASSES and name.lower() == "pass")
        or (_OF_TEXTS.search(front) and value.lower() == last.lower())
        or (
            value.isalpha() and _TEXTS.search(match.string, max(0, match.start() - _NEAR), match.start("key"))
        )
        or (
            value.lower() in DUMMIES
            and _OF_A_PAGE.search(match.string, max(0, match.start() - _NEAR), match.start())
        )
        or (
            value.lower() in DUMMIES
            and "<input" in match.string[max(0, match.start() - _NEAR) : match.end()].lower()
        )
    ):
        return None
    coded = decode.plain(value, asked=bool(_CODED.search(match[0])) or value.startswith(("OBF:", "{xor}")))
    value = value if coded is None else coded
    said = naming.strength_beside(promised, value)
    if promised is None or value.startswith("{AES}") or is_template(value):
        return None
    itself = value.islower() and (value == name.lower() or value in DUMMIES)
    phrase = "phrase" in name.lower() and naming.is_several_words(value)
    chosen = said is Strength.NO and (is_compound(value) or phrase)
    chosen = chosen or (said is Strength.NO and promised is Kind.PASSWORD and _is_with_blanks(value))
    if chosen and (promised is Kind.PASSWORD or "community" in name.lower()):
        return caught.by("phrase", value)
    if itself and promised is Kind.PASSWORD and _beside_an_account(match):
        return caught.by("word", value)
    if said is Strength.NO or value.lower() == name.lower():
        return None
    if promised is Kind.LIKELY:
        return caught.by("chosen", value) if is_chosen(value) else None
    if promised is Kind.TOKEN:
        named_id = is_digest_or_id(value) and re.search(r"(?i)[\s\"'](?:uu|gu)?id\b", match[0])
        sure = None if named_id else naming.token(name, value)
        return None if sure is None else caught.by(sure, value)
    if said is Strength.WORD:
        return caught.by("word", value)
    return replace(caught, value=value)


_WITH_BLANKS = re.compile(r"(?P<first>[^\s<>$%{}]{6,40})(?: [^\s<>$%{}]{1,3}){1,3}")


def _is_with_blanks(value: str) -> bool:
    """Whether a value is a generated one that goes on behind a blank with a few signs, as no text does."""
    found = _WITH_BLANKS.fullmatch(value)
    return found is not None and is_generated(found["first"]) and not SECRET_WORD.search(value)


_PASSES = frozenset(
    "windowsPE offlineServicing generalize specialize auditSystem auditUser oobeSystem".split()
)
"""The passes of a Windows setup: `<settings pass="oobeSystem">`."""
_ACCOUNT = re.compile(
    r"""(?i)\b(?:user-?_?name|user|login|driverclassname|connectionname|username)(?:["']\s*value)?\s*=\s*["'][^"'<>$\s]{1,60}["']"""
    r"""|<(?:value|param-value)>|<(?:user-?name|user|login|name)>[^<>$]{1,60}</"""
)
_NEAR = 300


def _beside_an_account(match: re.Match[str]) -> bool:
    """Whether an account is named near a value in XML that is no more than the name of its setting."""
    near = match.string[max(0, match.start() - _NEAR) : match.start()]
    near += match.string[match.end() : match.end() + _NEAR]
    return bool(_ACCOUNT.search(near)) and not re.search(r"(?i)<(?:form|input|html)\b", near)


_OF_A_PAGE = re.compile(
    r"(?i)<(?:a|dfn|span|code|label|legend|t[hdr]|d[tdl]|li|p|div|h\d|b|i|em|strong|button|option|summary)\s[^<>]*\Z"
)
"""An element of a page whose words are for people: `<dfn id="control-group-password">Password</dfn>`."""
_CODED = re.compile(r"(?i)b64|base-?64|\bencoded\b|\bhex\b")
_OCTET = re.compile(r"[0-9A-Fa-f]{2}")
"""A part of the address of an interface, which has as many colons."""
_PGPASS = 5
"""Fields of a line of .pgpass."""
_ARGUMENT = re.compile(r"\w\s?=\s?[A-Za-z_][\w.]*,\s")
"""`user=login, password=...`: arguments of a call."""
_VARIABLE = re.compile(r"^[A-Za-z_][\w.]*$")


def connection(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The password of a connection string, which packed code looks like."""
    if re.search(r"[(){}]|\w=[\w!]|\w\[$|^[a-z]\w*\.(?:password|passwd|pwd|pass)[;,]?$", caught.value):
        return None
    if (
        _ARGUMENT.search(match[0])
        and _VARIABLE.match(caught.value)
        and strength(caught.value) <= Strength.WORD
    ):
        return None
    return caught.by("word-of-manuals") if caught.value.lower() in DUMMIES else place_only(caught, match)


_OF_MYSQL = re.compile(r"""[`'"]([\w.-]{1,40})[`'"]\s?@\s?[`'"][\w.%:-]{1,80}[`'"]\s*$""")
"""The account of a statement, with the hosts it comes from, as MySQL and MariaDB have it."""


def identified(caught: Catch, match: re.Match[str]) -> Catch | None:
    """IDENTIFIED BY of a statement about an account, not of a sentence."""
    before = match.string[max(0, match.start() - 400) : match.start()]
    if account := _OF_MYSQL.search(before):
        return place_only(replace(caught, user=account[1], service="MySQL"), match)
    if not re.search(
        r"(?i)\b(?:grant|(?:create|alter)\s+(?:user|role)|set\s+role|connect\s+to|user\s+if\s+)\b|[`'\"]@|@[`'\"%]|@\w+\s*$",
        before,
    ):
        return None
    return place_only(caught, match)


def sqlfunction(caught: Catch, match: re.Match[str]) -> Catch | None:
    """PASSWORD('...') of MySQL, not a function of a program that has the same name."""
    before = match.string[max(0, match.start() - 120) : match.start()].lower()
    if not re.search(
        r"(?:set|identified|update|values|select|insert|where|,|=)\W*[\w.`]*\W*$", before.strip() or "x"
    ):
        return None
    return None if caught.value.lower() in DUMMIES or caught.value[:1] == "-" else place_only(caught, match)


def column(caught: Catch, match: re.Match[str]) -> Catch | None:
    """What a statement writes into a column of passwords, not into one that says when they were changed."""
    return None if kind_of(match["key"]) is None else place_only(caught, match)


def netrc(caught: Catch, match: re.Match[str]) -> Catch | None:
    """An entry of .netrc, not its manual."""
    return None if caught.value.lower() in PLACEHOLDERS else place_only(caught, match)


def pgpass(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A line of .pgpass: five fields, the second a port."""
    fields = match[0].strip().split(":")
    known = len(fields) >= _PGPASS and (fields[1].isdigit() or fields[1] == "*")
    return place_only(caught, match) if known and not all(map(_OCTET.fullmatch, fields[1:5])) else None


def daemon(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A daemon's own keyword with its value."""
    value = caught.value
    if re.search(r"(?i)community", match["key"]) and value.lower() in ("public", "private"):
        return replace(caught, mark="usual-community")
    return None if value.lower() in _OF_A_SENTENCE else place_only(caught, match)


_PROMPT = re.compile(
    r"(?i)(?:assword|assphrase|asscode|ennwort)(?!\s?=|\w*[,)]\s?[:{\w])|\bpin\b|\bspawn (?:/\S{1,20}/)?(?:passwd|su|kinit|smbpasswd|vncpasswd)\b|\bre-?(?:type|enter)\b[*: ]{0,3}[\"}]"
)
"""What asks for a password, and no argument that is called one: `def test(self, username, password=None)`."""
_ASKED_BEHIND = re.compile(
    r"""(?i)\s*(?:if|when)\s[^\n]{0,80}\bexpect\w*\s?\([^\n]{0,60}(?:assword|assphrase)"""
)
"""A prompt in the condition that Perl has behind its statement: `send("...") if $e->expect(5, 'password:')`."""
_EVENT = re.compile(r"""(?i)send\s*\(\s*["'][A-Za-z_-]+\d?["']\s*\)""")
"""What a machine of states is sent: no terminal goes on without the end of a line."""
_TURN = re.compile(r"(?i)expect|\bsend(?:line|ln)?\b|interact")


def expect(caught: Catch, match: re.Match[str]) -> Catch | None:
    """What is sent right after a prompt that asks for a password was waited for."""
    before = match.string[: match.start()]
    if (NAME_ONLY.match(caught.value) or kind_of(caught.value)) and _EVENT.match(match[0]):
        return None
    turns = [m.end() for m in _TURN.finditer(before)]
    asked = _PROMPT.search(before[turns[-1] if turns else 0 :]) or _ASKED_BEHIND.match(
        match.string, match.end()
    )
    return place_only(caught, match) if asked else None


_PORTS = re.compile(r"^(?:[\d.]+:)?\d{1,5}(?:-\d{1,5})?(?::\d{1,5}(?:-\d{1,5})?)?(?:/\w{3,4})?$")
"""What containers publish, and where a shell connects to."""


_PORT = re.compile(r"""-P["'\s]*(?:\d{1,5}|port)$""")
"""Where a small letter takes a password: `-p Kx7pQ2 -P 3306`."""
_TAKES_NO_VALUE = re.compile(
    r"\b(?:(?:mysql(?!hotcopy)|mariadb)\w*|psql|pg_(?:dump|dumpall|restore|basebackup|isready)|(?:create|drop)(?:db|user)|vacuumdb|reindexdb|clusterdb)\b[^|;&]*$"
)
"""Programs whose option to ask, or not to ask, for a password has no value."""


def operand(caught: Catch, match: re.Match[str]) -> Catch | None:
    """`-u user -p value`: MySQL's own programs, and PostgreSQL's, take a database there."""
    line = match.string[: match.start()].rsplit("\n", 1)[-1]
    if _TAKES_NO_VALUE.search(line):
        return None
    port = _PORTS.match(caught.value) and re.search(
        r"\b(?:docker|podman|nerdctl|ssh|ps|top|lsof)\b[^|;&]*$", line
    )
    beside = match[0][1:].startswith("-p") and _PORT.search(match[0])
    return None if port or beside else flag(caught, match)


def own(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What a user's own rule catches is what its author meant."""
    return caught if caught.value.strip() else None


_GROUP = 4
"""Characters of Base64 that stand for whole bytes."""


def _is_base64(value: str) -> bool:
    """Whether the value is Base64 beyond doubt: filled up, with digits and letters of either case."""
    kinds = (str.isdigit, str.isupper, str.islower)
    return value.endswith("=") and len(value) % _GROUP == 0 and all(any(map(kind, value)) for kind in kinds)


def basic(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The Base64 of an HTTP Basic credential; what it says may be in a code that is not told here."""
    decoded = decode.pair(caught.value)
    if decoded is None:
        opaque = _is_base64(caught.value) and decode.plain(caught.value, asked=True) is None
        return caught.by("encoded") if opaque else None
    if is_shipped(*decoded):
        return replace(caught, value=decoded[1], user=decoded[0])
    if is_placeholder(decoded[1]):
        return None
    if decoded[1].lower() in ("open sesame", "opensesame"):  # the example of RFC 7617
        return None
    found = replace(caught, value=decoded[1], user=decoded[0])
    return found.by("word-of-manuals") if decoded[1].lower() in PLACEHOLDERS else found


Check = Callable[[Catch, "re.Match[str]"], Catch | None]

CHECKS: Mapping[str, Check] = {
    **hashes.CHECKS,
    **places.CHECKS,
    **codes.CHECKS,
    **listed.CHECKS,
    **fetched.CHECKS,
    **perls.CHECKS,
    **around.CHECKS,
    **tables.CHECKS,
    **comparing.CHECKS,
    **paragraphs.CHECKS,
    **columns.CHECKS,
    **tokens.CHECKS,
    **alone.CHECKS,
    "": place_only,
    "place": place_only,
    "flag": flag,
    "key": key,
    "userinfo": userinfo,
    "connection": connection,
    "identified": identified,
    "sqlfunction": sqlfunction,
    "netrc": netrc,
    "column": column,
    "pgpass": pgpass,
    "daemon": daemon,
    "expect": expect,
    "operand": operand,
    "basic": basic,
    "own": own,
}
"""The words a net's `check` (or `evidence`) may say."""
