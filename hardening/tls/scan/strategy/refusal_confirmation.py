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

from hardening.tls.scan.engine.conversations import Parallel
from hardening.tls.scan.strategy import anomalies, control_probes
from hardening.tls.scan.strategy.evidence import spread
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question
from hardening.tls.scan.strategy.outcome import CLOSE, PROTOCOL_VERSION, Refusal
from hardening.tls.scan.strategy.scope import Case
from hardening.tls.scan.strategy.versions import Versions

DOUBT = 3e-4
"""How likely chance may be to have told each lie that would hide something."""
VERSION_DOUBT = 5e-3
"""The same for protocol_version, a word that hardly any limit uses, and for groups."""
MANY = 40
"""Successes after which a verdict that fails anyway rules out chance alone."""
ENOUGH = 1500
"""Questions and control questions after which whatever is on trial stays unknown."""
TURNS = 4
"""Servers behind one address that take turns, up to which an inventory meets each."""
HURRY = 1e3
"""By how much a question that helps at this place, and not at the next, goes before others."""
HELPFUL = 24
"""Control questions that may be added so that fewer questions have to be repeated."""
_NEWEST_FIRST = ("TLSv1.2", "TLSv1.1", "TLSv1.0", "SSLv3")


@dataclass(slots=True)
class Jury:
    """What is on trial is in `asker.refusals`."""

    case: Case
    _versions: Versions
    dice: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - an order that a server does not expect, the same in every scan
    questions: int = 0

    def believed(self, one: Refusal) -> bool:
        """Tell whether a refusal has been said often enough, as far as lies are concerned."""
        asker, full = self.case.asker, self.case.scope.full
        if one.alert == CLOSE or asker.contradictions:
            stake = control_probes.SURE if asker.contradictions else control_probes.CLOSED
            return one.stake >= stake and not (one.alert == CLOSE and asker.throttled)
        patterns = self._patterns()
        if patterns and one.stake < control_probes.LIKELY:
            return False
        if not (full or asker.wary or asker.failed):
            return True
        if one.shown:  # what was shown stays so: what comes later can only speak against a lie
            return True
        if self._chance(one) > self._doubt(one):
            return False
        one.shown = patterns or (self._met_all(one) and not asker.counted(one))
        return one.shown

    def _patterns(self) -> bool:
        """Tell whether lies of any pattern are to be ruled out; after many successes no short pattern is left."""
        asker = self.case.asker
        return asker.wary or (asker.failed and asker.succeeded < MANY)

    def _met_all(self, one: Refusal, *then: int) -> bool:
        return not spread((*one.places, *then), self._turns(one))

    def _turns(self, one: Refusal) -> int:
        """Return among how many servers that take turns a refusal is meant to have met each, in an inventory.

        Where they are set up differently, the end of the newest list before TLS 1.3 or the old versions tell them apart.
        """
        found, question = self.case.found, one.question
        if one.listed:
            return 2
        if not self.case.scope.full or question.groups is not None or question.schemes is not None:
            return 1
        newest = next((name for name in _NEWEST_FIRST if found.protocols[name].offered), None)
        if newest != question.protocol:
            return 1
        # so many questions as a long list takes have met each of them already, and each chose from the whole rest
        return 2 if len(found.protocols[newest].choices) >= anomalies.LONG else TURNS

    def _chance(self, one: Refusal) -> float:
        """Return how likely lies by chance, in one word or in two, are to have said this and nothing like it elsewhere."""
        return control_probes.by_chance(self._times(one), self._against(one.alert)) * self._listed(one)

    def _listed(self, one: Refusal) -> float:
        """Return the same for what a hello that lists versions was told, where that is another word."""
        if not one.listed or one.alert == PROTOCOL_VERSION:
            return 1.0
        return control_probes.by_chance(one.listed, self._against(PROTOCOL_VERSION))

    @staticmethod
    def _times(one: Refusal) -> int:
        return one.times + (one.listed if one.alert == PROTOCOL_VERSION else 0)

    def _against(self, alert: int | None) -> int:
        """Return how many answers speak against lies in a word, with the control question that is to come."""
        asker = self.case.asker
        return (asker.evidence.against(alert) if alert is not None else asker.succeeded) + asker.pending

    def _doubt(self, one: Refusal) -> float:
        question, full = one.question, self.case.scope.full
        if one.alert == PROTOCOL_VERSION or (full and question.groups is not None):
            return VERSION_DOUBT
        if anomalies.by_comparison(self.case, self.case.found.protocols[question.protocol]):
            return 1.0
        return DOUBT

    def sit(self) -> Generator[Any, Any, Question | None]:
        """Ask until each is believed; return one that was accepted after all, to go on from there.

        A slow server is asked many at once, each drawn before any of them is answered: a bet that is placed early is as good.
        """
        asker = self.case.asker
        # closes are what a trial of closes is about, and a slow server is asked for its control question along with them
        closed = asker.pace.slow and any(one.alert == CLOSE for one in asker.refusals)
        while on_trial := self._on_trial():
            if self.questions >= ENOUGH or asker.over():
                return None
            if asker.unanswered and not closed and not (yield from asker.alive()):
                return None  # whoever answers nothing any more is not asked until the time is up
            at_once = asker.pace.parallel if asker.pace.slow else 1
            draws = [self._draw(on_trial) for _ in range(max(1, at_once - 1))]
            asked = [self._asked(on_trial, *draw) for draw in draws]
            # first here is last to go out: where it succeeds, so many at once are welcome
            outcomes = yield Parallel((*([asker.check()] if at_once > 1 else []), *asked))
            closed = any(one is not None and one.alert == CLOSE for one, *_ in draws)
            accepted: list[Refusal] = [one for one in outcomes if one in asker.refusals]
            if accepted:
                asker.refusals.remove(accepted[0])
                return accepted[0].question
        return None

    def _on_trial(self) -> list[Refusal]:
        return [r for r in self.case.asker.refusals if not self.believed(r) and self._open(r)]

    def _draw(self, on_trial: list[Refusal]) -> tuple[Refusal | None, float, list[float]]:
        """Return what to ask next, None for the control question, and how much that and each refusal were worth asking."""
        self.questions += 1
        controls, wanted = self._weights(on_trial)
        [one] = self.dice.choices([None, *on_trial], [controls, *self._placed(on_trial, wanted)])
        return one, controls, wanted

    def _asked(
        self, on_trial: list[Refusal], one: Refusal | None, controls: float, wanted: list[float]
    ) -> Generator[Any, Any, Refusal | None]:
        """Ask what was drawn, and return the refusal that was accepted after all."""
        asker = self.case.asker
        lying = control_probes.rate(asker.contradictions, asker.succeeded)
        if one is None:
            answer: Answer = yield from asker.check()
            if answer.kind in (AnswerKind.HELLO, AnswerKind.ALERT):
                for other, weight in zip(on_trial, wanted, strict=True):
                    share = controls / (controls + weight)
                    other.stake += (
                        control_probes.accepted(share)
                        if answer.kind is AnswerKind.HELLO
                        else control_probes.denied(share, lying)
                    )
            return None
        share = controls / (controls + wanted[on_trial.index(one)])
        if one.listed and not asker.contradictions and (yield from self._versions.together(again=True)):
            return None
        closed = one.alert == CLOSE
        answer = yield from asker.ask(self._again(one), first=True, blame=not closed)
        if answer.kind is AnswerKind.HELLO:
            asker.contradictions += 1
            return one
        if answer.kind is AnswerKind.ALERT or (
            closed and answer.kind in (AnswerKind.CLOSED, AnswerKind.RESET)
        ):
            asker.contradictions += not closed and answer.alert != one.alert
            one.stake += control_probes.refused(share, lying)
            asker.confirm_alert(one)
        return None

    def _open(self, one: Refusal) -> bool:
        """Tell whether a trial can still settle it: a close says nothing where control questions are closed, too."""
        return one.tries < control_probes.MOST and not (one.alert == CLOSE and self.case.asker.throttled)

    @staticmethod
    def _again(one: Refusal) -> Question:
        """Return the question with its list the other way round, every other time."""
        one.tries += 1
        return replace(one.question, suites=one.question.suites[::-1]) if one.tries % 2 else one.question

    def _weights(self, on_trial: list[Refusal]) -> tuple[float, list[float]]:
        """Return how much the control question and each question are worth asking next."""
        if self._at_random(on_trial):
            return sqrt(len(on_trial)), [1.0] * len(on_trial)
        wanted = [
            (self._against(one.alert), self._doubt(one) / self._listed(one), self._times(one))
            for one in on_trial
        ]

        def plan(more: int) -> list[int]:
            """Return how often each question has to be repeated, with so many more control questions."""
            return [
                max(0, control_probes.enough(truths + more, doubt) - times) for truths, doubt, times in wanted
            ]

        controls, repeats = 0, plan(0)
        for more in range(1, HELPFUL):
            if more >= controls + sum(repeats):  # the control questions alone cost as much by now
                break
            fewer = plan(more)
            if more + sum(fewer) < controls + sum(repeats):
                controls, repeats = more, fewer
        # what chance does not explain any more is here for its places: one more may settle it
        return float(controls), [float(often or 1) for often in repeats]

    def _at_random(self, on_trial: list[Refusal]) -> bool:
        """Tell whether nothing but the order protects against lies, so that it must not be chosen."""
        closes = any(one.alert == CLOSE for one in on_trial)
        return closes or bool(self.case.asker.contradictions) or self._patterns()

    def _placed(self, on_trial: list[Refusal], wanted: list[float]) -> list[float]:
        """Put aside for now what would be asked at a place that shows nothing new, unless that is all there is."""
        asker = self.case.asker
        if self._at_random(on_trial):
            return wanted
        place = asker.starts

        def here(one: Refusal, weight: float) -> float:
            turns = self._turns(one)
            missing = spread(one.places, turns)
            helps = spread((*one.places, place), turns) < missing
            if (missing and not helps) or asker.counted(one, place):
                return 0.0
            return weight * HURRY**missing

        now = [here(one, weight) for one, weight in zip(on_trial, wanted, strict=True)]
        return now if any(now) else wanted

    def unproven(self) -> list[Refusal]:
        """Return what was not settled, and take it off the list."""
        asker = self.case.asker
        found = [r for r in asker.refusals if not self.believed(r)]
        asker.refusals = [r for r in asker.refusals if r not in found]
        return found
