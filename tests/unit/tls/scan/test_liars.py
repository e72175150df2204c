"""Servers that refuse in words for reasons of their own: the whole truth, or said to be inconclusive."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice
from math import exp

import pytest

from hardening.tls.scan.engine.rate_limit import RateLimits
from hardening.tls.scan.strategy import control_probes
from hardening.tls.scan.strategy.scope import ScanScope
from tests.support.tls.scan import hostile, liars
from tests.support.tls.scan.count_liars import BAD, FULL, VERDICT, by_closes, hides
from tests.support.tls.scan.virtual import compared, scanned

LIES = liars.lies()
BY_CHANCE = sorted(name for name in LIES if name.startswith("chance"))


def _missed(offer: str, lie: str) -> int:
    """In how many of four scans something was missed without a word; servers say no to versions in their own word, or not."""
    count = 0
    for scope in (FULL, VERDICT):
        for refusal in ("alert:40", "alert:40 "):
            server = hostile.Server(liars.OFFERS[offer], before=LIES[lie](), refusal=refusal)
            found, _ = scanned(server, scope, RateLimits())
            _, missed, extra = compared(server.offer, found)
            assert not extra
            count += any(scope.full or v in scope.forbidden_protocols or c in BAD for v, c in missed)
    return count


QUICK = ("one-suite-under-tls12", "tls10-beside-tls12")


@pytest.mark.parametrize("lie", sorted(LIES.keys() - set(BY_CHANCE)))
def test_no_lie_hides_what_is_there(lie: str) -> None:
    assert not [offer for offer in QUICK if _missed(offer, lie)]


@pytest.mark.parametrize("scope", [FULL, VERDICT], ids=["inventory", "verdict"])
def test_no_close_hides_what_is_there(scope: ScanScope) -> None:
    """Servers that close by chance or by count; those that refuse by a close, too, and those that refuse in words."""
    sample = islice(by_closes(), 0, 364, 13)
    assert not [name for name, server in sample if hides(server, scope)[0]]


def test_a_liar_costs_bounded_time() -> None:
    for lie in ("every-2-after-0", "every-3-after-0", "every-5-after-1", "5-in-1.0-s"):
        server = hostile.Server(liars.OFFERS["tls10-beside-tls12"], before=LIES[lie]())
        _, world = scanned(server, VERDICT, RateLimits())
        assert world.connections < 300
        assert world.now < 120


def _stake(dice: random.Random, lies: Callable[[int], bool], share: float) -> float | None:
    """Bet against a server that would accept the question whenever it does not lie; None once it has accepted it."""
    stake, told = 0.0, 0
    for number in range(2 * control_probes.MOST):
        lying = control_probes.rate(told, number - told)
        control = dice.random() < share
        if control:
            stake += control_probes.denied(share, lying) if lies(number) else control_probes.accepted(share)
            told += lies(number)
        elif lies(number):
            stake += control_probes.refused(share, lying)
        else:
            return None
        if stake >= control_probes.LIKELY:
            break
    return stake


@pytest.mark.parametrize("pattern", [{0}, {0, 1}, {0, 2, 3}, {1, 4, 5, 6}])
@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_no_pattern_stands_a_trial_that_it_did_not_expect(n: int, pattern: set[int]) -> None:
    """How often all of its answers were lies, and believed: at most as often as the stake says."""
    for share in (0.5, 0.8):
        stakes = [_stake(random.Random(seed), lambda k: k % n in pattern, share) for seed in range(3000)]
        believed = sum(stake is not None and stake >= control_probes.LIKELY for stake in stakes)
        assert believed <= 3000 / 20


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("lying", [0.01, 0.1, 0.5, 0.9])
def test_a_liar_cannot_win_the_bet(share: float, lying: float) -> None:
    """Whatever it does next, the stake is expected to stay what it is, or to shrink."""
    lies = share * exp(control_probes.denied(share, lying)) + (1 - share) * exp(
        control_probes.refused(share, lying)
    )
    honest = share * exp(control_probes.accepted(share))  # and nothing where the question is accepted
    assert lies <= 1 + 1e-9
    assert honest <= 1 + 1e-9


def test_an_honest_refusal_is_sure_after_a_few_questions() -> None:
    costs = []
    for seed in range(200):
        dice, stake, asked = random.Random(seed), 0.0, 0
        while stake < control_probes.SURE:
            lying = control_probes.rate(1, asked)
            stake += (
                control_probes.accepted(0.5) if dice.random() < 0.5 else control_probes.refused(0.5, lying)
            )
            asked += 1
        costs.append(asked)
    assert max(costs) < control_probes.MOST


def test_chance_is_counted() -> None:
    assert control_probes.by_chance(1, 1) == 0.25
    assert control_probes.by_chance(2, 245) < 1e-5
    assert [control_probes.enough(truths, 2e-4) for truths in (10, 20, 60, 245)] == [5, 3, 2, 2]
    assert control_probes.enough(0, 1e-9) == control_probes.MOST
    for lies, truths in ((1, 9), (2, 20), (4, 13)):
        rates = [n / 1000 for n in range(1, 1000)]
        most = max(p**lies * (1 - p) ** truths for p in rates)
        assert most <= control_probes.by_chance(lies, truths) * (1 + 1e-9)
        assert most >= control_probes.by_chance(lies, truths) * 0.99
