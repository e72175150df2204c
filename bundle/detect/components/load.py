"""Component files (TOML, one component each) into `Component`; every error names file and key."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from bundle.detect.components.model import (
    Bad,
    Bound,
    ClassSign,
    Component,
    ComponentExample,
    ContentScope,
    ContentSign,
    EntryVersion,
    PackageSign,
    ReportReason,
)
from bundle.detect.versions import SCHEMES, Range
from hardening.findings import Rule, Severity
from hardening.toml_rows import Table

_ID = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")
_LEAST_SIGNS = 2
"""One literal alone would also find whoever only names the component."""


@cache
def shipped() -> tuple[Component, ...]:
    """Return the components this package knows, by id."""
    folder = files("bundle") / "data" / "components"
    tables = [Table.load(file) for file in folder.iterdir() if file.name.endswith(".toml")]
    return tuple(sorted((component(table, shipped=True) for table in tables), key=lambda c: c.rule.id))


def component(table: Table, *, shipped: bool = False) -> Component:
    """Return one component out of a TOML table.

    The suite compiles the patterns of shipped ones; here that would take a tenth of an audit's start.
    Errors: DataError.
    """
    name, ident = table.text("name"), table.text("id")
    if not _ID.fullmatch(ident):
        raise table.wrong("id", f"{ident!r} has to be lower-case words with hyphens")
    scheme = table.text("scheme", "plain")
    if scheme not in SCHEMES:
        raise table.wrong("scheme", f"{scheme!r} is not one of {', '.join(SCHEMES)}")
    kind = table.choice("kind", ReportReason)
    replacement = table.text("replacement", "")
    remedy = table.text("remedy")
    rule = Rule(
        id=f"component/{ident}",
        title=table.text(
            "title", name if kind is ReportReason.FORBIDDEN else f"{name} out of support or vulnerable"
        ),
        severity=table.choice("severity", Severity),
        rationale=table.text("why"),
        remedy=f"{remedy} Replacement: {replacement}." if replacement else remedy,
        references=table.texts("references", []),
    )
    found = Component(
        rule=rule,
        kind=kind,
        name=name,
        aliases=table.texts("aliases", []),
        purl=table.text("purl", ""),
        scheme=scheme,
        replacement=replacement,
        verified=table.text("verified", ""),
        bad=(*map(_cve, table.rows("cves")), *map(_end, table.rows("eol"))),
        contents=tuple(_content(row, checked=shipped) for row in table.rows("content")),
        classes=tuple(map(_classes, table.rows("classes"))),
        packages=tuple(map(_package, table.rows("packages"))),
        sha256=frozenset(one.lower() for one in table.texts("sha256", [])),
        examples=tuple(map(_example, table.rows("examples"))),
    )
    if not (found.contents or found.classes or found.packages or found.sha256):
        raise table.wrong("content", "a component needs [[content]], [[classes]], [[packages]] or sha256")
    if kind is ReportReason.OUT_OF_RANGE and not found.bad:
        raise table.wrong("cves", "an out-of-range component needs [[cves]] or [[eol]]")
    table.done()
    return found


def _cve(row: Table) -> Bad:
    found = Bad(
        cve=row.text("id"),
        range=_range(row),
        severity=row.choice("severity", Severity, None),
        verified=row.flag("verified"),
        fixed=_fixed(row),
        note=row.text("note", ""),
    )
    row.done()
    return found


def _end(row: Table) -> Bad:
    found = Bad(
        range=_range(row),
        ends=row.day("date"),
        verified=row.flag("verified"),
        severity=row.choice("severity", Severity, None),
        note=row.text("note", ""),
    )
    row.done()
    return found


def _fixed(row: Table) -> tuple[tuple[str, str], ...]:
    table = row.table("fixed", optional=True)
    return tuple((tag, table.text(tag)) for tag in table.keys())  # noqa: SIM118 - Table is no dict


def _range(row: Table) -> Range:
    return Range(start=row.text("from", ""), below=row.text("below", ""))


def _content(row: Table, *, checked: bool) -> ContentSign:
    tree, path = row.text("tree", ""), row.text("path", "")
    versions = row.texts("version", [])
    if not checked:
        for one in versions:
            _pattern(row, "version", one)
    found = ContentSign(
        scope=row.choice("scope", ContentScope),
        needs=_literals(row, "needs"),
        any=_literals(row, "any"),
        least=row.number("least", 0),
        none=_literals(row, "none"),
        versions=tuple(one.encode("utf-8") for one in versions),
        must_version=row.flag("must_version", default=False),
        predicate=row.text("predicate", ""),
        path=re.compile(path) if path else None,
        tree=re.compile(rf"(?:^|/)(?:{tree})$") if tree else None,
        whole=row.flag("whole", default=False),
        distribution=_literals(row, "distribution"),
        how=row.text("how", ""),
    )
    if found.least > len(found.any):
        raise row.wrong("least", f"asks for {found.least} of {len(found.any)}")
    signs = len(found.needs) + found.least + found.must_version + bool(found.predicate) + bool(found.path)
    if signs < _LEAST_SIGNS or not (found.needs or found.least or (found.path and found.must_version)):
        raise row.wrong(
            "needs", "at least two independent signs, one of them a literal or a path, are needed"
        )
    row.done()
    return found


def _literals(row: Table, key: str) -> tuple[bytes, ...]:
    return tuple(one.encode("utf-8") for one in row.texts(key, []))


def _pattern(row: Table, key: str, text: str) -> re.Pattern[bytes]:
    try:
        found = re.compile(text.encode("utf-8"))
    except re.error as problem:
        raise row.wrong(key, f"{text!r} is not a regular expression: {problem}") from problem
    if found.groups < 1:
        raise row.wrong(key, f"{text!r} has no group for the version")
    return found


def _classes(row: Table) -> ClassSign:
    bounds = []
    for one in row.rows("bounds"):
        bounds.append(
            Bound(
                has=one.text("has", ""),
                lacks=one.text("lacks", ""),
                word=one.text("word", "").encode("utf-8"),
                lacks_word=one.text("lacks_word", "").encode("utf-8"),
                range=_range(one),
            )
        )
        one.done()
    versions = []
    for one in row.rows("versions"):
        versions.append(
            EntryVersion(entry=one.text("entry"), pattern=_pattern(one, "pattern", one.text("pattern")))
        )
        one.done()
    found = ClassSign(
        has=row.texts("has"),
        none=row.texts("none", []),
        maven=row.texts("maven", []),
        package=row.text("package", ""),
        versions=tuple(versions),
        bounds=tuple(bounds),
    )
    if not found.has:
        raise row.wrong("has", "names no class")
    row.done()
    return found


def _package(row: Table) -> PackageSign:
    pattern, release = row.text("pattern", ""), row.text("release", "")
    found = PackageSign(
        type=row.text("type"),
        names=row.texts("names", []),
        pattern=re.compile(pattern) if pattern else None,
        release=re.compile(release) if release else None,
    )
    row.done()
    return found


def _example(row: Table) -> ComponentExample:
    found = ComponentExample(
        flagged=row.flag("flagged"),
        path=row.text("path"),
        content=row.text("content", "").encode("utf-8", "surrogateescape"),
        entries=row.texts("entries", []),
        version=row.text("version", ""),
        level=row.choice("level", Severity, None),
    )
    row.done()
    return found
