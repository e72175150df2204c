"""What a text holds: what the rules catch in it, in its tables, in its statements of Java and in the texts within it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace

from bundle.detect.credentials.catching import Catching, affordable
from bundle.detect.credentials.compiled import Compiled
from bundle.detect.credentials.java import verdicts, written
from bundle.detect.credentials.lines import rows
from bundle.detect.credentials.parts import WHOLE, part_of
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.evidence import rank
from bundle.detect.credentials.rules.families import Family
from bundle.detect.credentials.rules.pattern_gate import PatternGate
from bundle.detect.credentials.statements import spliced
from bundle.detect.credentials.texts import heredoc, place
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.texts.work import EACH
from bundle.walk.member import Member

_STYLE_SHEETS = (".css", ".scss", ".less", ".sass", ".css.map")
_SEPARATED = (".csv", ".tsv", ".tab", ".psv")
_LONGEST_PATH = 4096
"""Letters of a member's name that are looked at, from its end: no host has a longer path (PATH_MAX)."""
_LARGEST_SOURCE = 1 << 20
_PROGRAMS = frozenset((place.CODE, place.SHELL, place.MARKUP, place.OTHER))
"""Kinds of texts in which programs are, pages with some among them."""


_WITH_TEXTS = frozenset((place.SHELL, place.CODE, place.OTHER, place.CONFIG))
"""Kinds of texts in which scripts are: what installs a system and what starts a machine are configurations with some."""


_BODY, _LINE, _SEARCHED = 300, 60, 0.2
"""Units for a text within a text, for a line that is put together, and for each byte of either that the gate reads again."""


_NEAR = 50
"""Statements back to which one may lie over another."""


class Reading:
    """What is caught in whole texts."""

    def __init__(self, catching: Catching, compiled: Compiled, *, engine: str = "auto") -> None:
        """Take what is caught near hits, and what statements of Java say; `engine` is `auto` or `plain`."""
        self._catching = catching
        self._compiled = compiled
        self._engine = engine
        self._sources: PatternGate | None = None

    def text(
        self, member: Member, view: View, path: str = "", depth: int = 0
    ) -> tuple[str, list[tuple[Family, Catch]]]:
        """Return the kind of a text, and all that is caught in it."""
        catching = self._catching
        name = member.name[-_LONGEST_PATH:]
        if name.endswith(_STYLE_SHEETS) and not depth:
            return "", []
        told = place.by_name(member)
        own = part_of(told, name)
        hits = catching.gates.hits(view.data, own)
        listed = own == WHOLE and not place.is_manual(name, view.data)
        nets = catching.for_a_name(name) if listed else []
        table = name.lower().endswith(_SEPARATED) or member.derived == "sheet-text"
        source = name.endswith(".java") and not depth and self._says_something(view)
        if not hits and not nets and not table and not source:
            return "", []
        kind = told or place.of_content(member)
        caught = catching.at(view, hits, kind, path)
        if table:
            caught += [
                (catching.by_id["password-file" if f == "sql" else f], replace(c, row="password-file/table"))
                for f, c in rows.tabular(view)
            ]
        caught += catching.of_lists(view, nets)
        if source:
            caught = self._with_source(view, caught)
        put = catching.spliced(hits)
        if put and kind in _PROGRAMS:
            caught += list(self._put_together(view, put, own, kind, caught))
        begun = catching.commands(hits)
        if begun and kind in _WITH_TEXTS and not depth:
            caught += self._within(member, view, begun, depth)
        return kind, caught

    def _within(
        self, member: Member, view: View, begun: list[int], depth: int
    ) -> Iterator[tuple[Family, Catch]]:
        """Yield what here-documents hold: what a program is answered, and texts of other kinds."""
        for body in heredoc.bodies(view, begun):
            view.work.spend(_BODY + (body.end - body.start) * (EACH + _SEARCHED))
            if view.work.is_spent:
                view.stop(body.start)
                return
            for one in heredoc.answers(view, body):
                yield self._catching.by_id["command-line"], replace(one, row="command-line/answer")
            data = bytes(view.data[body.start : body.end])
            path = body.name or ("text.sql" if "sql" in body.program or body.program == "mariadb" else "text")
            inner = replace(member, parts=(path,), content=data, size=len(data), format="", derived="")
            within = View(data, work=view.work)
            for family, one in self.text(inner, within, path, depth + 1)[1]:
                yield family, replace(one, start=one.start + body.start, end=one.end + body.start)
            if within.reach is not None:
                view.stop(body.start + within.reach)

    def _put_together(
        self, view: View, put: list[int], part: str, kind: str, known: list[tuple[Family, Catch]]
    ) -> Iterator[tuple[Family, Catch]]:
        """Yield what literals say that a program puts together, where nothing is as sure without that."""
        for line in spliced.made(view, put, adjacent=kind == place.CODE):
            if view.work.is_spent:
                view.stop(line.parts[0][2] if line.parts else 0)
                return
            view.work.spend(_LINE + len(line.data) * (EACH + _SEARCHED))
            inner = View(line.data, work=view.work)
            hits = self._catching.gates.hits(inner.data, part)
            for family, one in self._catching.at(inner, hits, kind) if hits else ():
                placed = line.back(one)
                if placed is not None and not any(
                    placed.start < other.end
                    and other.start < placed.end
                    and rank(other.evidence) >= rank(placed.evidence)
                    for _, other in known
                ):
                    yield family, placed

    def _says_something(self, view: View) -> bool:
        """Whether the statements of a Java source are worth to be read."""
        if len(view.data) > _LARGEST_SOURCE:
            return False
        if self._sources is None:
            self._sources = PatternGate(written.WORTH, engine=self._engine)
        return bool(self._sources.hits(view.data))

    def _with_source(self, view: View, caught: list[tuple[Family, Catch]]) -> list[tuple[Family, Catch]]:
        """Add what the statements of a Java source say, where nothing is as sure."""
        starts = sorted(one.start for _, one in caught)
        longest = max((one.end - one.start for _, one in caught), default=0)
        by_start: dict[int, list[tuple[Family, Catch]]] = {}
        for pair in caught:
            by_start.setdefault(pair[1].start, []).append(pair)
        added: list[tuple[Family, Catch]] = []
        for family, one in verdicts.in_source(view.text(0, len(view.data)), self._compiled.judged):
            near = starts[bisect_left(starts, one.start - longest) : bisect_left(starts, one.end)]
            there = [p for start in dict.fromkeys(near) for p in by_start[start] if one.start < p[1].end]
            there += [p for p in added[-_NEAR:] if p[1].start < one.end and one.start < p[1].end]
            if all(
                rank(c.evidence) < rank(one.evidence) or (one.start <= c.start and c.end < one.end)
                for _, c in there
            ):
                for pair in there:
                    (added if pair in added[-_NEAR:] else by_start[pair[1].start]).remove(pair)
                added.append((family, one))
        return [pair for pairs in by_start.values() for pair in pairs] + affordable(view, added)
