"""Components that have no place in a bundle, or whose version is out of support or vulnerable.

Each is one TOML file under bundle/data/components; docs/components.md says how to write one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from bundle.detect.components.content import ContentChecks, SeenContent, line_of
from bundle.detect.components.judge import Sighting, judge
from bundle.detect.components.libraries import Libraries
from bundle.detect.components.load import shipped
from bundle.detect.components.model import Component, PackageSign, ReportReason
from bundle.detect.components.osv import RULE as OSV
from bundle.detect.components.osv import Osv
from bundle.detect.components.own import DENIED, LEARNED, Denied, Own, load_rules
from bundle.detect.components.packages import Package, packages
from bundle.walk.derive import INSTALLED
from bundle.walk.member import Member
from hardening.findings import Finding, Fix, InFile, Rule

__all__ = ["Components", "detector", "load_rules"]


class Components:
    """The component detector, over the shipped components and a user's own rules."""

    def __init__(
        self,
        components: Sequence[Component] | None = None,
        *,
        own: Own | None = None,
        osv: Osv | None = None,
        today: date | None = None,
        engine: str = "auto",
    ) -> None:
        """Prepare; a user's component wins over a shipped one of the same id, `today` decides about ends of life."""
        self._own = own or Own()
        self._osv = osv
        by_id = {c.rule.id: c for c in (shipped() if components is None else components)}
        by_id |= {c.rule.id: c for c in self._own.components}
        self.components = tuple(by_id[key] for key in sorted(by_id))
        self.today = today or datetime.now(UTC).date()
        self._contents = ContentChecks(self.components, engine=engine)
        self.words = self._contents.gate.literals
        """What the walk looks for on the way."""
        self._libraries = Libraries(self.components, self._own.libraries)
        self._packages: dict[tuple[str, str], list[tuple[Component, PackageSign]]] = {}
        self._patterns: list[tuple[Component, PackageSign]] = []
        for component in self.components:
            for sign in component.packages:
                for name in sign.names:
                    self._packages.setdefault((sign.type, name), []).append((component, sign))
                if not sign.names:
                    self._patterns.append((component, sign))
        self._sha256 = {digest: c for c in self.components for digest in c.sha256}

    def rules(self) -> tuple[Rule, ...]:
        """Return the rule of every component, and those for a user's own lists."""
        return (*(c.rule for c in self.components), DENIED, LEARNED, OSV)

    @property
    def base(self) -> bytes:
        """What a result depends on beside the member and the rules: for caches of results."""
        reached = [
            (c.rule.id, b.ends) for c in self.components for b in c.bad if b.ends and b.ends <= self.today
        ]
        return repr((reached, self._own.digest, self._osv.digest if self._osv else "")).encode()

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        """Say the components that this member is, holds, or is the version file of."""
        for sighting in self._sightings(member):
            finding = judge(sighting, subject, self.today)
            if finding is not None and not _only_named(member, sighting):
                yield finding
            yield from self._denied_component(sighting, subject)
            for version in sighting.versions:
                purl = f"{sighting.component.purl}@{version}"
                yield from self._advised(sighting.location, subject, purl, sighting.component.name)
        yield from self._only_own(member, subject)
        why = self._own.sha256 and self._own.sha256.get(member.sha256)
        if why and not member.derived and not member.offset:
            yield _denied(member.at(), subject, f"SHA-256 {member.sha256}", why)

    def sightings(self, member: Member) -> Iterator[Sighting]:
        """Say the components of this member, whether their version is good or bad (for bills of materials)."""
        return self._sightings(member)

    def _sightings(self, member: Member) -> Iterator[Sighting]:
        if member.entries:
            yield from self._libraries.sightings(member)
        if member.content and _may_list(member):
            yield from self._packaged(member)
        if member.content and not member.container:
            for seen in self._contents.seen(member):
                yield _sighting(member, seen)
        known = self._sha256 and self._sha256.get(
            member.sha256
        )  # few lists name files, and few files are asked
        if known and not member.derived and not member.offset:
            yield Sighting(component=known, location=member.at(), how="its SHA-256",
                           fix=Fix(action="remove the file", safe=True, operation="remove-member"))  # fmt: skip

    def _packaged(self, member: Member) -> Iterator[Sighting]:
        generations: dict[str, tuple[Component, list[Package]]] = {}
        for package in packages(member):
            for component, sign in self._packages.get((package.type, package.name), ()):
                if _is(package, sign):
                    yield _of_package(member, package, component)
            for component, sign in self._patterns:
                if _is(package, sign):
                    if member.derived:  # a whole installation: one word for the lot
                        generations.setdefault(component.id, (component, []))[1].append(package)
                    else:
                        yield _of_generation(member, package, component)
        for component, found in generations.values():
            sighting = _of_generation(member, found[0], component)
            more = f" and {len(found) - 1} more of its packages" if len(found) > 1 else ""
            yield replace(sighting, how=f"{sighting.how}{more}, installed")

    def _only_own(self, member: Member, subject: str) -> Iterator[Finding]:
        """Say the packages and learned libraries that only the user's own rules know."""
        wanted = self._own.purls or self._osv is not None
        if member.content and wanted and _may_list(member):
            for package in packages(member):
                why = self._own.denied(package.purl)
                if why is not None:
                    yield _denied(member.at(package.line), subject, package.purl, why)
                yield from self._advised(member.at(package.line), subject, package.purl, package.name)
        if member.entries and self._own.libraries:
            for match, how in self._libraries.learned(member):
                what = f"{match.library.name} {' or '.join(match.versions)}"
                why = self._own.denied(match.library.purl)
                if why is not None:
                    yield _denied(member.at(), subject, f"{what}, recognised by {how}", why)
                else:
                    yield Finding(rule=LEARNED, subject=subject, location=member.at(), evidence=what,
                                  message=f"{what}, recognised by {how}")  # fmt: skip

    def _advised(self, location: InFile, subject: str, purl: str, name: str) -> Iterator[Finding]:
        """One finding for all advisories that the version falls under."""
        found = self._osv.affecting(purl) if self._osv is not None and purl.startswith("pkg:") else ()
        if found:
            ids = ", ".join(dict.fromkeys(a.id for a in found))
            yield Finding(rule=OSV, subject=subject, location=location, evidence=purl,
                          severity=max(a.severity for a in found),
                          message=f"{name} {purl.rpartition('@')[2]}: {ids}")  # fmt: skip

    def _denied_component(self, sighting: Sighting, subject: str) -> Iterator[Finding]:
        purl = sighting.component.purl
        for version in sighting.versions or ("",):
            why = self._own.denied(f"{purl}@{version}") if purl and self._own.purls else None
            if why is not None:
                yield _denied(sighting.location, subject, f"{purl}@{version}".rstrip("@"), why)


def _denied(location: InFile, subject: str, what: str, why: Denied) -> Finding:
    return Finding(rule=DENIED, subject=subject, location=location, severity=why.severity, evidence=what,
                   message=f"{what}: {why.reason}")  # fmt: skip


def _is(package: Package, sign: PackageSign) -> bool:
    return (
        package.type == sign.type
        and (sign.type in ("rpm", "deb") or package.listed)
        and (sign.pattern is None or sign.pattern.search(f"{package.name} {package.vendor}") is not None)
        and (sign.release is None or sign.release.search(package.full) is not None)
    )


def _only_named(member: Member, sighting: Sighting) -> bool:
    """Whether all there is is a package's control file that has the name of what is recognised by its content.

    What the package installs is judged where it lies; a list of installed packages (`status`) is another matter.
    """
    component = sighting.component
    by_name = bool(sighting.release) and (member.name == "control" or member.name.endswith(".control"))
    return by_name and component.kind is ReportReason.FORBIDDEN and bool(component.contents)


def _may_list(member: Member) -> bool:
    return not member.offset and (not member.derived or member.derived == INSTALLED)


def _of_package(member: Member, package: Package, component: Component) -> Sighting:
    whole = package.type == "rpm" and not member.derived
    return Sighting(
        component=component,
        location=member.at(None if whole else package.line),
        how=f"what {member.name} lists: {package.name} {package.full}"
        if package.listed
        else f"the {package.type} package {package.name} {package.full}",
        versions=(package.version,),
        release="" if package.listed else package.full,
        tags=package.tags,
        package=package,
        fix=Fix(action="remove the package", safe=True, operation="remove-member")
        if whole
        else Fix(action=f"remove the package {package.name}"),
    )


def _of_generation(member: Member, package: Package, component: Component) -> Sighting:
    """What was built for a generation is no copy of it: it may be the bundle's own, and has a version of its own."""
    return replace(
        _of_package(member, package, component),
        versions=(),
        generation=True,
        fix=Fix(action=f"rebuild the package {package.name} for a supported generation"),
    )


def _sighting(member: Member, seen: SeenContent) -> Sighting:
    sign = seen.sign
    how = sign.how or f"{seen.literals} strings of its code"
    place = member.parts[-1]
    tree = sign.tree.search(place) if sign.tree is not None else None
    if tree is not None:
        end = tree.end("folder") if "folder" in tree.groupdict() else tree.start()
        return _in_tree(member, seen, place[:end], how)
    if member.derived:
        how += f" ({member.derived})"
    return Sighting(
        component=seen.component,
        location=member.at(line_of(member.content, seen.at)),
        how=how,
        versions=seen.versions,
        distribution=seen.distribution,
        fix=_whole(member, seen.component)
        if sign.whole and _is_the_file(member)
        else Fix(action=f"remove or replace what holds {seen.component.name} in this file"),
    )


def _is_the_file(member: Member) -> bool:
    """Return whether the text is the whole file, plain or wrapped as PHP wraps itself, and not a part of another one."""
    return member.derived in ("", "utf-16") or (
        member.derived.startswith("unwrapped") and _PHP.search(member.name) is not None
    )


def _whole(member: Member, component: Component) -> Fix:
    """Return what removes a program of one file: with its styles and plugins where the folder has its very name."""
    folder = member.parts[-1].rpartition("/")[0] if len(member.parts) > 1 else ""
    name = _letters(_VERSION.sub("", folder.rpartition("/")[2]))
    if component.kind is ReportReason.FORBIDDEN and name in {
        _letters(component.id),
        _letters(component.name),
    }:
        return Fix(
            action=f"remove the folder {folder} with all that is in it",
            safe=True,
            operation="remove-member",
            target=folder,
        )
    return Fix(action="remove the file", safe=True, operation="remove-member")


def _in_tree(member: Member, seen: SeenContent, folder: str, how: str) -> Sighting:
    """One finding for a whole folder: each of its files that is a sign says the same place and words."""
    location = InFile((*member.parts[:-1], folder) if folder else member.parts[:-1] or (".",))
    return Sighting(
        component=seen.component,
        location=location,
        how=how,
        versions=seen.versions,
        distribution=seen.distribution,
        fix=Fix(
            action=f"remove the folder {folder or '.'} with all that is in it",
            safe=_named_after(folder, seen.component),
            operation="remove-member",
            target=folder,
        ),
    )


_PHP = re.compile(r"(?i)\.(?:php\d?|phtml|inc)$")
_VERSION = re.compile(r"[-_.]?v?\d+(?:[._]\d+)*\Z")


def _named_after(folder: str, component: Component) -> bool:
    """Whether the folder is called like the component, so that nothing else is likely to lie in it."""
    name = _letters(folder.rsplit("/", 1)[-1])
    return any(_letters(word) in name for word in (component.id, component.name, *component.aliases))


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def detector(rules: Sequence[Path] = (), osv: Path | None = None) -> Components:
    """Return the detector over what is shipped, the user's rule files, and an OSV export.

    Errors: InputError, DataError.
    """
    return Components(own=load_rules(rules), osv=None if osv is None else Osv.load(osv))
