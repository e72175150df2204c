"""Count what servers that refuse in words, or close, for no reason hide from a scan, in simulated time.

python -m tests.support.tls.scan.count_liars full|verdict chance|period|closes SCANS [FIRST_SEED [SECONDS_AN_ANSWER]]
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice

from hardening.tls.registry import PROTOCOLS
from hardening.tls.scan.engine.rate_limit import RateLimits
from hardening.tls.scan.strategy.scope import ScanScope
from hardening.tls.scan.wire import hello
from tests.support.tls.scan import hostile, liars
from tests.support.tls.scan.virtual import WORK, compared, scanned

RATES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
PERIODS = range(2, 21)
REFUSALS = ("alert:40", "alert:40 ")
"""A server that refuses versions in their own word, and one that refuses them as it does suites."""
CLOSES = ("close", "alert:40")
"""A server that closes instead of saying no, and one that does not."""
GOOD = frozenset({0xC02F, 0xC030, 0xC02B, 0xC02C, 0x1301, 0x1302, 0x1303})
BAD = frozenset(hello.every_suite()) - GOOD
FULL = ScanScope(full=True)
VERDICT = ScanScope(
    full=False, forbidden=dict.fromkeys(PROTOCOLS, BAD), forbidden_protocols=frozenset(PROTOCOLS[:4])
)

Case = tuple[str, hostile.Server]


def by_chance(first: int = 0, rates: tuple[float, ...] = RATES) -> Iterator[Case]:
    """Yield servers that lie by chance, without end."""
    for seed in count(first):
        for rate in rates:
            for offer in liars.OFFERS.values():
                for number, refusal in enumerate(REFUSALS):
                    lie = liars.chance(rate, 1000 * seed + 10 * number + len(offer), "alert:40")
                    yield f"{rate}", hostile.Server(offer, before=lie, refusal=refusal)


def by_period() -> Iterator[Case]:
    """Yield servers that lie on every n-th connection, from each phase."""
    for period in PERIODS:
        for phase in range(period):
            for offer in liars.OFFERS.values():
                for refusal in REFUSALS:
                    lie = liars.every(period, phase, "alert:40")
                    yield f"every {period}", hostile.Server(offer, before=lie, refusal=refusal)


def by_closes(first: int = 0) -> Iterator[Case]:
    """Yield servers that close by chance or on every n-th connection, and refuse by a close or in words, without end."""
    for seed in count(first):
        for rate in RATES:
            for offer in liars.OFFERS.values():
                for number, refusal in enumerate(CLOSES):
                    lie = liars.chance(rate, 1000 * seed + 10 * number + len(offer), "close")
                    yield f"{rate}", hostile.Server(offer, before=lie, refusal=refusal)
        for period in PERIODS:
            for offer in liars.OFFERS.values():
                for refusal in CLOSES:
                    lie = liars.every(period, seed % period, "close")
                    yield f"every {period}", hostile.Server(offer, before=lie, refusal=refusal)


def hides(server: hostile.Server, scope: ScanScope, work: float = WORK) -> tuple[bool, bool, int]:
    """Scan one; tell whether anything was missed without a word, whether anything stayed open, and what it cost."""
    found, world = scanned(server, scope, RateLimits(), work=work)
    _, missed, extra = compared(server.offer, found)
    if extra:
        raise AssertionError(extra)
    wanted = any(scope.full or v in scope.forbidden_protocols or c in BAD for v, c in missed)
    unknown = any(p.unknown or p.unknown_groups for p in found.protocols.values())
    return wanted and found.answered, unknown or not found.answered, world.connections


def main(mode: str, kind: str, scans: int, first: int = 0, work: float = WORK) -> None:
    """Print how many of so many scans missed something, by the servers' rate or period."""
    told: dict[str, Counter[str]] = {}
    scope = FULL if mode == "full" else VERDICT
    kinds = {"chance": by_chance, "closes": by_closes, "period": lambda _first: by_period()}
    for name, server in islice(kinds[kind](first), scans):
        missed, unknown, connections = hides(server, scope, work)
        told.setdefault(name, Counter()).update(
            scans=1, missed=missed, partial=unknown, connections=connections
        )
    for name, counts in told.items():
        each = counts["connections"] / counts["scans"]
        sys.stdout.write(
            f"{name:>8}: {counts['missed']} of {counts['scans']} missed something without a word,"
            f" {counts['partial']} partial, {each:.0f} connections each\n"
        )
    every = sum(told.values(), Counter())
    sys.stdout.write(f"   all: {every['missed']} of {every['scans']}, {every['partial']} partial\n")


if __name__ == "__main__":
    mode, kind, scans, first, work, *_ = (*sys.argv[1:], *("0", str(WORK))[len(sys.argv) - 4 :])
    main(mode, kind, int(scans), int(first), float(work))
