"""Whether the name of a setting says that its value is a secret."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from itertools import groupby

from bundle.detect.credentials.vocabulary import any_of


class Kind(Enum):
    """What a name promises: a password (any value will do), a token (a generated value), or likely one of both (neither a word)."""

    PASSWORD = "password"  # noqa: S105 - a word, not one
    TOKEN = "token"  # noqa: S105 - a word, not one
    LIKELY = "likely"


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
PLAIN_WORDS = frozenset(
    "password passwd passphrase passwort kennwort pwd clave senha parola contrasena contrasenia mdp haslo wachtwoord heslo".split()
)
_PASSWORDS = PLAIN_WORDS | frozenset(
    "pass pw psk passcode authtok motdepasse parolachiave mdp clave contrasena contrasenia contrasenya wachtwoord senha heslo parola haslo losenord sifre parol jelszo geslo "
    "presharedkey losungswort lozinka salasana adgangskode passord kodeord parool zugangscode userpw passwrd".split()
)
_SEVERAL_WORDS = re.compile(f"(?:{any_of('name/password-in-several-words')})$")
_COMPOUND = re.compile(
    rf"(?:password|passwd|passphrase|passwort|kennwort|(?:{any_of('name/whose-password')})(?:pwd|pass|pw|psw)|pwd|passwrd|pswd|psswd)\d*$"
)
_TOKENS = re.compile(rf"(?:{any_of('name/of-a-token')})\d*$")
_TRAILERS = frozenset(
    "default initial value plain clear plaintext cleartext str string prod production dev development test staging local remote primary secondary master slave "
    "admin administrator root user db database app web ro rw readonly internal external real b b64 base base64 enc encoded hash hashed digest md sha "
    "crypt hex obf encrypted cfg main all sys system sysman dbsnmp".split()
)
_END_ONLY = frozenset(
    "mail email meter service manager source repository controller command cmd program application provider endpoint issuer scope bucket model entity dao "
    "event action list map table key cache response request env generated remember host url uri name id state status update event location subject "
    "screen info link mode ref refs short weak factory encryptor".split()
)
"""Words that say no secret where they come last, and nothing where a word for a secret follows."""
_BANNED = frozenset(
    "file files filename path dir directory field fields label labels lbl hint prompt length len min max minimum maximum policy expire expires expired expiry expiration url uri "
    "link regex regexp pattern format column col type types id ids name names msg message messages error errors err "
    "warning title text texts class css style encoder encoding crypter encryptor decryptor decoder codec hasher "
    "algorithm algo reset forgot forgotten change changed changer confirm confirmation confirmed repeat retype again verify verification require required requires strength "
    "count counter attempts retries retry timeout ttl age history input box button btn icon placeholder validator validation validate provider service manager mgr handler helper "
    "util utils factory callback listener enable enabled disable disabled show hide hidden visible mode generator generate generated check checker checking rule rules "
    "source location authentication protected protect parameter param params attribute attr header var env variable info description desc help caption option options "
    "question lifetime duration iterations rounds complexity quality meter tooltip visibility toggle screen page form dialog view template tpl email mail sender recipient subject update updated "
    "method grant issuer audience scope bucket request response cache limit size offset index position start end kind tokenizer tokens parser symbol delimiter "
    "separator list map table model entity dao repository controller action event command cmd program script command exe binary version status state flag "
    "exists empty missing invalid dummy fake valid incorrect wrong mismatch match different same old renew refresh recovery remember lost notice note "
    "comment example sample primaria foranea publica charset chars alphabet ref refs short weak scheme time locked bak bkp".split()
)


_OF_A_THING = frozenset(("path", "authentication"))
"""Words of `_BANNED` that say what a password is for where it comes last: `SSL_PATH_PFX_PWD`, `device-authentication-password`."""
_REPEATED = frozenset(
    "confirm confirmation confirmed repeat retype again verify verification new old bak bkp".split()
)
"""Words of a second field for the same password, and of what it was before."""
_PASSWORDS_BY_USE = frozenset(
    (
        "security credentials",
        "file password",
        "file passphrase",
        "file passwd",
        "file pass",
        "file pwd",
        "enable password",
        "enable secret",
        "enable pass",
        "enable passwd",
        "enable pwd",
        "radius secret",
        "tacacs secret",
        "chap secret",
        "bind credentials",
        "bind credential",
        "login credentials",
    )
)
"""Of javax.naming.Context, of routers, and of files that are encrypted."""
_ACCOUNTS = frozenset("admin administrator mgr root database db bind mysql ldap smtp ftp".split())
"""Words for an account right before one for a password, which say more than those before them: `ConfigDirectoryAdminPwd`."""
_KEYS_BY_USE = frozenset(
    (
        "aes key",
        "authentication key",
        "encryption key",
        "validation key",
        "decryption key",
        "refresh token",
        "certificate key",
        "upgrade key",
        "service key",
        "routing key",
        "integration key",
        "install key",
    )
)
_ENDS_LIKE_ONE = re.compile(r"^\w{1,12}(?:pass|pwd|passw)$")
_OTHER_PASSES = frozenset("compass bypass encompass surpass trespass overpass underpass multipass".split())
_LETTERS = str.maketrans("\u0142\u0141\u00f8\u00d8\u0131", "lLoOi")
_HOLDERS = re.compile(r"(?i)\b(?:params?|parameters)\.(?=[\w.-]*$)")
"""What holds settings and says nothing of those behind it: `resources.db.params.password`."""
_OPTIONS = re.compile(r"(?i)\bopt(?:ion)?s\.\w+$")
"""The same where a text for people may stand as well: `options.ClientSecret`."""
_ABOUT = frozenset(
    "with is has use uses using no allow allows skip show hide need needs require requires must can should check".split()
)
"""First words of names that say something about a secret."""
_ABOUT_ONE = re.compile(
    r"(?:no|is|has|use|with|show|hide|needs?|requires?)(?:pass(?:word|wd)?|pwd|secret|token)s?$"
)
"""The same in one word: `NOPASSWD`, `issecret`."""
_NOT_SECRET = (
    ["public", "key"],
    ["base", "passwd"],
    ["cluster", "token"],
    ["authenticity", "token"],
    ["fastcgi", "pass"],
    ["uwsgi", "pass"],
    ["scgi", "pass"],
    ["grpc", "pass"],
    ["memcached", "pass"],
    ["render", "pass"],
    ["magic", "token"],
    ["last", "set"],
    ["request", "token"],
    ["idempotency", "token"],
    ["existing", "secret"],
    ["pull", "secret"],
    ["next", "token"],
    ["page", "token"],
    ["continuation", "token"],
    ["pagination", "token"],
    ["output", "token"],
    ["input", "token"],
    ["action", "token"],
)
"""Last words of names of what everybody may know: etcd's `initial-cluster-token` tells clusters apart, nginx's `fastcgi_pass` names a server,
`pwdLastSet` is a time, `existingSecret` the name of one, `nextToken` asks for the rest of a list."""
_NAMED_LIKE_ONE = re.compile(
    r"(?:assword|asswd)DB$|^[a-z]{2,3}_(?:[A-Z][a-z]{3}_)?PW$|(?:mysql_native|caching_sha2|sha256)_password$|^(?:SN|LN)_\w+$"
    rf"|\w\.(?:{any_of('name/ending-of-a-file')})$"
)
"""Where accounts are looked up, a language as it is spoken in Palau, ways of MySQL to log in, OpenSSL's names of things, and a file,
which lists of files have with its checksum: `{"password.js": "2fd4e1c6..."}`."""
_OF_A_FORM = re.compile(r"(?:c|x)srf\w*token$|requestverificationtoken$")
"""What ties a form to the page it was on: the name in small letters without signs."""


def spelt(name: str) -> str:
    """Return a name of a text read byte by byte in its own letters: those of UTF-8, or else of Latin-1."""
    with contextlib.suppress(UnicodeError):
        return name.encode("latin-1").decode("utf-8")
    return name


def ascii_name(name: str) -> str:
    """Return a name of a text read byte by byte without its accents."""
    plain = unicodedata.normalize("NFKD", spelt(name).translate(_LETTERS))
    return plain.encode("ascii", "ignore").decode()


def _words(name: str) -> list[str]:
    """Return the words of a name that say what it is for."""
    if "." in name:
        name = _HOLDERS.sub("", name)
    words = [w.lower() for w in _WORDS.findall(name if name.isascii() else ascii_name(name))]
    while words and (words[-1] in _TRAILERS or words[-1].isdigit()) and len(words) > 1:
        words.pop()
    if words[:2] in (["plain", "text"], ["clear", "text"], ["view", "only"]):
        del words[:2]
    return words


def one_of(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of any of some words, in groups by their first letters: that takes half the time."""
    groups = groupby(sorted(set(words)), key=lambda word: word[0])
    return re.compile(
        "|".join(f"{first}(?:{'|'.join(word[1:] for word in group)})" for first, group in groups)
    )


STEMS = (
    *(w for w in _PASSWORDS if "pass" not in w and "pw" not in w and "wort" not in w),
    *"pass pw psw swd wort wd key token secret credential ticket bearer community salt chiave losung partag schl compartida".split(),
)
"""What stands in every name that promises anything: most names of a program are done with when it is not there."""
_STEMS = one_of(STEMS)


def _although(name: str, words: list[str], banned: set[str]) -> Kind | None:
    """Return what a name promises that has a word of those that stand beside secrets and are none."""
    if banned and banned <= _OF_A_THING and words[-1] in _PASSWORDS and "to" not in words:
        return Kind.LIKELY if "authentication" in banned else Kind.PASSWORD
    plain = [w for w in words if w not in _REPEATED]
    known = len(plain) > 1 and plain[-1] in _PASSWORDS and plain[-2] in _ACCOUNTS
    likely = plain != words and plain and (plain[-1] in PLAIN_WORDS or known)
    likely = likely and not _BANNED.intersection(plain)
    own = kind_of(name.rsplit(".", 1)[-1]) if "." in name else None
    held = own is Kind.PASSWORD or (own is Kind.TOKEN and _OPTIONS.search(name))
    known = words[-1] in _PASSWORDS and words[-2] in _ACCOUNTS
    return Kind.LIKELY if likely or held or known else None


@lru_cache(maxsize=20_000)
def kind_of(name: str) -> Kind | None:  # noqa: PLR0911 - one return for each kind of name
    """Return what the name of a variable, key, attribute or element promises, or None."""
    if (name.isascii() and not _STEMS.search(name.lower())) or _NAMED_LIKE_ONE.search(name):
        return None
    words = _words(name)
    if not words or (words[0] in _ABOUT and len(words) > 1) or words[:2] == ["public", "key"]:
        return None
    if words[-2:] in _NOT_SECRET or _ABOUT_ONE.match(words[-1]) or _OF_A_FORM.search("".join(words)):
        return None
    if " ".join(words[-2:]) in _PASSWORDS_BY_USE or (words[0] == "vnc" and words[-1] in _PASSWORDS):
        return Kind.PASSWORD
    if " ".join(words[-2:]) in _KEYS_BY_USE:
        return Kind.TOKEN
    banned = {w for w in words[:-1] if w in _BANNED and w not in _END_ONLY}
    if banned or words[-1] in _BANNED:
        return _although(name, words, banned)
    if words[-1] in _PASSWORDS or _COMPOUND.search(words[-1]) or _SEVERAL_WORDS.search(" ".join(words)):
        for_scripts = name.startswith("data-")  # an attribute of HTML: data-password="show"
        return Kind.LIKELY if for_scripts else Kind.PASSWORD
    if _TOKENS.search(" ".join(words)):
        return Kind.TOKEN
    if _ENDS_LIKE_ONE.search(words[-1]) and words[-1] not in _OTHER_PASSES:
        return Kind.LIKELY
    return Kind.LIKELY if PLAIN_WORDS.intersection(words) or words[0] == "pass" else None


def names_an_account(name: str) -> bool:
    """Whether the name says whose password it is: a database's, a user's, a mail server's."""
    words = {w.lower() for w in _WORDS.findall(name)}
    return bool(
        words
        & set(
            "db database user usr root admin administrator mysql sql ftp smtp mail ldap jdbc conn connection server oracle postgres pg http proxy ssh snmp "
            "keystore truststore store default login account auth bind security".split()
        )
    ) or bool(
        _COMPOUND.search(name.lower()) and not re.fullmatch(r"(?i)password|passwd|pwd|passphrase", name)
    )
