"""In which order versions are asked for, and what is worth asking for again.

A server that says no on every n-th connection betrays itself where it has to say something else: a control question has to
succeed, and a version that is not there is refused as a version. So what is refused in the words of a lie stands where every n
from 2 to 6 that hits it hits one of those, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from hardening.tls.registry import PROTOCOLS
from hardening.tls.scan.strategy.messages import Tier
from hardening.tls.scan.strategy.outcome import PROTOCOL_VERSION, Refusal
from hardening.tls.scan.strategy.scope import Case

VERDICT = ("TLSv1.2", "TLSv1.3", "SSLv3", "SSLv2", "TLSv1.0", "TLSv1.1")


def of(case: Case) -> list[tuple[str, ...]]:
    """Return what to ask for; several versions together are asked for in one hello that lists them."""
    names = [n for n in PROTOCOLS if n != "TLSv1.3" or case.asks_tls13]
    if case.scope.full:
        # a version that is there first, so that some success has seen as many questions on their way as any refusal
        return [(n,) for n in sorted(names, key=lambda n: not case.found.protocols[n].offered)]
    listed = _listed(case)
    out: list[tuple[str, ...]] = [(n,) for n in VERDICT if n in names and n not in listed]
    return [*out, listed] if listed else out


def _listed(case: Case) -> tuple[str, ...]:
    """Return the versions that one hello can ask for: forbidden altogether, in a row, by a server that reads lists.

    None at a slow server: each is asked for at the same time.
    """
    if not case.asks_tls13 or case.asker.shape.tier is Tier.BARE or case.asker.pace.slow:
        return ()
    span = [n for n in PROTOCOLS[1:5] if n in case.scope.forbidden_protocols]
    fresh = all(not case.found.protocols[n].offered for n in span)
    row = tuple(span) == PROTOCOLS[1 : 1 + len(span)]
    return tuple(span) if fresh and row and len(span) > 1 else ()


def worth_most(refusals: Iterable[Refusal]) -> list[Refusal]:
    """Return what was refused once, in the words of any lie, those that matter most first."""
    single = [
        r for r in refusals if r.times == 1 and r.alert != PROTOCOL_VERSION and r.question.groups is None
    ]
    places = {**{name: place for place, name in enumerate(VERDICT)}, "SSLv3": len(VERDICT)}
    return sorted(single, key=lambda r: places[r.question.protocol])
