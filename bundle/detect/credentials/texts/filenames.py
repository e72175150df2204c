"""Whether a file's name is one that a list of accounts has: most names are none, and one look tells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from bundle.walk import scan


class FileNames:
    """Patterns that are looked for in the names of files, whatever their case."""

    def __init__(self, patterns: Iterable[str], *, engine: str = "auto") -> None:
        """Compile; `engine` is `auto` or `plain`, which asks every name with `re` at once."""
        self._patterns = tuple(patterns)
        self._engine = engine
        self._whole = re.compile("|".join(f"(?:{one})" for one in self._patterns) or r"(?!)", re.IGNORECASE)

    @cached_property
    def _rough(self) -> Any | None:
        return scan.rough(self._patterns) if self._engine == "auto" else None

    def meet(self, name: str) -> bool:
        """Whether one of the patterns is in a name."""
        if self._rough is not None and name.isascii():  # beyond ASCII the engines differ in what a letter is
            met: list[int] = []
            self._rough.scan(name.encode(), match_event_handler=lambda *_: met.append(1))
            if not met:
                return False
        return self._whole.search(name) is not None
