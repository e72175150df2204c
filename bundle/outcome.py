"""What an audit of a bundle came to: how much of it was examined, and each rule's verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bundle.walk.member import Member
from bundle.walk.problem import ON_PURPOSE, PARTIAL, RULES
from hardening.findings import Examined, Finding, Result, Rule, Severity, Subject, Verdict


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

    def verdict(self, partial: str, members: int, *, told: bool = False) -> tuple[Examined, str]:
        """Return how much was examined, and why not all; `told` says that something was found in it."""
        first = self.first
        if not self.files and not self.empty:
            said = f"no file in it, and links ({self.links}) are not followed" if self.links else ""
            return Examined.NONE, partial or said or "nothing in it: an empty folder"
        if self.files == 1 and first is not None and not self.nested:
            if first.format == "empty" and not self.empty:
                return Examined.NONE, "empty file"
            stopped = any(RULES[reason].title.lower() in partial for reason in ON_PURPOSE)
            if first.container and members <= 1 and not stopped:
                return Examined.NONE, partial or f"an empty {first.format} archive"
            if first.format in ("data", "unread") and not self.nothing_else:
                if told or first.format == "unread" or partial:  # so it was read, whatever it is
                    return Examined.PARTIAL, partial or "read as it is: what kind of file it is, is not known"
                return Examined.NONE, "neither an archive nor anything else that is known"
        return (Examined.PARTIAL, partial) if partial else (Examined.FULL, "")


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
