"""What `bundle.audit` does: walk bundles, ask every detector about every member, and keep the books."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bundle.audit.events import AuditEvent, Finished, Found, Progress, Started
from bundle.audit.outcome import Opening, Top, opened_alone, results
from bundle.audit.parallel import Died, ForkPermits, Forks
from bundle.audit.section import Books, ContainerShare, books, configurations, unfold, unwritable
from bundle.audit.shares import Share, Shares
from bundle.configurations import unread_together
from bundle.detect import Detector
from bundle.detect import detectors as shipped
from bundle.redact.configured import masked
from bundle.walk import disk
from bundle.walk.frame import EnterContainer, Event, LeaveContainer
from bundle.walk.limits import WalkLimits
from bundle.walk.member import WINDOW, Member
from bundle.walk.problem import RULES, Problem, unseen
from bundle.walk.source import Region, Source
from bundle.walk.walker import Walker
from hardening import filters
from hardening.findings import NESTING, Examined, Finding, InFile, Result, Run, Subject, SubjectKind
from hardening.findings import SourceFile as Lines
from hardening.tls.auditing.problems import PROBLEMS as TLS_PROBLEMS

if TYPE_CHECKING:
    from bundle.audit.cache import Cache
    from hardening.tls.auditing.mains import AuditInput
    from hardening.tls.policies.ruleset import Policy

DELEGATE_FROM = 2 << 20
"""Containers of this many bytes are worth a fork."""
_LINE = 2048
"""Bytes of a line that are looked at for a report."""
_SEVERAL = 2
"""Files of a bundle by which it is no lone file, whatever else is in it."""


def run(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    detectors: Sequence[Detector] | None,
    limits: WalkLimits | None,
    passwords: Sequence[bytes],
    jobs: int | None,
    cache: str | os.PathLike[str] | None,
    on_event: Callable[[AuditEvent], None] | None,
    called: Mapping[str, str] | None,
    installed: bool,
    inline: bool,
    policies: Sequence[Policy] | None,
    request: AuditInput | None,
) -> Run:
    """Do what `bundle.audit` says. Errors: InputError."""
    started = datetime.now(UTC)
    listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    names = [os.fsdecode(os.fspath(one)) for one in listed]
    for name in names:
        _readable(name)
    asked = tuple(shipped() if detectors is None else detectors)
    if inline or any(getattr(one, "seals", False) for one in asked):
        cache = None  # what is kept has no marks of lines; what it gives back has no seal: another password at a known place would count as known
    with Audit(
        asked,
        limits or WalkLimits(),
        tuple(passwords),
        jobs or os.cpu_count() or 1,
        cache,
        on_event,
        installed=installed,
        inline=inline,
        policies=_default() if policies is None else tuple(policies),
        required=bool(policies),
        request=request,
    ) as work:
        for name in dict.fromkeys(names):
            work.examine(name, (called or {}).get(name, name))
        findings = work.findings
        if cache is not None:  # what was kept is not sealed with this process's key
            findings = [replace(one, same=b"") if one.same else one for one in findings]
        return Run.of(work.subjects, findings, work.results, started=started, sources=work.sources)


_NOT_JUDGED = "what it offers was not judged: it is too large, or one of too many"


def _default() -> tuple[Policy, ...]:
    from hardening.tls.policy import DEFAULT, load

    return (load(DEFAULT),)


def _readable(path: str) -> None:
    from hardening.errors import InputError

    try:
        if not os.access(path, os.R_OK):
            os.stat(path)  # noqa: PTH116 - Path makes the current folder of an empty text
            raise PermissionError(13, "permission denied")
    except OSError as problem:
        hint = "check the path and its permissions"
        raise InputError(f"{path}: {(problem.strerror or str(problem)).lower()}", hint=hint) from problem


class Audit:
    """The state of one call of `bundle.audit`."""

    def __init__(
        self,
        detectors: tuple[Detector, ...],
        limits: WalkLimits,
        passwords: tuple[bytes, ...],
        jobs: int,
        cache: str | os.PathLike[str] | None,
        on_event: Callable[[AuditEvent], None] | None,
        *,
        installed: bool = False,
        inline: bool = False,
        policies: tuple[Policy, ...] = (),
        required: bool = False,
        request: AuditInput | None = None,
    ) -> None:
        self._policies = policies
        self._request = request
        self._required = required
        self._installed = installed
        self._inline = inline
        self.subjects: list[Subject] = []
        self.findings: list[Finding] = []
        self.results: list[Result] = []
        self.sources: list[Lines] = []
        self._detectors = detectors
        self._rules = tuple({rule.id: rule for one in detectors for rule in one.rules()}.values())
        self._listened = on_event is not None
        self._on_event = on_event or (lambda _event: None)
        self._tokens = ForkPermits(jobs - 1)
        self._forks = Forks(self._tokens)
        self._sections: dict[str, ContainerShare] = {}
        self._open: list[tuple[int, ContainerShare]] = []
        self._shares: Shares | None = None
        self._numbers = 0
        self._file: Member | None = None
        self._of_file: list[Finding] = []
        self._subject = ""
        self._cache: Cache | None = None
        if cache is not None:
            from bundle.audit.cache import Cache

            base = b"\0".join(getattr(one, "base", b"") for one in detectors)
            self._cache = Cache(Path(cache), (*self._rules, *RULES.values()), limits, extra=base)
        self._walker = Walker(
            limits,
            passwords=passwords,
            remember=True,
            delegate=self._delegate,
            lookup=self._lookup,
            words=(word for one in detectors for word in getattr(one, "words", ())),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forks.abandon()
        self._tokens.close()
        self._walker.close()
        if self._cache is not None:
            self._cache.close()

    # --- one bundle

    def examine(self, path: str, shown: str) -> None:
        """Walk one path, called `shown`, and settle the books of each subject in it."""
        began = time.monotonic()
        self._subject = shown
        size = disk.size(path) if self._listened else 0
        self._on_event(Started(shown, size))
        self._shares = shares = Shares(path, shown, installed=self._installed)
        self._open = [(0, shares.rest.section)]
        self._consume(self._walker.walk(path, shown), shares.rest.top, size)
        self._collect(wait=True)
        shares.rest.ended = time.monotonic()
        shares.rest.began = began
        self._settle_all(shares)
        self._shares = None
        if self._cache is not None:
            self._cache.store(self._sections)

    def _settle_all(self, shares: Shares) -> None:
        """Close the books of every subject of one path."""
        everyone, reached = shares.settled(), shares.rest.top.reached
        keys = {share.name: self._key() for share in everyone}
        self._sections.update({keys[share.name]: share.section for share in everyone})
        found = {share.name: list(unfold(keys[share.name], self._sections, share.name)) for share in everyone}
        whole = Opening.of(chain.from_iterable(found.values()), reached, shares.census)
        for share in everyone:
            if share is shares.rest and not whole.limit and not shares.has_rest():
                continue
            findings = found[share.name]
            if share.archive and share.name not in reached:
                findings.append(unseen(share.name, whole.limit or "unreadable", "the walk stopped before it"))
            opening = Opening.of(findings, reached, shares.packed(share))
            total = books(keys[share.name], self._sections)
            self._settle(share, total, opening, findings, whole if share is shares.rest else opening)
            if self._policies:
                self._judge_servers(share.name, keys[share.name])

    def _judge_servers(self, shown: str, key: str) -> None:
        """Judge the configurations of servers in one subject."""
        kept, builds = configurations(key, self._sections)
        found: list[Finding] = []
        for one in kept.audited(self._policies, self._request, builds, required=self._required):
            self.subjects += one.subjects
            found += one.findings
            self.results += one.results
            self.sources += one.sources
        self.findings += unread_together(found)
        if kept.left:
            reason = f"{kept.left[0]}: {_NOT_JUDGED}"
            self.subjects = [
                replace(one, examined=Examined.PARTIAL, reason=reason)
                if one.id == shown and one.examined is Examined.FULL
                else one
                for one in self.subjects
            ]
        for place in kept.left:
            self.findings.append(
                Finding(
                    rule=TLS_PROBLEMS["too-large"],
                    subject=shown,
                    location=InFile(tuple(place.split(NESTING))),
                    message=f"{place}: {_NOT_JUDGED}",
                )
            )

    def _settle(
        self, share: Share, total: Books, opening: Opening, findings: list[Finding], told_of: Opening
    ) -> None:
        """Close the books of one subject."""
        shown = share.name
        findings = [*self._swollen(shown, total.size, opening.packed), *findings]
        reported = any(not finding.rule.id.startswith("walk/") for finding in findings)
        if share.archive:
            examined, reason = opened_alone(total, opening, reported=reported)
        else:
            examined, reason = share.top.verdict(total.partial, total.members, reported=reported)
        if share.top.is_empty_file and examined is not Examined.NONE:
            message = f"{shown} is empty: there is nothing to examine"
            findings.append(replace(unseen(shown, "nothing", ""), message=message))
        if told_of.limit:
            reason = f"{told_of.sentence}; {reason}" if reason else told_of.sentence
            examined = Examined.PARTIAL if examined is Examined.FULL else examined
        elif examined is Examined.NONE and not total.partial:
            findings.append(
                unseen(shown, "nothing", reason)
            )  # else what stopped the walk is a finding already
        left = total.not_examined + opening.not_reached
        subject = Subject(
            id=shown, kind=SubjectKind.FILE if self._installed else SubjectKind.BUNDLE, examined=examined, reason=reason,
            stats={
                "members": total.members,
                "bytes": total.size + left,
                "bytes_examined": total.size,
                "bytes_not_examined": left,
                "seconds": round(max(0.0, share.ended - share.began), 3),
                **opening.stats,
            },
        )  # fmt: skip
        self.subjects.append(subject)
        self.findings += findings
        self.results += results((*self._rules, *RULES.values()), findings, subject)
        self._on_event(Finished(subject))

    def _swollen(self, shown: str, total: int, packed: int) -> Iterator[Finding]:
        """Say a bomb that was looked at whole, for its archives are equal: who unpacks it gets every byte."""
        limits = self._walker.limits
        if total > limits.ratio_from and total > limits.ratio * max(packed, 1):
            message = (
                f"{shown} unpacks to {total} bytes over all levels, {total // max(packed, 1)} times its size"
            )
            yield Finding(rule=RULES["bomb"], subject=shown, location=InFile((shown,)), message=message)

    def _consume(self, events: Iterator[Event], top: Top | None = None, size: int = 0) -> None:
        """Ask the detectors about every member; runs in forks as well."""
        next_word = time.monotonic() + 0.1
        for event in events:
            if isinstance(event, Member):
                if top is not None:
                    top.reach(event)
                    if top.files < _SEVERAL:
                        top.see(event)
                self._turn(event.parts, event)
                self._member(event)
            elif isinstance(event, Problem):
                self._turn(event.parts)
                depth, section = self._open[-1]
                self._found(section.problem(event, self._subject, depth), top)
            elif isinstance(event, EnterContainer):
                self._open.append(
                    (len(event.member.parts), ContainerShare(unwritable=unwritable(event.member)))
                )
            else:
                self._done(event)
            if time.monotonic() > next_word:
                next_word = time.monotonic() + 0.1
                walker = self._walker
                if top is not None:
                    self._on_event(
                        Progress(
                            self._subject, walker.position, size, walker.count, walker.total, top.current
                        )
                    )
                self._collect()
        self._on_file(None)

    def _turn(self, parts: tuple[str, ...], member: Member | None = None) -> None:
        """Open the books of the subject that a place belongs to, where no container is open."""
        if len(self._open) > 1 or self._shares is None:
            return
        share = self._shares.of(parts) if member is None else self._shares.see(member)
        share.ended = time.monotonic()
        self._open[0] = (0, share.section)

    def _member(self, member: Member) -> None:
        depth, section = self._open[-1]
        if member.repeat:
            section.inside.append((member.parts[depth:], member.sha256))
        section.count(member)
        if self._policies:
            section.keep(member, depth)
        if self._cache is None:
            self._asked(member, section, depth)
            return
        cached = self._cache.member(member, self._subject)
        if cached is not None:
            self._walker.underived = True
            self._on_file(None)
            section.findings += (_at(one, member.parts[depth:]) for one in cached)
            return
        if not member.derived and not member.offset:
            self._on_file(member)
        self._of_file += self._asked(member, section, depth)

    def _on_file(self, member: Member | None) -> None:
        """Remember what the file before came to, and begin another."""
        if self._file is not None and self._cache is not None:
            self._cache.keep(self._file, self._subject, [_at(one, ()) for one in self._of_file])
        self._file = member if member is not None and member.kind == "file" else None
        self._of_file = []

    def _asked(self, member: Member, section: ContainerShare, depth: int) -> list[Finding]:
        """Ask every detector, and keep what each says as soon as it has said all of it."""
        asked: list[Finding] = []
        for detector in self._detectors:
            found: list[Finding] = []
            try:
                # what is said before it fails stands
                found.extend(one.bound() for one in detector.check(member, self._subject))
            except Exception as bug:  # noqa: BLE001 - one member must not end the run, and is not passed over
                word = f"{type(detector).__name__} failed on it: {type(bug).__name__}"
                found.append(self._failed(member, word))
            if left := next((one for one in found if one.rule is RULES["limit-work"]), None):
                self._file = None
                section.partial = section.partial or left.message
            found = _with_lines(found, member)
            for finding in (_marked(one, member) for one in found) if self._inline else found:
                section.add(finding, depth)
                self._on_event(Found(finding))
            asked += found
        return asked

    def _failed(self, member: Member, word: str) -> Finding:
        section = self._open[-1][1]
        self._file = None
        section.partial = section.partial or f"a detector failed: {word}"
        return Finding(
            rule=RULES["detector-failed"],
            subject=self._subject,
            location=member.at(),
            message=f"{member.name}: {word}",
        )

    def _found(self, finding: Finding, top: Top | None) -> None:
        if top is not None:
            self._on_event(Found(finding))

    def _done(self, done: LeaveContainer) -> None:
        _, section = self._open.pop()
        key = done.member.sha256 if done.whole else self._key()
        self._sections[key] = section
        depth, around = self._open[-1]
        around.inside.append((done.member.parts[depth:], key))
        self._turn(done.member.parts)

    def _key(self) -> str:
        self._numbers += 1
        return f"{os.getpid()}.{self._numbers}"

    # --- sharing and remembering

    def _delegate(self, source: Source, member: Member, depth: int) -> bool:
        """Let a fork walk this container, if there is a free core for it."""
        if source.size < DELEGATE_FROM:
            return False
        for one in self._detectors:
            getattr(one, "prepare", bool)()  # compiled here, it is shared by all forks
        at, around = self._open[-1]
        ticket = (member, around, at, source)
        if not self._forks.start(lambda: self._fork(source, member, depth), ticket):
            return False
        if isinstance(source, Region):
            self._walker.spill.keep(source)
        return True

    def _fork(
        self, source: Source, member: Member, depth: int
    ) -> tuple[str, dict[str, ContainerShare], int, int, dict[str, str]]:
        """In a fork: walk the container and return the sections it gave, and what it spent."""
        self._forks = Forks(self._tokens)
        self._shares = None
        before = set(self._sections)
        self._on_event = lambda _event: None
        self._walker.in_fork()
        self._file = None
        if self._cache is not None:
            self._cache.found = {}
        count, total = self._walker.count, self._walker.total
        holder = ContainerShare()
        self._open = [(0, holder)]
        self._consume(self._walker.descend(source, member, depth))
        self._collect(wait=True)
        (_, key), *_ = holder.inside
        made = {name: section for name, section in self._sections.items() if name not in before}
        kept = self._cache.found if self._cache is not None else {}
        return key, made, self._walker.count - count, self._walker.total - total, kept

    def _collect(self, *, wait: bool = False) -> None:
        """Take in what forks have sent."""
        for (member, around, depth, source), answer in self._forks.finished(wait=wait):
            if isinstance(source, Region):
                self._walker.spill.release(source)
            if isinstance(answer, Died):
                where = member.parts
                problem = Problem("crashed", where, f"ended its parser with {answer.how}", member.size)
                around.problem(problem, self._subject, depth)
                continue
            key, made, count, total, kept = answer
            if self._cache is not None:
                self._cache.found.update(kept)
            self._sections.update(made)
            self._walker.known.update(name for name in made if "." not in name)
            self._walker.count += count
            self._walker.total += total
            if self._shares is not None:
                self._shares.of(member.parts).ended = time.monotonic()
            around.inside.append((member.parts[depth:], key))
            for section in made.values():
                for finding in section.findings:
                    self._on_event(Found(finding))

    def _lookup(self, sha256: str) -> bool:
        if self._cache is None:
            return False
        found = self._cache.sections(sha256, self._sections)
        if found is None:
            return False
        self._sections.update(found)
        self._walker.known.update(found)
        return True


def _with_lines(found: list[Finding], member: Member) -> list[Finding]:
    """Return findings with the masked lines that they name; a detector of credentials gave its own."""
    lines: list[bytes] | None = None
    made = []
    for one in found:
        place = one.location
        number = (
            place.line
            if isinstance(place, InFile)
            and not (member.derived or one.snippet or one.rule.id.startswith("key/"))
            else None
        )
        if number and member.content:
            lines = bytes(member.content).split(b"\n") if lines is None else lines
            at = number - (member.first_line or 1)
            text = lines[at][:_LINE] if 0 <= at < len(lines) else b""
            made.append(replace(one, snippet=masked(text.decode("utf-8", "replace"))))
        else:
            made.append(one)
    return made


def _marked(finding: Finding, member: Member) -> Finding:
    """Return a finding as left out where its line in the member says so."""
    place = finding.location
    if not isinstance(place, InFile) or not place.line or member.offset or not member.content:
        return finding
    lines = bytes(member.content[:WINDOW]).split(b"\n")
    line = lines[place.line - 1] if place.line <= len(lines) else b""
    return filters.marked(finding, line.decode("utf-8", "replace"))


def _at(finding: Finding, parts: tuple[str, ...]) -> Finding:
    place = finding.location
    return replace(finding, location=replace(place, parts=parts)) if isinstance(place, InFile) else finding
