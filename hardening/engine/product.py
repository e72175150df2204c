"""Places of the engine's settings, from the product's pack in `hardening/products`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hardening import products
from hardening.errors import UsageError
from hardening.products import ProductFact

PLACES = ("web-root", "version-file", "program", "instance", "package-web", "engine-config", "engine-clients")
"""Rows of the pack's layout that an upgrade and the engine ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPath:
    """One path of the product, and how it is known."""

    id: str
    path: str
    mark: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product's layout."""

    name: str
    title: str
    places: tuple[ProductPath, ...]
    port: int
    key: str
    service: str
    process: str
    selinux_type: str
    marks: dict[str, str]
    sources: dict[str, str]
    """Of the engine's facts: who says so."""
    exposure: tuple[str, ...]
    """What is published of the port's protocol and login, one fact each with its source."""
    start: str
    """The start script, as a pattern."""
    reserved: dict[int, str]

    def place(self, name: str) -> ProductPath:
        """Return the first path with this id. Errors: UsageError."""
        found = next((one for one in self.places if one.id == name), None)
        if found is None:
            raise UsageError(f"{self.name} has no path {name!r}", hint="see hardening/products")
        return found

    @property
    def folders(self) -> tuple[str, ...]:
        """The product's own folders: its programs and its instance."""
        return (*self.paths("program"), *self.paths("instance"))

    def paths(self, name: str) -> tuple[str, ...]:
        """Return every path with this id."""
        return tuple(one.path for one in self.places if one.id == name)


@cache
def load(name: str = "aspect") -> Product:
    """Return a shipped product. Errors: UsageError for an unknown name, DataError naming file and key."""
    pack = products.load(name)
    engine = {
        "port": pack.fact("engine", "port"),
        "key": pack.fact("engine", "key"),
        "service": pack.fact("engine", "service"),
        "process": pack.fact("engine", "process"),
        "selinux_type": pack.fact("engine", "selinux"),
    }
    exposed = (engine["port"], pack.fact("engine", "servlets"))
    return Product(
        name=pack.name,
        title=pack.title,
        places=tuple(_place(row) for one in PLACES for row in pack.facts("layout", one)),
        port=engine["port"].number(),
        key=engine["key"].text("name"),
        service=engine["service"].text("name"),
        process=engine["process"].text("name"),
        selinux_type=engine["selinux_type"].text("name"),
        marks={key: row.mark.value for key, row in engine.items()},
        sources={key: row.source for key, row in engine.items()},
        exposure=tuple(f"{row.what} ({row.source})" for row in exposed),
        start=pack.fact("engine", "start").text("path"),
        reserved={row.number(): row.what for row in pack.facts("engine", "reserved")},
    )


def _place(row: ProductFact) -> ProductPath:
    return ProductPath(id=row.id, path=row.text("path"), mark=row.mark.value, source=row.source)
