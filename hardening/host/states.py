"""Outcomes of a run on a host: one table, for hardening and for upgrades."""

from __future__ import annotations

from collections.abc import Iterable

from hardening.errors import ExitCode
from hardening.findings import Verdict
from hardening.records import dataclass

FINISHED = ("committed", "rolled-back")
"""States of an upgrade in a host's journal after which nothing more happens to it."""
INSTALLED = ("installed", "settling", "settled")
"""States in which the installer has ended well and the upgrade is not finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """Meaning of a host's state for the run."""

    verdict: Verdict
    before: bool
    """Whether the host is as it was before the run."""

    @property
    def well(self) -> bool:
        """Return whether it keeps no run from being a success."""
        return self.verdict in (Verdict.PASS, Verdict.SKIPPED)

    @property
    def asked(self) -> bool:
        """Return whether the host said what it is like."""
        return self.verdict is not Verdict.INCONCLUSIVE


STATES = {
    "committed": HostState(verdict=Verdict.PASS, before=False),
    "current": HostState(verdict=Verdict.PASS, before=True),  # nothing was left to do
    "fit": HostState(verdict=Verdict.SKIPPED, before=True),
    "open": HostState(verdict=Verdict.SKIPPED, before=False),  # an upgrade of an earlier run is under way
    "untouched": HostState(verdict=Verdict.SKIPPED, before=True),
    "unfit": HostState(verdict=Verdict.FAIL, before=True),
    "older": HostState(verdict=Verdict.FAIL, before=True),
    "refused": HostState(verdict=Verdict.FAIL, before=True),
    "rolled-back": HostState(verdict=Verdict.FAIL, before=True),
    "kept": HostState(verdict=Verdict.FAIL, before=False),  # stays changed in a run that failed
    "unfinished": HostState(verdict=Verdict.FAIL, before=False),
    "broken": HostState(verdict=Verdict.FAIL, before=False),  # could not be rolled back in full
    "lost": HostState(verdict=Verdict.FAIL, before=False),  # nobody knows what an upgrade left half done
    "unreachable": HostState(verdict=Verdict.INCONCLUSIVE, before=False),
    "unknown": HostState(verdict=Verdict.INCONCLUSIVE, before=False),
}


def of(name: str) -> HostState:
    """Return what a state means; one that is not in the table is not known to be anything."""
    return STATES.get(name, STATES["unknown"])


def codes(names: Iterable[str]) -> set[ExitCode]:
    """Return the exit code that the states of a run's hosts ask for: 6 when all are as before, 7 when they are not."""
    found = [of(name) for name in names]
    if all(one.well for one in found):
        return set()
    return {ExitCode.ROLLED_BACK if all(one.before for one in found) else ExitCode.HOSTS_FAILED}
