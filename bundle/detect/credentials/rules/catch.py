"""What a pattern caught before it becomes a finding."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bundle.detect.credentials.rules.evidence import Evidence, rank
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
    evidence: Evidence = "place"
    """Id of the row that says what its check found out; only `decide` makes a confidence of it."""
    told: bool = False
    """Whether a text for people tells it with its account: no example, but what is shipped."""
    mark: str = ""
    """A word for what a check found out that the decision goes by: `cracked`, `trial`, `narrow` and their like."""
    doubtful: bool = False
    """Whether `user` may be something else, a password too: it is then not told."""
    row: str = ""
    """Id of the row of data that found it."""

    @property
    def is_hint(self) -> bool:
        """Whether the evidence is of the least rank."""
        return rank(self.evidence) is min(Confidence)

    @property
    def is_certain(self) -> bool:
        """Whether the evidence is of the highest rank."""
        return rank(self.evidence) is max(Confidence)

    def by(self, evidence: Evidence, value: str | None = None) -> Catch:
        """Return the same with this evidence, and with another value where one is given."""
        return replace(self, evidence=evidence, value=self.value if value is None else value)

    def at_least(self, evidence: Evidence) -> Catch:
        """Return a hint with this evidence instead of its own, and anything else as it is."""
        return self.by(evidence) if self.is_hint else self
