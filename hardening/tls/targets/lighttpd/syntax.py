"""lighttpd's configuration language: assignments with their lines, conditions, includes, variables."""

from __future__ import annotations

import posixpath
import re
from dataclasses import field
from functools import partial

from hardening.records import dataclass
from hardening.tls.targets.reading.includes import Includes, Manner
from hardening.tls.targets.reading.interpolation import LONGEST, OVERGROWN
from hardening.tls.targets.reading.tree import Tree

_STRING = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_CONDITION = r"\$[A-Z]+\s*\[\s*(?:\"[^\"\n]*\"|'[^'\n]*')\s*\]"
_OPERATOR = r"=>|==|!=|=~|!~|=\^|=\$|\+=|:=|="
_TOKEN = re.compile(
    rf"[ \t\r]*(?:(?P<newline>\n)|(?P<comment>\#[^\n]*)|(?P<string>{_STRING})|(?P<condition>{_CONDITION})"
    rf"|(?P<operator>{_OPERATOR})|(?P<mark>[{{}}(),+])|(?P<name>[A-Za-z_][\w.\-]*)|(?P<number>\d+)|(?P<other>\S))",
    re.DOTALL,
)
_FIELD = re.compile(r"\$(\w+)\s*\[\s*[\"']([^\"']*)")

Value = str | list["Value"] | dict[str, "Value"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One option that matters to TLS, as it is assigned in one scope."""

    name: str
    value: Value
    path: str
    line: int
    span: tuple[int, int] = (0, 0)
    """First and last offset in its file."""

    @property
    def text(self) -> str:
        """The value where it is a word; empty for a list."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def on(self) -> bool:
        """Whether the value switches something on."""
        return self.text.lower() in {"enable", "true", "1", "enabled", "on"}


@dataclass(slots=True)
class ConfigScope:
    """The whole configuration, or one condition with what stands inside it."""

    subject: str
    """`SERVER socket`, `HTTP host` ..., empty for the whole."""
    operator: str
    value: str
    path: str
    line: int
    assigned: list[Assignment] = field(default_factory=list)
    scopes: list[ConfigScope] = field(default_factory=list)
    close: int | None = None
    """The offset of its closing brace in its file."""

    @property
    def condition(self) -> str:
        """The condition as people would say it."""
        field, _, name = self.subject.partition(" ")
        return (
            f'$["{name}"] {self.operator} "{self.value}"'.replace("$", f"${field}")
            if name
            else "an else branch"
        )

    def own(self, name: str) -> Assignment | None:
        """Return the last assignment of an option in this scope itself."""
        return next((a for a in reversed(self.assigned) if a.name == name), None)

    def within(self, wanted: str) -> list[ConfigScope]:
        """Return the scopes with a condition on a field, at any depth."""
        found = []
        for one in self.scopes:
            if one.subject == wanted:
                found.append(one)
            found += one.within(wanted)
        return found


class LighttpdReader:
    """Reads one tree into nested scopes."""

    def __init__(self, tree: Tree, path: str) -> None:
        self.tree = tree
        self.folder = posixpath.dirname(path)
        self.top = ConfigScope("", "", "", path, 1)
        self.variables: dict[str, Value] = {}
        self._includes = Includes(tree, Manner())
        self._includes.read(path, partial(self._text, self.top))

    def _text(self, into: ConfigScope, text: str, path: str) -> None:
        _Parser(self, text, path).run(into)

    def include(self, pattern: str, into: ConfigScope, path: str, line: int) -> None:
        """Read every file a pattern means into a scope."""
        self._includes.follow(pattern, self.folder, partial(self._text, into), (path, line))


class _Parser:
    def __init__(self, reader: LighttpdReader, text: str, path: str) -> None:
        self.reader, self.text, self.path = reader, text, path
        self.at, self.line = 0, 1
        self.kind, self.word = "", ""
        self.start = 1
        self.first = self.last = self.before = 0
        self._next()

    def _next(self) -> None:
        """Step to the next token; line breaks and comments are between tokens."""
        while True:
            found = _TOKEN.match(self.text, self.at)
            if found is None or found.lastgroup is None:
                self.kind, self.word, self.start = "end", "", self.line
                self.before, self.first = self.last, len(self.text)
                return
            self.at = found.end()
            if found["other"] in {'"', "'"}:
                self.reader.tree.say("syntax", self.path, self.line, "a quoted word never ends")
                self.at = len(self.text)  # all of the rest is within it
            elif found.lastgroup == "newline":
                self.line += 1
            elif found.lastgroup != "comment":
                self.kind, self.word = found.lastgroup, found[found.lastgroup]
                self.start = self.line
                self.before, self.first, self.last = self.last, found.start(found.lastgroup), found.end()
                self.line += self.word.count("\n")
                return

    def _complain(self, why: str) -> None:
        self.reader.tree.say("syntax", self.path, self.start, why)
        line = self.start
        while self.kind != "end" and self.start == line:  # the next line may be fine again
            self._next()

    def run(self, into: ConfigScope) -> None:
        """Read a whole file."""
        while self.kind != "end":
            if self.word == "}" and self.kind == "mark":
                self._complain("a } closes nothing that is open")
            else:
                self._statement(into)

    def _statement(self, into: ConfigScope) -> None:
        if self.kind == "name" and self.word == "else":
            self._next()
            if self.word == "{":
                self._block(ConfigScope("else", "", "", self.path, self.start), into)
            return
        if self.kind == "condition":
            self._condition(into)
        elif self.kind == "name" and self.word in {"include", "include_shell"}:
            self._include(into)
        elif self.kind == "name":
            self._assignment(into)
        elif self.word == "{":  # a bare block
            self._block(ConfigScope("", "", "", self.path, self.start), into)
        else:
            self._complain(f"{self.word!r} is not understood here")

    def _condition(self, into: ConfigScope) -> None:
        found = _FIELD.match(self.word)
        line = self.start
        self._next()
        operator = self.word if self.kind == "operator" else ""
        self._next()
        value = self._value()
        name = f"{found[1]} {found[2]}" if found else ""
        scope = ConfigScope(name, operator, value if isinstance(value, str) else "", self.path, line)
        if self.word != "{":
            self._complain("a condition without a block")
            return
        self._block(scope, into)

    def _block(self, scope: ConfigScope, into: ConfigScope) -> None:
        into.scopes.append(scope)
        opened = self.start
        self._next()
        while self.word != "}" or self.kind != "mark":
            if self.kind == "end":
                self.reader.tree.say(
                    "unclosed",
                    self.path,
                    opened,
                    f"the block of {scope.subject or 'this line'} is never closed",
                )
                return
            self._statement(scope)
        scope.close = self.first
        self._next()

    def _include(self, into: ConfigScope) -> None:
        shell, line = self.word == "include_shell", self.start
        self._next()
        value = self._value()
        if shell:
            self.reader.tree.say(
                "missing-include", self.path, line, "include_shell runs a program; it is not run here"
            )
        elif isinstance(value, str):
            self.reader.include(value, into, self.path, line)

    def _assignment(self, into: ConfigScope) -> None:
        name, line, begin = self.word, self.start, self.first
        self._next()
        operator = self.word
        if self.kind != "operator" or operator not in {"=", "+=", ":="}:
            self._complain(f"{name} without a value")
            return
        self._next()
        value = self._value()
        if operator == "+=":
            before = self.reader.variables.get(_variable(name))
            value = self._joined(before, value) if before is not None else value
        self.reader.variables[_variable(name)] = value
        if name.startswith(("ssl.", "server.port", "server.bind", "server.modules")):
            into.assigned.append(Assignment(name, value, self.path, line, (begin, self.before)))

    def _value(self) -> Value:
        value = self._term()
        while self.word == "+" and self.kind == "mark":
            self._next()
            value = self._joined(value, self._term())
        return value

    def _joined(self, left: Value, right: Value) -> Value:
        if len(left) + len(right) > LONGEST:
            self.reader.tree.say("syntax", self.path, self.start, OVERGROWN)
            return left
        return _joined(left, right)

    def _term(self) -> Value:
        kind, word = self.kind, self.word
        if kind == "string":
            self._next()
            return word[1:-1].replace(f"\\{word[0]}", word[0])  # lighttpd takes no other backslash away
        if kind == "number":
            self._next()
            return word
        if kind == "name":
            self._next()
            return word if word.startswith("env.") else self.reader.variables.get(_variable(word), word)
        if word == "(" and kind == "mark":
            return self._list()
        self._complain(f"a value was expected, not {word!r}")
        return ""

    def _list(self) -> Value:
        opened = self.start
        self._next()
        named: dict[str, Value] = {}
        plain: list[Value] = []
        while self.word != ")" or self.kind != "mark":
            if self.kind == "end":
                self.reader.tree.say("unclosed", self.path, opened, "a ( is never closed")
                break
            one = self._value()
            if self.word == "=>" and isinstance(one, str):
                self._next()
                named[one] = self._value()
            elif one:
                plain.append(one)
            if self.word == "," and self.kind == "mark":
                self._next()
        self._next()
        return named or plain


def _variable(name: str) -> str:
    """A name without a dot is one of `var.`."""
    return name if "." in name else f"var.{name}"


def _joined(left: Value, right: Value) -> Value:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, dict) and isinstance(right, dict):
        return left | right
    return [*(left if isinstance(left, list) else [left]), *(right if isinstance(right, list) else [right])]
