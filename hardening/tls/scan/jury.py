"""Refusals on trial together: each is asked for again among control questions that serve them all.

How often depends on what is known. A server that has lied is believed when it could not have done so by any pattern; one that
has not, when no rate of lies by chance explains what was seen; a verdict that passes asks for nothing more, for its few connections.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Any

from hardening.tls.scan import trial
from hardening.tls.scan.ask import Answer, Kind, Question, at_least
from hardening.tls.scan.outcome import PROTOCOL_VERSION, Refusal
from hardening.tls.scan.scope import Case
from hardening.tls.scan.versions import LONG

FULL_DOUBT = 2e-4
"""How likely chance may be, in an inventory, to have told each lie that would hide something."""
VERSION_DOUBT = 5e-3
"""The same for protocol_version, a word that hardly any limit uses."""
VERDICT_DOUBT = 5e-3
"""The same in a verdict that fails anyway, or whose server refuses versions in the words of suites."""
MANY = 40
"""Successes after which a verdict that fails anyway rules out chance alone."""
ENOUGH = 1500
"""Questions and control questions after which whatever is on trial stays unknown."""
HELPFUL = 24
"""Control questions that may be added so that fewer questions have to be repeated."""


@dataclass(slots=True)
class Jury:
    """What is on trial is in `asker.refusals`."""

    case: Case
    dice: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - an order that a server does not expect, the same in every scan
    asked: int = 0

    def believed(self, one: Refusal) -> bool:
        """Tell whether a refusal has been said often enough, as far as lies are concerned."""
        asker, full = self.case.asker, self.case.scope.full
        if asker.contradictions:
            return one.stake >= trial.SURE
        if self._patterns() and one.stake < trial.LIKELY:
            return False
        return not (full or asker.wary or asker.failed) or trial.by_chance(
            one.times, asker.succeeded
        ) <= self._doubt(one)

    def _patterns(self) -> bool:
        """Tell whether lies of any pattern are to be ruled out; after many successes no short pattern is left."""
        asker = self.case.asker
        return asker.wary or (asker.failed and asker.succeeded < MANY)

    def _doubt(self, one: Refusal) -> float:
        if one.alert == PROTOCOL_VERSION:
            return VERSION_DOUBT
        question, full = one.question, self.case.scope.full
        learned = self.case.found.protocols[question.protocol]
        if full and len(learned.choices) >= LONG and not at_least(learned.name, "TLSv1.2"):
            return 1.0  # its end is compared with those of other versions
        return FULL_DOUBT if full else VERDICT_DOUBT

    def sit(self) -> Generator[Any, Any, Question | None]:
        """Ask until each is believed; return one that was accepted after all, to go on from there."""
        asker = self.case.asker
        while on_trial := [r for r in asker.refusals if not self.believed(r) and r.tries < trial.MOST]:
            if self.asked >= ENOUGH or (yield from asker.over()):
                return None
            self.asked += 1
            controls, wanted = self._weights(on_trial)
            lying = trial.rate(asker.contradictions, asker.succeeded)
            [one] = self.dice.choices([None, *on_trial], [controls, *wanted])
            if one is None:
                answer: Answer = yield from asker.check()
                if answer.kind in (Kind.HELLO, Kind.ALERT):
                    for other, weight in zip(on_trial, wanted, strict=True):
                        share = controls / (controls + weight)
                        other.stake += (
                            trial.accepted(share) if answer.kind is Kind.HELLO else trial.denied(share, lying)
                        )
                continue
            share = controls / (controls + wanted[on_trial.index(one)])
            answer = yield from asker.ask(self._again(one), first=True)
            if answer.kind is Kind.HELLO:
                asker.contradictions += 1
                asker.refusals.remove(one)
                return one.question
            if answer.kind is Kind.ALERT:
                asker.contradictions += answer.alert != one.alert
                one.stake += trial.refused(share, lying)
                asker.said_again(one)
        return None

    @staticmethod
    def _again(one: Refusal) -> Question:
        """Return the question with its list the other way round, every other time."""
        one.tries += 1
        return replace(one.question, suites=one.question.suites[::-1]) if one.tries % 2 else one.question

    def _weights(self, on_trial: list[Refusal]) -> tuple[float, list[float]]:
        """Return how much the control question and each question are worth asking next."""
        asker = self.case.asker
        if asker.contradictions or self._patterns():
            return sqrt(len(on_trial)), [1.0] * len(on_trial)
        truths, doubts = asker.succeeded, [self._doubt(one) for one in on_trial]

        def plan(more: int) -> list[int]:
            """Return how often each question has to be repeated, with so many more control questions."""
            return [
                max(0, trial.enough(truths + more, doubt) - one.times)
                for one, doubt in zip(on_trial, doubts, strict=True)
            ]

        controls, repeats = 0, plan(0)
        for more in range(1, HELPFUL):
            if more >= controls + sum(repeats):  # the control questions alone cost as much by now
                break
            fewer = plan(more)
            if more + sum(fewer) < controls + sum(repeats):
                controls, repeats = more, fewer
        return float(controls), [float(often) for often in repeats]

    def unproven(self) -> list[Refusal]:
        """Return what was not settled, and take it off the list."""
        asker = self.case.asker
        found = [r for r in asker.refusals if not self.believed(r)]
        asker.refusals = [r for r in asker.refusals if r not in found]
        return found
