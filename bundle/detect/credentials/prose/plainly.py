"""Plain words that a sentence tells for a password in so many words: `The new password for feed is: quarry`."""

from __future__ import annotations

import re

from bundle.detect.credentials.judging.keyword import kind_of
from bundle.detect.credentials.judging.values import Strength, is_example, strength
from bundle.detect.credentials.prose import telling
from bundle.detect.credentials.prose.sentences import read
from bundle.detect.credentials.rules.catch import Catch

_FOR_IT = (
    r"(?:passw(?:or[dt]|d)|pass|pwd?|passphrase|kennwort|wachtwoord|mot de passe|contrasena|senha|parola)"
)
_ACCOUNT = r"(?:user(?: ?name)?|login|account|benutzer(?:name)?|utilisateur|identifiant|usuario|utente)"
_NAME = rf"\u00ab?{telling.NO_NAME}(?P<a>{telling.NAME})\u00bb?"
_WORD = r"(?:\u00ab(?P<m>[A-Za-z][a-z]{3,19})\u00bb|(?P<v>[A-Za-z][a-z]{3,19}))"
_MARKED = r"\u00ab(?P<m>[A-Za-z][a-z]{3,19})\u00bb"
_ENDS = r"(?= [.!)]?$|$)"
_MARKS = r"""(?:<[^<>\n]{1,80}>|["'`*_]){0,6}"""
_IN_MARKS = re.compile(r"""["'`*_>][A-Za-z]{4,20}["'`*_<]""")
_AT_THE_END = re.compile(
    rf"""(?i)(?:[:=]|\b(?:is|ist|lautet|est|es|now|{_FOR_IT}))\s*{_MARKS}[a-z]{{4,20}}{_MARKS}\s*[.!)]?\s*$"""
)
"""A word at the end of a line behind what says so."""
_LAST_WORDS = 5
"""As many are looked at for that, where no tag has more: `mot de passe gravel .`."""
_WHOSE = re.compile(
    r"(?i)(?-i:(?<![a-z\d]))(?:user|login|account|benutzer|utilisateur|identifiant|usuario|utente|(?:as|als|root|admin(?:istrator)?|for|of|fur|fuer|des?|di)\b)|[^\0-\x7f]"
)
"""What every form has before the account, or letters that may be read as that; behind what sets the font of a manual, too."""
_IS = r"(?: (?:is|ist|lautet|est|es))(?: now)?"
_FORMS = tuple(
    re.compile(rf"(?i){form}")
    for form in (
        rf"\b{_FOR_IT} (?:for|of|fur|fuer|des|de|di)(?: (?:the|den|user|account|benutzer|utilisateur|usuario))* {_NAME}(?: (?:account|user))?{_IS} [:=] {_WORD}{_ENDS}",
        rf"\b{_FOR_IT} (?:for|of|fur|fuer)(?: the)? (?:user|account|benutzer) {_NAME}{_IS} {_WORD}{_ENDS}",
        rf"\b{_ACCOUNT} (?:[:=] )?{_NAME} [,;/] {_FOR_IT} [:=] {_WORD}{_ENDS}",
        rf"\b(?:as|als|user(?: ?name)?|account|benutzer(?:name)?) {_NAME} (?:with|using|mit|and|und)(?: (?:the|dem))? {_FOR_IT} {_MARKED}(?= [.,;)!]|$)",
        rf"(?:^|[ ])(?P<a>root|admin|administrator) {_FOR_IT}{_IS} {_MARKED}{_ENDS}",
        rf"\b{_ACCOUNT} is {_NAME}(?: ,)?(?: and)?(?: (?:the|its))? {_FOR_IT}{_IS} {_WORD}{_ENDS}",
        rf"\b(?:created|added|new)(?: the)? (?:user|account) {_NAME} with(?: (?:the|a))? {_FOR_IT} {_WORD}{_ENDS}",
    )
)
"""In so many words: whose the password is, and what; nothing behind it."""
_SAYS_OF_IT = frozenset(
    "here there this that these below above null none void empty blank true false same different unset never always once only also needed case sensitive wrong weak strong correct incorrect "
    "valid invalid hidden secret plain unknown random unique safe secure lost known sent read written mandatory optional required stored your yours their mine text string char "
    "varchar integer number value default word field prompt input masked visible invisible missing available defined undefined something anything nothing whatever automatic manual "
    "new used free good long short simple hard easy old first last leer richtig falsch notwendig nicht noch hier unten oben gleich vide requis vacia".split()
)
_SAYS_IN_A_FORM = re.compile(r"(?i)(?:[^e]ed|ing|able|ible|ally|tion|ness|less|ful|ive|ous|ert|igt)$")
"""How words end that say something of a password, rather than are it."""


def told(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The word that a sentence tells for the password of an account that it names."""
    line = match["secret"]
    if not (_may_have_one(line) and _WHOSE.search(line)):  # as most lines
        return None
    sentence = read(line)
    for form in _FORMS:
        found = form.search(sentence.text)
        group = "m" if found and found["m"] else "v"
        if found and _is_one(found[group], found["a"]):
            return telling.caught_at(caught, match, sentence.span(found.start(group)), found["a"])
    return None


def _may_have_one(line: str) -> bool:
    """Whether a line has a marked word, or one at its end behind what says so."""
    if _IN_MARKS.search(line):
        return True
    end = line if "<" in line else " ".join(line.rsplit(None, _LAST_WORDS)[-_LAST_WORDS:])
    return _AT_THE_END.search(end) is not None


def _is_one(word: str, account: str) -> bool:
    small = word.lower()
    if small == account.lower() or small in _SAYS_OF_IT or _SAYS_IN_A_FORM.search(small):
        return False
    return strength(word) is not Strength.NO and kind_of(word) is None and not is_example(word)
