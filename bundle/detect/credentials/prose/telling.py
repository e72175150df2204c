"""Sentences, labels and notes that tell an account its password, read word by word in six languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from bundle.detect.credentials.judging.factory import is_shipped
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.values import (
    Strength,
    common,
    is_digest_or_id,
    is_example,
    is_generated,
    is_phrase,
    strength,
)
from bundle.detect.credentials.prose.sentences import Sentence, read
from bundle.detect.credentials.prose.words import (
    EVERYWHERE,
    KNOWN,
    OF_PASSWORDS,
    SHIPPED,
    TELLS,
    WEAKEST,
    hopeful,
    is_mixed,
    is_no_value,
)
from bundle.detect.credentials.rules.catch import Catch
from hardening.records import dataclass

_WORDS = (
    r"(?:\w*(?:password|passwort|kennwort|wachtwoord)|passwd|pass|pwd?|passphrase|passcode|(?:pre-?)?shared secret|pin(?: code)?"
    r"|mot de passe|contrasena|clave|senha|parola(?: d'ordine)?|hesl[oa]|hasl[oa]|losenord(?:et)?|adgangskoden?|salasana|jelszo)"
)
_ACCOUNT = (
    r"(?:(?:user|login|account)(?: ?(?:name|id))?|(?:nome? )?(?:l'|d')?(?:utilisateur|utente)|benutzer(?:name|kennung)?|identifiant|usuario"
    r"|gebruiker(?:snaam)?|e-?mail|id|name)"
)
NAME = r"[A-Za-z][\w.@-]{1,39}"
NO_NAME = (
    r"(?!(?:is|are|and|or|name|id|with|the|your|a|an|password|und|mit|field|prompt|of|for|to|in|has|account|user|username|login|must|can|"
    r"will|should|who|that|which|et|y|e|con|avec|met|en|on|by|as|default)\b)"
)
_IS_CALLED = r"is|are|of|will be|=|:|\||named|called|ist|lautet|est|es|e|,"
_WHOSE = re.compile(
    rf"(?i)\b(?:{_ACCOUNT}|(?:(?<=in )|(?<=on )|(?<=login ))(?:as|als)|sich als)(?: (?:{_IS_CALLED}))?(?: (?:the|user|account|default|both))*"
    rf" \u00ab?{NO_NAME}(?P<a>{NAME})(?=[\u00bb ]|$)"
)
_WHOSE_AT_LENGTH = re.compile(
    rf"(?i)\b(?:{_ACCOUNT}|log ?[io]n) (?:for|of|to|on|at)(?: [^ :=|.]+){{1,4}} (?:is|:|=|ist) \u00ab?{NO_NAME}(?P<a>{NAME})\u00bb?(?= (?:with|and|using|mit|,))"
)
"""The account behind all that says what it is of: `Login for the web page is feed with password ...`."""
_WITH_IT_AS = re.compile(rf"(?i)(?:^| )\u00ab?{NO_NAME}(?P<a>{NAME})\u00bb? with [^ ]+ as(?: the| a| its)? $")
"""The account before a password that the word for one follows: `feed with ... as password`."""
_BEFORE = re.compile(
    rf"(?i)(?:^|[ \u00ab])(?P<a>{NAME})\u00bb?(?: account| user)?(?:'s)?(?: [(,:]| (?:sudo|login|default|initial)| (?:with|has|uses|takes) the)? $"
)
_AS_ACCOUNT = re.compile(
    rf"(?i) (?:use|enter|type|with|as) \u00ab?{NO_NAME}(?P<a>{NAME})\u00bb? (?:as|in|at|for|into)(?: the| a)? {_ACCOUNT}\b"
)
_OF = "for|of|fur|fuer|von|vom|aller|des|de|del|di|van|pro|dla|uzivatele|uzytkownika"
_THE_USER = "both|the|user|account|accounts|den|das|benutzers?|l'utilisateur|usuario|utente|gebruiker"
_BEHIND = re.compile(
    rf"(?i)(?: (?:par defaut|por defecto|predefinita|by default))? (?:{_OF})(?: (?:{_THE_USER}))*"
    rf"(?: ,)? \u00ab?{NO_NAME}(?P<a>{NAME})\u00bb?(?: and {NAME})?(?: (?:user|account))?(?: ,)?(?= |$)"
)
_BE = r"is|of|was|are|has been|have been|ist|lautet|est|es|e|je|jest|=|:|\|"
_IS = re.compile(
    rf"(?i)(?: (?:par defaut|por defecto|predefinita|iniziale|by default))?(?: [.])*(?: [(;,] it)?(?: (?:{_BE}))"
    r"(?: (?:now|also|both))?(?: (?:(?:re|pre)?set|changed)(?: to| from)?)?(?: [:=|])?(?: the)? "
)
NAMED = re.compile(
    rf"(?i)(?<![\w-])(?:(?:standard|default|initial|werks|admin|root|service|master|system)-)?{_WORDS}s?(?![\w\u00bb-])"
)
VALUE = r"(?:\u00ab(?P<m>[^\s\u00ab\u00bb]+)\u00bb|(?P<v>[^\s\u00ab\u00bb(),;:|=/][^\s\u00ab\u00bb]*)(?= |$))"
_IT = re.compile(VALUE)
_LONG_LABEL = re.compile(
    rf"(?i) (?:for|of|to|with|on|in|at|fur|fuer|auf|an|bei|des|del|de|du|sur|pour|para|pro|na|do|dla|op|van) [^:=|]{{3,60}} (?:[:=]|is|ist|lautet|est|es|je) {VALUE}(?: [.])?$"
)
"""What stands behind a word for a password that says at length whose it is."""
_ITS = re.compile(rf"(?: -)? \u00ab?{NAME}\u00bb? ")
"""An account alone before a word for its password, as an item of a list too: `- root pw ...`."""
_DEFAULT = re.compile(
    rf"(?i) [;,(.] (?:(?:the|its|which) )?(?:(?:factory|shipped|initial) )?default(?: (?:value|one))? (?:is|=|:) {VALUE}"
)
"""The next part of a sentence about a password: `asks for a password; the factory default is ...`."""
_FROM_TO = re.compile(rf"(?i) (?:was |has been |is )?(?:changed )?from [^ ]+ to {VALUE}")
"""The old password and the new one: `changed the password of root from ... to ...`."""
_BRACKET = re.compile(rf" \( {VALUE} \)")
_TYPED = re.compile(rf"(?i)(?: (?:field|prompt))?(?: ,)?(?: please)? (?:type|enter|use) {VALUE}")
_AS = re.compile(
    rf"(?i)(?: (?:type|enter|use|and|,|with|wants|takes|expects|accepts)) {VALUE} (?:as|in|at|for|into|when (?:asked|prompted) for)(?: the| a)?(?: default| initial)? $"
)
GOES_ON = re.compile(
    r"(?i) (?:[.,;:)|(!?]|and|in|at|on|when|und|an|as|y|et|e|en|by|default|to|angelegt|which|that|then|if|for|now|after|until|before|during|while|since|because|so|out|--)(?: |$)|$"
)
_WITH = re.compile(
    r"(?i) (?:with|using|has|have|has the|have the|uses|use|by|mit|dem|avec|con|met|and|y|et|e|la|le|the|und|its|your|a|,|\(|/|;|\|)(?: (?:default|initial))? $"
)
FOLLOWS = frozenset(
    "access security server service setup enable test system install monitor private public master manager linux shadow".split()
)
"""Usual passwords that go on with a sentence about passwords as well."""
_THE = re.compile(r"(?i) (?:the|das|le|la|el|il) $")
_USE = (
    r"uses?|using|with|has|have|shares?|enter|type|verwende[nt]?|benutze[nt]?|nutze[nt]?|haben|mit"
    r"|utilise[rnz]*t?|avec|usan?|utiliz\w+|con|pouziva\w*"
)
_THE_SAME = "the|a|same|common|shared|das|dem|gleiche|gleichen|selbe|le|la|meme|misma|heslo|stejne"
_USED = re.compile(
    rf"(?i) (?:{_USE}) (?:{_THE_SAME})(?: (?:same|common|shared|gleiche|gleichen|meme|misma))? $"
    r"|(?i: hard-?coded| hardwired| fest codiertes?| fest hinterlegtes?) $"
)
"""What says before a word for a password that somebody uses the one behind it, or that a program has it."""
_SETS = re.compile(
    rf"(?i)\b(?:re)?(?:set|setting|changed?|changing|updated?|updating)(?: (?:the|new|{NAME}(?:'s)?|for|of)){{0,4}} $"
)
_SET_TO = re.compile(rf"(?i)(?: (?:for|of)(?: user)? {NAME})? to {VALUE}")
"""What a program says that it does: `setting admin password to '...'`."""
_SIGNS = frozenset((",", "(", "/", ";", "|"))
_VERBS = frozenset("pass pin pw pwd clave parola senha".split())
"""Words for a password that are others as well: they need more than a mark behind them."""
_SAMPLE = re.compile(r"(?i)\b(?:sample|example|beispiel|exemple d\w+|ejemplo d\w) $")
_SET = re.compile(r"\s*=")
_NEXT = re.compile(
    r"""\r?\n(?:[ \t]*\r?\n)?[ \t>*-]*(?:A:[ \t]*|(?P<roff>\.[BI][RI]?)[ \t]+)?["'`*]{0,2}(?P<v>[^\s"'`*:;,(){}<>=]{3,40})["'`*]{0,2}(?:[ \t]*\.)?[ \t]*(?=\r?\n|$)"""
)
_FAR = 160
_MACRO = re.compile(r"\r?\n(?:\.[BI][RI]?[ \t]+)?")
"""The end of a line of a manual page, and what makes the next one bold."""
_ASKS_FOR_NEXT = re.compile(r"(?i)(?: (?:is|ist|lautet|est|es))?(?: [:?])?$")
_LONGEST_QUESTION = 100
"""Letters of a word for a password at the end of a line, and what asks there for the next one."""
_OTHER_LABEL = re.compile(
    rf"(?i)^(?: [\w-]+(?= login :))?(?: (?:echo|[-+#>\u2022]|\d+ [.)]|[:|]))*(?: (?:default|initial|factory|web|login))* {_ACCOUNT}(?: [:=|.]+| \u00bb)* \u00ab?(?P<a>{NAME})\u00bb?(?: \|)?$"
)
_LABEL = re.compile(
    r"(?: (?:echo|[-+#>\u2022]|\d+ [.)]|[:|]))*(?: (?:[Dd]efault|[Ii]nitial|[Ff]actory|[Ll]ogin))* $"
)
_LABELLED = re.compile(rf"{_LABEL.pattern.removesuffix('$')}(?i:{_WORDS})")
_MAY_BE_LABELLED = re.compile(
    rf"(?i)(?:<[^<>]*>|\\f(?:[BIRPC]|\(?[A-Z]{{2}})|&(?:nbsp|quot);|[\0-@\[-`{{-\x7f]|echo|default|initial|factory|login)*+(?:{_WORDS}|(?:pre-?)?shared|mot|\w*?[^\0-\x7f])"
)
"""What a line begins with that is labelled when it is read, whatever its marks are and its letters beyond ASCII."""
_OF_A_FORM = re.compile(rf"(?i)\b(?:{_ACCOUNT}|fields?|options?|arguments?|parameters?)\b")
_CLOSED = re.compile(r"\u00bb| (?:[.,;)|!]|--)|$")
_FIELDS = frozenset("user username name login".split())


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a word that may be a password."""

    account: str
    sign: bool
    """Whether a sign or a verb says that the word is it."""
    tells: bool
    """Whether the sentence says that something is a default, or how somebody gets in."""
    ends: bool
    """Whether the sentence, or a part of it, ends behind the word, or goes on as it would behind a value."""
    closed: bool
    """Whether a sign or the end of the line is behind the word."""
    alone: bool = False
    """Whether a default is told of a password alone, where a word for an account would make it a form."""


def _account(text: str, start: int, end: int) -> str:
    """Return the account that a sentence names before its password, or right behind the word for it."""
    found = _BEFORE.search(text, 0, start)
    if found and (name := found["a"].partition("@")[0]).lower() in KNOWN:
        return name
    behind = _BEHIND.match(text, end) or _WITH_IT_AS.search(text, 0, start)
    if behind:
        return behind["a"]
    names = [m["a"] for one in (_AS_ACCOUNT, _WHOSE, _WHOSE_AT_LENGTH) for m in one.finditer(text, 0, start)]
    return names[-1].partition("@")[0] if names else ""


def _looks_like_one(value: str, frame: Frame, *, marked: bool) -> bool:
    """Whether letters with digits, or with signs, are a password there."""
    if is_mixed(value) or is_phrase(value) or is_generated(value):
        return frame.sign or marked or bool(frame.account) or frame.tells
    return bool(frame.account) and (frame.sign or marked) and not OF_PASSWORDS.isdisjoint(value.rstrip("!"))


def is_one(value: str, frame: Frame, *, marked: bool) -> bool:
    """Whether a word in the place of a password is one: by itself, or as a usual one where nothing else can be meant."""
    small, account = value.lower(), frame.account.lower()
    known = account in EVERYWHERE
    if is_digest_or_id(value) and not account:
        return False  # a file's, behind its name: `.../shadow`
    meant = known or is_shipped(account, value) or (frame.tells and frame.sign)
    if is_no_value(value) or (is_example(value) and not meant):
        return False
    if strength(value) is Strength.MIXED:
        return _looks_like_one(value, frame, marked=marked)
    usual = small in SHIPPED or (small in common() and small not in ("pw", "token"))
    if not usual or not (frame.ends or marked) or (account in _FIELDS and small in DUMMIES):
        return False
    if small in SHIPPED or small == account:
        itself = small not in SHIPPED and small in common()
        return frame.closed and (itself or known or (frame.alone and frame.sign and small in WEAKEST))
    said_so = frame.sign and (marked or frame.tells or known)
    said_so = said_so or (bool(account) and frame.closed and small not in FOLLOWS)
    return said_so or (known and (marked or small not in FOLLOWS)) or (marked and frame.tells)


def _may_be(value: re.Match[str], verb: str, *, named: bool) -> bool:
    """Whether a word behind a verb or a sign may be the password: `the password of root` is somebody's, and a cell needs an account's."""
    said = value["m"] or value["v"]
    return (named or "|" not in verb) and (
        " of " not in verb or (named and said.lower() not in EVERYWHERE and strength(said) is Strength.MIXED)
    )


def _in_brackets(text: str, behind: re.Match[str]) -> re.Match[str] | None:
    """Return what stands in brackets behind an account, but for another name of it: `the super user (admin)`."""
    value = _BRACKET.match(text, behind.end())
    said = (value["m"] or value["v"]).lower() if value else ""
    return None if said in KNOWN and said != behind["a"].lower() else value


def _said_at_length(text: str, word: re.Match[str], account: str) -> Iterator[re.Match[str]]:
    """Yield what stands behind a word for a password and all that says whose it is, and what somebody set one to."""
    before = (_THE, _LABEL, _ITS) if account else (_THE, _LABEL)
    labelled = any(one.fullmatch(text, 0, word.start()) for one in before)
    if labelled and (value := _LONG_LABEL.match(text, word.end())):
        yield value
    if _SETS.search(text, 0, word.start()) and (value := _SET_TO.match(text, word.end())):
        yield value


def _candidates(text: str, word: re.Match[str], account: str) -> Iterator[tuple[re.Match[str], bool]]:
    """Yield what may be the value of a word for a password, and whether a sign or a verb says so."""
    behind = _BEHIND.match(text, word.end())
    before = _WITH.search(text, 0, word.start())
    whose = _WHOSE.search(text, 0, word.start()) or _WHOSE_AT_LENGTH.search(text, 0, word.start())
    for at in (word.end(), behind.end() if behind else -1):
        verb = _IS.match(text, at) if at >= 0 else None
        value = _IT.match(text, verb.end()) if verb else None
        if value and verb and _may_be(value, verb[0], named=bool(whose or account)):
            yield value, True
    verb_too = word[0].lower() in _VERBS
    for pattern in (_BRACKET, _TYPED):
        value = None if verb_too else pattern.match(text, word.end())
        if value and not (pattern is _BRACKET and (value["v"] or "").isdigit() and not account):
            yield value, True
    value = (behind and _in_brackets(text, behind)) or _FROM_TO.match(text, word.end())
    value = value or _DEFAULT.match(text, word.end())
    if value and not verb_too:
        yield value, True
    for value in _said_at_length(text, word, account):
        yield value, True
    value = _IT.match(text, word.end() + 1) if text[word.end() : word.end() + 1] == " " else None
    labelled = value and value.end() == len(text) and _LABEL.fullmatch(text, 0, word.start())
    its = labelled or _ITS.fullmatch(text, 0, word.start())
    if value and its and (account if labelled else account.lower() in EVERYWHERE):
        yield value, True
    elif value and (
        ((before or value["m"]) and (whose or account.lower() in EVERYWHERE))
        if verb_too
        else (before or whose or value["m"] or _USED.search(text, 0, word.start()))
    ):
        used = _USED.search(text, 0, word.start()) and _CLOSED.match(text, value.end())
        yield value, bool(used or (before and before[0].strip() in _SIGNS))
    if value := _AS.search(text, 0, word.start()):
        yield value, True


def _above(match: re.Match[str]) -> str:
    """Return the account that the line above has beside a label of its own."""
    above = match.string[: match.string.rfind("\n", 0, match.start("secret")) + 1].rstrip()
    found = _OTHER_LABEL.match(read(above[above.rfind("\n") + 1 :][-200:]).text)
    return found["a"] if found else ""


def caught_at(caught: Catch, match: re.Match[str], place: tuple[int, int], account: str) -> Catch:
    """Return the catch of what stands at a place of the line."""
    start, end = place
    first = match.start("secret")
    value = match.string[first + start : first + end].encode("latin-1", "replace").decode("utf-8", "replace")
    return replace(
        caught,
        start=caught.start + start,
        end=caught.start + end,
        value=value,
        user=account,
        evidence="told",
        told=True,
    )


def told_in_a_sentence(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The password that a line of a text tells, with the account that it is of."""
    line = match["secret"]
    below = "[sudo]" not in line and _NEXT.match(match.string, match.end()) is not None
    if not (below or hopeful(line) or _MAY_BE_LABELLED.match(line)):  # as most lines
        return None
    sentence = read(line)
    text = sentence.text
    hope = hopeful(line) or _LABELLED.match(text) is not None
    if not (below or hope):
        return None
    for word in NAMED.finditer(text, 0 if hope else max(0, len(text) - _LONGEST_QUESTION)):
        account = whose(match, text, word) if hope else ""
        if account is None:
            continue
        told = told_here(caught, match, sentence, word, account) if hope else None
        if told or (below and (told := _told_below(caught, match, text, word, account))):
            return told
    return None


def whose(match: re.Match[str], text: str, word: re.Match[str]) -> str | None:
    """Return the account that a word for a password is of, empty for none; None for a sample's, or a setting's, which `assign` knows more about."""
    account = _account(text, *word.span())
    before = word[0].lower().partition("-")[0]
    if not account and before in EVERYWHERE - {"default"}:
        account = before  # Root-Password
    if _SAMPLE.search(text, 0, word.start()):
        return None
    if account or not _LABEL.fullmatch(text, 0, word.start()):
        return account
    account = _above(match) if word[0][0].isupper() and not _SET.match(text, word.end()) else ""
    return account if account or TELLS.search(text) or _LONG_LABEL.match(text, word.end()) else None


def told_here(
    caught: Catch, match: re.Match[str], sentence: Sentence, word: re.Match[str], account: str
) -> Catch | None:
    """Return the password that a line has beside the word for it."""
    text = sentence.text
    tells = bool(TELLS.search(text))
    for value, sign in _candidates(text, word, account):
        group = "m" if value["m"] else "v"
        closed = bool(_CLOSED.match(text, value.end(group)))
        alone = tells and not _OF_A_FORM.search(text)
        frame = Frame(account, sign, tells, bool(GOES_ON.match(text, value.end(group))), closed, alone)
        if is_one(value[group], frame, marked=group == "m"):
            return caught_at(caught, match, sentence.span(value.start(group)), account)
    return None


def _told_below(
    caught: Catch, match: re.Match[str], text: str, word: re.Match[str], account: str
) -> Catch | None:
    """Return the password that stands on the line below, where this one ends with the word for it."""
    below = _NEXT.match(match.string, match.end()) if _ASKS_FOR_NEXT.match(text, word.end()) else None
    if below is None:
        return None
    if below["roff"]:
        text = read(_MACRO.sub(" ", match.string[max(0, match.start() - _FAR) : match.start("secret")])).text
        account = _account(text, len(text), len(text))
    else:
        account = account or _account(text, *word.span())
    tells = bool(TELLS.search(text))
    frame = Frame(account, sign=bool(account or tells), tells=tells, ends=True, closed=True)
    if not is_one(below["v"], frame, marked=False):
        return None
    base = match.start("secret")
    return caught_at(caught, match, (below.start("v") - base, below.end("v") - base), account)
