"""What fuzzing has reached stays reached: every kept input goes through its target again."""

from __future__ import annotations

import importlib

import pytest

from tests.fuzz import corpora
from tests.fuzz.fuzz import INSTRUMENT

KEPT = [
    (group, name) for group in INSTRUMENT for name in importlib.import_module(f"tests.fuzz.{group}").TARGETS
]


@pytest.mark.parametrize(("group", "name"), KEPT)
def test_kept_inputs_pass(group: str, name: str) -> None:
    inputs = corpora.kept(group, name)
    assert inputs, "no corpus is kept: run make fuzz-walk KEEP=--keep"
    target = importlib.import_module(f"tests.fuzz.{group}").TARGETS[name]
    for data in inputs.values():
        target(data)
