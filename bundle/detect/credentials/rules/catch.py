"""What a pattern caught before it becomes a finding."""

from __future__ import annotations

from dataclasses import dataclass

from hardening.findings import Confidence


@dataclass(frozen=True, slots=True)
class Catch:
    """A value at a place, with what is known about it; `value` never leaves this package."""

    start: int
    """Offset of the value in the view."""
    end: int
    value: str
    key: str = ""
    user: str = ""
    others: tuple[str, ...] = ()
    """Further accounts that it may be of, where its place does not tell which."""
    service: str = ""
    confidence: Confidence = Confidence.HIGH
    """How much the pattern alone says; `decide` makes the confidence of the finding of it."""
    mark: str = ""
    """A word for what a check found out that the decision goes by: `cracked`, `trial`, `narrow` and their like."""
    note: str = ""
    doubtful: bool = False
    """Whether `user` may be something else, a password too: it is then not told."""
    row: str = ""
    """Id of the row of data that found it."""
