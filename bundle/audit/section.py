"""What was found in one container, kept by its content, so that equal content is looked at once.

A section holds findings with places relative to its container, what its own members amount to, and which sections lie
inside it. The run's findings are the sections unfolded from the root: the same section may stand at many places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from bundle.configurations import Configurations, built_for, too_large, wanted
from bundle.detect.components.packages import listed_packages
from bundle.walk.member import Member
from bundle.walk.problem import RULES, STOPPING, Problem
from hardening.findings import NESTING, Finding, Fix, InFile

Parts = tuple[str, ...]
MOST_PLACES = 10_000
"""Findings in repeated sections that are listed one by one."""


WRITTEN = frozenset(
    ("zip", "tar", "deb", "ar", "cpio", "rpm", "gzip", "bzip2", "xz", "lzma", "zstd", "makeself", "self-extracting", "zip-stub")
)  # fmt: skip
"""Formats that `bundle.rewrite` writes again, by the names that the walk has for them."""


def unwritable(member: Member) -> str:
    """Return why what lies in a member cannot be changed; empty where it can."""
    if not member.container:
        return "a file that is not an archive cannot be rewritten"
    return "" if member.format in WRITTEN else f"the format {member.format} cannot be rewritten"


_STOPS = tuple(RULES[reason].title.lower() for reason in STOPPING)


def first_reason(one: str, other: str) -> str:
    """Return which reason is said: a limit that stopped the walk before all others, else the first."""
    if one and other.startswith(_STOPS) and not one.startswith(_STOPS):
        return other
    return one or other


@dataclass(slots=True)
class ContainerShare:
    """One container's own share: what lies in it directly, and references to what lies deeper."""

    findings: list[Finding] = field(default_factory=list)
    """Places are relative: `parts` starts inside the container; empty parts mean the container itself."""
    inside: list[tuple[Parts, str]] = field(default_factory=list)
    """Where a container lies, and the key of its section."""
    members: int = 0
    size: int = 0
    """Bytes of content that were looked at."""
    not_examined: int = 0
    partial: str = ""
    """The first reason why something was left out; empty where nothing was."""
    unwritable: str = ""
    """Why nothing in the container can be changed; empty where it can."""
    texts: list[tuple[Parts, bytes]] = field(default_factory=list)
    """Configurations of servers, and the certificates beside them; they may hold secrets, so no cache keeps them."""
    too_large: list[Parts] = field(default_factory=list)
    """Configurations that are too large to be kept."""
    builds: set[str] = field(default_factory=set)
    """The releases of Red Hat's family that packages of servers in it are built for."""

    def count(self, member: Member) -> None:
        """Put a member into the books: each file once, whatever it is shown as."""
        if member.derived or member.offset or member.kind == "listing":
            return
        self.members += 1
        self.size += member.size

    def keep(self, member: Member, depth: int) -> None:
        """Keep what a member says of the configuration of a server, or of the release that it runs on."""
        if too_large(member):
            self.too_large.append(member.parts[depth:])
        elif (content := wanted(member)) is not None:
            self.texts.append((member.parts[depth:], content))
        self.builds |= built_for(listed_packages(member))

    def add(self, finding: Finding, depth: int) -> None:
        """Keep a finding whose place has `depth` parts too many at its start."""
        place = finding.location
        if isinstance(place, InFile) and depth:
            finding = replace(finding, location=replace(place, parts=place.parts[depth:]))
        self.findings.append(finding)

    def problem(self, problem: Problem, subject: str, depth: int) -> Finding:
        """Keep what the walker could not do, and return it as the finding it is (with its whole place)."""
        self.not_examined += problem.not_examined
        if problem.partial:
            self.partial = first_reason(self.partial, f"{problem.rule.title.lower()}: {problem.message}")
        finding = problem.finding(subject)
        self.add(finding, depth)
        return finding


@dataclass(slots=True)
class Books:
    """What a section and everything inside it amount to."""

    members: int = 0
    size: int = 0
    not_examined: int = 0
    partial: str = ""

    def plus(self, other: Books | ContainerShare) -> None:
        """Add another's."""
        self.members += other.members
        self.size += other.size
        self.not_examined += other.not_examined
        self.partial = first_reason(self.partial, other.partial)


def books(key: str, sections: Mapping[str, ContainerShare], done: dict[str, Books] | None = None) -> Books:
    """Add up a section with everything inside it; equal sections are added up once and counted every time."""
    done = {} if done is None else done
    todo = [key]
    while todo:  # no recursion: nesting is the bundle's choice
        here = todo[-1]
        missing = [inner for _, inner in sections[here].inside if inner not in done]
        if missing and here not in done:
            todo.extend(missing)
            continue
        todo.pop()
        if here in done:
            continue
        total = Books()
        total.plus(sections[here])
        for _, inner in sections[here].inside:
            total.plus(done[inner])
        done[here] = total
    return done[key]


def unfold(key: str, sections: Mapping[str, ContainerShare], subject: str) -> Iterator[Finding]:
    """Say every finding at every place it holds; far beyond what anybody reads, say where and stop."""
    shown: set[str] = set()
    room = MOST_PLACES
    cut: list[Parts] = []
    empty = _without_findings(key, sections)
    todo: list[tuple[Parts, str, str]] = [((), key, "")]
    while todo:
        at, here, blocked = todo.pop()
        if here in empty:
            continue
        section = sections[here]
        if section.unwritable and not blocked:
            blocked = f"{NESTING.join(at[1:]) or 'the bundle'}: {section.unwritable}"
        if here in shown:
            if room <= 0:
                cut.append(at)
                continue
            room -= max(1, len(section.findings))
        shown.add(here)
        for finding in section.findings:
            place = finding.location
            yield replace(
                finding, subject=subject,
                location=replace(place, parts=(*at, *place.parts)) if isinstance(place, InFile) else place,
                fix=_by_hand(finding.fix, blocked) if blocked else finding.fix,
            )  # fmt: skip
        todo.extend(((*at, *where), inner, blocked) for where, inner in reversed(section.inside))
    if cut:
        yield Finding(
            rule=RULES["limit-repeats"], subject=subject, location=InFile(cut[0]),
            message=f"what was found in equal archives holds at {len(cut)} or more further places, from here on",
        )  # fmt: skip


def configurations(key: str, sections: Mapping[str, ContainerShare]) -> tuple[Configurations, str]:
    """Return the configurations in a section and everything inside it, equal archives once, and the release its packages name."""
    kept, builds, seen = Configurations(), set[str](), set[str]()
    todo: list[tuple[Parts, str]] = [((), key)]
    while todo:
        at, here = todo.pop()
        if here in seen:
            continue
        seen.add(here)
        section = sections[here]
        builds |= section.builds
        for where, content in section.texts:
            kept.keep((*at, *where), content)
        kept.left += (NESTING.join((*at, *where)) for where in section.too_large)
        todo.extend(((*at, *where), inner) for where, inner in reversed(section.inside))
    return kept, builds.pop() if len(builds) == 1 else ""


def _by_hand(fix: Fix | None, blocked: str) -> Fix | None:
    """Return a fix as it is where its container cannot be written again: nothing that a program can do."""
    if fix is None or not fix.safe:
        return fix
    return replace(
        fix, safe=False, blocked=blocked, action=f"{fix.action}; a person decides, since {blocked}"
    )


def _without_findings(key: str, sections: Mapping[str, ContainerShare]) -> set[str]:
    """Return the sections that have no finding at any depth."""
    order: list[str] = []
    seen: set[str] = set()
    todo = [(key, False)]
    while todo:
        here, finished = todo.pop()
        if finished:
            order.append(here)
        elif here not in seen:
            seen.add(here)
            todo.append((here, True))
            todo.extend((inner, False) for _, inner in sections[here].inside if inner not in seen)
    empty: set[str] = set()
    for here in order:
        section = sections[here]
        if not section.findings and all(inner in empty for _, inner in section.inside):
            empty.add(here)
    return empty
