"""Where the product keeps its engine's settings, read from `hardening/products/*.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from hardening.errors import UsageError
from hardening.toml_rows import Table

MARKS = frozenset({"verified", "text", "invented"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One path of the product, and how it is known."""

    id: str
    path: str
    mark: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product's layout."""

    name: str
    title: str
    places: tuple[Place, ...]
    port: int
    key: str
    service: str
    process: str
    selinux_type: str
    marks: dict[str, str]
    sources: dict[str, str]
    """Of the engine's facts: where each verified one is published."""
    reserved: dict[int, str]

    def place(self, name: str) -> Place:
        """Return the first path with this id. Errors: UsageError."""
        found = next((one for one in self.places if one.id == name), None)
        if found is None:
            raise UsageError(f"{self.name} has no path {name!r}", hint="see hardening/products")
        return found

    def paths(self, name: str) -> tuple[str, ...]:
        """Return every path with this id."""
        return tuple(one.path for one in self.places if one.id == name)


@cache
def load(name: str = "aspect") -> Product:
    """Return a shipped product. Errors: UsageError for an unknown name, DataError naming file and key."""
    path = files("hardening") / "products" / f"{name}.toml"
    if not path.is_file():
        raise UsageError(f"unknown product {name!r}", hint="known: aspect")
    table = Table.load(path)
    engine = table.table("engine")
    product = Product(
        name=table.text("name"),
        title=table.text("title"),
        places=tuple(_place(row) for row in table.rows("path")),
        port=engine.number("port"),
        key=engine.text("key"),
        service=engine.text("service"),
        process=engine.text("process"),
        selinux_type=engine.text("selinux_type"),
        marks={
            key: _mark(engine, f"{key}_mark") for key in ("port", "key", "service", "process", "selinux_type")
        },
        sources={key: engine.text(f"{key}_source", default="") for key in ("port", "process")},
        reserved=dict(_reserved(row) for row in table.rows("reserved")),
    )
    engine.done()
    table.done()
    return product


def _place(row: Table) -> Place:
    place = Place(
        id=row.text("id"),
        path=row.text("path"),
        mark=_mark(row, "mark"),
        source=row.text("source", default=""),
    )
    row.done()
    return place


def _reserved(row: Table) -> tuple[int, str]:
    pair = (row.number("port"), row.text("why"))
    row.done()
    return pair


def _mark(row: Table, key: str) -> str:
    word = row.text(key)
    if word not in MARKS:
        raise row.wrong(key, f"has to be one of {', '.join(sorted(MARKS))}, not {word!r}")
    return word
