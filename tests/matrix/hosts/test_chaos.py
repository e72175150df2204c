"""Three hundred interruptions of transactions on booted hosts: every host ends old or new as a whole, and serves.

Long: `make chaos-test` (TRIALS=300).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.support.hosts.chaos import INTERRUPTIONS, trials
from tests.support.hosts.fleet import Box, Fleet

TRIALS = int(os.environ.get("TRIALS", "300"))


def test_three_hundred_interruptions(fleet: Fleet, record_property: Callable[[str, object], None]) -> None:
    each = -(-TRIALS // len(fleet.boxes))

    def on(box: Box) -> Counter[tuple[str, str, str]]:
        return Counter((kind, box.name, end) for kind, end in trials(fleet, box, each, seed=box.number))

    with ThreadPoolExecutor(len(fleet.boxes)) as hosts:
        ends = sum(hosts.map(on, fleet.boxes), Counter[tuple[str, str, str]]())
    for (kind, host, end), count in sorted(ends.items()):
        record_property(f"{kind}, {host}, {end}", count)
    assert sum(ends.values()) == each * len(fleet.boxes)
    assert {end for _, _, end in ends} == {"old", "new"} or each < len(INTERRUPTIONS)
