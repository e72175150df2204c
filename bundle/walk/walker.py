"""The walk: opens containers, materialises each member, asks what it is, and goes on inside."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from bundle.walk import derive, disk, embedded, emit, names, prefilter, unopened
from bundle.walk.digest import Digest
from bundle.walk.formats.raw import Note, Opened, Raw, ReaderContext, taken_for_a_file
from bundle.walk.frame import MOST_NAMES, EnterContainer, Event, Frame, LeaveContainer, place_of
from bundle.walk.identify import CONTAINERS, HEAD, identify
from bundle.walk.limits import WalkLimits
from bundle.walk.member import WINDOW, Member
from bundle.walk.problem import PARSING, PLACE_DEPENDENT, Broken, Problem, Stop, ended
from bundle.walk.registry import open_container
from bundle.walk.source import Memory, Region, Source
from bundle.walk.spill import Spill

_ARJ = "is an ARJ archive, which is not opened. Unpack it with: arj x FILE. Then audit the folder"


def _target(raw: Raw) -> str:
    """Return what a link names: a symbolic link by its text, a hard link as a member of the archive."""
    if not raw.link:
        return ""
    return names.escaped(raw.link) if raw.kind == "symlink" else place_of(names.shown(raw.link))


class Walker:
    """Walks one bundle after another; keeps the budget, the spill file and what was seen."""

    def __init__(
        self,
        limits: WalkLimits | None = None,
        *,
        passwords: tuple[bytes, ...] = (),
        remember: bool = False,
        delegate: Callable[[Source, Member, int], bool] | None = None,
        lookup: Callable[[str], bool] | None = None,
        words: Iterable[bytes] = (),
    ) -> None:
        """`remember`: a container seen before is said once more, with `repeat`, and not walked again.

        `delegate` may take a container over (another process walks it); it returns whether it did.
        `lookup` says whether the content with this SHA-256 is known from an earlier run; `words` see `Member.words`.
        """
        self._lookup = lookup
        self.underived = False
        """Set while a member is being said: nothing is derived from it."""
        self.limits = limits or WalkLimits()
        self._held = min(self.limits.memory, self.limits.member)
        self.passwords = passwords
        self.remember = remember
        self.words = tuple(words)
        self.delegate = delegate
        self.known: set[str] = set()
        self.spill = Spill(self.limits.spill)
        self._frames: list[Frame] = []
        self.start()

    def start(self) -> None:
        """Begin a new bundle: counts and clocks start again."""
        self.total = 0
        self.count = 0
        self.behind = 0
        self.position = 0
        """Bytes on disk that are behind us."""
        self.last = time.monotonic() + self.limits.seconds_total
        """When the time for everything is over."""
        self.next_file()

    def next_file(self) -> None:
        """Begin a file on disk: each has its own time."""
        self.deadline = min(time.monotonic() + self.limits.seconds, self.last)

    def out_of_time(self) -> str:
        """Return that the time for everything is over, in words; empty where it is not."""
        over = time.monotonic() > self.last
        return f"more than {self.limits.seconds_total:g} seconds in total" if over else ""

    def _late(self) -> str:
        return self.out_of_time() or f"more than {self.limits.seconds:g} seconds"

    def walk(self, path: str, shown: str = "") -> Iterator[Event]:
        """Say every member and problem of one file or folder, a file under the name `shown`. Errors: InputError."""
        self.start()
        try:
            yield from disk.start(self, path, shown)
        except Stop:
            return

    def in_fork(self) -> None:
        """Take a spill file of one's own: the parent's is only read from here on."""
        self.spill = Spill(self.limits.spill)

    def reached(self, offset: int) -> None:
        """Note how far the file on disk has been read."""
        self.position = max(self.position, self.behind + offset)

    def close(self) -> None:
        """Give the spill file back."""
        self.spill.close()

    # --- members of containers

    def descend(self, source: Source, member: Member, depth: int) -> Iterator[Event]:
        """Say everything inside one container that has been said itself already."""
        try:
            yield from self._inside(source, member, depth, self._open(source, member))
        except Stop:
            return

    def _open(self, source: Source, member: Member) -> Opened | Broken:
        context = ReaderContext(member.name, self.limits, self.passwords, self.deadline)
        try:
            return open_container(source, member.format, context)
        except Broken as problem:
            return problem
        except PARSING as problem:
            return ended(problem, "cannot be read")

    def _inside(self, source: Source, member: Member, depth: int, opened: Opened | Broken) -> Iterator[Event]:
        frame = Frame(
            member.parts, member.sha256, source.size, lists_classes=not member.entries, names_repeat=member.format == "ar",
        )  # fmt: skip
        self._frames.append(frame)
        try:
            yield EnterContainer(member)
            try:
                if isinstance(opened, Broken):
                    raise opened
                yield from self._derived(derive.of_container(member, source, opened.facts, self.limits))
                for raw in opened.members:
                    if isinstance(raw, Note):
                        yield self._note(raw, frame)
                    else:
                        yield from self._member(raw, frame, depth)
            except Broken as problem:
                yield self._note(Note(problem.reason, str(problem)), frame)
            except PARSING as problem:
                broken = ended(problem, "cannot be read on")
                yield self._note(Note(broken.reason, str(broken)), frame)
            except Stop:
                frame.whole = False
                yield LeaveContainer(member, whole=False)
                raise
            yield from frame.followed()
            if frame.classes:
                yield emit.listing(frame, member.format)
            yield LeaveContainer(member, frame.whole)
            if frame.whole and self.remember:
                self.known.add(member.sha256)
        finally:
            self._frames.pop()

    def _note(self, note: Note, frame: Frame) -> Problem:
        parts = (*frame.parts, names.shown(note.name)) if note.name else frame.parts
        return self._problem(Problem(note.reason, parts, note.message, note.not_examined))

    def _problem(self, problem: Problem) -> Problem:
        if problem.reason in PLACE_DEPENDENT:
            for frame in self._frames:
                frame.whole = False
        return problem

    def spend(self, size: int) -> None:
        """Count a member and its bytes against the limits."""
        self.total += size
        self.count += 1

    def _member(self, raw: Raw, frame: Frame, depth: int) -> Iterator[Event]:
        if raw.kind == "file" and len(raw.name) <= self.limits.path and names.is_plain(raw.name):
            parts = (*frame.parts, raw.name)  # as nearly all are: nothing is wrong with it
        else:
            parts = (*frame.parts, names.shown(raw.name))
            for note in (*names.problems(raw, self.limits.path), *taken_for_a_file(raw)):
                yield self._note(note, frame)
        frame.tree.add(place_of(parts[-1]), raw.kind, _target(raw))
        if self._may_be_over(raw, frame):
            yield from self._budget(raw, frame, parts)
        if frame.links and (through := frame.through(raw, parts[-1])):
            yield self._problem(Problem("through-link", parts, through))
        if raw.kind != "file" and not raw.data:
            self.count += 1
            if raw.kind in ("symlink", "hardlink") and frame.link(raw, parts[-1]):
                yield self._problem(
                    Problem("duplicate-name", parts, "is a link with the name of an earlier file")
                )
            yield Member(
                parts=parts, kind=raw.kind, mode=raw.mode, uid=raw.uid, gid=raw.gid, owner=raw.owner, group=raw.group,
                mtime=raw.mtime, link=raw.link, more=raw.more,
            )  # fmt: skip
        elif isinstance(raw.data, bytes) and len(raw.data) <= self._held:
            frame.unpacked += len(raw.data)
            self.spend(len(raw.data))
            twice = self._same_name(frame, parts, hash(raw.data))
            if twice is not None:
                yield twice
            yield from self.say(raw, parts, Memory(raw.data), Digest(raw.data), depth)
        else:
            yield from self._large(raw, frame, parts, depth)

    def _large(self, raw: Raw, frame: Frame, parts: tuple[str, ...], depth: int) -> Iterator[Event]:
        """Say a member that comes in pieces, and why it ended early where it did."""
        source, digest, problem = self._gather(raw, frame)
        try:
            if problem is not None:
                size = len(raw.data) if isinstance(raw.data, bytes) else raw.size or 0
                left = max(0, size - source.size)
                yield self._problem(Problem(problem.reason, parts, str(problem), left))
            self.spend(0)
            if problem is None or source.size:
                held = source.data if isinstance(source, Memory) else digest
                twice = self._same_name(frame, parts, hash(held))
                if twice is not None:
                    yield twice
            yield from self.say(raw, parts, source, digest, depth)
        finally:
            if isinstance(source, Region):
                self.spill.release(source)
        if problem is not None and problem.reason == "bomb":
            raise Broken("bomb", "unpacking stopped here")
        if problem is not None and problem.reason in ("limit-total", "limit-time"):
            raise Stop(problem.reason)

    def _may_be_over(self, raw: Raw, frame: Frame) -> bool:
        """Whether a limit may be reached; most members are far from all of them."""
        size = len(raw.data) if isinstance(raw.data, bytes) else 0
        limits = self.limits
        return (
            self.count >= limits.members
            or self.total + size > limits.total
            or frame.unpacked + size > limits.ratio_from
            or time.monotonic() > self.deadline
        )

    def _budget(self, raw: Raw, frame: Frame, parts: tuple[str, ...]) -> Iterator[Event]:
        reason = ""
        if self.count >= self.limits.members:
            reason, message = "limit-members", f"more than {self.limits.members} members"
        elif time.monotonic() > self.deadline:
            reason, message = "limit-time", self._late()
        elif isinstance(raw.data, bytes):
            over = self._over(frame, len(raw.data), len(raw.data))
            if over is not None and over.reason != "limit-member":  # `_large` passes that one over
                reason, message = over.reason, str(over)
        if not reason:
            return
        size = len(raw.data) if isinstance(raw.data, bytes) else raw.size or 0
        yield self._problem(Problem(reason, parts, f"{message}; nothing behind it was examined", size))
        if reason == "bomb":
            raise Broken("bomb", message)
        raise Stop(reason)

    def _over(self, frame: Frame, block: int, member: int) -> Broken | None:
        """Return why no more may be unpacked, if so."""
        limits = self.limits
        if member > limits.member:
            return Broken("limit-member", f"is larger than {limits.member} bytes")
        if self.total + block > limits.total:
            return Broken("limit-total", f"more than {limits.total} bytes were unpacked")
        unpacked = frame.unpacked + block
        if unpacked > limits.ratio_from and unpacked > limits.ratio * max(frame.size, 1):
            return Broken("bomb", f"unpacks to more than {limits.ratio} times its size")
        return None

    def _gather(self, raw: Raw, frame: Frame) -> tuple[Source, Digest | None, Broken | None]:
        """Read a member's pieces into memory or the spill file; return what was read and why it ended early."""
        held: list[bytes] = []
        size = 0
        spilling = False
        digest = hashlib.sha256()
        problem: Broken | None = None
        data = [raw.data] if isinstance(raw.data, bytes) else raw.data
        try:
            for block in data:
                over = self._over(frame, len(block), size + len(block))
                if over is None and time.monotonic() > self.deadline:
                    over = Broken("limit-time", self._late())
                if over is not None:
                    problem = over
                    break
                if not spilling and size + len(block) > self.limits.memory:
                    self.spill.begin()
                    spilling = True
                    for early in held:
                        self.spill.write(early)
                    held.clear()
                if spilling:
                    self.spill.write(block)
                else:
                    held.append(block)
                digest.update(block)
                size += len(block)
                self.total += len(block)
                frame.unpacked += len(block)
        except PARSING as fault:
            problem = ended(fault, "cannot be read on")
        except Broken as fault:
            problem = fault
            if fault.reason == "limit-spill":
                return Memory(b""), None, fault
        source: Source = self.spill.finish() if spilling else Memory(b"".join(held))
        return source, Digest(b"", digest.hexdigest()), problem

    def _same_name(self, frame: Frame, parts: tuple[str, ...], content: int) -> Problem | None:
        if len(frame.seen) >= MOST_NAMES or frame.names_repeat:
            return None
        if frame.seen.setdefault(hash(place_of(parts[-1])), content) == content:
            return None
        return self._problem(
            Problem("duplicate-name", parts, "has the name of an earlier member and other content")
        )

    # --- what a member is

    def say(
        self, raw: Raw, parts: tuple[str, ...], source: Source, digest: Digest | None, depth: int
    ) -> Iterable[Event]:
        """Return what one file whose content is at hand says, and what is inside where it is a container.

        A tuple is all of it: nearly every file is a text that carries nothing.
        """
        small = source.data if isinstance(source, Memory) and len(source.data) <= WINDOW else None
        form = identify(small[:HEAD] if small is not None else source.read(0, HEAD), source)
        hits = prefilter.hits(form, small, self.words) if small and form not in CONTAINERS else None
        member = Member(
            parts=parts, kind=raw.kind, size=source.size, mode=raw.mode, uid=raw.uid, gid=raw.gid, owner=raw.owner,
            group=raw.group, mtime=raw.mtime, link=raw.link, more=raw.more, format=form, digest=digest,
            content=small or b"", words=hits if self.words else None,
        )  # fmt: skip
        if form in CONTAINERS:
            return self._container(member, source, depth)
        self.underived = False
        if small and hits is not None and prefilter.is_bare(form, small, hits):
            return (member,)
        return self._further(member, source, depth, hits if form in derive.SCRIPTS else None)

    def _further(
        self, member: Member, source: Source, depth: int, hits: Mapping[bytes, int] | None
    ) -> Iterator[Event]:
        """Say a file that is no container, and what is made of it or is in it."""
        yield from (member,) if member.content else emit.windows(member, source)
        frame = self._frames[-1] if self._frames else None
        if frame is not None and member.format == "class" and frame.lists_classes:
            emit.note_class(frame, member, source)
        if member.format in ("unread", "data"):
            yield from self._not_opened(member, source)
        if not self.underived:
            yield from self._derived(derive.texts(member, source, self.limits, hits))
        yield from self._embedded(member, source, depth, hits)

    def _derived(self, made: Iterator[Member | Problem]) -> Iterator[Event]:
        for one in made:
            yield self._problem(one) if isinstance(one, Problem) else one

    def _not_opened(self, member: Member, source: Source) -> Iterator[Problem]:
        """Say which container a file is that no reader opens."""
        if member.format == "unread":
            row = unopened.at_start(source.read(0, HEAD), source)
            message = _ARJ if row is None else row.message(member.name)
        else:
            row = unopened.by_name(member.name)
            message = "" if row is None else row.message(member.name)
        if message:
            yield self._problem(Problem("unsupported", member.parts, message))

    def _embedded(
        self, member: Member, source: Source, depth: int, hits: Mapping[bytes, int] | None
    ) -> Iterator[Event]:
        """Go into the archives that a file holds which is none itself."""
        context = ReaderContext(member.name, self.limits, self.passwords, self.deadline)
        found = embedded.archives(member.format, source, context, hits)
        first: Raw | Note | None
        try:
            first = next(found, None)
        except Broken as problem:
            first = Note(problem.reason, str(problem))
        except PARSING as problem:
            broken = ended(problem, "an archive in it cannot be read")
            first = Note(broken.reason, str(broken))
        if first is None:
            return
        if depth >= self.limits.depth:
            message = f"an archive in it is nested deeper than {self.limits.depth} archives"
            yield self._problem(Problem("limit-depth", member.parts, message, 0))
            return
        bare = replace(member, content=b"")
        yield from self._inside(source, bare, depth + 1, Opened(chain((first,), found)))

    def _container(self, member: Member, source: Source, depth: int) -> Iterator[Event]:
        if any(frame.sha256 == member.sha256 for frame in self._frames):
            yield from emit.windows(member, source)
            yield self._problem(Problem("quine", member.parts, "contains itself", 0))
            return
        if depth >= self.limits.depth:
            yield from emit.windows(member, source)
            yield self._problem(
                Problem("limit-depth", member.parts, f"is nested deeper than {self.limits.depth} archives", 0)
            )
            return
        repeat = self.remember and (
            member.sha256 in self.known or (self._lookup is not None and self._lookup(member.sha256))
        )
        opened = self._open(source, member)
        script = opened.script if isinstance(opened, Opened) else None
        entries = opened.entries if isinstance(opened, Opened) else ()
        content = source.view(0, WINDOW if script is None else script)
        member = replace(member, container=True, entries=entries, content=content, repeat=repeat)
        yield member
        emit.close(content)
        if repeat:
            return
        member = replace(member, content=b"")
        if self.delegate is not None and self.delegate(source, member, depth + 1):
            return
        yield from self._inside(source, member, depth + 1, opened)
