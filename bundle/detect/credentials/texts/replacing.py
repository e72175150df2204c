"""Literals that a reference to the host's secret store may stand in for: where, under which name, in which quotes.

A reference is `@secret:name@`. It is put where the literal was, in whatever the file's language needs around it
there, and nowhere else; the value itself never leaves this package, equal values are told by a seal.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bundle.detect.credentials.decide import Decision, by_hand
from bundle.detect.credentials.encodings import code_between
from bundle.detect.credentials.judging import decode
from bundle.detect.credentials.judging.decode import entities
from bundle.detect.credentials.proof import is_random
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.safe_fix import describe
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View, codec
from bundle.walk.member import Member

REFERENCE = re.compile(rb"@secret:[a-z0-9][a-z0-9._-]{0,63}@")
"""What stands in a file in the place of a secret until the installer fills it in."""

_NO_FILE = re.compile(r"<(?:comment|(?:data|stream) at \d+)>")
"""What the walk calls bytes of an archive that are none of its files: no rewriter can change them."""
_LONGEST_NAME = 60
_LONGEST_REFERENCE = 80
_QUOTED = {"'": "single-quoted", '"': "double-quoted"}
_DATA = frozenset({"yaml", "json", "toml"})
"""Languages in which a value that begins with @ has to be quoted."""
_LANGUAGES = {
    "yml": "yaml",
    "pl": "perl",
    "pm": "perl",
    "cgi": "perl",
    "ps1": "powershell",
    "psm1": "powershell",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """One literal that may be replaced; offsets are in the member's text (see `textview.View`)."""

    rule: str
    start: int
    end: int
    line: int | None
    column: int | None
    """Of the finding."""
    name: str
    """What the reference would be called if nothing else had the name."""
    account: str
    others: tuple[str, ...]
    """Further accounts that it may be of."""
    service: str
    syntax: str
    """How the secret has to be written there: xml, url, sql, json, yaml, toml, single-quoted, double-quoted or bare."""
    encoding: str
    """The code in which the secret has to be written there first, by its name in `ENCODINGS`."""
    quotes: str
    """What the reference needs around it that the literal did not."""
    drawn: bool
    """Whether a generator drew the value, so that it is the same secret wherever it stands."""
    seal: bytes
    """Equal for equal values in one run, however they are encoded."""


def is_reference(view: View, one: Catch) -> bool:
    """Whether what was caught is, or is part of, a reference that stands there already."""
    base = max(0, one.start - _LONGEST_REFERENCE)
    around = bytes(view.data[base : one.end + _LONGEST_REFERENCE])
    return any(base + m.start() < one.end and one.start < base + m.end() for m in REFERENCE.finditer(around))


def literal(
    member: Member, view: View, rule: str, one: Catch, kind: str, decision: Decision, *, key: bytes = b""
) -> Literal | str:
    """Return what may be replaced, or why a person has to do it."""
    family = rule.removeprefix("credential/")
    if member.derived or member.offset or len(member.content) != member.size:
        return "the text is not stored as it is"
    if any(_NO_FILE.fullmatch(part) for part in member.parts[1:]):
        return "it is stored in no file of the archive, but in a comment or between files"
    said = describe(member, view, family, one, kind)
    reason, _ = by_hand(decision.features | said.features, decision.confidence)
    if reason:
        return reason
    span = _span(view, one)
    written = None if span is None else _written(member, view, family, span, kind)
    if span is None or written is None:
        return "a reference would not be valid there"
    line, column = view.place(one.start)
    at = member.at(line, column)
    return Literal(
        rule=rule, start=span[0], end=span[1], line=at.line, column=at.column, name=_name(one), account=one.user, others=one.others,
        service=one.service, syntax=written[0], encoding=said.encoding, quotes=written[1], drawn=is_random(said.plain),
        seal=hmac.digest(key, said.plain.encode("utf-8", "surrogatepass"), "sha256"),
    )  # fmt: skip


def _span(view: View, one: Catch) -> tuple[int, int] | None:
    """Return where exactly the value is written, if it is written as it is."""
    raw = view.value(one.start, one.end)
    if code_between(raw, one.value) is not None or one.value in (decode.unescaped(raw), entities(raw)):
        return one.start, one.end
    value = one.value.encode()
    piece = bytes(view.data[one.start : one.end])
    if value and piece.count(value) == 1:
        start = one.start + piece.index(value)
        return start, start + len(value)
    return None


def _written(
    member: Member, view: View, family: str, span: tuple[int, int], kind: str
) -> tuple[str, str] | None:
    """Return the syntax around the literal, and the quotes a reference needs there; None where it would break."""
    start, end = span
    before, after = view.text(max(0, start - 1), start), view.text(end, end + 1)
    quote = before if before in _QUOTED and before == after else ""
    suffix = member.name.rsplit(".", 1)[-1].lower() if "." in member.name else ""
    language = _LANGUAGES.get(suffix, suffix if suffix in _DATA else member.format)
    if not _keeps(language, family, quote, kind):
        return None
    if family in ("url", "sql"):
        return family, ""
    if kind == place.MARKUP:
        return "xml", ""
    if language in _DATA:
        bare = not quote and _whole_scalar(view, start, end, language)
        return language, '"' if bare else ""
    return _QUOTED.get(quote, "bare"), ""


def _keeps(language: str, family: str, quote: str, kind: str) -> bool:
    """Whether text with a reference in it means a text with a reference in it there, before it is filled in."""
    if language == "perl":
        return quote == "'"  # "@secret" is an array there
    if language == "powershell" or family == "sql":
        return bool(quote)
    return bool(quote) or family != "assignment" or kind != place.CODE


def _whole_scalar(view: View, start: int, end: int, language: str) -> bool:
    """Whether a bare value is all there is behind its key, so that a leading @ would be read as a sign.

    In YAML a sign `=` is part of the scalar: quotes behind it would be part of the value.
    """
    sign = r"(?::|-)\s+$" if language == "yaml" else r"(?:[:=]|-)\s*$"
    return bool(re.search(sign, view.before(start))) and bool(
        re.match(r"\s*(?:$|#|[,}\]])", view.text(end, end + 80).split("\n", 1)[0])
    )


def _name(one: Catch) -> str:
    words = [w for w in (one.service, one.user or one.key) if w]
    plain = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")
    return plain[:_LONGEST_NAME].strip("-") or "secret"


def reference(one: Literal, name: str) -> str:
    """Return what stands in the place of a literal."""
    return f"{one.quotes}@secret:{name}@{one.quotes}"


def replaced(content: bytes, literals: Iterable[tuple[Literal, str]]) -> bytes | None:
    """Return the stored text with each literal replaced by the reference to its name; None where it is not text.

    Everything else keeps its bytes, in UTF-16 too.
    """
    mark, coding = codec(content)
    try:
        data = bytearray(content[len(mark) :].decode(coding).encode() if coding else content)
    except UnicodeDecodeError:
        return None
    for one, name in sorted(literals, key=lambda pair: -pair[0].start):
        data[one.start : one.end] = reference(one, name).encode()
    return mark + data.decode().encode(coding) if coding else bytes(data)
