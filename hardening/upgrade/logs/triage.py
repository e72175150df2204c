"""Read a log and say what its lines mean."""

from __future__ import annotations

import contextlib
import gzip
import mmap
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import IO

from hardening.errors import InputError
from hardening.findings import Confidence, Examined, Finding, Kind, Result, Run, Subject, Verdict, in_file
from hardening.upgrade.logs.gate import Buffer, Gate
from hardening.upgrade.logs.patterns import UNKNOWN, Meaning, Message, shipped
from hardening.upgrade.logs.redact import redacted

_LONGEST_LINE = 8192
PREFIXES = re.compile(
    r"""^(?:
      (?:[A-Z][a-z]{2}\s+\d{1,2}\s\d\d:\d\d:\d\d\s\S+\s[\w./()-]+(?:\[\d+\])?:\s)  # syslog
    | (?:\[?\d{4}-\d\d-\d\d[T\s]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?\]?\s+)  # ISO time
    | (?:\[?\d\d?:\d\d:\d\d(?:[.,]\d+)?\]?\s+)
    | (?:[ \t]+)
    | (?:(?:[^\s:]*/)?(?:mysql(?:check|_upgrade)?|mariadb(?:-check|-upgrade)?):\s+(?=ERROR\s\d|Error\s*:|status\s*:|mysql\.))
    )+""",
    re.VERBOSE,
)
_ALARM = re.compile(
    r"(?i)\b(errors?|fatal|fail(?:ed|ure|s)?|exception|panic|traceback|segfault|cannot|can't|denied|abort(?:ed|ing)?|corrupt(?:ed)?)\b"
)
_CALM = re.compile(
    r"(?i)\b(0|no|without|zero)\s+(errors?|failures?|failed)\b|\b(errors?|failed|failures)\s*[:=]\s*0\b|error[_-]?log|failed=0|ignore_errors"
)
_UNKNOWN_LIMIT = 50
_LINES_SHOWN = 5
_KNOWN_LIMIT = 20_000


@dataclass(slots=True)
class _Group:
    """All lines of one log that mean the same."""

    first: int
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
        self._known: dict[str, tuple[Message, ...]] = {}
        self._gate = Gate([*(m.regex for m in self._messages), _ALARM], engine=engine)

    def logs(self, paths: Sequence[Path]) -> Run:
        """Examine logs and return one run with a subject for each. Errors: InputError."""
        started = datetime.now(UTC)
        parts = [self._log(path) for path in paths]
        return Run.of(
            [subject for subject, _, _ in parts],
            [f for _, found, _ in parts for f in found],
            [r for _, _, results in parts for r in results],
            started=started,
        )

    def _log(self, path: Path) -> tuple[Subject, list[Finding], list[Result]]:
        begun = monotonic()
        reason, examined = "", Examined.FULL
        groups: dict[tuple[str, Meaning, Confidence, str], tuple[_Judged | None, _Group]] = {}
        lines = size = 0
        with _opened(path) as (content, problem):
            size = len(content)
            if problem:
                examined, reason = Examined.PARTIAL, problem
            if not size:
                examined, reason = Examined.NONE, problem or "empty file"
            elif b"\0" in content[:_LONGEST_LINE]:
                examined, reason = Examined.NONE, "not a text file"
            else:
                lines = self._read(content, groups)
        found = [_finding(path, judged, group) for judged, group in groups.values()]
        stats = {"bytes": size, "lines": lines, "seconds": round(monotonic() - begun, 3)}
        subject = Subject(id=str(path), kind=Kind.LOG, examined=examined, reason=reason, stats=stats)
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
        return subject, found, results

    def _read(
        self,
        content: Buffer,
        groups: dict[tuple[str, Meaning, Confidence, str], tuple[_Judged | None, _Group]],
    ) -> int:
        number, position = 1, 0
        for start, end in self._gate.lines(content):
            number += _newlines(content, position, start)
            position = start
            text = _line(content, start, end)
            judged = self._judge(content, start, end, text)
            if judged is None and (not _ALARM.search(text) or _CALM.search(text)):
                continue
            if judged is None:
                key = (UNKNOWN.id, Meaning.WARN, Confidence.MEDIUM, _shape(text))
                if key not in groups and sum(k[0] == UNKNOWN.id for k in groups) >= _UNKNOWN_LIMIT:
                    key = (UNKNOWN.id, Meaning.WARN, Confidence.MEDIUM, "")
                    text = "further unknown errors of other kinds"
            else:
                key = (judged.message.rule.id, judged.meaning, judged.confidence, judged.note)
            if key not in groups:
                groups[key] = (judged, _Group(number, redacted(text)))
            groups[key][1].add(number)
        ends_open = content[len(content) - 1 : len(content)] != b"\n"
        return number - 1 + _newlines(content, position, len(content)) + ends_open

    def _matching(self, text: str) -> tuple[Message, ...]:
        """Return the messages that match a line; what a log repeats is matched once."""
        found = self._known.get(text)
        if found is None:
            found = tuple(m for m in self._messages if m.regex.search(text))
            if len(self._known) < _KNOWN_LIMIT:
                self._known[text] = found
        return found

    def _judge(self, content: Buffer, start: int, end: int, text: str) -> _Judged | None:
        """Return the message that explains the line: one whose context holds, else the most severe."""
        matching = self._matching(text)
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
            "the lines around it that would prove it are absent",
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


def _line(content: Buffer, start: int, end: int) -> str:
    raw = content[start : min(end, start + _LONGEST_LINE)].rstrip(b"\r\n")
    text = raw.decode("utf-8", "replace").replace("\u2019", "'")
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
        message = f"{judged.meaning.value}: {judged.message.rule.rationale}{note}{times}"
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


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Buffer, str]]:
    """Yield the log's bytes (gzip undone) and what was wrong with the file, if anything."""
    try:
        source = path.open("rb")
    except OSError as problem:
        raise InputError(f"{path}: {problem.strerror}", hint="give log files, not folders") from problem
    with source, contextlib.ExitStack() as stack:
        stream: IO[bytes] = source
        problem_text = ""
        if not source.seekable():  # a pipe: it can be read once, and the neighbours have to stay in reach
            stream = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(source, stream, 1 << 20)
            stream.seek(0)
        if stream.read(2) == b"\x1f\x8b":
            stream.seek(0)
            plain = stack.enter_context(tempfile.TemporaryFile())
            try:
                with gzip.GzipFile(fileobj=stream) as packed:
                    while piece := packed.read1(1 << 16):  # small ones: what a torn file still holds counts
                        plain.write(piece)
            except (OSError, EOFError, zlib.error) as problem:
                problem_text = f"damaged gzip file: {problem}"
            stream = plain
        stream.flush()
        size = stream.seek(0, 2)
        if not size:
            yield b"", problem_text
            return
        yield stack.enter_context(mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ)), problem_text
