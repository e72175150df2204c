"""What a host or a bundle shows of a product: its release, and evidence of flaws with the places."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bundle.walk import Member, Problem, walk
from hardening.findings import InFile, Location, OnWire, SubjectKind
from hardening.host.checks.paths import WEB, below
from hardening.host.checks.root import Root
from hardening.products import AdvisoryEvidence, Pack
from hardening.products.pack import EvidenceKind
from hardening.products.releases import ordered

SMALL = 4 << 20
"""Bytes of a file whose text is read for a release or an account."""
PLACES = 20
"""Places that are kept for one piece of evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One subject: what it says of its release, and what was found where."""

    subject: str
    kind: SubjectKind
    product: bool = False
    """Whether anything of the product was found."""
    release: str = ""
    release_at: Location | None = None
    found: Mapping[AdvisoryEvidence, tuple[Location, ...]] = field(default_factory=dict)
    whole_web_root: bool = False
    """Whether every file of the web root was looked at: a page that is absent is absent."""
    gaps: tuple[tuple[str, str], ...] = ()
    """What could not be read: path and reason."""
    notes: tuple[str, ...] = ()

    def with_release(self, release: str) -> Seen:
        """Return it with the release that a person states."""
        return replace(self, release=release, product=True)

    def places(self, evidence: Iterable[AdvisoryEvidence]) -> tuple[tuple[AdvisoryEvidence, Location], ...]:
        """Return where pieces of evidence were found, each with its place."""
        return tuple((one, place) for one in evidence for place in self.found.get(one, ()))


class _Look:
    """Collects what the members of a walk show."""

    def __init__(self, pack: Pack, name: Callable[[InFile], InFile]) -> None:
        self._name = name
        self._pack = pack
        root = pack.fact("layout", "web-root").text("path") if pack.facts("layout", "web-root") else ""
        self._web = root.rpartition("/")[2].lower()
        self._ends: dict[str, list[tuple[str, AdvisoryEvidence]]] = defaultdict(list)
        for evidence in {one for row in pack.advisories for one in row.evidence}:
            for end in self._endings(evidence):
                self._ends[end.rpartition("/")[2]].append((end, evidence))
        files = pack.facts("release", "file")
        self._release_end = "/".join(files[0].text("path").split("/")[-2:]).lower() if files else ""
        self.found: dict[AdvisoryEvidence, list[Location]] = defaultdict(list)
        self.releases: dict[str, Location] = {}
        self.gaps: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.pages = False

    def _endings(self, evidence: AdvisoryEvidence) -> Iterator[str]:
        """Yield the ends of a path that are this evidence, in lower case."""
        value = evidence.value.lower()
        match evidence.kind:
            case EvidenceKind.PAGE:
                yield f"/{self._web}/{value}"
            case EvidenceKind.FILE:
                yield value
            case EvidenceKind.MEMBER | EvidenceKind.JAR:
                yield f"/{value}"
            case EvidenceKind.CLASS:
                yield f"/{value}.class"
            case EvidenceKind.ACCOUNT:
                place = self._pack.fact("accounts", evidence.value).text("place").lower()
                yield from (f"/{'/'.join(one.strip().split('/')[-2:])}" for one in place.split(","))
            case _:
                return

    def at(self, start: str) -> None:
        """Walk one file or folder. Errors: InputError."""
        for entry in walk(start):
            if isinstance(entry, Problem):
                if entry.partial:
                    self.gaps.append((self._name(InFile(entry.parts)).path, entry.message))
            elif entry.kind == "file" and not entry.derived and not entry.offset:
                self._member(entry)

    def _member(self, member: Member) -> None:
        place = self._name(InFile(member.parts))
        path = f"/{'/'.join(place.parts)}".lower()
        if f"/{self._web}/" in path and path.endswith(".php"):
            self.pages = True
        for end, evidence in self._ends.get(member.name.lower(), ()):
            full = len(self.found.get(evidence, ())) >= PLACES
            if not full and path.endswith(end) and self._holds(evidence, member):
                self.found[evidence].append(place)
        if self._release_end and path.endswith(f"/{self._release_end}") and self._is_read(member, place):
            self._release(bytes(member.content).decode("utf-8", "replace"), place)

    def _is_read(self, member: Member, place: InFile) -> bool:
        """Return whether a file is small enough to be read; record it otherwise."""
        if member.size > SMALL:
            self.gaps.append((place.path, f"larger than {SMALL >> 20} MiB: not read"))
        return member.size <= SMALL

    def _holds(self, evidence: AdvisoryEvidence, member: Member) -> bool:
        """Return whether a file in the right place is the evidence: of an account, its published password has to be in it."""
        if evidence.kind is not EvidenceKind.ACCOUNT:
            return True
        account = self._pack.fact("accounts", evidence.value)
        stored, user = account.text("stored"), account.text("user")
        if not stored or not self._is_read(member, self._name(InFile(member.parts))):
            return False
        content = bytes(member.content)
        if account.text("coding") == "hex":
            line = rf"(?im)^[ \t]*{re.escape(user)}[ \t]*[=:][ \t]*{re.escape(stored)}[ \t]*\r?$"
            return re.search(line.encode(), content) is not None
        return user.encode() in content and bytes.fromhex(stored) in content

    def _release(self, text: str, place: InFile) -> None:
        for fact in (*self._pack.facts("release", "release"), *self._pack.facts("release", "runtime")):
            key, form = re.escape(fact.text("key")), fact.text("form")
            match = re.search(rf"(?m)^[ \t]*{key}[ \t]*[=:][ \t]*{form}[ \t]*\r?$", text)
            if match:
                self.releases.setdefault(match[1], place)
                return
        self.notes.append(f"{place.path} states no release in a known form")


def of_bundle(pack: Pack, path: str) -> Seen:
    """Return what a bundle shows: an archive or a folder. Errors: InputError."""
    look = _Look(pack, lambda place: place)
    look.at(path)
    return _seen(look, path, SubjectKind.BUNDLE, product=bool(look.releases or look.found or look.pages))


def of_host(pack: Pack, host: Root) -> Seen:
    """Return what a host's file system, or a copy of its files, shows."""
    look = _Look(pack, lambda place: InFile((host.name(place.parts[0]), *place.parts[1:])))
    known = [row.text("path") for name in ("instance", "program") for row in pack.facts("layout", name)]
    more = [row.text("path") for row in pack.facts("layout", "package-web")]
    web = pack.fact("layout", "web-root").text("path") if pack.facts("layout", "web-root") else ""
    places: list[str] = []
    for path in sorted(dict.fromkeys((*known, *more, *WEB)), key=len):
        if host.exists(path) and not below(host.real(path), places):
            places.append(host.real(path))
    for path in places:
        objection = host.objection(path)
        if objection:
            look.gaps.append((path, objection))
        else:
            look.at(str(host.place(path)))
    look.gaps += [(path, why) for path, why in host.left.items() if below(path, places)]
    if host.listening is not None:
        ports = {str(one["port"]) for one in host.listening}
        for evidence in {one for row in pack.advisories for one in row.evidence}:
            if evidence.kind is EvidenceKind.PORT and evidence.value in ports:
                look.found[evidence].append(OnWire(f"{host.subject}:{evidence.value}"))
    there = [path for path in known if host.exists(path)]
    real_web = host.real(web) if web else ""
    whole = bool(look.releases) and not any(below(path, (real_web,)) for path, _ in look.gaps)
    product = bool(there or look.releases)
    return _seen(look, host.subject, SubjectKind.HOST, product=product, whole_web_root=whole)


def _seen(look: _Look, subject: str, kind: SubjectKind, **more: Any) -> Seen:
    """Return what was collected; releases that differ are no release."""
    notes = list(look.notes)
    release, place = "", None
    if len({ordered(one) for one in look.releases}) == 1:
        release, place = next(iter(look.releases.items()))
    elif look.releases:
        notes.append(f"several releases are stated: {', '.join(sorted(look.releases))}")
    return Seen(
        subject=subject,
        kind=kind,
        release=release,
        release_at=place,
        found={evidence: tuple(places) for evidence, places in look.found.items()},
        gaps=tuple(dict.fromkeys(look.gaps)),
        notes=tuple(notes),
        **more,
    )
