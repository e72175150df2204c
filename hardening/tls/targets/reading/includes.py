"""Files that include each other: which files an include means, and when the tree counts as a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hardening.records import dataclass
from hardening.tls.targets.reading.tree import DEEPEST, Tree

Place = tuple[str, int]
"""The file and the line that ask for another."""
Take = Callable[[str, str], None]
"""What reads a file: its text and its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What differs between servers."""

    folders: bool = False
    """Whether a folder stands for every file below it."""
    may_be_absent: frozenset[str] = frozenset()
    """The directives, as their reader folds them, that may name what is not there."""
    globs: bool = True
    """Whether a name with `*`, `?` or `[` means all that it matches."""
    deepest: int = DEEPEST
    """Files within files that are followed, the first one counted."""


class Includes:
    """The files of one configuration, each open while those that it includes are read."""

    def __init__(self, tree: Tree, manner: Manner) -> None:
        self._tree, self._manner = tree, manner
        self._open: list[str] = []

    @property
    def now(self) -> str:
        """The file that is being read."""
        return self._open[-1]

    def read(self, path: str, take: Take, referrer: Place | None = None) -> None:
        """Hand a file (a real path) to `take`, or say why it is not read."""
        if path in self._open or len(self._open) >= self._manner.deepest:
            at, line = referrer or (path, 1)
            self._tree.say("include-loop", at, line, f"{path} includes itself")
            return
        source = self._tree.source(path, referrer=referrer)
        if source is None:
            return
        self._open.append(path)
        take(source.text, path)
        self._open.pop()

    def follow(self, pattern: str, base: str, take: Take, referrer: Place, directive: str = "") -> None:
        """Hand every file that a directive's pattern means to `take`, in order; it is relative to the real folder `base`."""
        for one in self._meant(self._tree.place(pattern, base), referrer):
            if directive not in self._manner.may_be_absent or self._tree.exists(one):
                self.read(one, take, referrer)

    def _meant(self, place: str, referrer: Place) -> Iterator[str]:
        for one in self._tree.glob(place, referrer) if self._manner.globs else (place,):
            if self._manner.folders and self._tree.is_folder(one):
                yield from self._tree.listing(one)
            else:
                yield one
