"""Forms of places and values that are no credential, or are less sure: rows of `bundle/data/credentials/decide/forms.toml`.

A false positive is mended by one row there. A row has the effects of a decision, and is asked before the decisions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bundle.detect.credentials.decide import Row, asked, effects
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.evidence import rank
from bundle.detect.credentials.texts.textview import View
from hardening.errors import DataError
from hardening.toml_rows import Table

NEAR = 400
"""Bytes before and behind a value that `near` is looked for in."""
_BEHIND = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Form(Row):
    """A row that is asked of the text around a candidate; every pattern that it has must be found."""

    families: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    path: re.Pattern[str] | None = None
    key: re.Pattern[str] | None = None
    value: re.Pattern[str] | None = None
    """Matches the whole value."""
    before: re.Pattern[str] | None = None
    """Found in what stands before the value on its line."""
    behind: re.Pattern[str] | None = None
    """Matches what stands right behind the value on its line."""
    near: re.Pattern[str] | None = None
    """Found in the lines around the value."""
    takes: tuple[str, ...] = ()
    """A path and a text, a line each: a candidate in it has this form."""
    leaves: tuple[str, ...] = ()
    """The same: a credential is found in it, and has not this form."""

    def fits(
        self, one: Catch, features: frozenset[str], family: str, kind: str, path: str, view: View
    ) -> bool:
        """Return whether a candidate has this form."""
        if (
            not self.holds(features, rank(one.evidence))
            or (self.families and family not in self.families)
            or (self.kinds and kind not in self.kinds)
            or (self.value and not self.value.fullmatch(one.value))
            or (self.key and not self.key.search(one.key))
            or (self.path and not self.path.search(path))
        ):
            return False
        if self.before and not self.before.search(view.before(one.start)):
            return False
        if self.behind and not self.behind.match(view.text(one.end, one.end + _BEHIND).split("\n", 1)[0]):
            return False
        return not self.near or bool(self.near.search(view.text(max(0, one.start - NEAR), one.end + NEAR)))


@cache
def rows() -> tuple[Form, ...]:
    """Return the rows, in their order. Errors: DataError naming file and key."""
    table = Table.load(files("bundle") / "data" / "credentials" / "decide" / "forms.toml")
    found = tuple(_form(row) for row in table.rows("form"))
    table.done()
    return found


def of(
    one: Catch, features: frozenset[str], family: str, kind: str, path: str, view: View
) -> tuple[Form, ...]:
    """Return the forms that a candidate has."""
    return tuple(row for row in rows() if row.fits(one, features, family, kind, path, view))


def _form(row: Table) -> Form:
    made = Form(
        id=row.text("id"),
        why=row.text("why"),
        when=asked(row, "when"),
        unless=asked(row, "unless"),
        **effects(row),
        families=row.texts("families", []),
        kinds=row.texts("kinds", []),
        path=_pattern(row, "path"),
        key=_pattern(row, "key"),
        value=_pattern(row, "value"),
        before=_pattern(row, "before"),
        behind=_pattern(row, "behind"),
        near=_pattern(row, "near"),
        takes=row.texts("takes"),
        leaves=row.texts("leaves"),
    )
    row.done()
    return made


def _pattern(row: Table, key: str) -> re.Pattern[str] | None:
    if key not in row:
        return None
    try:
        return re.compile(row.text(key))
    except re.error as problem:
        raise _wrong(row, key, problem) from problem


def _wrong(row: Table, key: str, problem: re.error) -> DataError:
    return row.wrong(
        key, f"not a regular expression: {problem}", "write it as Python's re has it, in triple quotes"
    )
