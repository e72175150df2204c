"""TOML files into typed rows; every error names the file and the key.

table = Table.load(path)
name = table.text("name")
rules = [row.text("id") for row in table.rows("rule")]
table.done()                       # an unknown key is an error, with the nearest known one
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hardening import inputs
from hardening.errors import DataError, InputError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

LARGEST = 32 << 20
"""Bytes of a TOML file: fewer than take the memory of a machine once they are values."""

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

_MISSING = object()


def _read(path: Path | Traversable, *, named: bool) -> bytes:
    return inputs.read(path, LARGEST, named=named) if isinstance(path, Path) else path.read_bytes()


class Table:
    """One TOML table being read: each key is asked for once, and `done` refuses the rest."""

    def __init__(
        self, raw: Mapping[str, Any], *, source: str, where: str = "", private: bool = False
    ) -> None:
        self._raw = raw
        self._private = private
        """Show no value in an error: it may be a secret under a wrong key."""
        self._taken: set[str] = set()
        self.source = source
        self.where = where

    @classmethod
    def load(cls, path: Path | Traversable, *, named: bool = True) -> Table:
        """Read a TOML file, which may be one that nobody `named`. Errors: InputError (absent, unreadable), DataError (not TOML)."""
        try:
            text = _read(path, named=named).decode("utf-8")
        except OSError as problem:
            raise InputError(
                f"{path}: {problem.strerror or problem}", hint="check the path and its permissions"
            ) from problem
        except UnicodeDecodeError as problem:
            raise DataError(
                f"{path}: not UTF-8 at byte {problem.start}", hint="give a TOML file, saved as UTF-8"
            ) from problem
        return cls.parse(text, source=str(path))

    @classmethod
    def parse(cls, text: str, *, source: str, private: bool = False) -> Table:
        """Read TOML text that came from `source`; the errors of a `private` one show no value. Errors: DataError."""
        try:
            document = tomllib.loads(text.removeprefix("\ufeff"))  # as editors of Windows save it
            return cls(document, source=source, private=private)
        except tomllib.TOMLDecodeError as problem:
            raise DataError(
                f"{source}: not valid TOML: {problem}", hint="see https://toml.io/en/v1.0.0"
            ) from problem

    def wrong(self, key: str, problem: str, hint: str = "") -> DataError:
        """Return (not raise) an error about one key of this table."""
        place = f"{self.where}.{key}" if self.where else key
        return DataError(f"{self.source}: {place}: {problem}", hint=hint)

    def shown(self, value: object) -> str:
        """Return a value as an error may show it."""
        return "this value (not shown: it may be a secret)" if self._private else repr(value)

    def __contains__(self, key: str) -> bool:
        return key in self._raw

    def value(self, key: str, kind: type[T], default: Any = _MISSING) -> T:
        """Return the value of `key`, which has to be of type `kind`."""
        self._taken.add(key)
        found = self._raw.get(key, _MISSING)
        if found is _MISSING:
            if default is _MISSING:
                close = get_close_matches(key, set(self._raw) - self._taken, n=1)
                raise self.wrong(key, "is missing", f"is {close[0]!r} meant to be it?" if close else "")
            return default  # type: ignore[no-any-return]  # the caller's default is of the caller's type
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            hint = "write it without quotes" if kind is not str and isinstance(found, str) else ""
            raise self.wrong(
                key, f"has to be {_NAMES.get(kind, kind.__name__)}, not {self.shown(found)}", hint
            )
        return found

    def text(self, key: str, default: Any = _MISSING) -> str:
        """Return a string."""
        return self.value(key, str, default)

    def number(self, key: str, default: Any = _MISSING) -> int:
        """Return an integer."""
        return self.value(key, int, default)

    def flag(self, key: str, default: Any = _MISSING) -> bool:
        """Return a boolean."""
        return self.value(key, bool, default)

    def day(self, key: str, default: Any = _MISSING) -> date:
        """Return a date; a date-time is refused."""
        found = self.value(key, date, default)
        if isinstance(found, datetime):
            raise self.wrong(key, "has to be a date without a time, such as 2027-01-31")
        return found

    def texts(self, key: str, default: Any = _MISSING) -> tuple[str, ...]:
        """Return a list of strings."""
        found = self.value(key, list, default)
        for one in found:
            if not isinstance(one, str):
                raise self.wrong(key, f"has to be a list of strings, not one with {self.shown(one)}")
        return tuple(found)

    def choice(self, key: str, kind: type[E], default: Any = _MISSING) -> E:
        """Return a member of an enum, written in lower case by its name or its value."""
        words = {m.name.lower().replace("_", "-"): m for m in kind}
        words |= {str(m.value): m for m in kind if isinstance(m.value, str)}
        if key not in self._raw and default is not _MISSING:
            self._taken.add(key)
            return default  # type: ignore[no-any-return]  # the caller's default is of the caller's type
        word = self.text(key)
        if word not in words:
            raise self.wrong(
                key, f"{self.shown(word)} is not one of {', '.join(words)}", _nearest(word, words)
            )
        return words[word]

    def table(self, key: str, *, optional: bool = False) -> Table:
        """Return a sub-table; an optional one that is absent reads as empty."""
        raw = self.value(key, dict, {} if optional else _MISSING)
        place = f"{self.where}.{key}" if self.where else key
        return Table(raw, source=self.source, where=place, private=self._private)

    def rows(self, key: str) -> tuple[Table, ...]:
        """Return an array of tables; absent reads as none."""
        found = self.value(key, list, [])
        rows = []
        for index, one in enumerate(found):
            if not isinstance(one, dict):
                raise self.wrong(key, "has to be an array of tables")
            place = f"{self.where}.{key}[{index}]" if self.where else f"{key}[{index}]"
            rows.append(Table(one, source=self.source, where=place, private=self._private))
        return tuple(rows)

    def keys(self) -> tuple[str, ...]:
        """Return the keys of this table in the file's order, for tables whose keys are data."""
        self._taken.update(self._raw)
        return tuple(self._raw)

    def done(self) -> None:
        """Refuse any key nobody asked for. Errors: DataError."""
        for key in self._raw:
            if key not in self._taken:
                raise self.wrong(key, "is not a known key", _nearest(key, self._taken))


_NAMES: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
    date: "a date",
    float: "a number",
}


def _nearest(word: str, known: Any) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
