"""Which of several catches of one value is told."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.evidence import Evidence
from bundle.detect.credentials.rules.families import shipped
from bundle.detect.credentials.standing import distinct

FAMILIES = shipped()
SPANS = st.tuples(
    st.integers(0, 60),
    st.integers(1, 12),
    st.sampled_from(range(len(FAMILIES))),
    st.sampled_from(get_args(Evidence)),
)


@given(st.lists(SPANS, max_size=30))
def test_none_lies_over_another_and_each_that_is_left_out_lies_over_one(
    spans: list[tuple[int, int, int, Evidence]],
) -> None:
    caught = [
        (FAMILIES[family], Catch(start, start + size, "v" * size, evidence=sure))
        for start, size, family, sure in spans
    ]
    told = distinct(caught)
    assert [one.start for _, one in told] == sorted(one.start for _, one in told)
    for n, (_, one) in enumerate(told):
        assert all(one.end <= other.start for _, other in told[n + 1 :])
    for _, one in caught:
        assert any(one.start < other.end and other.start < one.end for _, other in told)
