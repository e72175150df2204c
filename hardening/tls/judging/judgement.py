"""What comes of judging: findings, results and a verdict per policy, of TLS and SSH alike."""

from __future__ import annotations

from collections.abc import Mapping

from hardening.findings import Finding, Result, Unanswered
from hardening.records import dataclass

_WORST = ("fail", "unknown", "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one or several policies say of one offer."""

    findings: tuple[Finding, ...]
    results: tuple[Result, ...]
    verdicts: Mapping[str, str]
    """Per policy id: `pass`, `fail` or `unknown`; goes into `Subject.policies`."""
    unanswered: tuple[Unanswered, ...] = ()
    """The binding rules that this kind of input cannot answer; they have no command yet."""
    gap: str = ""
    """Why a verdict is `unknown` where something was not read, or a required rule was not answered."""

    @property
    def verdict(self) -> str:
        """The worst of the verdicts: `fail` before `unknown` before `pass`."""
        return next(word for word in _WORST if word in self.verdicts.values() or word == "pass")
