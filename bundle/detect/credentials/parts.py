"""The gates of what there is most of: programs, JSON and literals have their own, without what is not for them.

What a gate leaves out is left out of its texts with every engine, so that it never matters which of them was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bundle.detect.credentials.rules.families import Net
from bundle.detect.credentials.rules.pattern_gate import Hits, PatternGate
from bundle.detect.credentials.texts import native, place
from bundle.walk.member import Content

WHOLE, PROGRAMS, JSON, NATIVE = "", "programs", "json", "native"
TEXTS = frozenset((WHOLE, PROGRAMS, JSON))
ALL = TEXTS | {NATIVE}
_KIND = {PROGRAMS: place.CODE, JSON: place.CONFIG}
_WORTH = 32 << 20
"""Bytes of a part after which a gate of its own is compiled where none is kept: that takes as long as it saves on some 400 MB, but once."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern and the parts whose texts it is for."""

    text: str
    parts: frozenset[str] = ALL


def part_of(kind: str, name: str) -> str:
    """Return the part that a member belongs to, by the kind of text that its name tells and the name."""
    if kind == place.CODE:
        return PROGRAMS
    return JSON if kind == place.CONFIG and name.endswith(".json") else WHOLE


def parts_of(family: str, net: Net) -> frozenset[str]:
    """Return the parts in which a net is met that is for some kinds of text (none: for all), for lists of accounts, or for literals."""
    own = [p for p, kind in _KIND.items() if not net.lists and (not net.styles or kind in net.styles)]
    literal = net.literals or (native.is_for(family, net.styles) and not net.lists)
    return frozenset((WHOLE, *own, *([NATIVE] if literal else [])))


class Gates:
    """The gate over all patterns, and one for each part that there is enough of."""

    def __init__(self, patterns: Sequence[Pattern], *, engine: str = "auto") -> None:
        """Compile the whole gate; `engine` is `auto` or `plain`."""
        self._patterns = tuple(patterns)
        self._engine = engine
        self._read = dict.fromkeys(ALL, 0)
        self.whole = PatternGate([p.text for p in patterns], engine=engine)
        self._own: dict[str, PatternGate] = {}
        self._met = {name: frozenset(n for n, p in enumerate(patterns) if name in p.parts) for name in ALL}

    def hits(self, content: Content, part: str) -> Hits:
        """Return what is met of the patterns of a part."""
        gate = self._own.get(part)
        if gate is None and part != WHOLE and self.whole.engine != "plain":
            gate = self._new(part, len(content))
        if gate is not None:
            return gate.hits(content)
        met = self._met[part]
        every = self.whole.hits(content)
        hits = Hits((number, ends) for number, ends in every.items() if number in met)
        hits.reach = every.reach
        return hits

    def compile(self) -> None:
        """Compile the whole gate now, or load it: processes that are forked later share it."""
        self.whole.compile()

    def of(self, part: str) -> PatternGate:
        """Return the gate of a part, compiled now if it has to be."""
        return self.whole if part == WHOLE else self._made(part)

    def _new(self, part: str, size: int) -> PatternGate | None:
        """Return the gate of a part where it is kept, or where enough of the part has been read by now."""
        first, self._read[part] = not self._read[part], self._read[part] + size
        if self._read[part] >= _WORTH or (first and PatternGate.is_kept(self._texts(part))):
            return self._made(part)
        return None

    def _made(self, part: str) -> PatternGate:
        if part not in self._own:
            engine = "plain" if self._engine == "plain" else "hyperscan"
            self._own[part] = PatternGate(self._texts(part), engine=engine)
        return self._own[part]

    def _texts(self, part: str) -> list[str | None]:
        return [p.text if part in p.parts else None for p in self._patterns]
