"""Versions compare as their own worlds say; dpkg and rpm are asked themselves where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.detect.versions import SCHEMES, Compare, Range, deb, maven, oldest_first, plain, rpm

ORDERED: dict[Compare, tuple[str, ...]] = {
    plain: ("1.0.2-beta1", "1.0.2", "1.0.2a", "1.0.2k", "1.0.2u", "1.0.2za", "1.1.0", "1.1.1", "1.10", "2.0b3", "2.0rc1", "2.0", "2.0p1", "2.0.1"),
    maven: ("3.0.0.M1", "3.0.0.RC2", "3.0.0.RELEASE", "3.0.1.Final", "3.1-SNAPSHOT", "3.1", "3.1.0.2"),
    deb: ("1.0~rc1-1", "1.0-1", "1.0-1+deb12u1", "1.0-2", "1.0a-1", "1.0+dfsg-1", "1.0.1-1", "1:0.5-1"),
    rpm: ("1.0~rc1-1", "1.0-1", "1.0-1.el7", "1.0-1.el7_9.1", "1.0-2.el7", "1.0^git1-1", "1.0.1-1", "1.0.1a-1", "1:0.5-1"),
}  # fmt: skip


@pytest.mark.parametrize("compare", ORDERED)
def test_known_orders(compare: Compare) -> None:
    wanted = list(ORDERED[compare])
    assert sorted(set(wanted), key=oldest_first(compare)) == wanted
    for older, newer in pairwise(wanted):
        assert (compare(older, newer), compare(newer, older)) == (-1, 1)


@pytest.mark.parametrize(
    "pair", [("2.0", "2.0.0"), ("2.0", "2.0.Final"), ("v1.2", "1.2"), ("1.2+build7", "1.2")]
)
def test_equal_versions(pair: tuple[str, str]) -> None:
    assert plain(*pair) == 0


VERSION = st.from_regex(
    r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}([a-z]{1,2}[0-9]?|~rc[0-9])?(-[0-9]{1,2}(\.el[67](_[0-9])?)?)?",
    fullmatch=True,
)


@given(st.sampled_from(sorted(SCHEMES)), VERSION, VERSION, VERSION)
def test_each_order_is_an_order(scheme: str, a: str, b: str, c: str) -> None:
    compare = SCHEMES[scheme]
    assert compare(a, a) == 0
    assert compare(a, b) == -compare(b, a)
    if compare(a, b) <= 0 and compare(b, c) <= 0 and scheme != "rpm":  # a missing rpm release equals any
        assert compare(a, c) <= 0


@given(st.sampled_from(sorted(SCHEMES)), st.text(max_size=12), st.text(max_size=12))
def test_anything_compares(scheme: str, a: str, b: str) -> None:
    assert SCHEMES[scheme](a, b) in (-1, 0, 1)


DPKG_PAIRS = [(a, b) for a in ORDERED[deb] for b in ORDERED[deb]]


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not installed here")
def test_dpkg_agrees() -> None:
    for a, b in DPKG_PAIRS:
        relation = {-1: "lt", 0: "eq", 1: "gt"}[deb(a, b)]
        assert subprocess.run(["dpkg", "--compare-versions", a, relation, b], check=False).returncode == 0, (
            a,
            b,
        )


def test_ranges() -> None:
    middle = Range(start="1.2", below="1.3")
    assert [middle.holds(v, plain) for v in ("1.1.9", "1.2", "1.2.17", "1.3")] == [False, True, True, False]
    assert Range(below="2").covers(middle, plain)
    assert not middle.covers(Range(below="1.3"), plain)
    assert Range().holds("0", plain)
    assert (str(middle), str(Range(below="2"))) == (">= 1.2 < 1.3", "< 2")
