"""Java libraries in a jar, a merged jar or unpacked: by class names, then by whatever says the version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bundle.detect.components.judge import Sighting
from bundle.detect.components.model import ClassSign, Component
from bundle.detect.java.opcodes import method_prints
from bundle.detect.java.prints import Library, LibraryPrints, Match, sure
from bundle.detect.java.zipread import DirectoryEntry, directory, read
from bundle.detect.versions import Range, is_known
from bundle.walk.member import ContainerEntry, Content, Member
from bundle.walk.names import shown
from hardening.findings import Confidence, Fix

_POM = re.compile(r"(?:^|/)META-INF/maven/([^/]+)/([^/]+)/pom\.properties$")
_POM_VERSION = re.compile(rb"^version\s*=\s*([^\s#]+)", re.MULTILINE)
_MANIFEST_VERSIONS = tuple(  # the version of what is implemented comes last: JDBC's is not the driver's
    re.compile(rb"^%b: *([0-9][\w.\-]*)" % word, re.MULTILINE)
    for word in (b"Implementation-Version", b"Bundle-Version", b"Specification-Version")
)
_TITLE = re.compile(
    rb"^(?:Implementation-Title|Specification-Title|Bundle-Name|Bundle-SymbolicName): *(.+)",
    re.MULTILINE | re.IGNORECASE,
)
_WORD = re.compile(r"[a-z0-9]{3,}")
_GENERAL = frozenset(
    (
        "apache org com net all api app client common commons core framework impl java lib main server util"
    ).split()
)
"""Words of names that titles of anybody's jars have."""
_OWN_SHARE = 0.6
"""Share of a jar's classes in the library's package, so that the manifest speaks of the library."""


@dataclass(frozen=True, slots=True)
class _Found:
    component: Component
    sign: ClassSign
    root: str
    """What stands before the package: `WEB-INF/classes/` or nothing."""


class Libraries:
    """The class signs of some components, behind one look at each entry's file name."""

    def __init__(self, components: Iterable[Component], learned: Iterable[Library] = ()) -> None:
        self._components = tuple(c for c in components if c.classes)
        self._anchors: dict[str, list[tuple[str, Component, ClassSign]]] = {}
        for component in self._components:
            for sign in component.classes:
                anchor = sign.has[0]
                self._anchors.setdefault(anchor.rsplit("/", 1)[-1], []).append((anchor, component, sign))
        self._index = LibraryPrints(learned)
        self._by_purl = {c.purl.split("@", 1)[0]: c for c in components if c.purl}

    def sightings(self, member: Member) -> Iterator[Sighting]:
        """Say the libraries whose classes are in a container or under an unpacked folder."""
        sighted: set[str] = set()
        for match, how in self._learned(member):
            component = self._component(match)
            if component is not None:
                sighted.add(component.rule.id)
                yield _of_match(member, component, match, how)
        names: frozenset[str] | None = None
        rows: Mapping[str, DirectoryEntry] | None = None
        for found in self._found(member.entries):
            if found.component.rule.id in sighted:
                continue
            names = names if names is not None else frozenset(e.name for e in member.entries)
            if not _holds(found, names):
                continue
            sighted.add(found.component.rule.id)
            if rows is None:
                rows = {row.name: row for row in directory(member.content)} if member.content else {}
            yield _sighting(member, found, names, rows)

    def _found(self, entries: Iterable[ContainerEntry]) -> Iterator[_Found]:
        anchors = self._anchors
        for entry in entries:
            name = entry.name
            for anchor, component, sign in anchors.get(name.rsplit("/", 1)[-1], ()):
                if name == anchor or name.endswith("/" + anchor):
                    yield _Found(component, sign, name[: len(name) - len(anchor)])

    def learned(self, member: Member) -> Iterator[tuple[Match, str]]:
        """Say the learned libraries that are no known component, and what of them was found."""
        return ((match, how) for match, how in self._learned(member) if self._component(match) is None)

    def _learned(self, member: Member) -> Iterator[tuple[Match, str]]:
        """By checksums first; by the shape of the code where those say nothing (relocated, or compiled again)."""
        matches = self._index.matches(member.entries)
        yield from ((match, f"the checksums of {match.share:.0%} of its classes") for match in matches)
        if not self._index.knows_code or not member.content or member.format not in ("", "zip"):
            return
        codes = (
            code
            for row in directory(member.content)
            if row.name.endswith(".class")
            for code in method_prints(read(member.content, row))
        )
        names = {match.library.name for match in matches}
        for match in self._index.code_matches(codes):
            if match.library.name not in names:
                yield match, f"the code of {match.share:.0%} of its methods"

    def _component(self, match: Match) -> Component | None:
        return self._by_purl.get(match.library.purl.split("@", 1)[0])


def _of_match(member: Member, component: Component, match: Match, how: str) -> Sighting:
    versions = match.versions if sure(match) else ()
    return Sighting(
        component=component,
        location=member.at(),
        how=how,
        versions=versions,
        confidence=Confidence.HIGH if versions else Confidence.MEDIUM,
        fix=Fix(action=f"replace {component.name} in {member.name or member.path}"),
    )


def _holds(found: _Found, names: frozenset[str]) -> bool:
    root, sign = found.root, found.sign
    if not all(root + name in names for name in sign.has):
        return False
    for one in sign.none:
        if one.endswith("/"):
            prefix = root + one
            if any(name.startswith(prefix) for name in names):
                return False
        elif root + one in names:
            return False
    return True


def _sighting(
    member: Member, found: _Found, names: frozenset[str], rows: Mapping[str, DirectoryEntry]
) -> Sighting:
    versions, how = _version(member, found, names, rows)
    within = None if versions else _within(member.content, found, names, rows)
    return Sighting(
        component=found.component,
        location=member.at(),
        how=f"its classes{_below(found)}{f', version from {how}' if how else ''}",
        versions=versions,
        within=within,
        confidence=Confidence.MEDIUM if how == "the file name" else Confidence.HIGH,
        fix=Fix(action=f"replace {found.component.name} in {member.name or member.path}"),
    )


def _below(found: _Found) -> str:
    """Where the classes lie unpacked or under a prefix: an archive of thousands of files says too little."""
    return f" below {shown(found.root)}" if found.root else ""


def _version(
    member: Member, found: _Found, names: frozenset[str], rows: Mapping[str, DirectoryEntry]
) -> tuple[tuple[str, ...], str]:
    """Return the version and where it was read, best source first."""
    sign, content = found.sign, member.content
    for one in sign.versions:
        row = rows.get(found.root + one.entry) or rows.get(one.entry)
        match = one.pattern.search(read(content, row)) if row is not None else None
        if match is not None:
            return (_joined(match),), one.entry.rsplit("/", 1)[-1]
    for name, row in rows.items():
        pom = _POM.search(name)
        if pom is not None and f"{pom.group(1)}:{pom.group(2)}" in sign.maven:
            match = _POM_VERSION.search(read(content, row))
            if match is not None and is_known(match.group(1).decode("latin-1")):
                return (match.group(1).decode("latin-1"),), "pom.properties"
    if _own(found, names):
        row = rows.get("META-INF/MANIFEST.MF")
        manifest = read(content, row) if row is not None else b""
        stated = (match for one in _MANIFEST_VERSIONS for match in one.finditer(manifest))
        match = next((one for one in stated if is_known(one.group(1).decode("latin-1"))), None)
        if match is not None and _speaks_of(found, manifest):
            return (match.group(1).decode("latin-1"),), "the manifest"
        artifacts = [m.split(":", 1)[1] for m in sign.maven]
        for artifact in artifacts:
            named = re.fullmatch(rf"{re.escape(artifact)}-(\d[\w.\-]*)\.jar", member.name)
            if named is not None:
                return (named.group(1),), "the file name"
    return (), ""


def _joined(match: re.Match[bytes]) -> str:
    return ".".join(g.decode("latin-1") for g in match.groups() if g)


def _own(found: _Found, names: frozenset[str]) -> bool:
    """Whether most classes of the jar are the library's, so that what the jar says of itself is of it."""
    classes = [name for name in names if name.endswith(".class")]
    package = found.root + (found.sign.package or found.sign.has[0].rsplit("/", 1)[0] + "/")
    return bool(classes) and sum(name.startswith(package) for name in classes) >= _OWN_SHARE * len(classes)


def _speaks_of(found: _Found, manifest: bytes) -> bool:
    """Whether the jar's title, where it has one, is the library's: an application may be a few classes around it."""
    main = re.split(rb"\r?\n\r?\n", manifest, maxsplit=1)[0]
    titles = b"".join(_TITLE.findall(main)).decode("latin-1").lower()
    if not titles:
        return True
    titles = "".join(c for c in titles if c.isalnum())
    sign, component = found.sign, found.component
    package = (sign.package or sign.has[0].rpartition("/")[0]).strip("/").split("/")[-2:]
    artifacts = (name.partition(":")[2] for name in sign.maven)
    words = " ".join((component.id.rstrip("0123456789"), component.name, *artifacts, *package)).lower()
    return any(word in titles for word in _WORD.findall(words) if word not in _GENERAL)


def _within(
    content: Content, found: _Found, names: frozenset[str], rows: Mapping[str, DirectoryEntry]
) -> Range | None:
    """Return what presence and absence of classes, and of words in them, say of the version."""
    start = below = ""
    compare = found.component.compare
    for bound in found.sign.bounds:
        present = bool(bound.has) and found.root + bound.has in names
        if bound.word or bound.lacks_word:
            row = rows.get(found.root + bound.has) if present else None
            text = read(content, row) if row is not None else b""
            holds = bool(text) and ((bound.word in text) if bound.word else (bound.lacks_word not in text))
        else:
            holds = present if bound.has else found.root + bound.lacks not in names
        if not holds:
            continue
        if bound.range.start and (not start or compare(bound.range.start, start) > 0):
            start = bound.range.start
        if bound.range.below and (not below or compare(bound.range.below, below) < 0):
            below = bound.range.below
    return Range(start=start, below=below) if start or below else None
