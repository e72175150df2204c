"""Exim's configuration: options of the main section, macros, `.include`, `.ifdef`; all that follows `begin` is left."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from hardening.tls.targets.reading import unquoting
from hardening.tls.targets.reading.flat_syntax import Line
from hardening.tls.targets.reading.includes import Includes, Manner
from hardening.tls.targets.reading.interpolation import OVERGROWN, OvergrownError, replaced
from hardening.tls.targets.reading.tree import Tree

_MACRO = re.compile(r"([A-Z_]\w*)\s*(==?)\s*(.*)$")
_OPTION = re.compile(r"(?:hide\s+)?(no_|not_)?([a-z]\w*)\s*(?:=\s*(.*))?$")
_DIRECTIVE = re.compile(r"\.(include_if_exists|include|ifdef|ifndef|elifdef|elifndef|else|endif)\b\s*(.*)$")

_INCLUDES = Manner(globs=False, may_be_absent=frozenset({"include_if_exists"}))


class EximMain:
    """The main section as Exim reads it: the last value of an option wins."""

    def __init__(self, tree: Tree, path: str, macros: Mapping[str, str]) -> None:
        self.tree, self.macros = tree, dict(macros)
        self.lines: list[Line] = []
        self._ended = False
        self._includes = Includes(tree, _INCLUDES)
        self._includes.read(path, self._text)

    def last(self, name: str) -> Line | None:
        """Return the setting of an option that counts."""
        return next((x for x in reversed(self.lines) if x.name == name), None)

    def _text(self, whole: str, path: str) -> None:
        live: list[tuple[bool, bool]] = []  # whether this branch is read, and whether one of its kind was
        for number, text in _logical(whole):
            if self._ended:
                return
            found = _DIRECTIVE.match(text)
            if found is not None and not found[1].startswith("include"):
                self._condition(live, found[1], found[2].strip(), path, number)
                continue
            if not all(reading for reading, _ in live):
                continue
            if found is not None:
                name = self._filled(found[2].strip(), path, number).strip('"')
                self._includes.follow(name, posixpath.dirname(path), self._text, (path, number), found[1])
                continue
            self._setting(text, path, number)
        if live:
            self.tree.say("unclosed", path, None, "an .ifdef is never closed by .endif")

    def _condition(self, live: list[tuple[bool, bool]], word: str, name: str, path: str, number: int) -> None:
        known = self._filled(name, path, number) != name or name in self.macros
        if word in {"ifdef", "ifndef"}:
            live.append((known is (word == "ifdef"), known is (word == "ifdef")))
        elif not live:
            self.tree.say("syntax", path, number, f".{word} without .ifdef")
        elif word == "endif":
            live.pop()
        else:
            taken = live[-1][1]
            wanted = word == "else" or known is (word == "elifdef")
            live[-1] = (wanted and not taken, taken or wanted)

    def _setting(self, text: str, path: str, number: int) -> None:
        if re.match(r"begin\b", text):
            self._ended = True
            return
        macro = _MACRO.match(text)
        if macro is not None:
            if macro[1] not in self.macros or macro[2] == "==":
                self.macros[macro[1]] = self._filled(macro[3], path, number)
            return
        option = _OPTION.match(self._filled(text, path, number))
        if option is None:
            if not text.lstrip().startswith(
                ("domainlist", "hostlist", "addresslist", "localpartlist", "named")
            ):
                self.tree.say("syntax", path, number, f"{text.strip()[:60]!r} is not understood")
            return
        value = option[3] if option[3] is not None else ("no" if option[1] else "yes")
        self.lines.append(Line(option[2], unquoting.exim(value.strip()).strip(), path, number))

    def _filled(self, text: str, path: str, number: int) -> str:
        whole = text
        try:
            for name in sorted(self.macros, key=len, reverse=True):
                if name in whole:
                    whole = replaced(whole, name, self.macros[name])
        except OvergrownError:
            self.tree.say("syntax", path, number, OVERGROWN)
            return text
        return whole


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines with what a backslash at the end joins to them; a remark between them is passed over."""
    held, start = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        start = start or number
        if bare.endswith("\\"):
            held += bare[:-1]
            continue
        yield start, held + bare
        held, start = "", 0
    if held:
        yield start, held
