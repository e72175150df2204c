"""Whether a value can be a secret, and how sure that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise

from bundle.detect.credentials.judging.keyword import ascii_name, spelt
from bundle.detect.credentials.judging.letters import is_gibberish, is_odd
from bundle.detect.credentials.judging.score import is_drawn, is_of_all_signs
from bundle.detect.credentials.vocabulary import any_of
from hardening.toml_rows import Table


class Strength(IntEnum):
    """What a value says for itself, apart from where it stands."""

    NO = 0
    """A placeholder, a variable, an identifier, a sentence: no secret."""
    WORD = 1
    """A plain word: a secret only where the place says so."""
    COMMON = 2
    """One of the passwords everybody tries first: a shipped default."""
    MIXED = 3
    """Letters with digits or signs, as people choose and generators make."""


_OF_A_PATTERN = re.compile(
    r"\[\^?[^\]\s]{0,20}(?:a-z|A-Z|0-9)[^\]\s]{0,30}\]|\(\?(?:P?<\w+>|:)|\\[sdwSDW](?:[+*?]|\{\d)"
)
"""A class of characters with a range, a group, and a class that repeats, as patterns have them."""
_COMMAND = re.compile(r"^`.*`$|\$\([a-z][\w./-]* [^)]*\)")
"""What a shell runs to get at a value."""
_CAMEL = re.compile(r"^(?:[a-z]{2,})?(?:[A-Z][a-z]{2,})*$")
_IDENTIFIER = re.compile(r"^[A-Za-z_]+(?:[.:-]{1,2}[A-Za-z_]+)*$")
SECRET_WORD = re.compile("(?i)" + any_of("value/word-of-a-form"))
_SELECTOR = re.compile(
    r"^[.#](?!\d)|^\[|^\*?\[|[a-z\])]>[a-z.#\[]|[a-z_]{2,}\|[A-Za-z_]{2,}|\w=\w+&|^(?:cn|ou|dc|uid|o)=|(?<![\w@])[A-Za-z_$][\w$]*\((?![!@#$%^&*?+-]+\))|^@\w+\(|::|->|=>|==(?!$)|&&|\|\|"
)
_PROMPT = re.compile(r"[^\W\d_]{2,30}\s?:$")
"""A word that asks for something: `Adgangskode:`."""
_DOTTED = re.compile(r"^[\w-]+\.[\w-]+\.[\w.-]+$")
_PART_OF_A_NAME = re.compile(r"^(?:[A-Za-z_-]+(?:\d[A-Za-z_-]*)?|[A-Z]\d\d|\d|v\d+)$")
_PHRASE = re.compile(
    r"^(?!.*\.(?:json|ya?ml|txt|pem|key|crt|xml|ini|conf|cfg|log|php|sql|csv|html)$)[A-Za-z]{3,}(?:[-._][A-Za-z]{3,}){2,}$"
)
_PIN = 4
"""Digits that are a number to type in rather than a count."""
_MIME = re.compile(r"^[a-z]+/[a-z0-9.+-]+$")
_DATE = re.compile(
    r"^\d{4}-\d\d-\d\d|^\d\d?[./]\d\d?[./]\d{2,4}$|^\d+(?:\.\d+){1,20}$|^\d+(?:px|em|pt|ms|s|kb|mb|%)$|^\d{2,5}x\d{2,5}$",
    re.IGNORECASE,
)
_HEXHASH = re.compile(r"^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$", re.IGNORECASE)
_UUID = re.compile(r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_LONGEST = 512
_ESCAPED = re.compile(r"%(?!3\d|[46][1-9A-Fa-f]|[57][\dAa])[0-9A-Fa-f]{2}")
_FEWEST = 2
"""Different letters and digits that a value has at least: zzzz and 0000-0000 are room for one."""
_RUNS = re.compile(r"([A-Za-z0-9])\1{3,}\W{0,2}([A-Za-z0-9])\2{7,}$")
"""One character over and over, and another: `00000000:aaaaaaaaaaaa`."""
_LATIN = 0x24F
"""The last of the Latin letters."""
_MARKS = frozenset(("CHANGE_ME", "change_me"))
"""What a template has where somebody has to put something; `changeme` without the sign is what products ship with."""
_NEVER = frozenset("default enable test user service setup".split())
"""Tried first by everybody, and yet more often a word of the program."""


@cache
def common() -> frozenset[str]:
    """Return the passwords everybody tries first, lower case."""
    text = (files("bundle") / "data" / "credentials" / "common.txt").read_text("utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A row of `placeholders.toml`: patterns of whole values that are none."""

    id: str
    why: str
    forms: tuple[str, ...]
    takes: tuple[str, ...]
    """One value for each form, which no other form matches."""
    leaves: tuple[str, ...]


def placeholders() -> list[Placeholder]:
    """Return the rows, in their order. Errors: DataError naming file and key."""
    table = Table.load(files("bundle") / "data" / "credentials" / "decide" / "placeholders.toml")
    found = []
    for row in table.rows("placeholder"):
        texts = (row.texts(key) for key in ("forms", "takes", "leaves"))
        found.append(Placeholder(row.text("id"), row.text("why"), *texts))
        row.done()
    table.done()
    return found


@cache
def placeholder() -> re.Pattern[str]:
    """Return the pattern of all forms of values that are none."""
    return re.compile("(?i)" + "|".join(form for row in placeholders() for form in row.forms))


_FILE = re.compile(r".+(?=\.[A-Za-z]{2,4}$)")
_PADDED = re.compile(
    r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=\D*\d)(?:[A-Za-z0-9+/]{4}){5,}[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=)$|(?=(?:[^A-Z]*[A-Z]){5})(?=(?:[^a-z]*[a-z]){5})(?=(?:\D*\d){3})[A-Za-z0-9+/]{40}$"
)
"""Base64 that begins like a path: none ends with the signs that fill it up, or has 40 letters of all kinds as AWS's secrets have."""
_CODE_BETWEEN = re.compile(
    r"\+[A-Za-z_$][\w$.]*(?:\)+[;,}].*\b(?:function|throw|return|var|if)\b|,(?:null|void 0|![01]|[A-Za-z_$])[,)])"
)
"""What packed code has between two of its literals, of all signs though it is: `"Bad token: "+a);}function b(c){throw Error("...`."""
_PUBLISHED = frozenset(
    "dpf43f3p2l4k3l03 kd94hf93k423kf44 hh5s93j4hdidpola hdhd0244k9j7ao03 nnch734d00sl2jdk pfkkdhi9sl3r4s00 9djdj82h48djs9d2 j49sk3j29djd kkk9d7dh3k39sjv7 dh893hdasih9 "
    "xxj31ZMTZzkVA 2YotnFZFEjr1zCsicMWpAA tGzv3JOkF0XG5Qx2TlKWIA 7Fjfp0ZBr1KtDRbnfVdmIw gX1fBat3bV mF_9.B5f-4.1JqM SlAV32hkKG 8xLOxBtZp8 0685bd9184jfhq22 ad180jjd733klru7 JBSWY3DPEHPK3PXP "
    "1/fFAGRNJru1FTz70BzhT3Zg 1/xEoDL4iW3cxlI7yDbSRFYNG01kVKM2C-259HOF2aQbI ya29.AHES6ZSiArSow0zeKokajrri5gMBpGc6Sq".split()
)
"""Tokens and secrets that the standards of OAuth and OpenID Connect (RFC 5849, 6749, 6750), mod_ssl's configuration and a maker's manual show, which everybody copies from there."""


@lru_cache(maxsize=256)  # asked several times for each value
def is_placeholder(value: str) -> bool:
    """Whether the value stands for one that comes from elsewhere, or for none."""
    value = value.strip()
    if value.lower() in common() and value.lower() not in _NEVER and value not in _MARKS:
        return False
    stem = value if value[:1] in ("@", "!", "*") else (_FILE.match(value) or [""])[0]
    if is_drawn(stem) or (value[:1] == "/" and _PADDED.match(value)):
        return False
    signs = {c for c in _ESCAPED.sub("", value).lower() if c.isalnum()}
    return (
        value in _PUBLISHED
        or bool(_CODE_BETWEEN.match(value) or _OF_A_PATTERN.search(value))
        or not any(map(str.isascii, value))
        or len(value) > _LONGEST
        or (len(signs) < _FEWEST and len(value) > _PIN - 1)
        or (len(signs) == _FEWEST and _RUNS.match(value) is not None)
        or (placeholder().fullmatch(value) is not None and not is_of_all_signs(value))
    )


_WITH_A_NUMBER = re.compile(r"(?i)oauth\d|ec2|s3|ssh2|x509|md5|sha\d{1,3}|base64|b64|utf-?8|v\d(?!\d)")
"""Names of protocols and codes that have a number in them, which makes no password of a name: `oauth2_credential`."""
_STEPS = re.compile(
    r"(?:[A-Za-z][A-Za-z_-]+(?:\d[a-z]?)?/){2,}[A-Za-z][A-Za-z_-]+(?:\d[a-z]?)?$|[a-z]{3,}[A-Z][A-Za-z]+/[a-z]{3,}[A-Z][A-Za-z]+$"
)
_FEWEST_IN_AN_ALPHABET = 8
WORDS_FOR_ONE = frozenset("passwort kennwort motdepasse contrasena senha haslo heslo wachtwoord".split())
"""What others than English people try first; with a great letter each is a label."""
_SETTING = re.compile(r"[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*\.[A-Za-z_-]+$")


def _is_an_alphabet(value: str) -> bool:
    """Whether every character comes after the one before it: what passwords are drawn from."""
    return len(value) >= _FEWEST_IN_AN_ALPHABET and all(a < b for a, b in pairwise(value))


def _is_a_setting(value: str) -> bool:
    """Whether the value is the name of a setting, behind the name of what it is of: `plant2.keyStorePassword`."""
    return bool(_SETTING.match(value)) and bool(SECRET_WORD.search(value.rsplit(".", 1)[1]))


def _is_a_path(value: str) -> bool:
    """Whether the value is names behind each other with slashes: the way to a setting or a member."""
    return bool(_STEPS.match(value)) and not any(map(is_gibberish, value.split("/")))


_OF_CODE = frozenset("(){}[]<> ")
_LETTER, _DIGIT_OR_SIGN = re.compile(r"[A-Za-z]"), re.compile(r"[\d@!#$%^&*+?]")


@lru_cache(maxsize=1024)
def strength(value: str) -> Strength:  # noqa: C901, PLR0911, PLR0912 - one return for each kind of value
    """Return what the value says for itself."""
    value = value.strip().removeprefix("{noop}")  # of Spring: what follows is not hashed
    if " " in value and value.lower() not in common() and not is_of_all_signs(value):
        return Strength.NO  # a sentence, which most texts are: before anything that takes longer
    if value in WORDS_FOR_ONE:
        return Strength.COMMON
    if is_placeholder(value) or "\n" in value:
        return Strength.NO
    if value.lower() in common():
        return Strength.COMMON
    if is_of_all_signs(value) or (is_drawn(value) and _OF_CODE.isdisjoint(value)):
        return Strength.MIXED
    if _PROMPT.match(value) or _is_an_alphabet(value) or _is_a_path(value) or _is_a_setting(value):
        return Strength.NO
    if len(value) < 4 or _SELECTOR.search(value) or _MIME.match(value) or _DATE.match(value):  # noqa: PLR2004 - shorter is no password
        return Strength.NO
    if _DOTTED.match(value) and all(_PART_OF_A_NAME.match(part) for part in value.split(".")):
        return Strength.NO
    if " " in value or sum(ord(c) > _LATIN for c in value) * 3 > len(value):
        return Strength.NO  # a sentence, in whatever script
    if not value.isascii() and spelt(value).isalpha():  # with accents: `Categorías`, `Contraseña`
        return Strength.NO if SECRET_WORD.search(ascii_name(value)) else Strength.WORD
    if value.endswith(".") and value[:-1].isalpha():
        return Strength.WORD  # the last one of a sentence
    if _IDENTIFIER.match(value):
        if SECRET_WORD.search(value):
            return Strength.NO
        word = Strength.NO if ":" in value else Strength.WORD  # a name with the space it is of: `xs:string`
        return Strength.MIXED if is_gibberish(value) else word
    if not _LETTER.search(value):
        return Strength.MIXED if len(value) > _PIN else Strength.WORD if value.isdigit() else Strength.NO
    if SECRET_WORD.search(value) and not _DIGIT_OR_SIGN.search(_WITH_A_NUMBER.sub("", value)):
        return Strength.NO
    return Strength.MIXED


def is_generated(value: str) -> bool:
    """Whether the value is of letters with digits, of many digits, or of letters that make no word: what no text says by itself."""
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    mixed = mixed or (value.isdigit() and len(value) > _PIN + 1)
    return len(value) > _PIN and (mixed or is_gibberish(value)) and strength(value) is Strength.MIXED


def is_no_word(value: str) -> bool:
    """Whether letters that may be a word have among them what no word has, and are no name of a program's: `eockfp`."""
    joined = any(c.isupper() for c in value[1:]) and _CAMEL.match(value)
    return strength(value) is Strength.WORD and not joined and is_odd(value)


def is_chosen(value: str) -> bool:
    """Whether the value is generated, or a usual password that has digits and letters: no word of a program."""
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return is_generated(value) or (mixed and strength(value) is Strength.COMMON)


_TEMPLATE = re.compile(
    r"\{\w*(?:![rsa])?(?::[^{}\s]{0,12})?\}|%(?:\(\w+\))?[srd](?![a-z0-9])|\{[a-z_][\w.]*\([^{}]*(?:\}|$)"
)
"""What a program formats: `v2/users/{id}`, `storage/%s/keys`."""
_FEW_LEFT = 6


def _is_short(rest: str) -> bool:
    """Whether so few letters and digits are left that they do no more than name or part what is filled in: `GUID:{x};{y};2`."""
    return sum(c.isalnum() for c in rest) < _FEW_LEFT


def is_template(value: str) -> bool:
    """Whether a program fills the value in before it uses it: a path, or what is no more than words without that."""
    if not (("{" in value or "%" in value) and _TEMPLATE.search(value)):
        return False
    rest = _TEMPLATE.sub("", value)
    headed = value[-1] == "}" and rest[-1:] in tuple("._:-")  # f"k8s-v1.{token}"
    return "/" in value or headed or not is_generated(rest) or _is_short(rest)


def is_phrase(value: str) -> bool:
    """Whether the value is three and more words joined by signs, as people are told to choose them."""
    return bool(_PHRASE.match(value)) and not SECRET_WORD.search(value)


_COMPOUND = re.compile(
    r"^(?!(?:user|my|your|db|new|old|some|the|field|input|type|test|com|by|sur|tres|encom|com)(?:pass|pw))[a-z]{2,12}[_-]?(?:pass|passwd|passw0rd|pwd|pw|secret)\d{0,4}$"
)


def is_compound(value: str) -> bool:
    """Whether the value is a name with a word for a secret behind it, as products are shipped: `zenpass`, `radsecret1`."""
    return bool(_COMPOUND.match(value))


_LEET = str.maketrans("013457@$!", "oieastasi")
_COMIC = re.compile(r"(?i)correct.?horse.?battery.?staple")
_LONGEST_EXAMPLE = 20
_EXAMPLE = re.compile(
    r"(?i)secret|pass|phrase|example|sample|dummy|hunter2|test|demo|your|123|abc|xyz|(?<![a-z])(?:foo|bar)(?![a-z])|foobar|correct.?horse"
)


def is_example(value: str) -> bool:
    """Whether the value is of those that explanations are written with, digits for letters included."""
    if len(value) > _LONGEST_EXAMPLE:
        return bool(_COMIC.match(value))
    return bool(_EXAMPLE.search(value) or _EXAMPLE.search(value.translate(_LEET)))


def is_digest_or_id(value: str) -> bool:
    """Whether the value has the form of a checksum or a UUID, which many harmless things have."""
    return bool(_HEXHASH.match(value) or _UUID.match(value))


_OF_A_PERSON = re.compile(r"[\w!@#$%^&*?+=.~-]{3,64}$")
_FEWEST_LETTERS = 8
"""Letters without anything else that are a password where they make no word."""
_NAME_OF_A_PROGRAM = re.compile(
    r"(?:[A-Za-z]+\d{0,2}[-_.:/])+[A-Za-z]*\d{0,2}$|[a-z]{2,}2[a-z]{2,}$|[a-z]+(?:[A-Z][a-z]+)+\d?$|\d{1,3}$"
)
"""Words joined by signs or by great letters, a number behind them; what turns one thing into another (`wsdl2java`); a count."""


def is_picked(value: str) -> bool:
    """Whether a value is a usual password, or has digits or signs as people put them into one; no name of a program."""
    if value.lower() in common():
        return True
    if value.isalpha():
        return len(value) >= _FEWEST_LETTERS and is_gibberish(value)
    whole = any(c.isalpha() for c in value) or value.isdigit()
    return whole and bool(_OF_A_PERSON.match(value)) and not _is_a_name(value)


def _is_a_name(value: str) -> bool:
    """Whether a value is put together as the names of a program are, of words."""
    return bool(_NAME_OF_A_PROGRAM.match(value)) and not is_gibberish(value)
