"""The triage by each engine, made once: its patterns take seconds to compile, which collecting the tests must not."""

from __future__ import annotations

from functools import cache

from hardening.upgrade.logs.triage import Triage

ENGINES = ("auto", "plain")


@cache
def triage(engine: str = "auto") -> Triage:
    """Return the triage by one engine."""
    return Triage(engine=engine)
