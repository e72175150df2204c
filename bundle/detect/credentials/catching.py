"""What the rules catch in a text: one pass of the gate, and a closer look where it hits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from bundle.detect.credentials.lines import rows
from bundle.detect.credentials.nets import by_net, lines
from bundle.detect.credentials.parts import ALL, PROGRAMS, TEXTS, WHOLE, Gates, Pattern, parts_of
from bundle.detect.credentials.rules import factors
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Family, Net, Sink
from bundle.detect.credentials.statements import assign, calls, spliced
from bundle.detect.credentials.texts import heredoc, place
from bundle.detect.credentials.texts.filenames import FileNames
from bundle.detect.credentials.texts.textview import View


class Catching:
    """The families' nets, calls, statements and rows behind one gate; stateless between texts."""

    def __init__(self, families: Sequence[Family], *, engine: str = "auto") -> None:
        """Number the patterns; `engine` is `auto` or `plain`."""
        self.by_id = {f.rule.id.removeprefix("credential/"): f for f in families}
        self.logins: Sequence[Sink] = [s for f in families for s in f.sinks]
        self._families = tuple(families)
        self._engine = engine
        nets = [(f, n) for f in families for n in f.nets]
        self._nets: list[tuple[Family, Net]] = [(f, n) for f, n in nets if n.files is None]
        self._of_files = [(f, n, n.files) for f, n in nets if n.files is not None]
        self._of_file = FileNames((p.pattern for _, _, p in self._of_files), engine=engine)
        self.asks_for_paths = any(n.path is not None or n.allowed for _, n in nets)
        self._calls = calls.Calls(self.logins)
        self._here = len(self._nets) + 3
        self._patterns = [
            *(Pattern(n.gate, parts_of(f.rule.id, n)) for f, n in self._nets),
            Pattern(calls.gate(self.logins), TEXTS),
            Pattern(assign.GATE),
            Pattern(rows.GATE),
            Pattern(heredoc.GATE, frozenset((WHOLE, PROGRAMS))),
            *(Pattern(gate, frozenset((WHOLE, PROGRAMS))) for gate in spliced.GATES),
        ]

    @property
    def base(self) -> bytes:
        """What results depend on beside rules and files of the package: every pattern, a user's own included."""
        made = hashlib.sha256(self._engine.encode())
        for family, net in ((f, n) for f in self._families for n in f.nets):
            parts = (
                family.rule.id, net.regex.pattern, net.regex.flags, net.gate, sorted(net.styles), net.evidence, net.check, net.multiline,
                net.service, net.entropy, net.lists, net.table, net.literals, net.back, net.files and net.files.pattern, [one.said() for one in net.allowed], net.path and net.path.pattern,
            )  # fmt: skip
            made.update(repr(parts).encode())
        return made.digest()

    @cached_property
    def gates(self) -> Gates:
        """The gates, compiled when they are first asked for."""
        return Gates(self._patterns, engine=self._engine)

    def warm(self) -> None:
        """Compile and keep every gate, and what is asked of names."""
        self.gates.compile()
        for part in ALL - {WHOLE}:
            self.gates.of(part)
        self._of_file.compile()
        factors.of_all(list(dict.fromkeys(one.text for one in self._patterns)))

    def for_a_name(self, name: str) -> list[tuple[Family, Net]]:
        """Return the nets that files of a name are read whole for: lists of accounts."""
        name = place.unkept(name)
        if not self._of_file.meet(name):
            return []
        return [(f, n) for f, n, path in self._of_files if path.search(name)]

    def commands(self, hits: Mapping[int, list[int]]) -> list[int]:
        """Return where the gate saw what begins a here-document."""
        return hits.get(self._here, [])

    def spliced(self, hits: Mapping[int, list[int]]) -> list[int]:
        """Return where the gate saw literals that are put together at a place that passwords have."""
        ends = {at for n in range(self._here + 1, len(self._patterns)) for at in hits.get(n, ())}
        return sorted(ends)

    def at(
        self, view: View, hits: Mapping[int, list[int]], kind: str, path: str = ""
    ) -> list[tuple[Family, Catch]]:
        """Return what is caught near the hits of the gate in a text of this kind; `path` is asked by rules of a user's own."""
        found: list[tuple[Family, Catch]] = []
        called = len(self._nets)
        for number, ends in sorted(hits.items()):
            if number == called:
                found += self._as("login-call", "login-call/sinks", self._calls.catches(view, ends))
            elif number == called + 1:
                found += self._as("assignment", "assignment/statements", assign.catches(view, ends, kind))
            elif number == called + 2:
                for name, one in rows.catches(view, ends):
                    found += self._as(name, f"{name}/rows", (one,))
            elif number < called:
                family, net = self._nets[number]
                if (not net.styles or kind in net.styles) and (net.path is None or net.path.search(path)):
                    found += [(family, c) for c in by_net(view, net, ends, path)]
        return found

    def dismissed(self, view: View, kind: str) -> list[tuple[int, str, str]]:
        """Return the line, the row and the check of each pattern that matched a text and whose check let nothing of it through."""
        found = []
        for number, ends in sorted(self.gates.hits(view.data, WHOLE).items()):
            if number >= len(self._nets):
                continue
            net = self._nets[number][1]
            if (net.styles and kind not in net.styles) or list(by_net(view, net, ends)):
                continue
            for at in ends:
                start, end = view.window(at, multiline=net.multiline)
                for match in net.regex.finditer(view.text(start, end)):
                    line, _ = view.place(start + match.start("secret"))
                    found.append((line or 0, net.id, net.check or net.evidence))
        return sorted(set(found))

    def _as(self, family: str, row: str, caught: Iterable[Catch]) -> list[tuple[Family, Catch]]:
        """Return candidates with their family, and with the name of the finder where they have no row of data."""
        return [(self.by_id[family], c if c.row else replace(c, row=row)) for c in caught]

    @staticmethod
    def of_lists(view: View, nets: Sequence[tuple[Family, Net]]) -> list[tuple[Family, Catch]]:
        """Return what is caught in a file that its name says is a list."""
        return [(f, c) for f, n in nets for c in by_net(view, n, lines(view, n))]
