"""Product packs: folders of TOML files in which every row has a source and a mark.

pack = load("aspect")
pack.fact("layout", "web-root").text("path")
pack.facts("engine", "reserved")
pack.advisories[0].cve
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from hardening.errors import DataError, UsageError
from hardening.findings import Severity
from hardening.products.releases import ReleaseRange
from hardening.toml_rows import Table

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SHEETS = ("layout", "release", "engine", "updates", "accounts", "mailer", "logs")
"""The files of a pack that hold facts, each without `.toml`; a pack may lack any of them."""
_TEXTS = ("path", "key", "form", "example", "name", "extension", "page", "runner", "user", "stored", "place", "coding")  # fmt: skip
LOGINS = ("none", "user", "local")
PARTS = ("server", "studio", "kernel module")
HELPS = {
    "clean": "harden bundle clean removes the component",
    "rotate": "role credentials changes passwords of databases and of the system",
    "port": "harden host audit shows who listens on the engine's port",
    "sudo": "harden host audit lists the sudo rules",
    "tls": "harden host apply sets up TLS",
    "upgrade": "harden upgrade installs and verifies a fixed release",
}
"""What this toolkit can do about an advisory, by the word in its row."""


class Mark(StrEnum):
    """How a row is known."""

    PUBLISHED = "published"
    INFERRED = "inferred"
    UNKNOWN = "unknown"


class EvidenceKind(StrEnum):
    """Where a flaw shows."""

    PAGE = "page"
    MEMBER = "member"
    FILE = "file"
    CLASS = "class"
    JAR = "jar"
    PORT = "port"
    SERVLET = "servlet"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFact:
    """One row: what is known, how, and who says so."""

    id: str
    what: str
    mark: Mark
    source: str
    values: Mapping[str, str | int | tuple[str, ...]]

    def text(self, key: str) -> str:
        """Return a value as text; empty where the row lacks it."""
        found = self.values.get(key, "")
        return found if isinstance(found, str) else str(found)

    def number(self) -> int:
        """Return the row's number; 0 where it has none."""
        found = self.values.get("number", 0)
        return found if isinstance(found, int) else 0

    def names(self) -> tuple[str, ...]:
        """Return the row's list of names."""
        found = self.values.get("names", ())
        return found if isinstance(found, tuple) else ()


@dataclass(frozen=True, slots=True)
class AdvisoryEvidence:
    """One thing on a disk or on a wire that shows a flaw."""

    kind: EvidenceKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductAdvisory:
    """One public advisory about a product."""

    id: str
    cve: tuple[str, ...]
    related: tuple[str, ...] = ()
    """CVE records of the same fault by their text; the source does not name them."""
    title: str
    severity: Severity
    category: str
    login: str
    """Who can use the flaw: `none` anybody, `user` an account of the product, `local` somebody at the machine."""
    part: str
    affected: ReleaseRange
    fixed_in: str
    """The first release that a source states as fixed; empty: no source states one."""
    fixed_source: str = ""
    evidence: tuple[AdvisoryEvidence, ...] = ()
    helps: tuple[str, ...] = ()
    remedy: str
    source: str
    date: date
    mark: Mark

    @property
    def names(self) -> tuple[str, ...]:
        """The id and the CVE records that the source names."""
        return tuple(dict.fromkeys((self.id, *self.cve)))

    @property
    def help(self) -> tuple[str, ...]:
        """What this toolkit can do, in words; an upgrade where a fixed release is known."""
        return tuple(HELPS[word] for word in self.helps if word != "upgrade" or self.fixed_in)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Everything that is known of one product."""

    name: str
    title: str
    vendor: str
    parts: tuple[str, ...]
    note: str
    as_of: date
    sheets: Mapping[str, tuple[ProductFact, ...]]
    advisories: tuple[ProductAdvisory, ...] = ()
    advisories_as_of: date | None = None
    advisories_origin: str = ""

    def facts(self, sheet: str, name: str) -> tuple[ProductFact, ...]:
        """Return every row of a sheet with this id."""
        return tuple(one for one in self.sheets.get(sheet, ()) if one.id == name)

    def fact(self, sheet: str, name: str) -> ProductFact:
        """Return the first row of a sheet with this id. Errors: UsageError."""
        found = self.facts(sheet, name)
        if not found:
            raise UsageError(f"{self.name} has no {sheet} {name!r}", hint=f"see harden products {self.name}")
        return found[0]

    def count(self) -> int:
        """Return the number of rows."""
        return sum(map(len, self.sheets.values())) + len(self.advisories)


def available() -> tuple[str, ...]:
    """Return the names of the shipped packs."""
    folders = (files("hardening") / "products").iterdir()
    return tuple(sorted(one.name for one in folders if (one / "product.toml").is_file()))


@cache
def load(name: str) -> Pack:
    """Return a shipped pack. Errors: UsageError (unknown name), DataError (naming file and key)."""
    if name not in available():
        raise UsageError(f"unknown product {name!r}", hint=f"known: {', '.join(available())}")
    return read(files("hardening") / "products" / name)


def read(folder: Traversable) -> Pack:
    """Read a pack from its folder. Errors: DataError (naming file and key), InputError."""
    table = _table(folder, "product")
    sheets = {name: _facts(folder, name) for name in SHEETS if (folder / f"{name}.toml").is_file()}
    rows: tuple[ProductAdvisory, ...] = ()
    as_of, origin = None, ""
    if (folder / "advisories.toml").is_file():
        known = _table(folder, "advisories")
        as_of, origin = known.day("as_of"), known.text("origin")
        rows = advisories(known)
        known.done()
    pack = Pack(
        name=table.text("name"),
        title=table.text("title"),
        vendor=table.text("vendor"),
        parts=table.texts("parts"),
        note=table.text("note"),
        as_of=table.day("as_of"),
        sheets=sheets,
        advisories=rows,
        advisories_as_of=as_of,
        advisories_origin=origin,
    )
    table.done()
    _known_accounts(pack, folder)
    return pack


def _table(folder: Traversable, name: str) -> Table:
    return Table.load(folder / f"{name}.toml")


def _facts(folder: Traversable, name: str) -> tuple[ProductFact, ...]:
    table = _table(folder, name)
    found = tuple(_fact(row) for row in table.rows("fact"))
    table.done()
    return found


def _fact(row: Table) -> ProductFact:
    values: dict[str, str | int | tuple[str, ...]] = {key: row.text(key) for key in _TEXTS if key in row}
    if "number" in row:
        values["number"] = row.number("number")
    if "names" in row:
        values["names"] = row.texts("names")
    if "form" in row:
        try:
            re.compile(row.text("form"))
        except re.error as problem:
            raise row.wrong("form", f"is not a regular expression: {problem}") from problem
    fact = ProductFact(
        id=_filled(row, "id"),
        what=_filled(row, "what"),
        mark=row.choice("mark", Mark),
        source=_filled(row, "source"),
        values=values,
    )
    row.done()
    return fact


def _filled(row: Table, key: str) -> str:
    found = row.text(key)
    if not found.strip():
        raise row.wrong(key, "is empty")
    return found


def advisories(table: Table) -> tuple[ProductAdvisory, ...]:
    """Read the rows `advisory` of a table, each id once. Errors: DataError."""
    found: dict[str, ProductAdvisory] = {}
    for row in table.rows("advisory"):
        one = _advisory(row)
        if one.id in found:
            raise row.wrong("id", f"{one.id} occurs twice")
        found[one.id] = one
    return tuple(found.values())


def _advisory(row: Table) -> ProductAdvisory:
    fixed_in = row.text("fixed_in")
    one = ProductAdvisory(
        id=_filled(row, "id"),
        cve=row.texts("cve"),
        related=row.texts("related", []),
        title=_filled(row, "title"),
        severity=row.choice("severity", Severity),
        category=_filled(row, "class"),
        login=_word(row, "login", LOGINS),
        part=_word(row, "part", PARTS),
        affected=_range(row),
        fixed_in=fixed_in,
        fixed_source=_filled(row, "fixed_source") if fixed_in else "",
        evidence=tuple(_evidence(row, text) for text in row.texts("evidence")),
        helps=row.texts("helps"),
        remedy=_filled(row, "remedy"),
        source=_filled(row, "source"),
        date=row.day("date"),
        mark=row.choice("mark", Mark),
    )
    for word in one.helps:
        if word not in HELPS:
            raise row.wrong("helps", f"{word!r} is not one of {', '.join(HELPS)}")
    row.done()
    return one


def _word(row: Table, key: str, words: tuple[str, ...]) -> str:
    found = row.text(key)
    if found not in words:
        raise row.wrong(key, f"{found!r} is not one of {', '.join(words)}")
    return found


def _range(row: Table) -> ReleaseRange:
    try:
        return ReleaseRange.parse(row.text("affected"))
    except ValueError as problem:
        raise row.wrong("affected", str(problem)) from problem


def _evidence(row: Table, text: str) -> AdvisoryEvidence:
    kind, _, value = text.partition(":")
    if kind not in [one.value for one in EvidenceKind] or not value:
        raise row.wrong("evidence", f"{text!r} is not KIND:VALUE", f"kinds: {', '.join(EvidenceKind)}")
    return AdvisoryEvidence(EvidenceKind(kind), value)


def _known_accounts(pack: Pack, folder: Traversable) -> None:
    for one in pack.advisories:
        for seen in one.evidence:
            if seen.kind is EvidenceKind.ACCOUNT and not pack.facts("accounts", seen.value):
                place = Path(str(folder)) / "advisories.toml"
                raise DataError(f"{place}: {one.id}: account {seen.value!r} is not in accounts.toml")
