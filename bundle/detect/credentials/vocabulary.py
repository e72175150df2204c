"""Words and forms that the detector's patterns are joined of: lists of `bundle/data/credentials/words`, each with the reason for it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from hardening.toml_rows import Table


@cache
def lists() -> dict[str, tuple[str, ...]]:
    """Return the forms of each list by its id. Errors: DataError naming file and key."""
    found: dict[str, tuple[str, ...]] = {}
    for file in (files("bundle") / "data" / "credentials" / "words").iterdir():
        table = Table.load(file)
        for row in table.rows("words"):
            row.text("why")
            found[row.text("id")] = row.texts("forms")
            row.done()
        table.done()
    return found


def any_of(words: str) -> str:
    """Return the forms of a list, joined by `|` in their order: the caller puts them in a group."""
    return "|".join(lists()[words])
