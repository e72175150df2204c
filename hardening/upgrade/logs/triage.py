"""Read a log and say what its lines mean."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from bundle.audit.parallel import Died, ForkPermits, Forks
from bundle.redact.lines import redacted
from bundle.redact.plain import words_of
from bundle.walk.problem import unseen
from hardening.findings import (
    Confidence,
    Examined,
    Finding,
    Result,
    Run,
    Subject,
    SubjectKind,
    Verdict,
    in_file,
)
from hardening.upgrade.logs.alarms import ALARM, alarming
from hardening.upgrade.logs.opened import HELD, NULS, is_text, opened
from hardening.upgrade.logs.patterns import UNKNOWN, Meaning, Message, shipped
from hardening.upgrade.logs.prefilter import Buffer, LogGate
from hardening.upgrade.logs.prefixes import PREFIXES

Shown = tuple[tuple[str, int, str], ...]
"""Lines as the logs have them, with the log's name and the line's number: for a terminal alone."""
_Seen = tuple[Subject, list[Finding], list[Result], Shown]
_CUT = f"signal {signal.SIGBUS.value}"
_LONGEST_LINE = 8192
"""Bytes of a line that are judged at once; a longer one is judged in pieces that overlap."""
_OVERLAP = 512
_UNKNOWN_LIMIT = 50
_LINES_SHOWN = 5
_KNOWN_LIMIT, _KNOWN_LENGTH = 20_000, 512
SECONDS = 600
"""For one log, as for a bundle: what says nothing but errors is judged at a few hundred KB a second."""


@dataclass(slots=True)
class _Group:
    """All lines of one log that mean the same."""

    first: int
    whole: str
    """The first line as the log has it; no report shows it."""
    text: str
    count: int = 0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        self.count += 1
        if len(self.lines) < _LINES_SHOWN:
            self.lines.append(line)


@dataclass(frozen=True, slots=True)
class _Judged:
    message: Message
    meaning: Meaning
    confidence: Confidence
    note: str


class Triage:
    """The messages to look for, compiled once, for any number of logs."""

    def __init__(self, extra: Sequence[Message] = (), *, engine: str = "auto") -> None:
        """`extra` are the user's own messages; they win over shipped ones of the same severity."""
        self._messages = (*extra, *shipped())
        texts = (text for m in extra for text in (m.regex.pattern, *m.examples))
        self._explained = frozenset().union(*map(words_of, texts))
        self.shown: Shown = ()
        """The lines behind the findings of the last `logs`, unmasked."""
        self._known: dict[str, tuple[Message, ...]] = {}
        self._gate = LogGate([*(m.regex for m in self._messages), ALARM], engine=engine)

    def logs(self, paths: Sequence[Path]) -> Run:
        """Examine logs and return one run with a subject for each. Errors: InputError."""
        started = datetime.now(UTC)
        parts = [self._survived(path) for path in dict.fromkeys(paths)]
        self.shown = tuple(row for *_, shown in parts for row in shown)
        return Run.of(
            [subject for subject, *_ in parts],
            [f for _, found, *_ in parts for f in found],
            [r for _, _, results, _ in parts for r in results],
            started=started,
        )

    def _survived(self, path: Path) -> _Seen:
        """Examine a log, a large one in a process of its own: who reads a map of a file that is cut is killed."""
        if not (path.is_file() and path.stat().st_size > HELD):
            return self._log(path)
        tokens = ForkPermits(1)
        forks = Forks(tokens)
        try:
            seen = next(forks.finished(wait=True))[1] if forks.start(lambda: self._log(path), None) else None
        finally:
            forks.abandon()
            tokens.close()
        if not isinstance(seen, Died):
            return seen or self._log(path, copy=True)
        if seen.how != _CUT:
            return self._log(path, copy=True)  # which reports the error
        reason = "it was cut while it was read"
        subject = Subject(id=str(path), kind=SubjectKind.LOG, examined=Examined.NONE, reason=reason)
        return subject, [unseen(subject.id, "truncated", reason, "Copy the log again.")], [], ()

    def _log(self, path: Path, *, copy: bool = False) -> _Seen:
        begun = monotonic()
        reason, examined = "", Examined.FULL
        groups: dict[tuple[str, Meaning, Confidence, str], tuple[_Judged | None, _Group]] = {}
        lines = size = 0
        with opened(path, copy=copy) as (content, problem):
            size = len(content)
            if problem:
                examined, reason = Examined.PARTIAL, problem
            if not size:
                examined, reason = Examined.NONE, problem or "empty file"
            elif not is_text(content):
                examined, reason = Examined.NONE, "not a text file"
            else:
                lines, whole = self._read(content, groups, begun + SECONDS)
                if not whole:
                    examined, reason = Examined.PARTIAL, f"more than {SECONDS} seconds, at line {lines}"
        found = [_finding(path, judged, group) for judged, group in groups.values()]
        stats = {"bytes": size, "lines": lines, "seconds": round(monotonic() - begun, 3)}
        subject = Subject(id=str(path), kind=SubjectKind.LOG, examined=examined, reason=reason, stats=stats)
        results = [
            Result(
                rule=f.rule,
                subject=subject.id,
                verdict=Verdict.FAIL if f.level >= Meaning.FATAL.severity else Verdict.PASS,
                reason=f.message,
            )
            for f in found
            if f.rule is not UNKNOWN
        ]
        if examined is not Examined.FULL:
            whole = examined is Examined.NONE
            limit = "limit-time" if "seconds" in reason else "limit-total"
            word = "nothing" if whole else limit if reason.startswith("more than") else "corrupt"
            found.append(unseen(subject.id, word, reason, "Copy the log again, or read the rest by hand."))
        shown = tuple((str(path), group.first, group.whole) for _, group in groups.values())
        return subject, found, results, tuple(sorted(shown))

    def _read(
        self,
        content: Buffer,
        groups: dict[tuple[str, Meaning, Confidence, str], tuple[_Judged | None, _Group]],
        until: float,
    ) -> tuple[int, bool]:
        """Return how many lines were read, and whether those are all."""
        number, position, quick = 1, 0, self._gate.engine == "hyperscan"
        for start, end in self._gate.lines(content):
            number += _newlines(content, position, start)
            position = start
            for first, last in _pieces(content, start, end):
                if monotonic() > until:
                    return number, False
                text = _line(content, first, last)
                whole = end - start > _LONGEST_LINE or (quick and text not in self._known)
                hit = self._gate.hits(content, first, last) if whole else None
                if hit and content.find(b"\x1b", first, last) >= 0:
                    hit = None  # the gate saw the colours between the words
                if hit is None or hit:
                    self._take(groups, number, text, self._judge(content, start, end, text, hit))
        ends_open = content[len(content) - 1 : len(content)] != b"\n"
        return number - 1 + _newlines(content, position, len(content)) + ends_open, True

    def _take(
        self,
        groups: dict[tuple[str, Meaning, Confidence, str], tuple[_Judged | None, _Group]],
        number: int,
        text: str,
        judged: _Judged | None,
    ) -> None:
        """Add a line to the group of those that mean the same, unless it says nothing of an error."""
        if judged is None:
            if not alarming(text):
                return
            key = (UNKNOWN.id, Meaning.WARN, Confidence.MEDIUM, _shape(text))
            if key not in groups and sum(k[0] == UNKNOWN.id for k in groups) >= _UNKNOWN_LIMIT:
                key = (UNKNOWN.id, Meaning.WARN, Confidence.MEDIUM, "")
                text = "further unknown errors of other kinds"
        else:
            key = (judged.message.rule.id, judged.meaning, judged.confidence, judged.note)
        if key not in groups:
            groups[key] = (judged, _Group(number, text, redacted(text, self._explained)))
        groups[key][1].add(number)

    def _matching(self, text: str, hit: set[int] | None) -> tuple[Message, ...]:
        """Return the messages that match a line; what a log repeats is matched once.

        `hit`: the numbers of those that may match at all, where that is known.
        """
        found = self._known.get(text)
        if found is None:
            known = (
                hit if text.isascii() else None
            )  # the gate saw the bytes, before apostrophes were made plain
            may = (m for n, m in enumerate(self._messages) if known is None or n in known)
            found = tuple(m for m in may if m.regex.search(text))
            if len(self._known) < _KNOWN_LIMIT and len(text) <= _KNOWN_LENGTH:
                self._known[text] = found
        return found

    def _judge(
        self, content: Buffer, start: int, end: int, text: str, hit: set[int] | None
    ) -> _Judged | None:
        """Return the message that explains the line: one whose context holds, else the most severe."""
        matching = self._matching(text, hit)
        if not matching:
            return None
        judged = [_in_context(m, content, start, end) for m in matching]
        proved = [j for j in judged if j.message.context and j.confidence is Confidence.HIGH]
        rank = list(Meaning)
        return max(proved or judged, key=lambda j: rank.index(j.meaning))


def _in_context(message: Message, content: Buffer, start: int, end: int) -> _Judged:
    context = message.context
    if context is None:
        return _Judged(message, message.meaning, Confidence.HIGH, "")
    before = _neighbour(content, start, -1)
    after = _neighbour(content, end, 1)
    states = [
        _state(context.previous, context.previous_kind, before),
        _state(context.next, context.next_kind, after),
    ]
    if "contradicts" in states:
        return _Judged(message, context.if_contradicted, Confidence.HIGH, "the lines around it say otherwise")
    if "absent" in states:
        return _Judged(
            message,
            context.if_absent,
            Confidence.MEDIUM,
            "the log lacks the lines around it that would prove this",
        )
    return _Judged(message, message.meaning, Confidence.HIGH, "the lines around it prove it")


def _state(wanted: re.Pattern[str] | None, kind: re.Pattern[str] | None, line: str) -> str:
    if wanted is None or wanted.search(line):
        return "holds"
    return "contradicts" if kind is not None and kind.search(line) else "absent"


def _neighbour(content: Buffer, at: int, step: int) -> str:
    """Return the nearest line before or after that is not blank, without its prefix."""
    for _ in range(3):
        if step < 0:
            end = at - 1
            if end < 0:
                return ""
            start = content.rfind(b"\n", 0, end) + 1
            at = start
        else:
            start = at + 1
            if start >= len(content):
                return ""
            found = content.find(b"\n", start)
            end = at = len(content) if found < 0 else found
        text = _line(content, start, end)
        if text.strip():
            return text
    return ""


def _pieces(content: Buffer, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where the pieces of a line are, as a terminal would have shown it: what a carriage return parts, and a very long line, piece by piece."""
    while start < end:
        # no further than a piece: searched to its end from every piece, a line of 100 MB would cost a minute
        cut = content.find(b"\r", start, min(end, start + _LONGEST_LINE + 1))
        if cut < 0 and end - start > _LONGEST_LINE:
            cut = start + _LONGEST_LINE
            yield start, cut
            start = cut - _OVERLAP
        elif cut < 0:
            yield start, end
            start = end + 1
        else:
            yield start, cut
            start = cut + 1


_COLOURS = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
"""What a terminal was told about colours and its cursor, where a session was recorded: no part of a message."""


def _line(content: Buffer, start: int, end: int) -> str:
    """Return a line without what stands before its message, and without the hole that a power cut left before it."""
    if content[start : start + 1] == b"\0" and (hole := NULS.match(content, start, end)):
        start = hole.end()
    raw = content[start : min(end, start + _LONGEST_LINE)].rstrip(b"\r\n")
    text = raw.decode("utf-8", "replace").replace("\u2019", "'").lstrip("\ufeff")
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    return text[match.end() :] if (match := PREFIXES.match(text)) else text


def _shape(text: str) -> str:
    """Return the line with what varies taken out, so that a thousand like it are one finding."""
    return re.sub(r"0x[0-9a-fA-F]+|\d+|'[^']*'|\"[^\"]*\"|/\S+", "*", text)[:200]


def _newlines(content: Buffer, start: int, end: int) -> int:
    """Count line ends without copying more than a piece at a time."""
    step = 1 << 24
    return sum(content[at : min(at + step, end)].count(b"\n") for at in range(start, end, step))


def _finding(path: Path, judged: _Judged | None, group: _Group) -> Finding:
    times = "" if group.count == 1 else f", {group.count} times (lines {', '.join(map(str, group.lines))}"
    times += "" if group.count == 1 else (", ...)" if group.count > len(group.lines) else ")")
    if judged is None:
        message = f"unknown error{times}"
        rule, severity, confidence, remedy = UNKNOWN, None, Confidence.MEDIUM, ""
    else:
        note = f"; {judged.note}" if judged.note else ""
        message = f"{judged.meaning.value}: {judged.message.rule.rationale.removesuffix('.')}{note}{times}"
        rule, severity, confidence = judged.message.rule, judged.meaning.severity, judged.confidence
        remedy = (
            "" if judged.meaning is judged.message.meaning else "read the lines around it before going on"
        )
    return Finding(
        rule=rule,
        subject=str(path),
        location=in_file(path, group.first),
        message=message,
        severity=severity,
        confidence=confidence,
        evidence=group.text,
        remedy=remedy,
    )
