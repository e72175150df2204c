r"""Vectorscan hits every line that `re` hits, for every pattern of the rules, whatever stands around it.

Some shapes of pattern are missed by the engine where other text goes before them: a class in front of a sign in front
of a repeat, as in `[ ']-\w*(pass|token)=`. A pattern that fails here has to be written without such a front.
"""

from __future__ import annotations

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.parts import JSON, PROGRAMS, WHOLE
from tests.unit.bundle.detect.credentials.test_gate_hits import missed


@pytest.mark.parametrize("part", [WHOLE, PROGRAMS, JSON])
@pytest.mark.parametrize("seed", range(10, 13))
def test_no_hit_of_many_is_missed(credentials: Credentials, part: str, seed: int) -> None:
    found, _ = missed(credentials.gates.of(part), 50, seed)
    assert found == []
