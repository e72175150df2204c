"""Accounts with their passwords behind a sign, where a line says that this is the way in: `Default login: admin/...`."""

from __future__ import annotations

import re

from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.values import Strength, is_chosen, is_generated, strength
from bundle.detect.credentials.prose.sentences import read
from bundle.detect.credentials.prose.telling import (
    FOLLOWS,
    GOES_ON,
    NAME,
    NO_NAME,
    VALUE,
    Frame,
    caught_at,
    is_one,
)
from bundle.detect.credentials.prose.words import EVERYWHERE, hopeful, is_no_value
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.vocabulary import any_of

_PAIR = re.compile(
    rf"(?:(?<=[ |(])|^)(?<!/ )\u00ab?{NO_NAME}(?P<a>{NAME})\u00bb? (?P<s>(?:, )?then|[/:,]|and|with|und|mit) {VALUE}(?! (?:[/:]|(?:with|and|und|mit) \u00ab))"
)
_WAY_IN = re.compile(rf"(?i)\b(?:{any_of('prose/way-in')})")
_ALSO_KINDS = re.compile(
    r"(?i)\b(?:telnet|ssh)(?: [^ ]+){1,6} use\b|\b(?:s?ftp|vpn|vnc|rdp|web(?: ?ui[^:]{0,30})?) :|\b(?:i?drac|ilo|ipmi|bmc|cimc)\d?\b"
)
"""Ways in of which there are kinds, too: `VPN: OpenVPN / IKEv2`."""
_ROLE = re.compile(r"(?i)\b(?:operator|engineer|administrator|technician|supervisor) : $")
"""Whose account it is, before an account and a password that are both marked."""
_LABELLED = re.compile(rf"(?i)\b(?:{any_of('prose/way-in-label')})(?: [^:|]{{1,60}})? : \u00ab?$")
"""What names a way in, right before an account and its password that no blank parts."""
_USE = re.compile(
    r"(?i)(?:^| )(?:use|with|enter|using|verwende[nt]?|benutze[nt]?|mit|utilise[rz]?|usar?|use el) \u00ab?$"
)
_TO_GET_IN = re.compile(
    r"(?i)\u00bb? (?:to|for|zum|pour|para)(?: (?:the|se|den|la|le))? (?:log ?[io]n|log ?in|sign in|access|connect|authenticate|enter|open|reach|login|anmelden|einloggen|connecter|acceder|entrar)\b"
)
_KIND = re.compile(r"[A-Za-z-]+\d{0,3}$")
_OF_ACCOUNTS = re.compile(r"(?i)\b(?:accounts?|users?|log ?[io]n|konto|benutzer)\b")
_ITS = re.compile(r"(?i)\b(?:account|user|login|konto|benutzer) \( ?$")
"""An account in brackets right behind the word for one."""
_DEFAULT = re.compile(r"(?i)\bdefaults? : $|\bdefaults? : \u00ab?$")
"""What stands before any default, not an account's alone."""
_SURE_DIGITS = 2
_WAY_TO_A_FILE = re.compile(r"\s+[^\w\s]*/\S*$|[^\w\s]*\s+[^\w\s]*/$")
"""A slash that belongs to what follows: `the directory /opt/x`."""
_ASKED_FOR = re.compile(r"(?i)\b(?:asked|prompted) for\b.*\b(?:password|credentials)\b|\bby default\b")


def _is_typed(value: str, pair: re.Match[str], text: str) -> bool:
    """Whether a sentence says that an account and its password are what somebody gets in with."""
    used = _USE.search(text, 0, pair.start()) and _TO_GET_IN.match(text, pair.end())
    meant = value.lower() not in DUMMIES | EVERYWHERE
    return bool(used) and meant and (is_chosen(value) or strength(value) is Strength.COMMON)


def _is_sure(value: str) -> bool:
    """Whether a word behind a slash is no second name of a thing: `Access: read/write2`."""
    digits = sum(c.isdigit() for c in value)
    mixed = digits > 0 and value.lower() != value and value.upper() != value
    return (is_chosen(value) and (mixed or digits >= _SURE_DIGITS)) or (mixed and is_generated(value))


def _is_the_other(value: str, pair: re.Match[str], text: str, *, marked: bool, tight: bool) -> bool:
    """Whether the second of two words is the password of the account that the first one is; `tight` with a sign alone between them."""
    account = pair["a"]
    known, sure = account.lower() in EVERYWHERE, bool(_WAY_IN.search(text, 0, pair.start()))
    own = _is_sure(value) if pair["s"] == "/" else pair["s"] == ":" and is_chosen(value)
    labelled = tight and own and _LABELLED.search(text, 0, pair.start())
    typed = tight and (known or pair["s"] == ":") and _is_typed(value, pair, text)
    if labelled or typed:
        return strength(value) is not Strength.NO and not is_no_value(value)
    if not known and (pair["s"] != "/" or "." in account or _DEFAULT.search(text, 0, pair.start())):
        return False
    sure = sure or bool(known and _DEFAULT.search(text, 0, pair.start()))
    sure = sure or bool(_ASKED_FOR.search(text, pair.end()))
    both = marked and "\u00ab" in text[pair.start() : pair.start("a")]
    way = _ALSO_KINDS.search(text, 0, pair.start()) or (both and _ROLE.search(text, 0, pair.start()))
    drawn = both and is_generated(value)
    sure = sure or bool(way and (known or drawn or not _KIND.match(value)))
    inside = text[pair.start() - 2 : pair.start()].strip() == "(" and text.startswith(" )", pair.end())
    sure = sure or bool(known and inside and _OF_ACCOUNTS.search(text, 0, pair.start()))
    sure = sure or bool(
        inside and pair["s"] == "/" and is_chosen(value) and _ITS.search(text, 0, pair.start())
    )
    ends = bool(GOES_ON.match(text, pair.end()))
    if not (sure or (known and marked and inside)) or (value.lower() in FOLLOWS and not known):
        return False
    spoken = pair["s"].isalpha() or pair["s"].startswith(",")
    if strength(value) is not Strength.MIXED and (value.lower() in EVERYWHERE or value.lower() in DUMMIES):
        said = re.search(
            r"(?i)credential|zugangsdaten|identifiants|credenciales|credenziali|password|(?:default|factory|initial) (?:log ?[io]n|account)|log ?[io]n :|asked",
            text,
        )
        joined = pair["s"] == "/" or (pair["s"] == ":" and (tight or value.lower() == account.lower()))
        return bool(known and said and ends and joined and value.lower() not in FOLLOWS)
    frame = Frame(
        account if known or sure else "", pair["s"] == "/" or marked, tells=sure, ends=ends, closed=ends
    )
    return (known or not spoken) and is_one(value, frame, marked=marked)


def told_as_a_pair(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The password that stands behind its account and a sign, where the line says that this is the way in."""
    line = match["secret"]
    if not hopeful(line):
        return None
    sentence = read(line)
    for pair in _PAIR.finditer(sentence.text):
        group = "m" if pair["m"] else "v"
        between = line[sentence.span(pair.start("a"))[1] : sentence.span(pair.start(group))[0]]
        if _WAY_TO_A_FILE.match(between):
            continue
        tight = between == pair["s"]
        if _is_the_other(pair[group], pair, sentence.text, marked=group == "m", tight=tight):
            return caught_at(caught, match, sentence.span(pair.start(group)), pair["a"])
    return None
