"""Whatever ends a transaction half way, the host ends old or new as a whole, and its service runs what is on disk."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.real.host.test_interruptions import interrupted, steps
from tests.support.host.little import AGES, Little, digest, interpreter


@pytest.mark.parametrize("age", AGES[1:])
@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("kind", ["KILL", "ENOSPC", "EROFS", "EIO"])
def test_every_step_and_every_fault(
    little: Little, age: str, kind: str, guarded: bool, record_property: Callable[[str, object], None]
) -> None:
    little.python = interpreter(age)
    before = digest(little.etc)
    total = steps(little)
    little.installed("rollback")
    ends = [interrupted(little, before, kind=kind, at=at, guarded=guarded) for at in range(1, total + 1)]
    record_property("trials", total)
    record_property("new", ends.count("new"))
