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
from bundle.detect.credentials.rules.pattern_gate import Hits
from bundle.detect.credentials.statements import assign, calls, spliced
from bundle.detect.credentials.texts import heredoc, place
from bundle.detect.credentials.texts.filenames import FileNames
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.texts.work import slices

_JUDGED = 700
"""Units for the judgement of a candidate, beside one for every two bytes of its line."""


def affordable(view: View, caught: list[tuple[Family, Catch]]) -> list[tuple[Family, Catch]]:
    """Return the first candidates of a text whose judgement can be paid for, and pay for it."""
    costs = {one.start: _JUDGED + view.width(one.start) // 2 for _, one in caught}
    for start, units in sorted(costs.items()):
        if view.work.judging < 0:
            view.stop(start)
            return [(family, one) for family, one in caught if one.start < start]
        view.work.judging -= units
    return caught


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

    def at(self, view: View, hits: Hits, kind: str, path: str = "") -> list[tuple[Family, Catch]]:
        """Return what is caught near the hits of the gate in a text of this kind; `path` is asked by rules of a user's own."""
        found: list[tuple[Family, Catch]] = []
        of_rows = len(self._nets) + 2
        if rest := hits.get(of_rows):  # as a whole: what is certain of a row depends on the rows before it
            found += affordable(view, self._of(of_rows, view, rest, kind, path))
        for begin, some in slices(view.data, {n: ends for n, ends in hits.items() if n != of_rows}):
            if view.work.is_spent or view.reach is not None:
                view.stop(begin)
                break
            view.work.spend(sum(map(len, some.values())))
            caught = [
                one
                for number, ends in sorted(some.items())
                for one in self._of(number, view, ends, kind, path)
            ]
            found += affordable(view, caught)
        if hits.reach is not None:
            view.stop(hits.reach)
        return found

    def dismissed(self, view: View, kind: str) -> list[tuple[int, str, str]]:
        """Return the line, the row and the check of each pattern that matched a text if its check dismissed every match."""
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

    def _of(
        self, number: int, view: View, ends: list[int], kind: str, path: str
    ) -> list[tuple[Family, Catch]]:
        """Return what is caught near the hits of one pattern."""
        called = len(self._nets)
        if number == called:
            return self._as("login-call", "login-call/sinks", self._calls.catches(view, ends))
        if number == called + 1:
            return self._as("assignment", "assignment/statements", assign.catches(view, ends, kind))
        if number == called + 2:
            return [one for f, c in rows.catches(view, ends) for one in self._as(f, f"{f}/rows", (c,))]
        if number > called:
            return []
        family, net = self._nets[number]
        if (not net.styles or kind in net.styles) and (net.path is None or net.path.search(path)):
            return [(family, c) for c in by_net(view, net, ends, path)]
        return []

    def _as(self, family: str, row: str, caught: Iterable[Catch]) -> list[tuple[Family, Catch]]:
        """Return candidates with their family, and with the name of the finder where they have no row of data."""
        return [(self.by_id[family], c if c.row else replace(c, row=row)) for c in caught]

    @staticmethod
    def of_lists(view: View, nets: Sequence[tuple[Family, Net]]) -> list[tuple[Family, Catch]]:
        """Return what is caught in a file that its name says is a list."""
        found: list[tuple[Family, Catch]] = []
        for begin, some in slices(view.data, {n: lines(view, net) for n, (_, net) in enumerate(nets)}):
            if view.work.is_spent or view.reach is not None:
                view.stop(begin)
                break
            found += affordable(
                view,
                [(nets[n][0], c) for n, ends in some.items() for c in by_net(view, nets[n][1], ends)],
            )
        return found
