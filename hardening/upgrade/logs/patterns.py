"""The messages upgrade logs are known to hold, as data, and the rules they become."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from hardening.findings import Rule, Severity
from hardening.toml_rows import Table


class Meaning(StrEnum):
    """Meaning of a line for the upgrade."""

    BENIGN = "benign"
    WARN = "warn"
    FATAL = "fatal"

    @property
    def severity(self) -> Severity:
        """Fatal lines stop an upgrade; warnings are for a person to read."""
        return {"benign": Severity.INFO, "warn": Severity.LOW, "fatal": Severity.HIGH}[self.value]


@dataclass(frozen=True, slots=True)
class NeighbouringLines:
    """Conditions on the neighbouring lines under which the message's own meaning holds."""

    previous: re.Pattern[str] | None
    previous_kind: re.Pattern[str] | None
    """A previous line of this kind that is not `previous` contradicts."""
    next: re.Pattern[str] | None
    next_kind: re.Pattern[str] | None
    if_absent: Meaning
    if_contradicted: Meaning


@dataclass(frozen=True, slots=True)
class Message:
    """One known message."""

    rule: Rule
    meaning: Meaning
    regex: re.Pattern[str]
    program: str
    verified: str
    context: NeighbouringLines | None
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]
    translations: tuple[str, ...]
    """The same message in other languages, as the programs print it."""


UNKNOWN = Rule(
    id="log/unknown",
    title="An error that the tool does not know",
    severity=Severity.MEDIUM,
    rationale="The line says that something failed, and no known message explains it.",
    remedy="Read the line. If it is harmless here, add the message to a file of your own and pass the file with --rules (harden upgrade: --log-rules).",
)


def load(path: Path | Traversable) -> tuple[Message, ...]:
    """Read a file of messages. Errors: DataError naming file and key."""
    table = Table.load(path)
    found = tuple(_message(row) for row in table.rows("message"))
    table.done()
    return found


@cache
def shipped() -> tuple[Message, ...]:
    """Return the messages that ship with the tool."""
    return load(files("hardening.upgrade") / "data" / "log_messages.toml")


def rules() -> tuple[Rule, ...]:
    """Return every rule log triage can say."""
    return (*(m.rule for m in shipped()), UNKNOWN)


def _message(row: Table) -> Message:
    meaning = row.choice("class", Meaning)
    verified, source = row.text("verified", "yes"), row.text("source", "")
    phase = row.text("phase", "")
    rule = Rule(
        id=f"log/{row.text('id')}",
        title=f"{row.text('program')}{f' ({phase})' if phase else ''}: {meaning.value} message",
        severity=meaning.severity,
        rationale=row.text("why") + ("" if verified == "yes" else f" (text verified: {verified})"),
        remedy=row.text("action"),
        references=(),
    )
    context = _context(row.table("context")) if "context" in row else None
    translations = row.texts("translations", [])
    found = Message(
        rule=rule,
        meaning=meaning,
        regex=_spelled(_regex(row, "regex"), translations),
        program=row.text("program"),
        verified=f"{verified}; {source}" if source else verified,
        context=context,
        examples=row.texts("examples", []),
        counter_examples=row.texts("counter_examples", []),
        translations=translations,
    )
    row.done()
    for index, example in enumerate(found.examples):
        if not found.regex.search(example):
            raise row.wrong(f"examples[{index}]", "is not matched by the message's own regex")
    for index, example in enumerate(found.counter_examples):
        if found.regex.search(example):
            raise row.wrong(f"counter_examples[{index}]", "is matched by the message's own regex")
    return found


def _context(row: Table) -> NeighbouringLines:
    def optional(key: str) -> re.Pattern[str] | None:
        return _regex(row, key) if key in row else None

    found = NeighbouringLines(
        previous=optional("previous"),
        previous_kind=optional("previous_kind"),
        next=optional("next"),
        next_kind=optional("next_kind"),
        if_absent=row.choice("if_absent", Meaning),
        if_contradicted=row.choice("if_contradicted", Meaning),
    )
    row.done()
    return found


def _regex(row: Table, key: str) -> re.Pattern[str]:
    try:
        return re.compile(row.text(key))
    except re.error as problem:
        raise row.wrong(key, f"not a regular expression: {problem}") from problem


def _spelled(regex: re.Pattern[str], translations: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern with the same message as programs print it in other languages, whatever the log's encoding."""
    return re.compile("|".join((regex.pattern, *map(_any_encoding, translations))), regex.flags)


def _any_encoding(text: str) -> str:
    """Return a pattern of a text: `ä` is one byte in Latin-1, two in UTF-8, and one character once it was decoded."""
    if sum(c.isascii() and c.isalpha() for c in text) * 2 < sum(c.isalpha() for c in text):
        return re.escape(text)  # of another script: so little would be left that any sentence was met
    pieces = re.split(r"([^\x00-\x7f]+)", text)
    return "".join(
        f"[^\\x00-\\x7f]{{1,{3 * len(piece)}}}" if number % 2 else re.escape(piece)
        for number, piece in enumerate(pieces)
    )


def examples(messages: Iterable[Message]) -> Iterable[tuple[Message, str]]:
    """Yield every message with each of its examples."""
    return ((message, text) for message in messages for text in message.examples)
