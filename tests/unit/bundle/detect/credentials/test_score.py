"""The score for "a generator drew this value": its parts, its limits, and the file of weights."""

from __future__ import annotations

import random

import pytest

from bench.score import OUT, drawn, solved
from bundle.detect.credentials.judging.score import (
    contributions,
    features,
    is_drawn,
    is_of_all_signs,
    is_surely_drawn,
    score,
    weights,
)


def test_each_feature_has_a_weight_and_each_weight_a_feature() -> None:
    assert {"always", *features("x")} == set(weights()[0])
    assert OUT.is_file()


def test_the_score_is_the_sum_of_what_is_printed() -> None:
    assert score("Kf83jx2Lq9ZmA") == pytest.approx(sum(contributions("Kf83jx2Lq9ZmA").values()))


def test_what_generators_draw_is_known() -> None:
    values = list(drawn(random.Random("another")))
    assert sum(map(is_drawn, values)) > 0.97 * len(values)
    assert sum(map(is_surely_drawn, values)) > 0.88 * len(values)


@pytest.mark.parametrize(
    "value", ["hK8'z ;mQ!v2(@x#L)9^p*B&w=Rt+Y~d", "k7#pw!zq9@vm2^xr8$bn5&lt4*hj6(gd3)fs1-yc0_we"]
)
def test_signs_of_a_whole_keyboard_are_known(value: str) -> None:
    assert is_of_all_signs(value)
    assert not is_of_all_signs(value[:8])


def test_equations_are_solved() -> None:
    assert solved([[0.0, 2.0], [1.0, 1.0]], [4.0, 5.0]) == [3.0, 2.0]
