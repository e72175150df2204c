"""Assignments: a name that promises a secret, and a literal value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundle.detect.credentials.judging import decode
from bundle.detect.credentials.judging.keyword import Kind, kind_of, names_an_account
from bundle.detect.credentials.judging.naming import is_several_words, strength_beside, token
from bundle.detect.credentials.judging.values import (
    SECRET_WORD,
    Strength,
    is_chosen,
    is_compound,
    is_generated,
    is_no_word,
    is_phrase,
    strength,
)
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.evidence import Evidence
from bundle.detect.credentials.statements import given
from bundle.detect.credentials.statements.dismissed import CODED, PROMISE, dismissed, is_sentence, is_state
from bundle.detect.credentials.statements.novalue import (
    BARE,
    ENVIRONMENT,
    LITERAL_BEGINS,
    filled_in_beside,
    goes_on,
    mapped,
    named_beside,
    no_value,
)
from bundle.detect.credentials.statements.setters import sets
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.vocabulary import any_of

_KEYS = (
    "api|access|auth|authentication|private|priv|secret|client|certificate|application|validation|decryption|verification|upgrade|nonce|logged.?in|pre.?shared|wep|wpa|wifi|wlan|wireless|network|"
    "enc|encrypt|encryption|crypt|crypto|cipher|sign|signing|hmac|aes|des|master|license|salt|jwt|token|"
    "hash|app|rsa|security|tacacs|radius|account|storage|shared|session|cookie|consumer|service|routing|integration|install"
)
GATE = (
    rf"(?i)(pass|pwd|psk|pw|psw|secret|token|api_?ticket|auth_?ticket|credential|authtok|kennwort|zugangscode|clave|chiave[._-]segreta|contrase(n|\xc3\xb1|\xf1)|senha|heslo|wachtwoord|mdp"
    rf"|parola|parol\b|has(l|\xc5\x82)o|l(o|\xc3\xb6|\xf6)senord|(s|\xc5\x9f)ifre|jelszo|geslo|lozinka|salasana|adgangskode|kodeord|({_KEYS})[._ -]?key|blowfish|salt|community)"
    r"[\w.\-]{0,40}([\"']?\]\[[\"']?[\w.-]{1,30}|[\[{][\"']?\w{0,12}[\"']?[\]}])?([\"'\]}$%*`]|\\[\"']){0,3}"
    r"(\[\])?(\s{0,2}\{\s{0,2}get;[^{}\n]{0,30}\})?(\s{1,2}(as\s{1,2})?(string|char\s?\[\]))?\s{0,8}\)?\s{0,12}"
    r"((=>|:=|\|\|=|\?\?=|\?=|=|:|,)\s{0,16}([^\s=$]|\$[^A-Za-z_({\s])|(->|<-)\s{0,8}[\"'])"
)
"""A word that promises a secret, a sign, and a value that is not just a variable."""
_LONGEST_NAME = 70
_IN_A_NAME = "".join(c for c in map(chr, range(256)) if c.isalnum() or c in "_$.-")
"""What a name goes on with, in a text with one character for each byte."""
_KEY = r"""(?P<key>[A-Za-z_$\x80-\xff][\w.\x80-\xff\-]{0,80}(?:(?:["']?[\]}]?[\[{]["']?|->|::)\$?[\w.\-]{1,60}){0,3})"""
_TYPE_OF_ONE = (
    r"(?:\s*(?:\??:\s*|(?i:as)\s+)?(?:&\s*(?:'\w+\s+)?)?"
    r"(?i:(?:final|optional|classvar)\s*\[\s*str\s*\]|str|string|char\s*\[\s*\])\??(?=\s*=[^=]))?"
)
"""The type between a name and its sign: `: str =`, `As String =`."""
_CLOSE = (
    r"""(?P<close>(?:\\?["']|[$%]|\*\*|`)?\s*[\])}]?(?:\[\s*\])?(?:\s*\{\s*get;[^{}\n]{0,40}\})?"""
    + _TYPE_OF_ONE
)
_SIGN = r"""\s*(?P<sep>=>|->(?=\s*["'])|<-(?=\s*["'])|:=|\|\|=|\?\?=|={1,3}|\?=|:(?![:=])|,)\s*"""
_TAG = r"""(?:&[\w-]+\s+|(?<!=)(?<!=[ ])!!?[\w:]+\s+(?=["'\w]))?"""
"""An anchor or a tag of YAML."""
_MEMBER = r"[\w$]{1,40}%s\s*(?:\.|->|::)\s*"
_AROUND = (
    r"""[uUbBrRfFLN]{1,2}(?=["'])""",
    r"String::from\s*\(\s*",
    r"Some\s*\(\s*",
    r'<<(?=")',
    r"""\{\{\s*(?=["'])""",
    r"new\s+String\s*\(\s*",
    r"new\s+String(?:Builder|Buffer)\s*\((?:\s*\)\s*\.\s*append\s*\()?\s*" + r'(?=")',
    r"\(\w+\)\s*",
    r"""@(?=["'])""",
    r"(?!p?flag\.)(?:[a-z]{1,12}\.)?(?:String(?:Ptr)?|Ptr)\s*\(\s*",
    r'(?:_T|_TEXT|TEXT|_bstr_t|QStringLiteral|QLatin1String|QString|CString)\s*\(\s*L?(?=")',
    r"\[\]byte\s*\(\s*",
    r'\w{0,8}strdup\s*\(\s*(?=")',
    r"""\(\s*(?=["'])""",
    r"(?:"
    + _MEMBER % r"(?:\(\))?"
    + r"){0,3}"
    + r"\w{0,20}(?i:decode|unhex|fromhex|hex2bin|parsehex|rot13|decrypt|atob|frombase64string|unescape|unquote|strrev)"
    + r"""\w{0,20}\s*\(\s*(?:b(?=["']))?""",
    r"""pack\s*\(\s*["']H\*["']\s*,\s*""",
    r"Buffer\.from\s*\(\s*",
    r"\[[\w.]{1,60}\]::(?:[\w.]{1,30}\.)?\w{1,30}\s*\(\s*",
    r"(?:"
    + _MEMBER % ""
    + r")?"
    + r"(?i:md5|sha1|sha256|sha512|crypt|hashpw|bcrypt|make|(?:password_hash|hash_password|make_password|generate_password_hash))\s*\(\s*",
)
"""What may stand around a literal: a prefix, a type, and calls that decode, hash or copy it."""
_MADE = r"""(?P<made>(?:new\s+)?[A-Z]\w{1,40}(?:::\w{1,20})?\s*\(\s*(?=["']))?"""
_VALUES = (
    r'\\"(?:[^"\\\n]|\\\\.){1,400}\\"',
    r'\"{3}[^"\n]{1,400}\"{3}',
    r"'{3}[^'\n]{1,400}'{3}",
    r"%?q[qQ]?[{(\[][^\s{}()\[\]]{1,200}[})\]]",
    r"[|>][-+]?\d?(?=[ \t\r]*(?:#[^\n]*)?(?:\n|$))",
    r'"(?:\\.|[^"\\\n]){0,400}"',
    r"'(?:\\.|[^'\\\n]){0,400}'",
    r"`[^`\n]{1,400}`",
    r"""(?:\{(?i:xor|noop|plain|clear|cleartext|base64|b64)\})?[^\s"'`,;<>{}()\[\]|&][^\n]*""",
)
"""A literal of each kind, a block of YAML, and at last the rest of the line."""
_ASSIGN = re.compile(
    f"{_KEY}{_CLOSE}){_SIGN}{_TAG}(?P<wrap>(?:{'|'.join(_AROUND)})*{_MADE})(?P<value>{'|'.join(_VALUES)})"
)
_NAME = re.compile(
    r"""[A-Za-z_$\x80-\xff][\w.\x80-\xff\-]{0,80}+(?<![-.])(?!["']?[\]}]?[\[{]["']?\$?[\w.\-]|->|::)"""
)
"""A name that nothing else belongs to: no index, no member, no class."""
_ASKED_FOR = re.compile(r"(?i)\bset\s+/p\s+\"?$|\bread\s[^;\n]*$")
_QUOTES = ("'", '"')
_BRACED = re.compile(r"(?i)^\{(?:noop|plain|clear|cleartext)\}")
_TOKEN_WITHIN = re.compile(r'"([A-Za-z0-9+/_.-]{20,200}={0,2})"')
"""A token in JSON that is itself a literal."""
_SENTENCE = re.compile(r"^\w{2,20}(?: \w{1,20}){1,6}$")
_REFERRED = re.compile(r"!(?i:Ref|Sub|GetAtt|ImportValue|env|env_var|secret|vault|include|reference)\s")
_GOES_ON = re.compile(rb"""[ \t]*(?:=>|=|["']|[^\s\x1c-\x1f\x85\xa0:="'#]{0,4}$)""")
"""A line that goes on with what the one before it began: with a sign, a literal, or a word that is all there is."""
_NEIGHBOUR = re.compile(
    r"(?i)\b(?:cn|uid)=\w|\b\w*(?:user(?:name)?|uname|login|host(?:name)?|server|dbname|database|url|driver|account|port|dsn)[\"'\]]*\s*(?:=>|:=|=|:|,)"
)
_OF_PEERS = frozenset(
    ("secret", "sharedsecret", "shared_secret", "shared-secret", "md5secret", "remotesecret")
)
_PEER = re.compile(rf"(?im)^[ \t]*(?:{any_of('line/of-a-peer')})")
"""What stands beside a secret that is shared with a peer: its address, its kind."""
_ACCOUNT = re.compile(r"""(?m)(?:["']user(?:name)?["'][ \t]*:|^[ \t]*user(?:name)?[ \t]*=)[ \t]*["']?\w""")
"""An account beside a secret, in JSON or on a line of its own."""
_CONTINUED = 400
"""Bytes after a line in which the literals are that are joined to one on it."""
_REACH = 200
"""Bytes before a hit in which the name is that was hit."""
_FURTHEST = 1200


def catches(view: View, ends: list[int], kind: str) -> Iterator[Catch]:
    """Yield what the assignments near the hits assign, for text of a kind (see `place`)."""
    position = 0
    for at in ends:
        if at <= position:
            continue
        if view.work.is_spent:
            view.stop(at)
            return
        further = dismissed(view.data, position, at, kind)
        if further is not None:
            position = further
            continue
        floor, end = _statement(view, position, at, kind)
        start = max(floor, position, at - _REACH)
        text = view.text(start, min(end + _CONTINUED, at + _FURTHEST))
        stop, begun = _stop(text, min(end - start, len(text))), 0
        for word in PROMISE.finditer(text[: at - start].lower()):
            first = word.start()
            if first < begun:
                continue
            begin = _begin(text, first, begun)
            name = _NAME.match(text, begin, stop)
            if name is not None and kind_of(name[0]) is None:
                begun = name.end()  # what most hits are, and several times quicker than the whole pattern
                continue
            found = _ASSIGN.match(text, begin, stop)
            if found is None:
                continue
            caught = _caught(view, start, text, found, kind)
            begun = found.end("key") if caught is None else _past(found, caught, start)
            position = start + begun
            if caught is not None:
                yield caught


def _statement(view: View, position: int, at: int, kind: str) -> tuple[int, int]:
    """Return where the line of a hit begins, or the one before it that it goes on with, and where it ends."""
    floor, end = view.window(at, multiline=False)
    if (
        floor > position
        and _GOES_ON.match(view.data, floor, at)
        and not (kind == place.CONFIG and PROMISE.search(view.text(floor, at).lower()))
    ):
        floor, _ = view.window(floor, multiline=False)
    return floor, end


def _stop(text: str, end: int) -> int:
    """Return where the line ends that a hit is on, or the next one where a value in brackets is on that: `password=(`."""
    return max(end, text.find("\n", end + 1)) if text.endswith("(", 0, end) else end


def _past(found: re.Match[str], caught: Catch, base: int) -> int:
    """Return where the next name may begin: behind a literal, or behind the word that was taken of the rest of a line."""
    if found["value"][0] in LITERAL_BEGINS:
        return found.end()
    return min(found.end(), max(found.start("value") + 1, caught.end - base))


def _begin(text: str, at: int, least: int) -> int:
    """Return where the name begins that has a word at an offset."""
    floor = max(least, at - _LONGEST_NAME)
    at = floor + len(text[floor:at].rstrip(_IN_A_NAME))
    while not (text[at].isalpha() or text[at] in "_$"):
        at += 1
    # "a=b\\npassword=...": the letter of an escape is none of the name's
    return at + 1 if text[at] in "nrt" and text[at - 1 : at] == "\\" else at


def _caught(  # noqa: PLR0911 - one return for each reason that it is none
    view: View, base: int, text: str, found: re.Match[str], kind: str
) -> Catch | None:
    key, promised = _promised(found)
    if promised is None or _hopeless(key, promised, found, text, kind) or not _on_its_line(found, text, kind):
        return None
    separated = _separated(found, text)
    if not separated and not _in_a_pair(found, text):
        return None
    read = given.read(view, base, text, found, kind)
    if read is None:
        return None
    start, end, value, quoted = read
    if promised is Kind.TOKEN and value.startswith("{") and (inner := _TOKEN_WITHIN.search(value)):
        value = inner[1]
    term = found["wrap"].endswith("<<") and promised is Kind.PASSWORD  # {default_pass, <<"...">>}
    entry = is_chosen(value) and text[: found.start()].rstrip("\"' ").endswith("{")  # no two arguments
    if not (separated or term or entry or is_generated(value)):
        return None
    if found["made"] and (not is_generated(value) or SECRET_WORD.search(value)):
        return None
    if (
        no_value(key, value, found["value"][0], kind)
        or mapped(text[: found.start()], text[found.end() :], value, quoted=quoted)
        or (quoted and kind == place.CODE and named_beside(view, base + found.start(), value))
    ):
        return None
    if braced := _BRACED.match(value):
        start, value = start + braced.end(), value[braced.end() :]
    written, value = value, _decoded(found, text, key, value)
    sure = _evidence(view, base + found.start(), key, promised, value, kind=kind, quoted=quoted)
    hidden = value != written or _SPELT.match(found["value"]) is not None
    sure = _at_least(sure, value, hidden=hidden)
    if sure is None or (quoted and goes_on(found, text, value, code=kind == place.CODE)):
        return None
    return Catch(start, end, value, key=found["key"], evidence=sure)


def _at_least(evidence: Evidence | None, value: str, *, hidden: bool) -> Evidence | None:
    """Return the evidence of a value that may be written so that nobody reads it, as no label is: a word as well, then."""
    if not hidden or (evidence is None and strength(value) is not Strength.WORD):
        return evidence
    return "hidden" if evidence in (None, "label") else evidence


_SPELT = re.compile(r"""["'](?:\\(?:u00|x)[2-7][0-9a-fA-F]|\\[01]?[0-7]{2}){4,}["']""")
"""A literal of escapes alone, in which nobody writes a label."""


def _hopeless(key: str, promised: Kind, found: re.Match[str], text: str, kind: str) -> bool:
    """Whether a look at the literal by itself tells that it is none, which is quicker than to read it."""
    literal = found["value"]
    if literal[0] not in _QUOTES:
        return False
    if is_sentence(key, literal[1:-1]):
        return True
    return (
        promised is Kind.TOKEN
        and kind == place.CODE
        and not found["wrap"]
        and is_state(key, literal[1:-1])
        and given.MORE.match(text, found.end()) is None
    )


_JOINED = re.compile(r"[\[{]|->|::")
_LONGEST_TABLE = 24
_MESSAGES = r"\$?(?:form_?)?(?:errors?|messages?|msgs?|warnings?|hints|labels?|titles|placeholders?|rules)"
_OF_MESSAGES = re.compile(rf"(?i){_MESSAGES}(?:\[|\.|->)")
_OF_MESSAGES_BEFORE = re.compile(rf"""(?i)(?<![A-Za-z]){_MESSAGES}(?:\[["']?|\.|->)$|\bv-(?:model|bind):$""")
"""What is said about a field: `errors[CONF_PASSWORD] = "cannot_connect"`."""
_TYPE = re.compile(r"\bAWS::\w{1,60}::$")
"""A type of CloudFormation's."""


def _decoded(found: re.Match[str], text: str, key: str, value: str) -> str:
    """Return what a value says in a code that its name, or a call around it, tells; a sentence is in none."""
    if " " in value and "%" not in value:
        return value
    asked = bool(CODED.search(key) or CODED.search(found["wrap"] + text[found.end() : found.end() + 12]))
    decoded = decode.plain(value, asked=asked)
    return value if decoded is None else decoded


def _promised(found: re.Match[str]) -> tuple[str, Kind | None]:
    """Return the part of a name that counts, and what it promises: $a['db']['password'], and [...]['password']['root']."""
    whole, text, at = found["key"], found.string, found.start()
    if text.startswith("::", max(0, at - 2)) and _TYPE.search(text, max(0, at - _REACH), at):
        return whole, None
    if _OF_MESSAGES.match(whole) or _OF_MESSAGES_BEFORE.search(text, max(0, at - _LONGEST_TABLE), at):
        return whole, None
    if not _JOINED.search(whole):
        return whole, kind_of(whole)
    parts = re.split(r"""["']?[\]}]?[\[{]["']?|->|::""", whole)
    key = next((p for p in reversed(parts) if not (p.isdigit() or p.startswith("$"))), parts[-1])
    promised = kind_of(key)
    if promised is None and len(parts) > 1 and kind_of(parts[-2]) is Kind.PASSWORD:
        return parts[-2], Kind.LIKELY if found["value"][0] in LITERAL_BEGINS else None
    return key, promised


def _on_its_line(found: re.Match[str], text: str, kind: str) -> bool:
    """Whether name and value stand on one line, or the value is a literal, or alone on the next line and further in.

    What a tag of YAML says to be a reference is no value, nor is a variable of psql: `PASSWORD :'PASS'`.
    """
    between = text[found.end("key") : found.start("value")]
    if kind == place.SQL and between[:1].isspace() and between.endswith(":"):
        return False
    if "!" in between and _REFERRED.search(between):
        return False
    if "\n" not in between or found["value"][0] in "\"'":
        return True
    if kind != place.CONFIG or found["sep"] != ":" or "\n" in found["close"]:
        return False
    begin = text.rfind("\n", 0, found.start()) + 1
    line = text[begin : found.start()]
    deeper = len(between.rsplit("\n", 1)[1]) > len(line) - len(line.lstrip(" -"))
    return deeper and between.count("\n") == 1 and not re.search(r"[\s:=]", found["value"].strip())


_OF_A_RECORD = re.compile(r"[^\s\"'`({\[,:]:$")
_ENTRY_POINT = re.compile(r"=[ \t]{0,8}$")


def _within_a_name(found: re.Match[str], text: str, before: str) -> bool:
    """Whether a colon is not one of an assignment's: of an address, of a record (`a:b:c`), of the way to a class (`x = a.b:C`)."""
    if text[found.end("key") : found.start("value")] != ":":
        return False
    return (
        found["value"].startswith("//")
        or bool(_OF_A_RECORD.search(before))
        or ("." in found["key"] and bool(_ENTRY_POINT.search(before)))
    )


def _begun(before: str, quote: str) -> str:
    """Return what stands before the literal that a name is the end of."""
    if before.endswith(_QUOTES) or quote not in _QUOTES:
        return before.rstrip("\"'")
    return before.rpartition(quote)[0]


_MARK = re.compile(r"(?:^|\n)[ \t]*(?:/{2,3}|%{1,2})$")
"""The mark of a comment right before the name of what is commented out: `//$dbpass = "...";`."""


def _separated(found: re.Match[str], text: str) -> bool:
    """Whether the separator makes this an assignment rather than an argument or a comparison's middle."""
    close, sep = found["close"], found["sep"]
    before = text[: found.start()]
    small = before.lower()
    if ("read" in small or "/p" in small) and _ASKED_FOR.search(before):
        return False
    quoted_key = bool(close.strip()) or before.endswith(('"', "'"))
    if (")" in close and sep != "=") or (sep == ":" and _within_a_name(found, text, before)):
        return False
    if sep == ",":
        return sets(before, found["key"], quoted_key=quoted_key, quoted=found["value"][0] in "\"'")
    if sep in ("=>", "->", "<-"):
        return True
    if before.endswith(("?", "&", "/")) and sep == "=" and not _MARK.search(before):
        return given.within_a_literal(before)
    asked = (
        quoted_key and sep == ":" and _begun(before, close.strip()[:1]).rstrip().endswith("?")
    )  # a ? "password" : "text", a ? "user+password" : "text"
    whole = "{" in found["key"]  # &Token{Secret: "..."} of Go
    return not asked and (
        whole or not before.endswith(("!", "?", "/", "&", "%")) or bool(_MARK.search(before))
    )


def _in_a_pair(found: re.Match[str], text: str) -> bool:
    """Whether name and value are two literals between brackets of their own: {"password", "..."}."""
    before, after = text[: found.start()], text[found.end() : found.end() + 4].lstrip()
    opened = before.rstrip("\"'").rstrip()[-1:]
    literals = (
        (before.endswith(("'", '"')) or opened == "{") and found["sep"] == "," and found["value"][0] in "\"'"
    )
    closed = ")" in found["close"] or "]" in found["close"]  # what stands behind is in other brackets
    return literals and not closed and opened in ("{", "(") and after[:1] in ("}", ")", "]", ">")


def _evidence(  # noqa: PLR0911 - one return for each degree
    view: View, at: int, key: str, promised: Kind, value: str, *, kind: str, quoted: bool
) -> Evidence | None:
    said = strength_beside(promised, value)
    if said is Strength.NO:
        joined = is_compound(value) or (kind == place.CONFIG and _is_named_after(key, value))
        if promised is Kind.PASSWORD and kind in (place.CONFIG, place.SHELL) and joined:
            return "phrase"
        phrase = "phrase" in key.lower() and (kind == place.CONFIG or quoted) and _SENTENCE.match(value)
        drawn = phrase and (any(c.isdigit() for c in value) or is_several_words(value))
        return "phrase" if drawn else None
    if promised is Kind.TOKEN:
        sure = token(key, value, config=kind == place.CONFIG)
        shared = sure is None and kind in (place.CONFIG, place.OTHER) and key.lower() in _OF_PEERS
        near = view.text(max(0, at - 300), at + 300) if shared else ""
        peer = _PEER.search(near) or (is_chosen(value) and _ACCOUNT.search(near))
        return "token" if peer else sure
    if promised is Kind.LIKELY:
        return "chosen" if is_chosen(value) else None
    if (
        key.lower() == "pass"
        and (not is_generated(value) or _NUMBERED.match(value))
        and _VERDICT.search(view.text(max(0, at - _NEAR), at + _NEAR))
    ):
        return None
    if said is Strength.MIXED:
        return "more-than-a-word"
    if is_phrase(value) and (quoted or kind in BARE):
        return "phrase"
    account = names_an_account(key) or _has_neighbour(view, at)
    if said is Strength.COMMON:
        meant = (account or kind == place.CONFIG) and not filled_in_beside(view, at, value)
        return "more-than-a-word" if meant else "usual"
    odd = kind != place.MARKUP and is_no_word(value)
    if odd or kind in (place.CONFIG, place.SHELL) or (quoted and account):
        return "word"
    return "label"


_OF_ITS_ACCOUNT = re.compile(
    r"(?!(?:my|your|some|the|user|new|old)[_-])[a-z][a-z\d]{1,20}(?:[_-][a-z]{2,10})?[_-]pass(?:word|wd)?$"
)
"""A password that is made of the name of an account or a program: `gate_password`."""


def _is_named_after(key: str, value: str) -> bool:
    """Whether a variable of the environment has a password that is made of another name than its own."""
    return bool(ENVIRONMENT.match(key) and _OF_ITS_ACCOUNT.match(value)) and value.lower() not in key.lower()


_NEAR = 200
_NUMBERED = re.compile(r"[a-z]{3,10}\d{1,3}$")
"""A word with its number, as colours are called: `green100`."""
_VERDICT = re.compile(
    r"(?i)\b(?:fail(?:ed|ure)?|skip(?:ped)?|neutral|xfail|viewports?|clearColor|framebuffer|uniforms|effects)[\"']?\s*(?:=>|=|:)"
)
"""What a test may end with where it did not pass, and what is set for a pass of drawing."""


def _has_neighbour(view: View, at: int) -> bool:
    """Whether a user, host or database is set within a few lines."""
    return bool(_NEIGHBOUR.search(view.text(max(0, at - 300), at + 300)))
