"""Servers that refuse in words for reasons of their own: the whole truth, or said to be inconclusive."""

from __future__ import annotations

from tests.support.tls.scan import liars
from tests.unit.tls.scan.test_liars import BY_CHANCE, _missed


def test_chance_seldom_hides_anything() -> None:
    """No number of questions makes chance impossible; a server that looks like any other in each of them is believed."""
    assert sum(_missed(offer, lie) for offer in liars.OFFERS for lie in BY_CHANCE) <= 3
