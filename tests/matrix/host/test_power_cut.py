"""A host's disk as a power cut would leave it, at moments drawn with a seed: the agent makes it old or new, as a whole.

Long: `make power-cut-test` takes 300 images of ext4 and XFS; the default run takes a handful.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.host.test_power_cut import cut, shelf
from tests.support.host import power

__all__ = ["shelf"]


Record = Callable[[str, object], None]


@pytest.mark.parametrize("kind", power.FORMATS)
def test_a_hundred_power_cuts(shelf: Path, tmp_path: Path, kind: str, record_property: Record) -> None:
    ends = cut(shelf, tmp_path, kind, turns=10, steps=6, delays=4, seed=len(kind))
    record_property("ends", dict(ends))
    assert set(ends) == {"old", "new", "kept"}, ends
    assert (ends["old"] + ends["new"], ends["kept"]) == (100, 10)
