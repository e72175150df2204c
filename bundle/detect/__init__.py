"""Detectors: each gets every member of a bundle and says findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Protocol, cast

from bundle.walk.member import Member
from hardening.findings import Finding, Rule


class Detector(Protocol):
    """What looks at members: stateless between members, so that processes may share the work."""

    def rules(self) -> tuple[Rule, ...]:
        """Return every rule this detector can say; what it asks of `Member.words` is in a `words` of its own."""
        ...

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        """Say what is wrong with one member of the bundle `subject`."""
        ...


DETECTORS: tuple[str, ...] = (
    "bundle.detect.components",
    "bundle.detect.credentials",
    "bundle.detect.keys",
    "bundle.detect.settings",
)
"""Modules that have a `detector() -> Detector`, imported when they are first asked for."""


def detectors(
    rules: Sequence[Path] = (), osv: Path | None = None, *, key: bytes = b""
) -> tuple[Detector, ...]:
    """Return one detector of each kind, in the registry's order; each maker gets what it takes of what is given.

    Rule files in gitleaks' format go to the credentials; `key` seals the values found (`--baseline-key`).
    """
    if not rules and osv is None and not key:
        return _shipped(datetime.now(UTC).date())
    return _made(tuple(rules), osv, key)


@lru_cache(maxsize=1)
def _shipped(_today: date) -> tuple[Detector, ...]:
    """Compile the shipped rules once a day: ends of life depend on it, and compiling takes half a second."""
    return _made((), None)


def _made(rules: tuple[Path, ...], osv: Path | None, key: bytes = b"") -> tuple[Detector, ...]:
    from bundle.detect.credentials.rules.gitleaks import is_gitleaks

    foreign = tuple(path for path in rules if is_gitleaks(path))
    ours = tuple(path for path in rules if path not in foreign)
    given = {"rules": ours, "gitleaks": foreign, "osv": osv, "key": key}
    made: list[Detector] = []
    for name in DETECTORS:
        make = import_module(name).detector
        takes = signature(make).parameters
        made.append(
            cast(Detector, make(**{key: value for key, value in given.items() if value and key in takes}))
        )
    return tuple(made)


def all_rules() -> tuple[Rule, ...]:
    """Return every rule of every detector, by id."""
    return tuple(sorted((rule for one in detectors() for rule in one.rules()), key=lambda rule: rule.id))
