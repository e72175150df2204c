"""What a user's own rule lets pass (gitleaks' allow-lists): by the file's name, by what is matched, or by a word in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TARGETS = ("secret", "match", "line")


@dataclass(frozen=True, slots=True)
class Allowance:
    """One allow-list: of its criteria one has to be met, or with `every` all of them."""

    paths: tuple[re.Pattern[str], ...] = ()
    regexes: tuple[re.Pattern[str], ...] = ()
    target: str = "secret"
    """What the regexes are held against: one of `TARGETS`."""
    stopwords: tuple[str, ...] = ()
    """In small letters; looked for in the secret alone."""
    commits: bool = False
    """Whether commits are listed: what lies in a bundle is of none."""
    every: bool = False

    def lets(self, path: str, secret: str, match: str, line: str) -> bool:
        """Whether a secret at this place is let pass."""
        target = {"secret": secret, "match": match, "line": line}[self.target]
        met = list(self._met(path, secret, target))
        return all(met) if self.every else any(met)

    def lets_file(self, path: str) -> bool:
        """Whether a file is let pass whatever is in it."""
        named = any(one.search(path) for one in self.paths)
        return named and not (self.every and (self.regexes or self.stopwords or self.commits))

    def _met(self, path: str, secret: str, target: str) -> Iterator[bool]:
        if self.paths:
            yield any(one.search(path) for one in self.paths)
        if self.regexes:
            yield any(one.search(target) for one in self.regexes)
        if self.stopwords:
            yield any(word in secret.lower() for word in self.stopwords)
        if self.commits:
            yield False

    def said(self) -> str:
        """Return all that the list says, for what results depend on."""
        return repr((
            [p.pattern for p in self.paths], [(p.pattern, p.flags) for p in self.regexes], self.target, self.stopwords, self.commits, self.every,
        ))  # fmt: skip
