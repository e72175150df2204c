"""What an audit says while it runs, to whoever listens."""

from __future__ import annotations

from dataclasses import dataclass

from hardening.findings import Finding, Subject


@dataclass(frozen=True, slots=True)
class Started:
    """A bundle is about to be examined; `size` is what it takes on disk."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one bundle is; said a few times a second."""

    path: str
    position: int
    """Bytes of the bundle as it lies on disk that are behind us."""
    size: int
    members: int
    unpacked: int
    current: str = ""
    """The file on disk that is read now."""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, as soon as it is known."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class Finished:
    """A bundle is done."""

    subject: Subject


AuditEvent = Started | Progress | Found | Finished
