"""Other shapes for a hello that meets silence, and what a refusal in one of them is worth."""

from __future__ import annotations

from dataclasses import replace

from hardening.tls import registry
from hardening.tls.scan.strategy.messages import Question, Shape, Tier

SMALL = 16
CHUNKS = (64, 40, SMALL)
MOST = 128
"""Suites in a list that wolfSSL still reads: it refuses a hello with more than 150."""


def other_shapes(question: Question, control: Question | None, *, stalls: bool) -> list[Shape]:
    """Return the shapes to try where a question meets silence, likely ones first."""
    now = question.shape
    proven = control is not None and control.shape == now and len(control.suites) >= len(question.suites)
    tls13 = question.protocol == "TLSv1.3"
    if now == Shape() and proven and not tls13:
        # the control question had every suite and extension: only its version can make a difference
        return [
            replace(now, tier=Tier.BARE),
            replace(now, tier=Tier.PLAIN, classic=True, max_suites=SMALL),
        ]
    shapes: list[Shape] = []
    if tls13 and not now.shares:
        shapes.append(replace(now, shares=True))
    if now.tier is Tier.RICH:
        shapes.append(replace(now, tier=Tier.PLAIN))
    if len(question.suites) > SMALL:
        shapes += [
            replace(now, max_suites=n) for n in CHUNKS if n < min(now.max_suites, len(question.suites))
        ]
    smallest = replace(now, max_suites=min(now.max_suites, SMALL))
    shapes.append(replace(smallest, tier=Tier.PLAIN, classic=True))
    if not tls13:
        shapes.append(replace(smallest, tier=Tier.BARE))
    shapes.append(replace(smallest, record_version=None))
    if stalls:
        shapes = [s for s in shapes if s.max_suites != CHUNKS[1]]
    return [s for s in dict.fromkeys(shapes) if s != now]


def doubtful(shape: Shape, protocol: str, code: int) -> bool:
    """Tell whether a refusal in a reduced shape may be due to what the hello left out."""
    if protocol == "TLSv1.3":
        return shape.classic
    if protocol == "SSLv3" or (shape.tier is not Tier.BARE and not shape.classic):
        return False
    suite = registry.suites_by_code().get(code)
    kx = (suite.kx or "") if suite else ""
    return kx.startswith("ECDH") or (protocol == "TLSv1.2" and kx.startswith("DH"))
