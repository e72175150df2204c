"""Five hundred seeded tamperings of signed bundles: each is refused with exit 11 and named; none ends the program.

The default run does two of every kind; `make tamper-test` does all.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.support.bundle.trust import tamperings
from tests.unit.bundle.trust.test_tampering import refused

ALL = 500


def test_all_are_refused_and_named(tmp_path: Path) -> None:
    kinds = Counter(refused(tmp_path, 10_000 + seed) for seed in range(ALL))
    assert kinds.total() == ALL
    assert len(kinds) == len(tamperings.TAMPERINGS)
