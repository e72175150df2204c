"""Every parser of the scanner takes any bytes, whole or damaged."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.support.tls.scan.fuzz import WAYS, exercise, seeds

_SEEDS = seeds()


@pytest.mark.parametrize("way", range(WAYS))
def test_what_servers_say_is_read(way: int) -> None:
    for seed in _SEEDS[way :: len(_SEEDS) // WAYS]:
        exercise(bytes([way]) + seed[1:])


@settings(max_examples=300)
@given(st.sampled_from(_SEEDS), st.data())
def test_what_is_damaged_is_read_or_refused(seed: bytes, data: st.DataObject) -> None:
    raw = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(1, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    exercise(bytes(raw[: data.draw(st.integers(1, len(raw)))]) + data.draw(st.binary(max_size=40)))


@settings(max_examples=300)
@given(st.integers(0, WAYS - 1), st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(way: int, data: bytes) -> None:
    exercise(bytes([way]) + data)
