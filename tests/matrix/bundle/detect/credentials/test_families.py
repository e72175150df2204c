"""Every family carries examples that are found, or not, as they say; both engines say the same."""

from __future__ import annotations

import random

import pytest

from bundle.detect.credentials import Credentials
from tests.support.bundle.detect.credentials.plant.members import member


@pytest.mark.parametrize("wording", ["seventh", "eighth"])
def test_gate_and_fallback_say_the_same_of_whole_files(
    credentials: Credentials, plain: Credentials, wording: str
) -> None:
    from tests.support.bundle.detect.credentials.plant.kinds import places
    from tests.support.bundle.detect.credentials.plant.whole import written

    pick = random.Random(6)
    for place in places(wording):
        one = member(place.path, written(place, pick)[0])
        assert list(credentials.check(one, "b")) == list(plain.check(one, "b")), place.path
