"""What is known about one component: how it is recognised, which versions are bad, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from bundle.detect.versions import SCHEMES, Compare, Range
from hardening.findings import Rule, Severity


class ReportReason(Enum):
    """Why a component is reported."""

    FORBIDDEN = "forbidden"
    """Has no place on such a server, whatever its version."""
    OUT_OF_RANGE = "out-of-range"
    """Some versions are out of support or known to be vulnerable."""


class ContentScope(Enum):
    """Which contents a rule is for, told by the content."""

    PHP = "php"
    TEXT = "text"
    CONSTANTS = "constants"
    """The text of a Java class."""
    ELF = "elf"
    BINARY = "binary"
    """ELF, and whatever else is not text."""
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A range of versions, and why it is bad: a CVE, or an end of life."""

    range: Range
    cve: str = ""
    ends: date | None = None
    severity: Severity | None = None
    verified: bool = False
    """Read in a primary source; false means from memory or a secondary page."""
    fixed: tuple[tuple[str, str], ...] = ()
    """Distribution tag (`el7`) and the first package release that has the fix."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentSign:
    """A way to recognise a component by what one file says."""

    scope: ContentScope
    needs: tuple[bytes, ...] = ()
    any: tuple[bytes, ...] = ()
    least: int = 0
    none: tuple[bytes, ...] = ()
    versions: tuple[bytes, ...] = ()
    """Patterns that read the version; compiled once they are asked for."""
    must_version: bool = False
    """The version has to be read, or this is not the component."""
    predicate: str = ""
    """A word of `content.PREDICATES` that decides in the end."""
    path: re.Pattern[str] | None = None
    tree: re.Pattern[str] | None = None
    """Where this file lies in the component's own folder; the rest of the path is that folder."""
    whole: bool = False
    """The file is the component, and nothing else."""
    distribution: tuple[bytes, ...] = ()
    """Words of a distribution's build, whose version says little about its fixes."""
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryVersion:
    """A file inside a jar that says the version."""

    entry: str
    pattern: re.Pattern[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What the presence or absence of a class, or of a word in one, says about the version."""

    has: str = ""
    lacks: str = ""
    word: bytes = b""
    lacks_word: bytes = b""
    range: Range = field(default_factory=Range)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSign:
    """A way to recognise a Java library by the names of its classes."""

    has: tuple[str, ...]
    none: tuple[str, ...] = ()
    """Classes, or folders that end in `/` (packages, `META-INF/maven/GROUP/`), of which none may be there."""
    maven: tuple[str, ...] = ()
    """`group:artifact` of the library's own pom.properties."""
    package: str = ""
    versions: tuple[EntryVersion, ...] = ()
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSign:
    """A package of a distribution or a language that is this component."""

    type: str
    """rpm, deb, npm, composer or maven."""
    names: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    release: re.Pattern[str] | None = None
    """rpm only: what the release has to match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentExample:
    """A file that has to be found, or has not to be."""

    flagged: bool
    path: str
    content: bytes
    entries: tuple[str, ...] = ()
    version: str = ""
    level: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component: its rule, its signs, its bad versions, its examples."""

    rule: Rule
    kind: ReportReason
    name: str
    aliases: tuple[str, ...] = ()
    purl: str = ""
    scheme: str = "plain"
    replacement: str = ""
    verified: str = ""
    bad: tuple[Bad, ...] = ()
    contents: tuple[ContentSign, ...] = ()
    classes: tuple[ClassSign, ...] = ()
    packages: tuple[PackageSign, ...] = ()
    sha256: frozenset[str] = frozenset()
    examples: tuple[ComponentExample, ...] = ()

    @property
    def id(self) -> str:
        """The rule id without `component/`."""
        return self.rule.id.removeprefix("component/")

    @property
    def compare(self) -> Compare:
        """How this component's versions compare."""
        return SCHEMES[self.scheme]
