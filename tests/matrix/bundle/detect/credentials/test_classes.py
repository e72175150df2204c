"""Both engines say the same of every class of places."""

from __future__ import annotations

import pytest

from bundle.detect.credentials import Credentials
from tests.unit.bundle.detect.credentials.test_classes import GROUPS, differing


@pytest.mark.parametrize("group", GROUPS)
def test_gate_and_fallback_say_the_same(credentials: Credentials, plain: Credentials, group: str) -> None:
    assert differing(credentials, plain, GROUPS[group]) == []
