"""Hold what an audit said against what was planted."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bundle.audit import audit
from hardening.findings import Confidence, Finding, InFile, Severity
from tests.support.bundle.detect.credentials.plant.corpus import Planted


@dataclass
class Grade:
    found: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    missed: list[Planted] = field(default_factory=list)
    false: list[Finding] = field(default_factory=list)
    true: int = 0

    @property
    def recall(self) -> float:
        return self.found["all"] / self.total["all"]

    @property
    def precision(self) -> float:
        return self.true / max(1, self.true + len(self.false))

    @property
    def low(self) -> set[str]:
        """Groups of ten and more of which less than nine tenths were found."""
        return {g for g in self.total if self.found[g] < 0.9 * self.total[g] and self.total[g] >= 10}

    def table(self) -> str:
        rows = [
            f"{g:<12}{self.found[g]:>5} of {self.total[g]:>4}  {self.found[g] / self.total[g]:.3f}"
            for g in sorted(self.total)
        ]
        return "\n".join([*rows, f"precision {self.precision:.3f}, false {len(self.false)}"])


def grade(root: Path, planted: list[Planted], *, jobs: int = 2) -> Grade:
    """Audit the corpus, and count what is found on its exact line in its exact member at medium confidence and above."""
    run = audit(root, jobs=jobs)
    said: dict[str, list[Finding]] = defaultdict(list)
    for finding in run.findings:
        counts = finding.confidence >= Confidence.MEDIUM and finding.level > Severity.INFO
        if (
            counts
            and finding.rule.id.startswith(("credential/", "key/"))
            and isinstance(finding.location, InFile)
        ):
            said[finding.location.parts[0]].append(finding)
    result = Grade()
    right: set[int] = set()
    for one in planted:
        groups = (one.group, "all", "in container" if one.container else "loose")
        result.total.update(groups)
        mine = [f for f in said[one.top] if _at(f, one)]
        right.update(map(id, mine))
        if mine:
            result.found.update(groups)
        else:
            result.missed.append(one)
    result.true = len(right)
    result.false = [f for mine in said.values() for f in mine if id(f) not in right]
    return result


def _at(finding: Finding, one: Planted) -> bool:
    place = finding.location
    assert isinstance(place, InFile)
    last = place.parts[-1]
    if one.container and len(place.parts) < 2:
        return False
    return (last == one.inner or last.endswith("/" + one.inner)) and (
        one.line is None or one.line in {place.line, *(at.line for at in finding.further)}
    )
