"""What an assignment gives its name: a literal with what is joined to it, the next line, or a bare word."""

from __future__ import annotations

import re

from bundle.detect.credentials.judging import decode
from bundle.detect.credentials.judging.keyword import Kind, kind_of, names_an_account
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.values import Strength, is_chosen, is_generated, is_no_word, strength
from bundle.detect.credentials.statements.novalue import BARE, ENVIRONMENT, LITERAL_BEGINS, PROGRAMS
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View

MORE = re.compile(
    r"""(?:\s*[.+&]\s*|[ \t]*\\?\r?\n[ \t]*)(?P<value>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')(?![ \t]{0,8}[=:])"""
)
_GENERIC_QUOTE = re.compile(r"%?q[qQ]?[{(\[](?=[^\n]*[})\]]$)")
"""q{...} of Perl and Ruby."""
_NEXT_LINE = re.compile(r"(?:[|>][-+]?\d?|\\)[ \t\r]*$")
_FOLLOWING = re.compile(r"[^\n]*\n[ \t]*(?P<value>[^\s#][^\n]*?)[ \t\r\\]*(?:\n|$)")
"""The line after one that ends in a sign that the value goes on, or begins, there."""
_UNICODE = re.compile(r"\\u[0-9a-fA-F]{4}")
_COMMENT = re.compile(r"\s+(?:#|//|;|--|/\*).*$|[,;]\s*$")
_CLOSED = re.compile(r"\s+[})\]]+$")
_FURTHER = re.compile(r"""["']?\s+[\w.-]{2,40}=|,\s+["']?[\w.-]{2,40}["']?:\s""")
"""Another setting on the same line."""
_QUOTES = ("'", '"')
_QUOTE = re.compile("[\"']")
_TURNED = re.compile(r"\[::-1\]|\s?\)\s?\.\s?reverse\(\)")
"""Behind a literal that a program reads from its end."""
_SENT = re.compile(r"(?:\\[rn])+$")
"""The end of a line that a program says to another: `send "set password=...\\r"`."""
_ESCAPES = ("\\n", "\\r", "\\t")
_ESCAPED = re.compile(r"\\[nrt]")


def read(
    view: View, base: int, text: str, found: re.Match[str], kind: str
) -> tuple[int, int, str, bool] | None:
    """Return start, end and value as it is meant, and whether it is a literal; None where what stands there is none."""
    before = text[: found.start()]
    if before[-1:] in _QUOTES and found["close"][:1] == before[-1:]:
        before = before[:-1]  # the name's own quotes do not stay open
    if kind in PROGRAMS and found["value"][0] not in LITERAL_BEGINS and not _is_text(before, kind):
        return None
    start, end, value, quoted = _literal(view, base, text, found, kind)
    if "strrev" in found["wrap"] or _TURNED.match(text, found.end()):
        value = value[::-1]
    in_shell = kind == place.SHELL and (found["sep"] != "=" or found["key"].startswith("$"))
    if quoted or (kind in BARE and not in_shell and not before.endswith(("&", "?", "/"))):
        return start, end, value, quoted
    word = _explained(value, before, kind, found["sep"])
    start += len(value[: value.find(word)].encode())
    tight = (
        text[found.end("key") : found.start("value")] == "="
    )  # NAME=value of a command, which no sentence has
    somebodys = is_generated(word) or (tight and (is_chosen(word) or (word.isalpha() and is_no_word(word))))
    somebodys = somebodys or (tight and _is_of_an_environment(found["key"], word))
    return (start, start + len(word.encode()), word, False) if somebodys else None


def _is_of_an_environment(name: str, word: str) -> bool:
    """Whether a variable that says whose password it holds is given a usual one: `DB_PASSWORD=building`."""
    return (
        bool(ENVIRONMENT.match(name))
        and kind_of(name) is Kind.PASSWORD
        and names_an_account(name)
        and strength(word) is Strength.COMMON
        and word.lower() not in DUMMIES
    )


def _is_text(before: str, kind: str) -> bool:
    """Whether a place in a program is within a comment or a literal, where a bare word may be a value."""
    return within_a_literal(before) or place.is_comment(before.rsplit("\n", 1)[-1], kind)


_END_OF_LITERAL = re.compile(r"""[\s"'&;,<>\\]""")


def _explained(value: str, before: str, kind: str, sep: str) -> str:
    """Return the word after a name in documentation, in a comment, or in a literal of settings ("a=b&password=...").

    Elsewhere what stands bare in a program is code, not a value.
    """
    if not value.strip():
        return ""
    if sep == "=" and kind != place.PROSE and within_a_literal(before):
        return _END_OF_LITERAL.split(value, maxsplit=1)[0]
    if kind != place.PROSE and not place.is_comment(before.rsplit("\n", 1)[-1], kind):
        return ""
    words = value.split() if kind != place.PROSE else value.strip("*` ").split()
    return words[0].rstrip(".,;:)*`") if words else ""


def _literal(  # noqa: PLR0911 - one return for each way to write a literal
    view: View, base: int, text: str, found: re.Match[str], kind: str
) -> tuple[int, int, str, bool]:
    raw = found["value"]
    start, end = found.span("value")
    if raw[:3] in ('"""', "'''") and len(raw) > 6:  # noqa: PLR2004 - three quotes on either side
        return base + start + 3, base + end - 3, view.value(base + start + 3, base + end - 3), True
    if raw.startswith('\\"') and raw.endswith('\\"') and len(raw) > 4:  # noqa: PLR2004 - escaped quotes on either side
        return base + start + 2, base + end - 2, view.value(base + start + 2, base + end - 2), True
    if mark := _GENERIC_QUOTE.match(raw):
        at = base + start + mark.end()
        return at, base + end - 1, view.value(at, base + end - 1), True
    if _NEXT_LINE.match(raw) and kind in BARE and (more := _FOLLOWING.match(text, end)):
        return (
            base + more.start("value"),
            base + more.end("value"),
            view.value(base + more.start("value"), base + more.end("value")),
            False,
        )
    if raw[0] in "\"'":
        value = decode.unescaped(view.value(base + start + 1, base + end - 1))
        at = end
        while (more := MORE.match(text, at)) and not (view.apart and "\n" in more[0]):
            value += decode.unescaped(more["value"][1:-1])
            at = more.end()
        return base + start + 1, base + end - 1, value, True
    written = kind in (place.CODE, place.OTHER) or (kind == place.CONFIG and " " not in raw)
    if raw[0] == "`" and raw[-1] == "`" and written and "${" not in raw:
        return base + start + 1, base + end - 1, view.value(base + start + 1, base + end - 1), True
    raw = _bare(found, kind)
    value = view.value(base + start, base + start + len(raw))
    return (
        base + start,
        base + start + len(raw),
        decode.unescaped(value) if _UNICODE.search(value) else value,
        False,
    )


def _bare(found: re.Match[str], kind: str) -> str:
    """Return a value without quotes, without what stands behind it on its line."""
    raw = found["value"]
    if found.string[: found.start()].endswith(_ESCAPES) and (end := _ESCAPED.search(raw)):
        raw = raw[: end.start()]  # "[a]\\nb=c\\n": a line within a literal
    if found["sep"] == "=" and within_a_literal(found.string[: found.start()]):
        raw = _SENT.sub("", _QUOTE.split(raw, maxsplit=1)[0])  # ["A=b", "PASSWORD=c"]
    raw = _COMMENT.sub("", raw).rstrip(" \t\r,;\\" + (")" if found["wrap"] else ""))
    raw = _CLOSED.sub("", raw)
    if raw[-1:] in _QUOTES and raw.count(raw[-1:]) == 1:
        raw = raw[:-1]  # line="password=value"
    if raw[-1:] == "}" and "{" not in raw and "{" in found.string[: found.start()].rsplit("\n", 1)[-1]:
        raw = raw.rstrip("}")  # {password: value}
    if more := _FURTHER.search(raw):
        raw = raw[: more.start()]
    one_word = kind == place.SHELL or ENVIRONMENT.match(found["key"])
    if found["sep"] == "=" and one_word and "$(" not in raw and "`" not in raw:
        word = (raw.split(None, 1) or [""])[0]
        if kind == place.SHELL:
            word = word.rstrip("&")  # set NAME=value&& start
        return word[:-1] if word[-1:] in _QUOTES and word.count(word[-1]) == 1 else word  # echo "NAME=value"
    return raw


def within_a_literal(before: str) -> bool:
    """Whether a quote is open at the end of the line so far."""
    line = before.rsplit("\n", 1)[-1]
    return line.count('"') % 2 == 1 or line.count("'") % 2 == 1
