"""The claims of a release as a TOML file: one row for each, of one of six kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from hardening import products
from hardening.errors import HardeningError
from hardening.findings import Rule, Severity
from hardening.products import ProductAdvisory
from hardening.records import dataclass
from hardening.toml_rows import Table

EXAMPLE = files("hardening.claims") / "data" / "aspect-3.07.02.toml"
"""The shipped example."""
_LAST_PORT = 65535


class ClaimKind(StrEnum):
    """Kind of a claim."""

    COMPONENT_ABSENT = "component-absent"
    CREDENTIAL_GONE = "credential-gone"
    POLICY_MET = "policy-met"
    PORT_BEHAVIOUR = "port-behaviour"
    LOG_BENIGN = "log-benign"
    ADVISORY_CLOSED = "advisory-closed"


class Expect(StrEnum):
    """Claimed behaviour of a port."""

    LISTENS = "listens"
    CLOSED = "closed"
    RESTART = "restart"
    """A changed port of the control engine is used after a restart only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """A kind: how its claims are checked, and which requirement they are evidence for."""

    title: str
    method: str
    remedy: str
    requirement: str
    words: str
    elsewhere: bool
    """Whether hosts, endpoints or logs answer the claim where the bundle cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim; which of the last fields are set depends on its kind."""

    id: str
    text: str
    kind: ClaimKind
    components: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Of the old bundle: only credentials at a place that matches one of these patterns (`*` stands for any text)."""
    policy: str = ""
    expect: Expect | None = None
    port: int = 0
    line: str = ""
    says: str = ""
    """The part of the message that every variant of it has."""
    advisory: str = ""

    @property
    def rule(self) -> Rule:
        """The rule that reports show for the claim."""
        row = kinds()[self.kind]
        return Rule(
            id=f"claim/{self.id}",
            title=self.text,
            severity=Severity.HIGH,
            rationale=f"A claim of the release notes ({self.kind}). {row.method}.",
            remedy=row.remedy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSet:
    """The claims of one release."""

    place: str
    product: str
    release: str
    source: str
    rows: tuple[Claim, ...]

    def has(self, *wanted: ClaimKind) -> bool:
        """Return whether there is a claim of one of these kinds."""
        return any(one.kind in wanted for one in self.rows)


@cache
def kinds() -> Mapping[ClaimKind, KindRow]:
    """Return how each kind is checked. Errors: DataError."""
    table = Table.load(files("hardening.claims") / "data" / "kinds.toml")
    table.text("source")
    found = {}
    for row in table.rows("kind"):
        texts = {key: row.text(key) for key in ("title", "method", "remedy", "requirement", "words")}
        found[row.choice("id", ClaimKind)] = KindRow(elsewhere=row.flag("elsewhere"), **texts)
        row.done()
    table.done()
    return found


def rules() -> tuple[Rule, ...]:
    """Return the rules of the shipped example; the claims of a file of the user's have rules of their own."""
    return tuple(one.rule for one in _read(Table.load(EXAMPLE), str(EXAMPLE)).rows)


def load(path: Path) -> ClaimSet:
    """Read a file of claims. Errors: InputError, DataError naming file and key."""
    return _read(Table.load(path), str(path))


def _read(table: Table, place: str) -> ClaimSet:
    product = table.text("product", "aspect")
    release, source = table.text("release"), table.text("source", "")
    rows: list[Claim] = []
    for row in table.rows("claim"):
        one = _claim(row, product)
        if any(one.id == other.id for other in rows):
            raise row.wrong("id", f"{one.id!r} occurs twice", "give each claim an id of its own")
        rows.append(one)
    table.done()
    if not rows:
        raise table.wrong("claim", "there is no claim", "start from `harden claims example`")
    return ClaimSet(place=place, product=product, release=release, source=source, rows=tuple(rows))


def _claim(row: Table, product: str) -> Claim:
    name = row.text("id")
    if not name or not all(one.isascii() and (one.isalnum() or one in "-._") for one in name):
        raise row.wrong("id", f"{name!r} is not a name", "use letters, digits, '-', '.' and '_'")
    kind = row.choice("kind", ClaimKind)
    more = _OF_KIND[kind](row, product)
    claim = Claim(id=name, text=row.text("text"), kind=kind, **more)
    row.done()
    return claim


def _components(row: Table, _product: str) -> dict[str, Any]:
    from bundle.detect.components.load import shipped

    names = row.texts("components")
    known = [one.rule.id.removeprefix("component/") for one in shipped()]
    for one in names:
        if one not in known:
            close = get_close_matches(one, known, n=1)
            raise row.wrong("components", f"{one!r} is not known", f"did you mean {close[0]!r}?" if close else "see `harden rules`")  # fmt: skip
    if not names:
        raise row.wrong("components", "is empty", 'such as ["adminer"]')
    return {"components": names}


def _credentials(row: Table, _product: str) -> dict[str, Any]:
    return {"paths": row.texts("paths", ())}


def _policy(row: Table, _product: str) -> dict[str, Any]:
    from hardening.tls import policy

    name = row.text("policy", policy.DEFAULT)
    try:
        return {"policy": policy.load(name).id}
    except HardeningError as problem:
        raise row.wrong("policy", str(problem), problem.hint) from problem


def _port(row: Table, _product: str) -> dict[str, Any]:
    expect = row.choice("expect", Expect)
    if expect is Expect.RESTART:
        return {"expect": expect}
    number = row.number("port")
    if not 0 < number <= _LAST_PORT:
        raise row.wrong("port", f"{number} is not a port", f"1 to {_LAST_PORT}")
    return {"expect": expect, "port": number}


def _line(row: Table, _product: str) -> dict[str, Any]:
    line = row.text("line")
    if not line.strip():
        raise row.wrong("line", "is empty", "write the message as a log has it")
    return {"line": line, "says": row.text("says", line).strip()}


def _advisory(row: Table, product: str) -> dict[str, Any]:
    name = row.text("advisory")
    try:
        find(product, name)
    except LookupError as problem:
        raise row.wrong("advisory", str(problem), "`harden products` lists them") from problem
    return {"advisory": name}


def find(product: str, name: str) -> ProductAdvisory:
    """Return an advisory of a product by one of its names. Errors: LookupError, UsageError (no such product)."""
    for one in products.load(product).advisories:
        if name in one.names:
            return one
    raise LookupError(f"{name!r} is not an advisory of {product}")


_OF_KIND: Mapping[ClaimKind, Callable[[Table, str], dict[str, Any]]] = {
    ClaimKind.COMPONENT_ABSENT: _components,
    ClaimKind.CREDENTIAL_GONE: _credentials,
    ClaimKind.POLICY_MET: _policy,
    ClaimKind.PORT_BEHAVIOUR: _port,
    ClaimKind.LOG_BENIGN: _line,
    ClaimKind.ADVISORY_CLOSED: _advisory,
}
"""How the keys of each kind are read."""
