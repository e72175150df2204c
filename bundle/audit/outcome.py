"""What an audit of a bundle came to: how much of it was examined, and each rule's verdict."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bundle.audit.section import Books
from bundle.walk.member import Member
from bundle.walk.problem import ON_PURPOSE, PARTIAL, RULES, STOPPING
from hardening.findings import Examined, Finding, InFile, Result, Rule, Severity, Subject, Verdict

_ARCHIVE = re.compile(
    r"\.(?:zip|jar|war|ear|apk|whl|tar|t?gz|t?bz2?|t?xz|lzma|t?zst|lz4|z|7z|rar|cab|cpio|iso|img|deb|rpm|msi|ar|squashfs|aam)$",
    re.IGNORECASE,
)
"""Names of archives: an error page or an empty file under such a name is a download that failed."""
_NO_ARCHIVE = {"empty": "no byte", "text": "text", "utf-16": "text"}


@dataclass(slots=True)
class Top:
    """What the outermost level turned out to be."""

    nothing_else: bool = False
    """Whether text and data alone are what is expected: in a folder, and on a host."""
    empty: bool = False
    """Whether nothing at all is, too."""
    first: Member | None = None
    files: int = 0
    links: int = 0
    nested: bool = False
    current: str = ""
    """The file on disk that was reached last."""
    reached: dict[str, int] = field(default_factory=dict)
    """Bytes of each file on disk that the walk came to, by its name."""

    def reach(self, member: Member) -> None:
        """Remember a file on disk."""
        if len(member.parts) == 1 and member.kind == "file" and not member.derived and not member.offset:
            self.current = member.parts[0]
            self.reached[self.current] = member.size

    def see(self, member: Member) -> None:
        """Look at one member of any level."""
        if member.derived or member.offset:
            return
        if len(member.parts) > 1:
            self.nested = True
        elif member.kind == "file":
            self.files += 1
            self.first = self.first or member
        elif member.kind == "symlink":
            self.links += 1

    @property
    def is_empty_file(self) -> bool:
        """Whether one file was named and it has no bytes."""
        first = self.first
        return self.files == 1 and first is not None and first.format == "empty" and not self.nothing_else

    def verdict(self, partial: str, members: int, *, reported: bool = False) -> tuple[Examined, str]:
        """Return how much was examined, and why not all; `told` says that something was found in it."""
        first = self.first
        if not self.files and not self.empty:
            note = f"no file in it, and links ({self.links}) are not followed" if self.links else ""
            return Examined.NONE, partial or note or "nothing in it: an empty folder"
        if self.files == 1 and first is not None and not self.nested:
            stopped = any(RULES[reason].title.lower() in partial for reason in ON_PURPOSE)
            if first.container and members <= 1 and not stopped:
                return Examined.NONE, partial or f"an empty {first.format} archive"
            if first.format in _NO_ARCHIVE and _ARCHIVE.search(first.name) and not self.nothing_else:
                why = f"its name is that of an archive, and it holds {_NO_ARCHIVE[first.format]}"
                return Examined.PARTIAL if reported else Examined.NONE, partial or why
            if first.format in ("data", "unread") and not self.nothing_else:
                if reported or first.format == "unread" or partial:  # so it was read, whatever it is
                    return Examined.PARTIAL, partial or "read as it is: what kind of file it is, is not known"
                return Examined.NONE, "neither an archive nor anything else that is known"
        return (Examined.PARTIAL, partial) if partial else (Examined.FULL, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How much of the files on disk was opened to the end: a file that was opened in part counts as not opened."""

    packed: int
    """Bytes of all files on disk."""
    files: int
    not_opened: int = 0
    """Bytes of the files that were never or only partly opened."""
    files_not_opened: int = 0
    not_reached: int = 0
    """Bytes of those that were never reached."""
    limit: str = ""
    """The widest limit that stopped the walk, by the word after `walk/`."""

    @classmethod
    def of(
        cls, findings: Iterable[Finding], reached: Mapping[str, int], packed: Mapping[str, int]
    ) -> Opening:
        """Count what a limit, or the file itself, kept from being opened."""
        unseen = {rule.id: reason for reason, rule in RULES.items() if reason in PARTIAL}
        hit: list[tuple[str, InFile]] = []
        for one in findings:
            reason, place = unseen.get(one.rule.id, ""), one.location
            if isinstance(place, InFile) and reason and (reason in STOPPING or len(place.parts) == 1):
                hit.append((reason, place))
        limits = [reason for reason, _ in hit if reason in STOPPING]
        partly = {place.parts[0] for _, place in hit} & packed.keys()
        never = packed.keys() - reached.keys() if limits else set[str]()
        left = never | partly
        return cls(
            packed=sum(packed.values()), files=len(packed), not_opened=sum(packed[name] for name in left),
            files_not_opened=len(left), not_reached=sum(packed[name] for name in never),
            limit=min(limits, key=STOPPING.index, default=""),
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """Return what is said before every other reason."""
        files = f"{self.files_not_opened} of {self.files} archives and files"
        return (
            f"{RULES[self.limit].title}: {files} ({self.not_opened} of {self.packed} packed bytes) "
            "were never opened or only in part"
        )

    @property
    def stats(self) -> dict[str, int]:
        """Return the figures: opened and not opened add up to packed."""
        return {
            "packed_bytes": self.packed, "packed_bytes_opened": self.packed - self.not_opened,
            "packed_bytes_not_opened": self.not_opened, "packed_files": self.files,
            "packed_files_not_opened": self.files_not_opened,
        }  # fmt: skip


def opened_alone(total: Books, opening: Opening, *, reported: bool) -> tuple[Examined, str]:
    """Return how much of an archive in a folder was examined, and why not all."""
    if not total.partial and not opening.limit:
        return Examined.FULL, ""
    return (Examined.PARTIAL if reported or total.members > 1 else Examined.NONE), total.partial


def results(rules: Iterable[Rule], findings: Iterable[Finding], subject: Subject) -> Iterator[Result]:
    """Say for each rule what it came to: silence after half a look is no pass."""
    hit = {finding.rule.id for finding in findings if finding.level > Severity.INFO}
    noted = {finding.rule.id for finding in findings}
    for rule in rules:
        reason = rule.id.removeprefix("walk/")
        if rule.id in hit:
            verdict, why = Verdict.FAIL, ""
        elif (
            subject.examined is Examined.NONE
            or (rule.id in noted and reason in PARTIAL)
            or (
                subject.examined is Examined.PARTIAL
                and not (rule.id.startswith("walk/") and reason in PARTIAL)
            )
        ):
            verdict, why = Verdict.INCONCLUSIVE, subject.reason
        else:
            verdict, why = Verdict.PASS, ""
        yield Result(rule=rule, subject=subject.id, verdict=verdict, reason=why)
