"""Calls that log in: the argument at a known position is a secret, whatever its value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bundle.detect.credentials.judging import decode
from bundle.detect.credentials.judging.naming import DUMMIES, is_several_words
from bundle.detect.credentials.judging.values import Strength, common, is_chosen, is_placeholder, strength
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.evidence import Evidence
from bundle.detect.credentials.rules.families import Sink
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.vocabulary import any_of

_LONGEST = 2000
_SKIP = re.compile(r"\s+|//[^\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'(?P<literal>"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\')', re.DOTALL)
_NAME = re.compile(r"\$?[A-Za-z_](?:\w|->|::\$?|\.(?=[A-Za-z_])){0,80}(?=\s*[,)])")
_RECEIVERS = r"(?:[A-Za-z_$][\w$]{0,40}(?:\(\))?\s*(?:\.|->|::)\s*){0,4}"
_CODER = rf"{_RECEIVERS}\w{{0,20}}(?i:decode|hex2bin|unhex|fromhex|parsehex|rot13|atob)\w{{0,20}}\s*\("
_TO_LITERAL = re.compile(rf"""\s*=(?!=)\s*(?=["']|{_CODER})""")
_IN_DEFINE = re.compile(rf"""["']\s*,\s*(?=["']|{_CODER})""")
_DEFINE = re.compile(r"""\bdefine\s*\(\s*["']\Z""")
_LONGEST_DEFINE = 100
_STATEMENT = re.compile(r"""(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[^"';\n])+(?=;|\n|\)\s*;|$)""")
_DECODED = re.compile(
    rf"""(?:new\s+String\s*\(\s*)?{_CODER}\s*(?P<q>["'])(?P<value>[^"'\n]{{1,400}})(?P=q)\s*\)+(?=\s*[,)])"""
)
_LITERAL = r"""(?P<literal>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
_CAST = re.compile(
    rf"""(?:\(\s*(?:const\s+)?(?:unsigned\s+)?\w+\s*\**\s*\)\s*|[bBuUL@](?=["']))?{_LITERAL}"""
)
"""A literal, with a type or a letter before it."""
_QUOTED = re.compile(
    r"q[qQ]?\s?(?P<literal>\{[^{}\n]{0,200}\}|\([^()\n]{0,200}\)|\[[^\[\]\n]{0,200}\]|\|[^|\n]{0,200}\||![^!\n]{0,200}!)(?=\s*[,)])"
)
"""A literal in the quotes that Perl lets one choose."""
_BYTES = re.compile(
    rf"(?:(?:[\w$]{{1,40}}(?:\(\))?\s*(?:\.|->|::)\s*){{0,4}}(?:{any_of('name/call-that-makes-bytes')})|\[\]byte)"
    rf"""\s*\(\s*[bL]?{_LITERAL}(?:\s*,\s*["'][\w-]{{1,20}}["'])?\s*\)"""
)
"""A literal that bytes are made of, that Rust owns, or within the macro of C++ that says how wide its letters are."""
_EVEN = frozenset("test abc xyz foo bar name user default".split())
"""Words that are secrets where a login is the only thing a call does."""
_ALGORITHM = re.compile(r"(?i)sha-?\d|md5|aes-?\d")
_CRYPTO = frozenset(("signature", "encryption"))
_LONG_ENOUGH = 8
_MANY_MEANINGS = frozenset(
    "login LogOn Connection authenticate setSecret createConnection addIdentity basicAuth setPassword open credentials setAuth ssh.Password Mysql.new "
    "set_password Sequelize SqlConnect SshClient SftpClient ClientCredential PEM_read_PrivateKey load_pem_private_key X509Certificate2".split()
)
_ANYTHING = frozenset("connect auth create_user".split())
"""Names of calls so common that only a value that looks like a password tells."""
_FAR = 60_000
"""Bytes before a call in which a variable's value is looked for."""
_LONGEST_NAME = 80
_FEWEST_LETTERS = 2
"""Letters of the shortest password; one stands for one that is kept elsewhere: `addUser("keeper", "x", 1001)`."""
_PACKED = 500
"""Bytes of one line that nobody wrote by hand."""
_MESSAGE = re.compile(r"""(?:Error|Exception|warn|error)\s*\(\s*(?:"[^"\n]*|'[^'\n]*|`[^`\n]*)$""")
"""Before a call that a program speaks of: `throw new Error('cookieParser("secret") required')`."""
_IN_A_CHAIN = "".join(c for c in map(chr, range(256)) if c.isalnum() or c in "_.:->")
"""What a name of a call goes on with, in a text with one character for each byte."""
_WORD = re.compile(r"\b\w")
_AFTER = re.compile(
    r"\s*\.\s*(?:toCharArray|getBytes)\s*\([^()]*\)|\s*\.\s*(?:trim|to_string|to_owned|into|as_bytes)\s*\(\s*\)"
)


@dataclass(slots=True)
class _Argument:
    """One argument: its literal value and where that lies, or None where it is more than a literal."""

    value: str | None = None
    start: int = 0
    end: int = 0
    other: bool = False
    name: str = ""
    """The variable or constant that it is, where it is nothing more."""


def gate(sinks: Sequence[Sink]) -> str:
    """Return the pattern that finds the calls."""
    names = "|".join(sorted({re.escape(s.callee) for s in sinks}, key=lambda n: (-len(n), n)))
    return rf"(?i)\b({names})\s{{0,4}}\("


_CALL, _MENTION = 150, 2
"""Units for a call, and for a place at which a variable is named that is its argument."""
_DEEPEST = 12
"""Brackets within brackets of a call; what has more is made to cost much."""


class Calls:
    """The known calls, by name."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = {s.callee.lower(): s for s in sinks}

    def catches(self, view: View, ends: list[int]) -> Iterator[Catch]:
        """Yield the secret arguments of the calls whose opening bracket is near the hits."""
        for at in dict.fromkeys(ends):
            if view.work.is_spent:
                view.stop(at)
                return
            view.work.spend(_CALL)
            before = view.text(max(0, at - _LONGEST_NAME), at)
            sink = self._called(before)
            if sink is None or _MESSAGE.search(before):
                continue
            caught = _secret(sink, arguments(view.text(at, at + _LONGEST)), view, at)
            if caught is not None:
                yield caught

    def _called(self, text: str) -> Sink | None:
        """Return the call whose name stands before the bracket at the end of a text; of several the longest name."""
        text = text[:-1].rstrip()
        chain = text[len(text.rstrip(_IN_A_CHAIN)) :].lower()
        names = (chain[word.start() :] for word in _WORD.finditer(chain))
        return next((self._sinks[name] for name in names if name in self._sinks), None)


_TYPES = frozenset(
    "integer string gauge counter timeticks oid ipaddress unsigned int i u s x d n o t a b".split()
)


def _is_of_a_walk(found: list[_Argument]) -> bool:
    """Whether a call of Perl's gives an object, or one with its type, right behind the host, which has the community in it."""
    return len(found) == _HOST_AND_OBJECT or (found[2].value or "").lower() in _TYPES


_HOST_AND_OBJECT = 2
_ANONYMOUS = re.compile(
    r"""(?i)user\w{0,8}\s{0,4}[=:]\s{0,4}["']anonymous["'][,;]\s{0,20}\S{0,20}\s{0,4}[=:]\s{0,4}["']$"""
)
"""An account that takes any password, before what a variable is given."""
_NEAR = 100
_SAID_BEHIND = re.compile(r"""["'`]\s*,\s*\{[^{}]{0,300}?\b(?:password|passwd|pwd)\b""")
"""A table behind a word that has the password: what the word says is what somebody may do."""
_OF_BOTH = frozenset(("snmpget", "snmpset", "snmpwalk"))
"""Calls of PHP's and of Perl's, which take other things."""


def _secret(sink: Sink, found: list[_Argument], view: View, at: int) -> Catch | None:
    called_back = any(_CALLED_BACK.search(other.name) for other in found[: sink.secret])
    if len(found) <= sink.secret or called_back or (sink.callee in _OF_BOTH and _is_of_a_walk(found)):
        return None
    one = found[sink.secret]
    if one.other and one.value is None:
        where = None if _NAME_OF_ONE.search(one.name) else _literal_of(one.name, view, at)
        if where is None:
            return None
        start, end, value = where
    elif one.value is None or one.other:
        return None
    else:
        start, end = at + one.start, at + one.end
        value = view.value(start, end) if end - start == len(one.value) else one.value
    evidence = _sure(sink, value, direct=one.value is not None)
    if evidence is None:
        return None
    user = found[sink.user].value if 0 <= sink.user < len(found) else None
    anonymous = (
        user.lower() == "anonymous" if user else _ANONYMOUS.search(view.text(max(0, start - _NEAR), start))
    )
    if anonymous or (user is None and _SAID_BEHIND.match(view.text(end, end + _PACKED))):
        return None
    return Catch(
        start,
        end,
        value,
        key=sink.callee,
        user=user or "",
        service=sink.service,
        evidence=evidence,
    )


def _sure(  # noqa: PLR0911 - one return for each degree
    sink: Sink, value: str, *, direct: bool
) -> Evidence | None:
    if sink.service == "encryption" and is_several_words(value):
        return "phrase"
    if (
        (is_placeholder(value) and value.lower() not in _EVEN)
        or re.search(r"\s", value.strip())
        or len(value.strip()) < _FEWEST_LETTERS
    ):
        return None
    if sink.service in _CRYPTO:
        said = strength(value)
        if _ALGORITHM.search(value):
            return None
        sure = (
            is_chosen(value)
            or said is Strength.MIXED
            or (said is Strength.COMMON and value.lower() not in DUMMIES)
            or (said and sink.service == "encryption" and len(value) >= _LONG_ENOUGH)
        )
        return "chosen" if sure else "label"
    if sink.service == "SNMP" and value in ("public", "private"):
        return "community"
    if sink.callee in _ANYTHING:
        said = strength(value)
        usual = sink.callee == "create_user" and said is Strength.COMMON and value.lower() not in DUMMIES
        sure = said is Strength.MIXED or is_chosen(value) or usual
        return "chosen" if sure else None
    if not direct or sink.callee in _MANY_MEANINGS:
        said = strength(value)
        if said is Strength.NO:
            return None
        return "more-than-a-word" if said > Strength.WORD else "word"
    named = re.fullmatch(r"(?i)[a-z_]*(?:pass|pwd|passwd|secret|key|token)[a-z_]*", value)
    if sink.user < 0 and named and value.lower() != "passwd" and value.lower() not in common():
        return "name-of-a-secret"
    return "place"


def sure_of_class(sink: Sink, value: str, user: str | None) -> Evidence | None:
    """Return what says that the argument of a call in a Java class is a secret.

    Where a name means many things, a word beside an account that is no literal is no password: `createConnection(url, "POST")`.
    """
    if sink.callee not in _MANY_MEANINGS | _ANYTHING:
        return "place"
    if sink.user >= 0 and not user and strength(value) <= Strength.WORD:
        return None
    return _sure(sink, value, direct=True)


_CALLED_BACK = re.compile(r"(?i)callback$|(?:^|[._])on_[a-z_]+$|_cb$")
"""A function that is called when something happens: `box.connect('toggled', self.__toggle_callback, 'update_x2')`."""
_NAME_OF_ONE = re.compile(r"(?i)(?<![a-z])(?:user_?|account_?|login_?|host_?|db_?)?name$")
"""What a variable holds that is called a name, wherever it is given."""
_OWN = frozenset("this self cls static parent".split())


def _literal_of(name: str, view: View, at: int) -> tuple[int, int, str] | None:
    """Return where the literal lies that a variable was last given before the call, or else first after it, and its value.

    The literal may be joined of several, or be decoded by a call.
    """
    last = re.split(r"->|::\$?|\.", name)[-1].lstrip("$")
    if not last or last in ("null", "true", "false", "NULL", "None"):
        return None
    if len(last) == 1 and at > _PACKED and "\n" not in view.text(at - _PACKED, at):
        return None  # packed code has the same letter for everything
    low = max(0, at - _FAR)
    text = view.text(low, at)
    place = text.rfind(last)
    while place >= 0 and not view.work.is_spent:
        view.work.spend(_MENTION)
        begin = _assigned(text, place, last)
        if begin >= 0 and (given := _given(text, begin, view, low)):
            return given
        place = text.rfind(last, 0, place + len(last) - 1)
    owner = re.split(r"->|::\$?|\.", name)[0].lstrip("$")
    if owner != last and owner not in _OWN:
        return None  # a member of something else is not what is called so further down
    text = view.text(at, at + _FAR)
    place = text.find(last)
    while place >= 0 and not view.work.is_spent:
        view.work.spend(_MENTION)
        begin = _assigned(text, place, last)
        if begin >= 0:
            return _given(text, begin, view, at)
        place = text.find(last, place + 1)
    return None


def _assigned(text: str, at: int, name: str) -> int:
    """Return where the literal begins that is given to the name at an offset, in PHP's `define` too; -1 for none."""
    end = at + len(name)
    before = text[at - 1 : at]
    if before in ("'", '"') and (found := _IN_DEFINE.match(text, end)):
        return found.end() if _DEFINE.search(text, max(0, at - _LONGEST_DEFINE), at) else -1
    if before.isalnum() or before in ("_", "-"):
        return -1  # the end of another name, of an attribute too: data-password="..."
    found = _TO_LITERAL.match(text, end)
    return -1 if found is None else found.end()


def _given(text: str, at: int, view: View, base: int) -> tuple[int, int, str] | None:
    """Return start, end and value of the expression of literals at an offset of a text that begins at `base`."""
    line = _STATEMENT.match(text, at)
    if line is None:
        return None
    given = arguments(f"{line[0]})")
    if len(given) != 1 or given[0].other or not given[0].value or "$" in given[0].value:
        return None
    one = given[0]
    start, end = base + at + one.start, base + at + one.end
    value = one.value or ""
    return start, end, view.value(start, end) if end - start == len(value) else value


def arguments(text: str) -> list[_Argument]:  # noqa: C901, PLR0912, PLR0915 - one branch for each kind of character
    """Return the arguments of a call whose text begins after its opening bracket.

    Adjacent literals joined by `.` or `+` are one value; its place is the first literal's.
    """
    found = [_Argument()]
    at, depth, joined = 0, 0, True
    while at < len(text):
        if skipped := _SKIP.match(text, at):
            at = skipped.end()
            continue
        char = text[at]
        if char in "\"'" and (string := _STRING.match(text, at)):
            at = string.end()
            if depth == 0 and joined:
                _take(found[-1], string)
            if after := _AFTER.match(text, at):
                at = after.end()
            joined = False
            continue
        if (
            depth == 0
            and not found[-1].other
            and found[-1].value is None
            and (call := _DECODED.match(text, at))
        ):
            coded = call["value"]
            plain = decode.plain(coded, asked=True)
            found[-1].value = coded if plain is None else plain
            found[-1].start, found[-1].end = call.span("value")
            joined, at = False, call.end()
            continue
        if (
            depth == 0
            and joined
            and (made := _CAST.match(text, at) or _BYTES.match(text, at) or _QUOTED.match(text, at))
        ):
            _take(found[-1], made)
            at = made.end()
            if after := _AFTER.match(text, at):
                at = after.end()
            joined = False
            continue
        if depth == 0 and not found[-1].other and found[-1].value is None and (name := _NAME.match(text, at)):
            found[-1].other, found[-1].name = True, name[0]
            at = name.end()
            continue
        if char in "([{":
            depth += 1
            if depth > _DEEPEST:
                return []
            found[-1].other = True
        elif char in ")]}":
            if depth == 0:
                return found
            depth -= 1
        elif char == "," and depth == 0:
            found.append(_Argument())
            joined = True
            at += 1
            continue
        elif char in ".+" and depth == 0:
            joined = True
        elif depth == 0:
            found[-1].other = True
            if char in ";{":
                return []
        at += 1
    return []


def _take(argument: _Argument, string: re.Match[str]) -> None:
    value = string["literal"][1:-1]
    if argument.value is None:
        argument.value = value
        argument.start, argument.end = string.start("literal") + 1, string.end("literal") - 1
    else:
        argument.value += value
