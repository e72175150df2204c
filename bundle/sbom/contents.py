"""Walk a bundle once and gather what a bill of materials says."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bundle.configurations import Configurations, built_for
from bundle.detect.components import Components
from bundle.detect.components.packages import Package, listed_packages, packages
from bundle.walk import walk
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from bundle.walk.names import on_disk
from bundle.walk.problem import Problem, unseen
from hardening.findings import NESTING, Examined, Run, Subject, SubjectKind

if TYPE_CHECKING:
    from hardening.tls.offer import Certificate

_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]{100,100000})-----END (?:TRUSTED |X509 )?CERTIFICATE-----"
)
_LARGEST_DER = 64 << 10
_PLAIN_URL = re.compile(r"pkg:[a-z]+/(?:@?[\w.+~-]+/)?[\w.+~-]+@[\w.+~:^-]+", re.ASCII)
"""A package URL that stands for itself, as nearly all do."""


@dataclass(slots=True)
class Known:
    """One component or package by its identity, with every place it lies at."""

    name: str
    version: str
    purl: str
    how: str
    places: list[str] = field(default_factory=list)
    cves: tuple[str, ...] = ()
    packaged: bool = False
    """Named by a package's own metadata."""


@dataclass(frozen=True, slots=True)
class Archive:
    """One container, with the digest of its bytes."""

    path: str
    format: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Asset:
    """One certificate, or one private key (of which nothing but kind and place is kept)."""

    kind: str
    name: str
    place: str
    certificate: Certificate | None = None


@dataclass(slots=True)
class Contents:
    """Everything one bundle contains that a bill of materials names."""

    path: Path
    sha256: str = ""
    size: int = 0
    members: int = 0
    sealed: int = 0
    """The sum of a digest of each member's place and content: what a folder has in place of a digest of its own."""
    known: dict[tuple[str, str, str], Known] = field(default_factory=dict)
    archives: list[Archive] = field(default_factory=list)
    files: list[Archive] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    configurations: Configurations = field(default_factory=Configurations)
    builds: set[str] = field(default_factory=set)
    """The releases of Red Hat's family that packages of servers are built for."""
    gaps: list[Problem] = field(default_factory=list)
    """What could not be read."""

    @property
    def name(self) -> str:
        """What the bundle is called; a folder given as `.` has the name it has."""
        return on_disk((self.path if self.path.name not in {"", ".."} else self.path.resolve()).name or "/")

    @property
    def identity(self) -> str:
        """A digest that another bundle, or the same folder with other files, does not have."""
        return self.sha256 or f"{self.sealed % (1 << 256):064x}"

    @property
    def problems(self) -> list[str]:
        """The gaps in words."""
        return [f"{gap.path}: {gap.message}" for gap in self.gaps]

    @property
    def distribution(self) -> str:
        """The major version of Red Hat's family that packages of servers and of OpenSSL inside are built for, where they agree."""
        majors = self.builds
        return next(iter(majors)) if len(majors) == 1 else ""

    def first_problems(self, most: int = 20) -> list[str]:
        """The first gaps in words, and how many more there are."""
        return _first(self.problems, most)

    def first_unasked(self, most: int = 20) -> list[str]:
        """The first configurations of which no bill says what they offer, and how many more there are."""
        return _first(self.configurations.left, most)


def _first(words: Sequence[str], most: int) -> list[str]:
    more = len(words) - most
    return [*words[:most], *([f"{more} more"] if more > 0 else [])]


def contents(path: Path, *, files: bool = False, limits: WalkLimits | None = None) -> Contents:
    """Return what the bundle contains; `files` keeps every file, not only archives.

    What could not be read is in `gaps`. Errors: InputError (absent, unreadable).
    """
    found = Contents(path)
    detector = Components()
    for seen in walk(str(path), limits or WalkLimits()):
        if not isinstance(seen, Member):
            if seen.partial:
                found.gaps.append(seen)
            continue
        take(found, seen, detector, files=files)
    return found


def report(found: Contents, started: datetime) -> Run:
    """Return how much of the bundle was read, as a run: what could not be is a finding, as in an audit."""
    name = str(found.path)
    findings = [gap.finding(name) for gap in found.gaps]
    reason = found.problems[0] if found.gaps else "listed, not audited"
    examined = Examined.PARTIAL if found.gaps else Examined.FULL
    if not found.members:
        examined, reason = (
            Examined.NONE,
            reason if found.gaps else "neither an archive nor a folder with files",
        )
        findings = findings or [unseen(name, "nothing", reason)]
    named = {"components": len(found.known), "archives": len(found.archives), "assets": len(found.assets)}
    stats = {"members": found.members, **({"bytes": found.size} if found.size else {}), **named}
    seen = Subject(id=name, kind=SubjectKind.BUNDLE, examined=examined, reason=reason, stats=stats)
    return Run.of([seen], findings, started=started)


def inside(path: Path, parts: Sequence[str]) -> tuple[str, ...]:
    """Return a member's path behind the archive, or below the folder, that `path` is; none for the bundle itself."""
    name = on_disk(str(path))
    outer = parts[0].removeprefix(f"{name.rstrip('/')}/") if parts[0] != name else ""
    return (outer, *parts[1:]) if outer else tuple(parts[1:])


def place_in(path: Path, parts: Sequence[str]) -> str:
    """Return where in the bundle a member lies: `inside`, as one word."""
    return NESTING.join(inside(path, parts))


def take(found: Contents, member: Member, detector: Components, *, files: bool = False) -> None:
    """Add what one member says to the contents."""
    within = inside(found.path, member.parts)
    found.configurations.take(member, within)
    found.builds |= built_for(listed_packages(member))
    place = NESTING.join(within)
    if not member.derived and not member.offset and member.kind != "listing":
        if not place:
            found.sha256, found.size = member.sha256, member.size
        else:
            found.members += 1
            mark = f"{place}\0{member.sha256}".encode("utf-8", "surrogatepass")
            found.sealed += int.from_bytes(hashlib.sha256(mark).digest(), "big")
            row = Archive(place, member.format, member.size, member.sha256)
            if member.container:
                found.archives.append(row)
            elif files and member.kind == "file":
                found.files.append(row)
    for one in _known(member, detector, place):
        _keep(found.known, one)
    if member.kind == "file" and not member.container and not member.derived:
        found.assets += _assets(member, place)


def _keep(known: dict[tuple[str, str, str], Known], one: Known) -> None:
    """Add one; what has the same package URL is the same, whether code or metadata said it."""
    exact = one.purl.endswith(f"@{one.version}")
    key = (one.purl, "", "") if exact else (one.purl, one.name, one.version)
    kept = known.setdefault(key, one)
    kept.places += [place for place in one.places if place not in kept.places]
    kept.cves += tuple(cve for cve in one.cves if cve not in kept.cves)
    if one.packaged and not kept.packaged:  # the name that a registry knows it by
        kept.name, kept.how, kept.packaged = one.name, one.how, True


def _known(member: Member, detector: Components, place: str) -> Iterator[Known]:
    for sighting in detector.sightings(member):
        component, package = sighting.component, sighting.package
        for version in sighting.versions or ("",):
            cves = tuple(
                b.cve
                for b in component.bad
                if b.cve and version and b.range.holds(version, component.compare)
            )
            if package is not None:
                yield _packaged(package, place, cves)
                continue
            purl = f"{component.purl}@{version}" if component.purl and version else component.purl
            yield Known(component.name, version, purl, sighting.how, [place], cves)
    if member.content and not member.offset:
        for package in packages(member):
            yield _packaged(package, place)


def _packaged(package: Package, place: str, cves: tuple[str, ...] = ()) -> Known:
    how = f"its {package.type} metadata"
    return Known(package.name, package.full, _url(package), how, [place], cves, packaged=True)


def _url(package: Package) -> str:
    """Return the package URL, escaped where the metadata says what no registry has; empty where it names nothing."""
    if _PLAIN_URL.fullmatch(package.purl):
        return package.purl
    from packageurl import PackageURL

    around, _, name = package.name.rpartition("/")
    try:
        return PackageURL(package.type, around, name, package.full).to_string()
    except (ValueError, TypeError):  # the latter where nothing but space is left of a part
        return ""


def _assets(member: Member, place: str) -> Iterator[Asset]:
    content = member.content
    found: list[bytes] = []
    if content.find(b"CERTIFICATE-----") >= 0:
        found = [_decoded(match[1]) for match in _CERTIFICATE.finditer(content)]
    elif content[:2] == b"\x30\x82" and len(content) <= _LARGEST_DER:
        found = [bytes(content)]
    if found:
        from hardening.tls.certificate import read

        for one in filter(None, map(read, found)):
            yield Asset("certificate", one.subject or "without a subject", place, one)
    if content.find(b"PRIVATE KEY-----") >= 0:
        from bundle.detect.keys import detector

        for finding in detector().check(member, ""):
            yield Asset("private-key", finding.evidence, place)


def _decoded(text: bytes) -> bytes:
    """Return what Base64 stands for; nothing where it is cut."""
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""
