"""Every step x every fault, and faults at calls drawn with a seed: old or new as a whole, without human hands.

Long: `make upgrade-test`. A fault strikes once, in the process on the host that carries the upgrade out.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.upgrade.test_chaos import trial
from tests.support.upgrade.standin import Signer, Site

EVENTS = (
    ("begun", 1), ("copied", 1), ("backedup", 1), ("maintenance", 1), ("flagged", 1), ("copied", 2), ("installing", 1),
    ("installed", 1), ("settling", 1), ("settled", 1), ("committed", 1), ("tidy", 1), ("rollingback", 1), ("rolled-back", 1),
)  # fmt: skip


KINDS = ("worker", "both", "boot", "controller", "lost", "ENOSPC", "database", "service")


BUNDLES = ("good", "fails-half", "fails-late")


@pytest.mark.parametrize("bundle", BUNDLES[::2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("event", EVENTS)
def test_every_step_and_every_fault(
    site: Site, signer: Signer, event: tuple[str, int], kind: str, bundle: str,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    release, state = trial(site, signer.bundle(bundle), kind, event=event)
    record_property("ended", f"{release} {state} {Path(f'{site.root}.fired').exists()}")
    assert bundle == "good" or release == "old"


@pytest.mark.parametrize("seed", range(120))
def test_faults_at_calls_drawn_with_a_seed(
    site: Site, signer: Signer, seed: int, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(seed)
    bundle, kind = rng.choice(BUNDLES), rng.choice(("worker", "both", "boot", "ENOSPC", "EIO", "EROFS"))
    release, state = trial(site, signer.bundle(bundle), kind, call=rng.randrange(1, 260))
    record_property("ended", f"{release} {state} {Path(f'{site.root}.fired').exists()}")
    assert bundle == "good" or release == "old"
