"""Detectors: each gets every member of a bundle and says findings."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Protocol

from bundle.walk.member import Member
from hardening.findings import Finding, Rule


class Detector(Protocol):
    """What looks at members: stateless between members, so that processes may share the work."""

    def rules(self) -> tuple[Rule, ...]:
        """Return every rule this detector can say."""
        ...

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        """Say what is wrong with one member of the bundle `subject`."""
        ...


DETECTORS: tuple[str, ...] = ()
"""`module:name` of each detector's factory (a class or function without required arguments), in order."""


def load(names: tuple[str, ...] = DETECTORS) -> tuple[Detector, ...]:
    """Import and make the detectors; this is what costs time, so it happens once per run."""
    made: list[Detector] = []
    for name in names:
        module, _, attribute = name.partition(":")
        made.append(getattr(import_module(module), attribute)())
    return tuple(made)
