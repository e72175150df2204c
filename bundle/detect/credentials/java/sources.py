"""Java sources: what is given to calls, fields and comparisons, in the words in which the bytecode of classes says it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from bundle.detect.credentials.java.known import LINES, Items, Name, Said, State, Text, literals
from bundle.detect.credentials.java.methods import Alone
from bundle.detect.credentials.java.pool import Call
from bundle.detect.credentials.java.said import ENDS_IN_A_NAME, command, invoked, listed
from bundle.detect.credentials.java.tokens import (
    LETTER,
    NUMBER,
    TEXT,
    WORD,
    brackets,
    constants,
    declared,
    fields,
    tokens,
    unescaped,
)
from bundle.detect.credentials.java.written import Literal, bytes_of, written_out

_STATIC, _VIRTUAL = 184, 182
_DEEPEST = 60
_OWNERS = {
    **{name: f"java/util/{name}" for name in "Objects Arrays Map List Set HashSet LinkedHashSet TreeSet ArrayList LinkedList Vector".split()},
    **{name: f"java/lang/{name}" for name in "String StringBuilder StringBuffer".split()},
    "MessageDigest": "java/security/MessageDigest",
    "BigInteger": "java/math/BigInteger",
}  # fmt: skip
_VARIABLE = {"asList": 0, "format": 1}
"""Methods that take a list of arguments of any number, and where it begins."""
_BINARY = frozenset("+ - * / % & | ^ && || == != < > <= >= instanceof".split())
_SIMPLE = 2
_SHORTEST = 2
"""Letters of a name that says nothing."""
_SHORTEST_TEXT, _LONGEST_TYPE, _MOST_TEXTS = 12, 50, 40
_READ = re.compile(r"[0-9a-fA-F]{32,128}|[a-z]{4,14} [a-z]{4,14}")
"""Literals that no pattern reads: digits, words apart."""


def said(text: str) -> list[Said]:
    """Return what a source says; the literals in it are of the class `Literal`."""
    return _Source(text).read()


class _Source:
    """One source while it is read. The text of a source says nothing that is certain: whatever is not understood is passed over."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.ends = brackets(self.tokens)
        self.known = declared(self.tokens, self.ends)
        self.constants = constants(self.tokens)
        self.fields = fields(self.tokens)
        self.found: list[Said] = []
        self.state = State({})
        self.method, self.subject = "", ""
        self.locals: dict[str, str | None] = {}
        """What variables of the method were last given."""
        self.bodies: list[tuple[int, int]] = []
        """What is in braces within an expression: it is read after the statement."""

    def read(self) -> list[Said]:
        for at, token in enumerate(self.tokens):
            if token.kind == TEXT and "\n" in token.text[_SHORTEST_TEXT:].replace("\\n", "\n"):
                self.found.append((LINES, [self._of(at)]))
        self.bodies.append((0, len(self.tokens)))
        while self.bodies:
            at, end = self.bodies.pop()
            while at < end:
                at = max(self._statement(at), at + 1)
        return self.found

    def _text(self, at: int) -> str:
        return self.tokens[at].text if 0 <= at < len(self.tokens) and self.tokens[at].kind != TEXT else ""

    def _kind(self, at: int) -> str:
        return self.tokens[at].kind if 0 <= at < len(self.tokens) else ""

    def _statement(self, at: int) -> int:  # noqa: PLR0911 - one return for each kind of statement
        """Read what begins at a place, and return where it ends."""
        token, text = self.tokens[at], self._text(at)
        if at in self.known.methods:
            name, _, kind = self.known.methods[at]
            self.method = name
            self.state = State({}, method=name if kind == "boolean" else "")
            self.locals = {}
            return self.ends[at + 1] + 1
        if text == "switch" and self._text(at + 1) == "(":
            value, _ = self._expression(at + 2, 0)
            self.subject = str(value) if isinstance(value, Name) else ""
            return self.ends[at + 1] + 1
        if text == "case":
            return self._case(at + 1)
        if text in ("return", "yield") or (text == "default" and self._kind(at + 1) == TEXT):
            value, at = self._expression(at + 1, 0)
            self.found += [(f"<{self.method}", [one]) for one in literals(value)]
            self.found += command(value)
            return at
        if token.kind == WORD and self._text(at + 1) in ("=", "[") and text not in ("return", "new"):
            behind = at + 1 if self._text(at + 1) == "=" else at + 3
            if self._text(behind) == "=":
                value, end = self._expression(behind + 1, 0)
                self._kept(
                    token.text, value, simple=end - behind <= _SIMPLE and self._kind(behind + 1) == TEXT
                )
                return end
        last = at
        while token.kind == WORD and self._text(last + 1) == "." and self._kind(last + 2) == WORD:
            last += 2
        if text == "new" or (token.kind in (WORD, TEXT) and self._text(last + 1) in ("(", ".", "::")):
            return self._expression(at, 0)[1]
        return max(last, at + 1)

    def _case(self, at: int) -> int:
        while self._kind(at) == TEXT:
            if self.subject:
                self.found.append((f"?{self.subject}", [self._of(at), None]))
            at += 2 if self._text(at + 1) == "," else 1
        return at

    def _of(self, at: int) -> Literal:
        token = self.tokens[at]
        return written_out(unescaped(token.text), token.start + 1, token.end - 1)

    def _kept(self, name: str, value: str | None, *, simple: bool) -> None:
        """Say what a field or a variable is given; a literal alone is found by its name already."""
        self.locals[name] = value
        if not simple or _READ.fullmatch(value or ""):
            self.found += [(f"={name}", [one]) for one in literals(value)]
        if isinstance(value, Items):
            self.found += listed(name, value)
            self.found += command(value)

    def _expression(self, at: int, depth: int) -> tuple[str | None, int]:
        """Return the value of an expression, and where it ends."""
        parts: list[str | None] = []
        joined = True
        while depth < _DEEPEST:
            value, at = self._operand(at, depth + 1)
            parts.append(value)
            sign = self._text(at)
            if sign == "->":
                return self._lambda(at + 1, depth)
            if sign == "?":
                one, at = self._expression(at + 1, depth + 1)
                if self._text(at) != ":":
                    return None, at
                other, at = self._expression(at + 1, depth + 1)
                return self._either(one, other), at
            if sign not in _BINARY:
                break
            joined = joined and sign == "+"
            at += 1
        if len(parts) <= 1:
            return (parts[0] if parts else None), at
        return (self._joined(parts) if joined else None), at

    def _lambda(self, at: int, depth: int) -> tuple[str | None, int]:
        self.state.method = self.method
        if self._text(at) != "{":
            return self._expression(at, depth + 1)
        self.bodies.append((at + 1, self.ends[at]))
        return None, self.ends[at] + 1

    def _either(self, one: str | None, other: str | None) -> str | None:
        texts = [*literals(one), *literals(other)]
        for name in (one, other):
            if texts and isinstance(name, Name) and not isinstance(name, Items):
                self.found.append(("getProperty", [str(name), texts[0]]))
        if not texts:
            return None
        first = texts[0]
        made = written_out(first, first.start, first.end) if isinstance(first, Literal) else Text(first)
        made.also = texts[1:_MOST_TEXTS]
        return made

    def _joined(self, parts: Sequence[str | None]) -> str | None:
        for one, other in pairwise(parts):
            if (
                isinstance(one, Literal)
                and isinstance(other, Literal)
                and (found := ENDS_IN_A_NAME.search(one))
            ):
                self.found.append((f"={found[1]}", [other]))
        whole = [one for one in parts if isinstance(one, Literal)]
        if len(whole) != len(parts):
            return None
        return written_out("".join(whole), whole[0].start, whole[-1].end)

    def _operand(  # noqa: PLR0911, PLR0912, C901 - one return for each kind of operand
        self, at: int, depth: int
    ) -> tuple[str | None, int]:
        """Return the value of an operand with the calls on it, and where it ends."""
        kind, text = self._kind(at), self._text(at)
        if kind == TEXT:
            return self._behind(self._of(at), at + 1, depth)
        if kind in (NUMBER, LETTER):
            return None, at + 1
        if text == "new":
            return self._made(at + 1, depth)
        if text == "switch":
            return self._switched(at, depth)
        if text == "{":
            return self._array(at), self.ends[at] + 1
        if text == "(":
            end = self.ends[at]
            if self._text(end + 1) == "->":
                return self._lambda(end + 2, depth)
            follows = self._kind(end + 1) in (WORD, TEXT) or self._text(end + 1) == "("
            if follows and all(
                self._kind(one) == WORD or self._text(one) in ".[]<>" for one in range(at + 1, end)
            ):
                return self._operand(end + 1, depth + 1) if depth < _DEEPEST else (None, end + 1)
            value, _ = self._expression(at + 1, depth + 1)
            return self._behind(value, end + 1, depth)
        if kind == WORD:
            if self._text(at + 1) == "(":
                return self._called(None, at, depth)
            plain = self._text(at + 1) != "." or self._text(at + 3) == "("
            constant = self.constants.get(text) if plain else None
            if plain and text in self.locals:
                return self._behind(self._held(text), at + 1, depth)
            if constant is not None:
                return self._behind(
                    written_out(unescaped(constant.text), constant.start + 1, constant.end - 1), at + 1, depth
                )
            return self._behind(Name(text if len(text) > 1 else f"#{text}"), at + 1, depth)
        if text in ("!", "-", "+", "~"):
            return (None, self._operand(at + 1, depth + 1)[1]) if depth < _DEEPEST else (None, at + 1)
        return None, at

    def _held(self, name: str) -> str | None:
        """Return what a variable holds: a literal, a list, or what a method was asked for."""
        value = self.locals[name]
        known = isinstance(value, Items) or (
            value is not None and (len(name) <= _SHORTEST or not isinstance(value, Name))
        )
        return value if known else Name(name if len(name) > 1 else f"#{name}")

    def _behind(self, value: str | None, at: int, depth: int) -> tuple[str | None, int]:
        """Follow the calls and fields behind a value."""
        while True:
            sign = self._text(at)
            if sign == "." and self._kind(at + 1) == WORD:
                if self._text(at + 2) == "(":
                    value, at = self._call(value, at + 1, depth)
                else:
                    value, at = Name(self._text(at + 1)), at + 2
            elif sign == "::":
                if isinstance(value, Literal) and self._text(at + 1).startswith("equals"):
                    self.found.append((f"?#{self.state.method}", [value, None]))
                value, at = None, at + 2
            elif sign == "[":
                value, at = None, self.ends[at] + 1
            elif sign in ("++", "--"):
                at += 1
            else:
                return value, at

    def _called(self, receiver: str | None, at: int, depth: int) -> tuple[str | None, int]:
        value, at = self._call(receiver, at, depth)
        return self._behind(value, at, depth)

    def _arguments(self, at: int, depth: int) -> list[str | None]:
        """Return what a call is given; `at` is the bracket."""
        end, given = self.ends[at], []
        at += 1
        while at < end and depth < _DEEPEST:
            value, behind = self._expression(at, depth + 1)
            given.append(value)
            while behind < end and self._text(behind) != ",":
                behind = (
                    max(self.ends[behind], behind) + 1
                    if self._text(behind) in ("(", "[", "{")
                    else behind + 1
                )
            at = behind + 1
        return given

    def _call(self, receiver: str | None, at: int, depth: int) -> tuple[str | None, int]:
        """Say a call of a method; `at` is its name."""
        name, given = self._text(at), self._arguments(at + 1, depth)
        named = isinstance(receiver, Name) and receiver[:1].isupper() and not receiver.isupper()
        owner = _OWNERS.get(str(receiver), str(receiver)) if named else "own"
        if not named and name == "append":
            owner = _OWNERS["StringBuilder"]
        if given and isinstance(given[0], Name) and given[0].isupper() and len(given) == _SIMPLE:
            given[0] = given[0].lower().replace("_", ".")  # a constant that is a key
        if name in _VARIABLE and named:
            several = Items()
            several.texts.extend(given[_VARIABLE[name] :])
            given[_VARIABLE[name] :] = [several]
        if (
            name == "equals"
            and receiver == "Arrays"
            and any(
                one.text == "toCharArray"
                for one in self.tokens[at + 2 : min(self.ends[at + 1], at + _LONGEST_TYPE)]
            )
        ):  # letters are kept apart for passwords alone
            given = [Name("password") if isinstance(one, Name) else one for one in given]
        stack = given if named else [receiver, *given]
        return self._invoked(stack, name, owner, len(given), named), self.ends[at + 1] + 1

    def _invoked(
        self, stack: Sequence[str | None], name: str, owner: str, count: int, static: bool
    ) -> str | None:
        kind = f"({'L' * count})L"
        names = self.known.parameters.get((owner if name == "<init>" else name, count), ())
        if name.isupper() and not names:  # a constant of an enumeration, made by its constructor
            names = next(
                (p for (n, c), p in self.known.parameters.items() if c == count and n[:1].isupper()), ()
            )
        taken = (
            {f"{name}{kind}": {n: self.fields.get(one, one) for n, one in enumerate(names)}} if names else {}
        )
        self.state.stack[:] = stack
        call = Call(owner, name, kind, "L" * count)
        self.found += invoked(self.state, _STATIC if static else _VIRTUAL, call, Alone(owner, taken, taken))
        return self.state.stack[-1] if self.state.stack else None

    def _made(self, at: int, depth: int) -> tuple[str | None, int]:
        """Read what stands behind `new`."""
        name = self._text(at)
        while self._text(at + 1) == ".":
            at += 2
            name = self._text(at)
        at += 1
        if self._text(at) == "<":
            last = min(at + _LONGEST_TYPE, len(self.tokens))
            while at < last and self._text(at) not in ("(", "[", "{", ";"):
                at += 1
        if self._text(at) == "[":
            while self._text(at) == "[":
                at = self.ends[at] + 1
            return (self._array(at), self.ends[at] + 1) if self._text(at) == "{" else (None, at)
        if self._text(at) != "(":
            return None, at
        given, end = self._arguments(at, depth), self.ends[at] + 1
        if name == "ProcessBuilder" and len(given) > 1:
            several = Items()
            several.texts.extend(given)
            given = [several]
        value = self._invoked(
            [None, None, *given], "<init>", _OWNERS.get(name, name), len(given), static=False
        )
        if self._text(end) == "{":
            self.bodies.append((end + 1, self.ends[end]))
            end = self.ends[end] + 1
        return self._behind(value, end, depth)

    def _switched(self, at: int, depth: int) -> tuple[str | None, int]:
        """Return what a `switch` is that has a value: any of those behind its arrows."""
        begin = self.ends[at + 1] + 1
        end = self.ends[begin] if self._text(begin) == "{" else begin
        value: str | None = None
        place = begin + 1
        while place < end and depth < _DEEPEST:
            if self._text(place) == "->" and self._text(place + 1) != "{":
                one, behind = self._expression(place + 1, depth + 1)
                value, place = self._either(value, one), max(behind, place + 1)
            else:
                place = self.ends[place] + 1 if self._text(place) == "{" else place + 1
        return value, end + 1

    def _array(self, at: int) -> str | None:
        """Return a list that is written out, or the text that its letters or bytes make."""
        end = self.ends[at]
        inner = self.tokens[at + 1 : end]
        if inner and all(one.kind == LETTER or one.text == "," for one in inner):
            text = "".join(unescaped(one.text) for one in inner if one.kind == LETTER)
            return written_out(text, inner[0].start, inner[-1].end)
        if (data := bytes_of(inner)) is not None:
            return written_out(data, inner[0].start, inner[-1].end)
        items = Items()
        items.texts.extend(self._arguments(at, 0))
        return items
