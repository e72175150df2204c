"""A user's own rules: components, learned libraries, and a deny-list of package URLs and SHA-256.

[[component]]   as in the shipped files
[[library]]     what `harden bundle fingerprint` writes
[[deny]]        purls = ["pkg:maven/com.acme/util@1.2", "pkg:rpm/telnet-server"], sha256 = [...], reason, severity
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bundle.detect.components.load import component
from bundle.detect.components.model import Component
from bundle.detect.java.prints import Library, Print
from hardening.findings import Rule, Severity
from hardening.toml_rows import Table

DENIED = Rule(
    id="component/denied",
    title="Something your own deny-list names",
    severity=Severity.HIGH,
    rationale="A rule file given with --rules says that it must not be in a bundle.",
    remedy="Take it out, or change the deny-list.",
)
LEARNED = Rule(
    id="component/learned",
    title="A library your own rules know",
    severity=Severity.INFO,
    rationale="A library learned with `harden bundle fingerprint` was recognised by its classes.",
    remedy="Nothing, unless it should not be there: then deny its package URL.",
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PAIR = struct.Struct("<II")
_CODE = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Denied:
    """Why something is denied, and how bad it is."""

    reason: str
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What the rule files of a run add to what is shipped."""

    components: tuple[Component, ...] = ()
    libraries: tuple[Library, ...] = ()
    purls: Mapping[str, Denied] = field(default_factory=dict)
    sha256: Mapping[str, Denied] = field(default_factory=dict)
    digest: str = ""
    """SHA-256 of each file, one after the other."""

    def denied(self, purl: str) -> Denied | None:
        """Return why a package URL is denied, with its version or whatever its version."""
        plain = purl.split("?", 1)[0]
        return self.purls.get(plain) or self.purls.get(plain.rsplit("@", 1)[0])

    def __or__(self, other: Own) -> Own:
        return Own(
            components=(*self.components, *other.components),
            libraries=(*self.libraries, *other.libraries),
            purls={**self.purls, **other.purls},
            sha256={**self.sha256, **other.sha256},
            digest=self.digest + other.digest,
        )


def load_rules(paths: Iterable[Path]) -> Own:
    """Return what the files say together. Errors: InputError, DataError naming file and key."""
    own = Own()
    for path in paths:
        own |= _one(Table.load(path))
        own |= Own(digest=hashlib.sha256(path.read_bytes()).hexdigest())
    return own


def _one(table: Table) -> Own:
    if "id" in table:
        return Own(components=(component(table),))
    purls: dict[str, Denied] = {}
    sha256: dict[str, Denied] = {}
    for row in table.rows("deny"):
        why = Denied(row.text("reason"), row.choice("severity", Severity, Severity.HIGH))
        for purl in row.texts("purls", []):
            if not purl.startswith("pkg:"):
                raise row.wrong("purls", f"{purl!r} is not a package URL such as pkg:maven/group/name@1.2")
            purls[purl] = why
        for digest in row.texts("sha256", []):
            if not _SHA256.fullmatch(digest.lower()):
                raise row.wrong("sha256", f"{digest!r} is not a SHA-256 in hex")
            sha256[digest.lower()] = why
        row.done()
    own = Own(
        components=tuple(map(component, table.rows("component"))),
        libraries=tuple(map(_library, table.rows("library"))),
        purls=purls,
        sha256=sha256,
    )
    table.done()
    return own


def _library(row: Table) -> Library:
    found = Library(
        name=row.text("name"),
        version=row.text("version"),
        purl=row.text("purl"),
        classes=frozenset(Print(*pair) for pair in _PAIR.iter_unpack(_packed(row, "classes", _PAIR.size))),
        opcodes=frozenset(one for (one,) in _CODE.iter_unpack(_packed(row, "opcodes", _CODE.size))),
        packages=frozenset(row.texts("packages", [])),
    )
    if not found.classes:
        raise row.wrong("classes", "holds no class")
    row.done()
    return found


def _packed(row: Table, key: str, size: int) -> bytes:
    try:
        raw = base64.b64decode("".join(row.text(key, "").split()), validate=True)
    except binascii.Error as problem:
        raise row.wrong(key, f"is not Base64: {problem}") from problem
    if len(raw) % size:
        raise row.wrong(key, f"is not a row of {size} bytes each")
    return raw


def rules_text(libraries: Iterable[Library]) -> str:
    """Return learned libraries as the text of a rule file."""
    return "\n".join(
        "\n".join(
            (
                "[[library]]",
                f"name = {_quoted(one.name)}",
                f"version = {_quoted(one.version)}",
                f"purl = {_quoted(one.purl)}",
                f"packages = [{', '.join(map(_quoted, sorted(one.packages)))}]",
                f'classes = """\n{_lines(b"".join(_PAIR.pack(*p) for p in sorted(one.classes)))}"""',
                f'opcodes = """\n{_lines(b"".join(_CODE.pack(p) for p in sorted(one.opcodes)))}"""',
                "",
            )
        )
        for one in libraries
    )


def _lines(raw: bytes) -> str:
    return base64.encodebytes(raw).decode("ascii")


def _quoted(text: str) -> str:
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'
