r"""Vectorscan hits every line that `re` hits, for every pattern of the rules, whatever stands around it.

Some shapes of pattern are missed by the engine where other text goes before them: a class in front of a sign in front
of a repeat, as in `[ ']-\w*(pass|token)=`. A pattern that fails here has to be written without such a front.
"""

from __future__ import annotations

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.parts import JSON, PROGRAMS, WHOLE
from tests.unit.bundle.detect.credentials.test_gate_hits import missed


@pytest.mark.parametrize(("part", "seed"), [(WHOLE, 0), (WHOLE, 1), (PROGRAMS, 2), (JSON, 3)])
def test_no_hit_is_missed(credentials: Credentials, part: str, seed: int) -> None:
    gate = credentials.gates.of(part)
    found, met = missed(gate, 8, seed)
    assert found == []
    assert met > 0.95 * len(set(gate.patterns) - {None})  # the texts are what the patterns are about
