"""What stands where a value would, and is none: names of settings, texts to be filled in, mappings of attributes."""

from __future__ import annotations

import re

from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.naming import DUMMIES, NAMES_A_NAME
from bundle.detect.credentials.judging.values import is_generated, is_template
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View

BARE = (place.CONFIG, place.SHELL, place.OTHER)
"""Kinds of text in which values stand without quotes."""
PROGRAMS = (place.CODE, place.MARKUP, place.SQL)
LITERAL_BEGINS = "\"'`\\q%"
ENVIRONMENT = re.compile(r"^[A-Z][A-Z0-9_]*$")
_FILLED = re.compile(r"""\$\{?[A-Za-z_]\w*\s*(?:\[|->|[:/@.,;\s}]|$)""")
"""A variable in a text that the program fills in."""
_SIGNS = re.compile(r"[\W_]+")
_ARGUMENTS = re.compile(r"[a-z_]{2,30}=\S+(?:\s|$)")
"""`name=value` of a module after its own name and a colon."""


_BEFORE_A_NAME = ("%", "$", "&", "@", ":")
"""Signs of languages before the name of a variable."""
_INTERFACE = re.compile(r"\.I[A-Z][a-z]+[A-Z]\w*$")
"""A class that others are made after, which stands for a way to log in: `{credentials.IUsernamePassword: b"password"}`."""
_ATTRIBUTE = re.compile(r"[ \t]+[A-Za-z][\w:.-]*=")
"""What stands between two texts of markup: `label="Password:" name="..."`."""


_END_OF_A_TAG = re.compile(r"[\w.:-]{2,60}[\"']\s{0,2}/?>")
"""The rest of an attribute, and of its tag: `data-field="password:disableEdit">`."""
_CHAIN = r"[A-Za-z_$][\w$]*(?:\.[\w$]+)*(?:\[[\w$]+\])?"
_STATEMENT = r";(?:[\w$.]+=|if\(|var\s|for\(|return\b|[\w$]+\()"
_ARGUMENT = r"""[)\]]{0,3},[\w$]+(?:\(|:[\w$"'(]|[)\]]+;)"""
_CLOSED = r"[)\]]{2,4}[:;,]"
_CALLED = r"""\(["'][\w$ .-]*["']\)[.;,)\]]|\([\w$.]*\)[)\]]*[:;,]|\([\w$]+\(["']"""
_PROPERTY_COMPARED = r"""[A-Za-z_$][\w$]*(?:\.[\w$]+)+={1,2}(?:$|[\w$"'])"""
_ASSIGNED = r"(?:[A-Za-z_$][\w$.]*=){2,}"
_PACKED = re.compile(
    rf"(?:{_CHAIN}(?:{_STATEMENT}|{_ARGUMENT}|{_CLOSED}|{_CALLED})|{_PROPERTY_COMPARED}|{_ASSIGNED})"
)
"""How an expression of a program goes on that was packed into one line: `b;d.tls=c;`, `a.value),x=`, `b=c=`."""


_OF_ALL_KINDS = re.compile(r"(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)\S{7,40}$")


def _goes_on(key: str, value: str, kind: str) -> bool:
    """Whether what stands without quotes is code, or arguments of a module; a setting's value of all kinds of signs is its own."""
    if kind == place.CONFIG and "=" in value and _OF_ALL_KINDS.match(value):
        return False
    return bool(
        _PACKED.match(value)
        or _END_OF_A_TAG.match(value)
        or (kind in BARE and _ARGUMENTS.match(value) and not ENVIRONMENT.match(key))
    )


_CONSTANT = re.compile(r"[A-Z]{3,}(?:_[A-Z]{2,}){1,6}$")
_SHORT = 3
_LETTER_BY_NUMBER = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))")


def _is_a_label(value: str) -> bool:
    """Whether a value is the word for a password in a language with accents, which a program shows."""
    if value.isascii() and "\\" not in value:
        return False
    said = _LETTER_BY_NUMBER.sub(lambda found: chr(int(found[1] or found[2], 16)), value)
    return kind_of(said) is Kind.PASSWORD


def no_value(key: str, value: str, quote: str, kind: str) -> bool:
    """Whether the value is the name of a setting, a text with variables in it, or the label of its own name."""
    if (
        _names_a_setting(key, value, kind)
        or (kind != place.CONFIG and value.isupper() and value.lower() in DUMMIES)  # `--password=PASS`
        or (kind == place.CODE and value == "Password")  # `'pass' => 'Password'`, a label
        or (kind == place.CONFIG and _is_labelled(key, value))
        or (kind == place.CODE and value in DUMMIES and _INTERFACE.search(key))
        or (
            kind == place.CODE and "_" in value and key.lower().endswith(f"_{value}")
        )  # CONF_PEER_KEY = "peer_key"
        or (value[:1] in _BEFORE_A_NAME and value[1:] == key)  # `/let _pass="%_pass"`
        or (kind in PROGRAMS and _is_a_label(value))
        or (kind in PROGRAMS and len(key) <= _SHORT and _CONSTANT.match(value))  # Pw="UPDATE_X_INTERFACE"
        or (key.lower() == "credentials" and value.lower() in DUMMIES)  # a section with its setting
        or value.lower().endswith(f":{key.lower()}")
        or _ATTRIBUTE.fullmatch(value)
    ):
        return True
    if quote == '"' and "$" in value and kind in (place.CODE, place.SHELL) and _FILLED.search(value):
        return True
    if quote not in "\"'`" and _goes_on(key, value, kind):
        return True
    if kind in PROGRAMS and quote in LITERAL_BEGINS and is_template(value):
        return True
    if kind in PROGRAMS and value != key and _same_letters(value.lower(), key.lower()):
        return True
    if kind in PROGRAMS:
        key = key.rsplit(".", 1)[-1]
    several = len(_SIGNS.split(key.strip("_"))) > 1  # `pool_passwd = 'pool_passwd'`, a file of that name
    same = value.lower() in (key.lower(), f"{key.lower()}\0")  # which is how literals of C end
    return same and (kind != place.CONFIG or value != value.lower() or several)


_OF_A_FORM = re.compile(
    r"(?i)(?:^|[._])(?:log_?in|logon|sign_?(?:in|up)|form|page|dialog|prompt|field|label|view|screen|menu|button|column|register|profile)$"
)
"""What stands before the name of a text for people, in files of texts: `login.password`."""


def _is_labelled(key: str, value: str) -> bool:
    """Whether a setting has the last word of its own name with a great letter, behind the name of what shows it."""
    front, dot, last = key.rpartition(".")
    return bool(dot) and value == last.capitalize() and bool(_OF_A_FORM.search(front))


def _same_letters(value: str, key: str) -> bool:
    """Whether two texts are the same but for signs; what begins with different letters is not."""
    if value[:1].isalnum() and key[:1].isalnum() and value[0] != key[0]:
        return False
    return _SIGNS.sub("", value) == _SIGNS.sub("", key)


def _names_a_setting(key: str, value: str, kind: str) -> bool:
    if value.lower() in DUMMIES and NAMES_A_NAME.match(key):
        return True
    return (
        kind == place.CODE
        and "." in value
        and bool(_OF_TWO.match(value))
        and kind_of(value.rsplit(".", 1)[-1]) is not None
    )


_OF_TWO = re.compile(r"[a-z][\w-]*(?:\.[a-z][a-z0-9-]*)+\Z")
"""The name of a setting, of two words and more."""
_PAIRS_BEFORE = re.compile(r"[=:]\s*\w+=[\w%{}]+(?:,\s*|\s+)$")


_TYPES = re.compile(
    r"""(?:=>|:|=)\s*["'](?:text|string|hidden|checkbox|select|email|int|integer|varchar|input|textarea|radio|number|date|bool(?:ean)?)["']"""
)
"""What a form or a table calls its fields, which `password` is one of."""


_NAMES_BESIDE = re.compile(
    r"""(?:USER(?:_?NAME)?|URL|HOST|DRIVER|LOGIN|DATABASE|PORT|NONE)["']?\s{0,8}(?:=>|=|:)\s{0,8}["'](?i:user(?:_?name)?|url|host|driver|login|database|port|none)["']"""
)
"""Constants that name the settings of a connection: `DB_DRIVER = "driver"`."""
_TYPES_AROUND = re.compile(
    r"""["'](?!type)\w{1,40}["']\s{0,4}(?:=>|:)\s{0,4}["'](?:string|int|integer|bool|boolean|float|number)["']"""
)
"""Settings beside, each with what a program wants for it: `'LDAPBASE': 'string'`."""
_FEW_TYPES = 2
_NAMED_ALIKE = re.compile(
    r"""(?i)\b[a-z]\w{1,40}?_(?P<n>(?!pass|pwd|psk)\w{3,40})["']?\s{0,8}(?:=>|=|:)\s{0,8}\\?["'](?P=n)\\?["']"""
)
"""What is given the end of its own name, as columns and constants are: `share_max_uses: 'max_uses'`, `FLOW_IMPLICIT = "implicit"`."""
_WAY_IN = re.compile(r"""AUTH_(PASSWORD|PASSWD|PASS|SECRET|TOKEN)\b(?=[\s=>:"']{1,8}(?i:\1)\b)""")
"""One of the ways to log in, `AUTH_PASSWORD = "password"`, unless an account of it is near."""
_ACCOUNT_OF_IT = re.compile(r"(?i)auth_?(?:user|login|name|account)")
_AROUND = 300


def filled_in_beside(view: View, at: int, value: str) -> bool:
    """Whether a word for a password stands on the lines beside an account that is no more than the word for one."""
    near = view.text(max(0, at - _BESIDE), at + _BESIDE)
    return value.lower() in DUMMIES and bool(_FILLED_IN_BESIDE.search(near))


_CLASS = re.compile(r"""[{,]\s{0,4}["']?(?P<n>[A-Za-z][\w-]{0,40})["']?:["'](?P<v>[\w-]{8,40})["']""")
"""A class of a style sheet with what packers call it: `failedText:"djb2tgEZ6C6vVIx9ZVaw"`."""
_FEW_CLASSES = 4
_WORD = re.compile(r"[A-Za-z_]{3,40}")
_OF_AN_ACCOUNT = re.compile(r"(?i)user|login|account|database|db|name|email|host")


def _is_of_a_style(view: View, at: int, value: str) -> bool:
    """Whether a value is one of many of one length, whose names promise nothing."""
    if not is_generated(value):
        return False
    near = view.text(max(0, at - _AROUND), at + _AROUND)
    like = [
        one["n"] for one in _CLASS.finditer(near) if len(one["v"]) == len(value) and is_generated(one["v"])
    ]
    return sum(kind_of(name) is None for name in like) >= _FEW_CLASSES


_FEW_OTHERS = 3


def _is_of_many(view: View, at: int, value: str) -> bool:
    """Whether settings that promise nothing are given the same word: of what each is a part."""
    near = view.text(max(0, at - _AROUND), at + _AROUND)
    if not _WORD.fullmatch(value) or near.count(value) <= _FEW_OTHERS:
        return False
    named = re.findall(rf"""([A-Za-z]\w{{0,40}})["']?\s{{0,4}}(?:=>|=|:)\s{{0,4}}["']{value}["']""", near)
    return sum(kind_of(name) is None and not _OF_AN_ACCOUNT.search(name) for name in named) >= _FEW_OTHERS


def named_beside(view: View, at: int, value: str) -> bool:
    """Whether a word for a password stands near a setting that is given its own name, as constants are by which settings are found."""
    if value.lower() not in DUMMIES:
        return _is_of_a_style(view, at, value) or _is_of_many(view, at, value)
    near = view.text(max(0, at - _AROUND), at + _AROUND)
    return (
        _NAMES_BESIDE.search(near) is not None
        or (_WAY_IN.match(view.text(at, at + _AROUND)) is not None and not _ACCOUNT_OF_IT.search(near))
        or len(_TYPES_AROUND.findall(near)) >= _FEW_TYPES
        or any(found["n"].lower() not in DUMMIES for found in _NAMED_ALIKE.finditer(near))
    )


_ANONYMOUS = re.compile(
    r"""(?i)user(?:_?name)?["']?\s{0,4}(?:=>|=|:)\s{0,4}["']anonymous["']\s{0,4},\s*["']?\w{0,12}$"""
)
"""An account that takes any password."""
_OF_A_CERTIFICATE = re.compile(r"X\.509 cert '[^'\n]*$")
"""What a kernel says when it starts: whose certificate, and the digest of its key."""
_FILLED_IN_TOO = re.compile(
    r"""(?i)user(?:_?name)?["']?\s*(?:=>|=|:)\s*["'](?:user(?:_?(?:name|id))?|login|name|u?id|e?mail)["']"""
)
"""An account that is no more than the word for one, or for the column it is in: what stands beside it is the word for a password."""
_FILLED_IN_BESIDE = re.compile(
    r"""(?i)user(?:_?name)?["']?\s{0,8}(?:=>|(?:\|\||\?\?|//)?=|:)\s{0,8}["']?user(?:_?name)?["']?[,;]?\s*\n"""
)
_BESIDE = 120


def mapped(before: str, after: str, value: str, *, quoted: bool) -> bool:
    """Whether a value says what a name is taken for, in a list of such pairs: `uid=user,userPassword=password`."""
    if _ANONYMOUS.search(before[-_BESIDE:]) or _OF_A_CERTIFICATE.search(before[-_BESIDE:]):
        return True
    if value.lower() not in DUMMIES:
        return False
    if not quoted:
        return bool(_PAIRS_BEFORE.search(before))
    if _FILLED_IN_TOO.search(before[-_BESIDE:] + after[:_BESIDE]):
        return True
    return bool(_TYPES.search(before.rsplit("\n", 1)[-1]) or _TYPES.search(after.split("\n", 1)[0]))


_COMPARED = re.compile(r"\s*[!=]==?(?!=)")
"""Behind a literal that is held against something, as in `a ? "password" : "x" === b`."""
_HEAD = re.compile(r"""=["']\s*[+.]\s*[A-Za-z_$]""")
"""The end of a literal that a variable goes on with, of which it says the name: `'p256ecdsa=' + publicKey`."""
_ANNOTATED = re.compile(r"[ \t]*=[ \t]")
"""Behind a literal that says a type: `Password: 'ua.ByteString' = None`."""
_GOES_ON_WITH = re.compile(r"\s*\.\s*\$[a-z_]\w*(?:hash|pass|pwd)")
_SHORT_HEAD = 6
"""Letters that tell how a value is stored which a variable goes on with: `'-ZM-'.$pass_hash`."""


def goes_on(found: re.Match[str], text: str, value: str, *, code: bool) -> bool:
    """Whether what stands behind a literal makes it no value: it is compared, says a type, or is the head of one."""
    end = found.end()
    return bool(
        (code and _COMPARED.match(text, end))
        or (found["sep"] == ":" and _ANNOTATED.match(text, end))
        or (len(value) % 4 != 0 and _HEAD.match(text, end - 2))
        or (len(value) < _SHORT_HEAD and _GOES_ON_WITH.match(text, end))
    )
