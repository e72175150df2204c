"""Whether a file's name is one that a list of accounts has: most names are none, and one look tells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from bundle.walk import scan

_FEW = 5000
"""Names that `re` is asked alone, in some 25 microseconds each: compiling the first look takes a third of a second."""


class FileNames:
    """Patterns that are looked for in the names of files, whatever their case."""

    def __init__(self, patterns: Iterable[str], *, engine: str = "auto", few: int = _FEW) -> None:
        """Compile; `engine` is `auto` or `plain`, which asks every name with `re` at once, as `auto` does for the first `few`."""
        self._few = few
        self._patterns = tuple(patterns)
        self._engine = engine
        self._whole = re.compile("|".join(f"(?:{one})" for one in self._patterns) or r"(?!)", re.IGNORECASE)

    @cached_property
    def _rough(self) -> Any | None:
        return scan.rough(self._patterns) if self._engine == "auto" else None

    def compile(self) -> None:
        """Compile the first look now, and keep it."""
        _ = self._rough

    def meet(self, name: str) -> bool:
        """Whether one of the patterns is in a name."""
        self._few -= 1
        if (
            self._few < 0 and self._rough is not None and name.isascii()
        ):  # beyond ASCII the engines differ in what a letter is
            met: list[int] = []
            self._rough.scan(name.encode(), match_event_handler=lambda *_: met.append(1))
            if not met:
                return False
        return self._whole.search(name) is not None
