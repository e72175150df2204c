"""Checks of values that the words around them tell: of commands, of routers, of lists, of notes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials.judging import decode
from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.naming import DUMMIES, is_joined, is_of_access
from bundle.detect.credentials.judging.score import is_drawn
from bundle.detect.credentials.judging.values import (
    Strength,
    is_chosen,
    is_compound,
    is_generated,
    is_phrase,
    is_placeholder,
    strength,
)
from bundle.detect.credentials.lines.places import given
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.evidence import Evidence


def beside_a_word(said: Strength) -> Evidence:
    """Return what a value says in a place that asks for a password."""
    return "more-than-a-word" if said > Strength.WORD else "word"


def explained(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What a note says a password is: a value that looks like one."""
    sure = is_generated(caught.value) or is_phrase(caught.value)
    return caught.by("chosen") if sure else None


_HEAD_OF_LIST = re.compile(r"\bchpasswd:[^\n]*\n(?:[ \t][^\n]*\n){0,40}$")


def listed(caught: Catch, match: re.Match[str]) -> Catch | None:
    """An account and its password in the list below `chpasswd:` of cloud-init."""
    return place_of_list(caught) if _HEAD_OF_LIST.search(match.string, 0, match.start()) else None


def place_of_list(caught: Catch) -> Catch | None:
    """Whatever stands there is a password, but for what asks for one to be made."""
    return None if is_placeholder(caught.value) or caught.value in ("RANDOM", "R") else caught


_HEAD_OF_SECRET = re.compile(r"^(stringData|data):[ \t]*\r?\n(?:[ \t][^\n]*\n){0,40}\Z", re.MULTILINE)
_IS_A_SECRET = re.compile(r"^kind:[ \t]+[\"']?Secret\b", re.MULTILINE)
_NEXT_OBJECT = "\n---"


def of_a_secret(caught: Catch, match: re.Match[str]) -> Catch | None:
    """What a generator drew among the data of a secret of Kubernetes, where it is in Base64 or not."""
    before, behind = match.string[: match.start()], match.string[match.start() :]
    own = before.rsplit(_NEXT_OBJECT, 1)[-1]
    head = _HEAD_OF_SECRET.search(own)
    if head is None or not _IS_A_SECRET.search(own + behind.split(_NEXT_OBJECT, 1)[0]):
        return None
    value = caught.value if head[1] == "stringData" else decode.plain(caught.value, asked=True)
    drawn = value is not None and is_drawn(value)
    return caught.by("drawn", value) if drawn else None


def bytes_of_key(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A key as the bytes of a literal, of a length that ciphers take."""
    sure = len(caught.value) in (16, 24, 32) and is_generated(caught.value)
    return caught.by("drawn") if sure else None


_DASHED = re.compile(r"^\d*[a-z0-9]*(?:_[a-z0-9]+)+$|^[a-z]+\d$")
"""Names of fields and of files, with or without a number."""
_HOST = re.compile(r"^[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*){1,4}$")
"""The host that an account logs in to: `getSession("root", "srv01.plant.local", 22)`."""


_AMONG = re.compile(
    r"(?:\b|_)in\s*=?\s*$|(?i:(?:users|accounts|names|clients|groups|roles|admins|databases|drivers)(?:_\w{1,40})?\s{0,4}[:=]\s{0,4})$"
)
"""Before a list that something is looked up in, or of names: `if name not in ("admin", "public")`, `users = ["root", "dbadm1n"]`."""


def account_pair(caught: Catch, match: re.Match[str]) -> Catch | None:
    """Two literals between brackets of which the first is an account that every system has."""
    said = strength(caught.value)
    if _AMONG.search(match.string, 0, match.start()):
        return None
    if (
        _DASHED.match(caught.value)
        or _HOST.match(caught.value)
        or caught.value.lower() == caught.user.lower()
        or (
            caught.value[:1].isupper() and caught.value.lower().startswith(caught.user)
        )  # ('admin', 'Administrator')
        or not (said is Strength.COMMON or is_generated(caught.value))
    ):
        return None
    return caught.by("accounts")


_USER_FIRST = frozenset(("curl", "wget"))


def words(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The word after an option of a command that is written as a list; `curl -u` takes user:password."""
    option, command = match["option"], match["key"].lower()
    if option in ("-u", "--user"):
        if command not in _USER_FIRST or ":" not in caught.value:
            return None
        user, _, value = caught.value.partition(":")
        caught = replace(caught, start=caught.start + len(user) + 1, value=value, user=user)
    elif (command in _USER_FIRST and option != "--password") or (
        option == "-p" and command.startswith(("docker", "snmp", "psql"))  # psql's is a port
    ):
        return None
    if option in ("-c", "-C") and not command.startswith("snmp"):
        return None
    said = strength(caught.value)
    return None if said is Strength.NO else caught.by(beside_a_word(said))


def accepted(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """One of several values that a password is held against; plain words are states of a program."""
    said = strength(caught.value)
    if said is Strength.COMMON:
        return caught.by("state")
    sure = is_generated(caught.value) or is_phrase(caught.value) or is_joined(caught.value)
    return caught.by("compared") if sure else None


def shared(caught: Catch, match: re.Match[str]) -> Catch | None:
    """What stands behind a word that a key, a community or a shared secret follows, where only values of programs stand else."""
    value = caught.value
    said = strength(value)
    nothing = said is Strength.NO and not (is_compound(value) or is_of_access(value))
    if nothing or caught.user.lower() in ("or", "and"):
        return None
    if (match.groupdict().get("key") or "").startswith(("Enable ", "Username ")):
        return None  # a sentence, which routers know no capitals of
    sure = is_generated(value) or is_phrase(value) or any(c in "!@#$%^&*" for c in value)
    if (match.groupdict().get("key") or "").lower() in ("key", "community"):
        sure = sure or said > Strength.WORD or is_compound(value) or is_of_access(value)
        told = match[0].startswith("snmp-agent") or _READ_BY.match(match.string, match.end())
        return caught.by("chosen" if sure else "community") if sure or told else None
    return caught.by("more-than-a-word" if sure or said is Strength.COMMON else "word")


_READ_BY = re.compile(r'"?\s*(?:\{\s*)?(?:authorization|clients)\b')
"""Behind a community, what its holder may do: what stands before it is one, a word as well."""
_COUPLES = re.compile(r"(?:(?:[ \t]*#[^\n]*|\S+[ \t]*|[ \t]*)(?:\r?\n|$))*")


def couple(caught: Catch, match: re.Match[str]) -> Catch | None:
    """An account and its password, one below the other, in a file that holds nothing else."""
    said = strength(caught.value)
    if said is Strength.NO and not is_compound(caught.value):
        return None
    if not _COUPLES.fullmatch(match.string) or caught.value.lower() == caught.user.lower() != "admin":
        return None
    lines = [one for one in match.string.splitlines() if one.strip() and not one.lstrip().startswith("#")]
    if said >= Strength.COMMON or len(lines) == _ONE_ACCOUNT:
        return caught.by(beside_a_word(said))
    return None


_ONE_ACCOUNT = 2
"""Words in a file of one account and its password."""


def piped(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What a script says to a program that asks for a password."""
    said = strength(caught.value)
    if said is Strength.NO or caught.value.lower() in DUMMIES:
        return None
    return caught.by(beside_a_word(said))


_ITEM = re.compile(r"""\s*(?:"(?P<d>[^"\n]*)"|'(?P<s>[^'\n]*)'|[\w.$>-]+)\s*(?:,|$)""")


def several(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The literal in the place of the name that promises a password, of several names that are given several values."""
    names = [one.strip().lstrip("$@") for one in match["names"].split(",")]
    wanted = next((n for n, name in enumerate(names) if kind_of(name) is Kind.PASSWORD), -1)
    items = list(_ITEM.finditer(match["secret"]))
    if wanted < 0 or len(items) != len(names):
        return None
    item = items[wanted]
    group = "d" if item["d"] is not None else "s"
    value = item[group]
    if not value or strength(value) is Strength.NO or value.lower() in DUMMIES:
        return None
    start = caught.start + item.start(group)
    sure = strength(value) > Strength.WORD or len(names) > _ONE_ACCOUNT
    evidence: Evidence = "more-than-a-word" if strength(value) is Strength.MIXED else "word"
    one = replace(caught, start=start, end=start + len(value.encode()), value=value, key=names[wanted])
    return one.by(evidence if sure else "label")


_LOGINS = frozenset(
    "admin administrator root nagios guest user test operator service support monitor manager public private system sysadmin supervisor".split()
)
"""Usual passwords that are usual names of accounts and communities as well."""


def macro(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What a monitor hands to its plugins: an account as well as its password, and neither says which it is."""
    sure = is_chosen(caught.value) or any(c in "!@#%^&*" for c in caught.value)
    sure = sure or (strength(caught.value) is Strength.COMMON and caught.value.lower() not in _LOGINS)
    return replace(caught, user="", evidence="chosen") if sure else None


_PATHS = re.compile(r"^[/.~]|^\d+$|^ARG\d|^\$")


_TELLS = re.compile(r"(?i)\b(?:log\s?[io]n|sign\s?in|default|initial|factory)\b")
"""Words of a sentence that tells how somebody gets in, in which a usual password is meant as one."""


def account_told(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The password of a sentence about an account, not the word that happens to follow."""
    value = caught.value.rstrip(".:!?") if caught.value[-1:] == "." else caught.value
    said = strength(value)
    if said is Strength.NO or value.lower() in DUMMIES or value.lower() == caught.user.lower() != "admin":
        return None
    groups = match.groupdict()
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    signed = said is Strength.MIXED and bool(groups.get("q")) and any(c in "!@#$%&*+" for c in value)
    sure = mixed or signed or is_phrase(value) or is_generated(value)
    line = match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.end()]
    usual = said is Strength.COMMON and bool(groups.get("q") or groups.get("is") or _TELLS.search(line))
    if not (sure or usual):
        return None
    return replace(
        caught,
        value=value,
        end=caught.end - (len(caught.value) - len(value)),
        evidence="told",
        told=True,
    )


_YEARS = re.compile(r"(?:19|20)\d\d$")


def substituted(caught: Catch, match: re.Match[str]) -> Catch | None:
    """What a script writes in the place of a mark or of a setting: a usual password too, and a word where a whole setting is given."""
    least = Strength.WORD if _SET_TO.search(match[0]) else Strength.COMMON
    usual = strength(caught.value) >= least and caught.value.lower() not in DUMMIES | _STATES
    if usual and _MARK.search(match[0]):
        return caught.by("usual")
    return given(caught, match)


_SET_TO = re.compile(r"(?i)(?:@\w*(?:pass|pwd)\w*@|\w*(?:pass|passwd|password|pwd)=\.\*)")
"""A mark of a template, or a setting whatever its value is, that is replaced."""
_STATES = frozenset("none null true false yes no md5 plain crypt file prompt".split())
"""Words that settings of passwords have for others, or for none."""
_MARK = re.compile(r"[@%{_]\w*(?i:pass|pwd|pw)|(?i:pass|passwd|password|pwd|pw)\s?[=:]")


_CISCO = b"dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"


def cisco(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A password of a router: of type 7 it is obscured, not encrypted."""
    if (match.groupdict().get("type") or "") != "7":
        return None if is_placeholder(caught.value) else caught
    try:
        seed, raw = int(caught.value[:2]), bytes.fromhex(caught.value[2:])
    except ValueError:
        return None
    value = bytes(b ^ _CISCO[(seed + i) % len(_CISCO)] for i, b in enumerate(raw)).decode("latin-1")
    return replace(caught, value=value) if value.isprintable() and value else None


def told_number(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The number that a text for people tells as the one to type in, which no year is."""
    return None if _YEARS.match(caught.value) else replace(caught, evidence="number", told=True)


_SERVER = re.compile(
    r"(?i)^[ \t]*(?:[\w-]*(?:server|radius|tacacs|aaa|neighbor|interface|chain)\b[^\n]*|\d+)\n(?:[ \t][^\n]*\n){0,8}\Z",
    re.MULTILINE,
)


def routed(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The key below the line of a router that names the server it is shared with."""
    return shared(caught, match) if _SERVER.search(match.string, 0, match.start()) else None


def operated(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What a plugin of a monitor is given as a password; ports and paths are written alike."""
    return None if _PATHS.match(caught.value) or strength(caught.value) is Strength.NO else caught


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "explained": explained,
    "listed": listed,
    "of-a-secret": of_a_secret,
    "bytes": bytes_of_key,
    "pair": account_pair,
    "shared": shared,
    "account-told": account_told,
    "told-number": told_number,
    "couple": couple,
    "macro": macro,
    "piped": piped,
    "several": several,
    "routed": routed,
    "operated": operated,
    "cisco": cisco,
    "substituted": substituted,
    "accepted": accepted,
    "words": words,
}
