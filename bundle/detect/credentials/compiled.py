"""What compiled programs hold: what a class of Java says, its constants followed, and literals of machine code and of data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bundle.detect.credentials.catching import Catching
from bundle.detect.credentials.java import classes, sinks, verdicts
from bundle.detect.credentials.java.holding import class_words, is_meant
from bundle.detect.credentials.java.known import COMMAND, LINES
from bundle.detect.credentials.judging.wanted import Wanted
from bundle.detect.credentials.parts import NATIVE, WHOLE
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Family
from bundle.detect.credentials.standing import distinct
from bundle.detect.credentials.texts import native, place
from bundle.detect.credentials.texts.textview import View
from bundle.walk.derive import bytecode
from bundle.walk.literals import Gate
from bundle.walk.member import Content


class Compiled:
    """What is caught where there are no lines; `judged` serves sources of Java too."""

    def __init__(self, catching: Catching, *, engine: str = "auto") -> None:
        """Take what is caught in texts; `engine` is `auto` or `plain`."""
        self._catching = catching
        known = {s.callee.lower(): s for s in (*catching.logins, *sinks.SINKS)}
        self._sinks = known
        self._classes = Gate(class_words(known.values()), engine=engine)
        self.wanted = Wanted(known.keys())

    def in_class(self, data: bytes) -> Iterator[tuple[Family, Catch]]:
        """Yield what a class of Java says, each name and value once."""
        if not is_meant(data, self._classes.hits(data)):
            return
        said: set[tuple[str, str]] = set()
        constants = not bytecode.worth_it(data)  # else the text that is made of them says them
        for name, given in classes.calls(data, self.wanted, constants=constants):
            for family, one in self.judged(name, given):
                if (one.key, one.value) in said:
                    continue
                if name.startswith("~") and any(value == one.value for _, value in said):
                    continue
                said.add((one.key, one.value))
                yield family, one

    def in_native(self, content: Content, path: str = "") -> Iterator[tuple[Family, Catch]]:
        """Yield what literals of a program of machine code, or of data, hold, each name and value once."""
        said: set[tuple[str, str]] = set()
        gates = self._catching.gates
        for text in native.texts(content):
            if not gates.hits(text, NATIVE):  # of most, which need not be copied
                continue
            view = native.literals(text)
            hits = gates.hits(view.data, NATIVE)
            found = [pair for kind in native.KINDS for pair in self._catching.at(view, hits, kind, path)]
            for family, one in distinct(found):
                line = view.line(one.start)
                caught = native.is_meant(family.rule.id, one, line)
                if caught is None or (caught.key, caught.value) in said:
                    continue
                said.add((caught.key, caught.value))
                yield family, caught

    def judged(self, name: str, given: Sequence[str | None]) -> list[tuple[Family, Catch]]:
        """Return what is a secret of a call and what it is given, or of what a program runs or writes."""
        if name == COMMAND:
            caught = self._in_lines(verdicts.as_command(given), place.SHELL)[1]
            return caught or [
                (self._catching.by_id[f], replace(one, row="java/command"))
                for f, one in verdicts.in_command(given)
            ]
        if name == LINES:
            written = (given[0] or "").encode("utf-8", "replace")
            return verdicts.in_lines(*self._in_lines(written, place.CONFIG))
        found = verdicts.judged(self._sinks, name, given)
        return [(self._catching.by_id[found[0]], replace(found[1], row="java/call"))] if found else []

    def _in_lines(self, text: bytes, kind: str) -> tuple[View, list[tuple[Family, Catch]]]:
        view = View(text)
        return view, distinct(self._catching.at(view, self._catching.gates.hits(view.data, WHOLE), kind))
