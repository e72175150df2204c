"""Asking reliably: a question is asked until the answer is sure, or known not to be had.

A refusal counts when the server said no and control questions succeeded before and after it. A
close, a reset, a silence or bytes that make no sense are asked again: slower first, then in
another shape, and what stays unanswered is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from hardening.tls import registry
from hardening.tls.scan.ask import TROUBLE, Answer, Kind, Question, Shape, Tier
from hardening.tls.scan.engine import First, Now, Pause, Talk, Together, Told
from hardening.tls.scan.load import Ages, Load
from hardening.tls.scan.pace import Pace

CLEAR_REFUSALS = frozenset({40, 41, 70, 71})
"""handshake_failure, no_certificate, protocol_version, insufficient_security (RFC 8446 section 6.2).

OpenSSL 1.0.2 says illegal_parameter (47) where it has none of the signature schemes that are offered.
"""
SMALL = 16
ATTEMPTS = 2
SAID = 3
REST = 1.5
"""Seconds without a question after which a limit a second lets one through."""
CHUNKS = (64, 40, SMALL)


class State(Enum):
    """What became of a question."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The server said no, in words."""
    ODD = "odd"
    """It said something that may be about the hello's form: another alert, a suite nobody offered."""
    TROUBLED = "troubled"
    """It gives no answer to this question, while it answers others."""
    LOST = "lost"
    """It gives no answer to anything any more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A state and the answer that led to it."""

    state: State
    answer: Answer


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal that still needs a control question after it."""

    answered: int
    question: Question
    level: int
    ages: Ages
    """How dense the questions before it were."""
    alert: int | None


def judge_answer(question: Question, answer: Answer) -> State:
    """Return what one answer says about its question."""
    if answer.kind is Kind.HELLO:
        if question.protocol == "SSLv2":
            return State.ACCEPTED
        floor = registry.PROTOCOLS.index(question.floor)
        if answer.protocol is None or registry.PROTOCOLS.index(answer.protocol) < floor:
            return State.REFUSED
        return State.ACCEPTED if answer.suite in question.suites else State.ODD
    if answer.kind is Kind.ALERT:
        clear = answer.alert in CLEAR_REFUSALS or (answer.alert == 47 and question.schemes is not None)
        return State.REFUSED if clear else State.ODD
    return State.TROUBLED


class Asker:
    """The state that all conversations with one endpoint share."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.shape = Shape()
        self.control: Question | None = None
        self.trouble: Counter[str] = Counter()
        self.contradictions = 0
        """How often a control question was refused: then no single refusal is believed."""
        self.formal = False
        """Whether some question went unanswered while control questions around it succeeded."""
        self._judging = False
        """Whether some conversation is finding out if silence is about the pace or about the question."""
        self.level = 1
        """How many questions were on their way when the last one to be answered was asked."""
        self.proven = 0
        """The most at which one succeeded: a refusal among more may be about the crowd."""
        self.throttled = False
        """Whether a control question ever went unanswered."""
        self.lost = False
        self.started: float | None = None
        self.refusals: list[Refusal] = []
        self.repeating = False
        """Whether what has been refused is being asked again."""
        self._said: dict[Question, int | None] = {}
        """The alert that refused a question."""
        self._load = Load()
        self._place = 0
        self._tick = 0
        self._success_began = -1
        """When the last successful question was sent, in ticks."""
        self._quickest = 5.0

    def ask(self, question: Question, *, first: bool = False, blame: bool = True) -> Talk:
        """Ask once and return the answer; trouble slows the pace unless it is expected."""
        began = yield Now()
        if self.started is None:
            self.started = began
        self._tick += 1
        tick = self._tick
        told: Told = yield (First(question) if first else question)
        answer, self.level, self._place = told
        self._tick += 1
        now = yield Now()
        self._load.answered(self._place, self.pace.starts, now)
        if answer.kind in TROUBLE:
            self.trouble[answer.kind.value] += 1
            if blame:
                self.pace.bad(now, began)
        else:
            self.pace.good()
            self._quickest = min(self._quickest, answer.seconds)
            if answer.kind is Kind.HELLO:
                self._success_began = max(self._success_began, tick)
                self.proven = max(self.proven, self.level)
                self._load.succeeded(self._place, self.pace.starts)
        return answer

    def over(self) -> Talk:
        """Tell whether the endpoint's time is up."""
        now = yield Now()
        spent = now - (self.started if self.started is not None else now)
        return self.lost or spent > self.pace.limits.budget

    def alive(self) -> Talk:
        """Ask the control question until it succeeds; False when the endpoint is lost."""
        if self.control is None:
            return True
        while True:
            if (yield from self.over()):
                self.lost = True
                return False
            began = yield Now()
            answer = yield from self.ask(self.control, first=True)
            if answer.kind is Kind.HELLO:
                return True
            now = yield Now()
            if answer.kind is Kind.ALERT:
                self.contradictions += 1
                self.pace.bad(now, began)
            else:
                self.throttled, self.formal = True, False
            if self.pace.given_up(now) or self.contradictions > 40:
                self.lost = True
                return False

    def settle(self, question: Question, *, form_is_fine: bool = False) -> Generator[Any, Any, Outcome]:
        """Ask until the answer is sure, without changing the question.

        `form_is_fine`: a question of this very form has just succeeded, so only its content is new.
        """
        if (yield from self.over()):
            return Outcome(State.LOST, Answer(kind=Kind.SILENT, detail="out of time"))
        before = self.pace.snapshot()
        answer = yield from self.ask(question, blame=not self.formal)
        state = judge_answer(question, answer)
        if self.repeating and self._differs(question, state, answer):
            self.contradictions += 1
        if state is State.TROUBLED:
            while self._judging:
                yield Pause()
            if self.formal and form_is_fine:
                return (yield from self._once_more(question))
            self._judging = True
            outcome = yield from self._again(question, answer, before)
            self._judging = False
            return outcome
        if state in (State.REFUSED, State.ODD) and answer.kind is Kind.ALERT:
            return (yield from self._refused(question, Outcome(state, answer)))
        return Outcome(state, answer)

    def _differs(self, question: Question, state: State, answer: Answer) -> bool:
        """Tell whether what was refused before is refused otherwise now, or not at all."""
        if state is State.ACCEPTED:
            return True
        return answer.kind is Kind.ALERT and self._said.get(question, answer.alert) != answer.alert

    def _once_more(self, question: Question) -> Generator[Any, Any, Outcome]:
        """One more try where the endpoint is known to leave some questions unanswered."""
        answer = yield from self.ask(question, first=True, blame=False)
        state = judge_answer(question, answer)
        if state in (State.REFUSED, State.ODD) and answer.kind is Kind.ALERT:
            return (yield from self._refused(question, Outcome(state, answer)))
        return Outcome(state, answer)

    def _again(  # noqa: PLR0911 - one return per way in which a question can end
        self, question: Question, answer: Answer, before: tuple[float, int, float, bool, float]
    ) -> Generator[Any, Any, Outcome]:
        """The same question, slower, each time with a control question before it."""
        for _ in range(ATTEMPTS - self.formal):
            if not (yield from self.alive()):
                return Outcome(State.LOST, answer)
            answer = yield from self.ask(question, first=True, blame=not self.formal)
            state = judge_answer(question, answer)
            if state is State.TROUBLED:
                continue
            if state is not State.ACCEPTED and answer.kind is Kind.ALERT:
                return (yield from self._refused(question, Outcome(state, answer)))
            return Outcome(state, answer)
        if not (yield from self.alive()):
            return Outcome(State.LOST, answer)
        if self.throttled:
            # a limit may let the control question through and not this one: ask it after a rest
            now = yield Now()
            self.pace.rest(now, REST)
            answer = yield from self.ask(question, first=True, blame=False)
            state = judge_answer(question, answer)
            if state is not State.TROUBLED:
                return (yield from self.note(question, state, answer))
            return Outcome(State.TROUBLED, answer)
        self.pace.restore(before)
        self.formal = True
        return Outcome(State.TROUBLED, answer)

    def note(self, question: Question, state: State, answer: Answer) -> Generator[Any, Any, Outcome]:
        """Take a refusal that was asked for with `ask`."""
        outcome = Outcome(state, answer)
        if answer.kind is Kind.ALERT:
            return (yield from self._refused(question, outcome))
        return outcome

    def _refused(self, question: Question, outcome: Outcome) -> Generator[Any, Any, Outcome]:
        """Note a refusal; an unusual one is asked once more between two control questions."""
        if self.contradictions:
            return (yield from self._insisted(question, outcome))
        if outcome.state is State.REFUSED:
            ages = self._load.ages(self._place, self.pace.starts)
            alert = self._said[question] = outcome.answer.alert
            self.refusals.append(Refusal(self._tick, question, self.level, ages, alert))
            return outcome
        again = yield from self._between(question)
        if again.state is State.LOST or again.answer.kind is Kind.HELLO or not self.contradictions:
            return again
        return (yield from self._insisted(question, outcome))

    def _between(self, question: Question) -> Generator[Any, Any, Outcome]:
        """Ask between two control questions that have to succeed."""
        if not (yield from self.alive()):
            return Outcome(State.LOST, Answer(kind=Kind.SILENT))
        answer = yield from self.ask(question, first=True)
        if answer.kind is not Kind.HELLO and not (yield from self.alive()):
            return Outcome(State.LOST, answer)
        return Outcome(judge_answer(question, answer), answer)

    def _insisted(self, question: Question, outcome: Outcome) -> Generator[Any, Any, Outcome]:
        """Where control questions have been refused, no has to be said several times in a row."""
        said = 0
        for _ in range(SAID * 4):
            before = self.contradictions
            again = yield from self._between(question)
            if again.state is State.LOST or again.answer.kind is Kind.HELLO:
                return again
            said = said + 1 if again.state is not State.TROUBLED and self.contradictions == before else 0
            if said >= SAID:
                return again
        return Outcome(State.TROUBLED, outcome.answer)

    def take(self, strange: Callable[[Refusal], bool]) -> list[Question]:
        """Return the questions of refusals that do not fit what else is known; they do not count any more."""
        taken = [r for r in self.refusals if strange(r)]
        self.refusals = [r for r in self.refusals if r not in taken]
        return [r.question for r in taken]

    def confirm(self) -> Generator[Any, Any, list[Question]]:
        """Ask the control question that closes the bracket; return what has to be asked again.

        Once a control question has been refused, no refusal before that is believed.
        """
        alive = True
        if any(r.answered >= self._success_began for r in self.refusals):
            alive = yield from self.alive()
        doubted = self.refusals
        if alive and not self.contradictions:
            doubted = [r for r in self.refusals if self._crowded(r)]
        self.refusals = []
        if doubted:
            self.pace.parallel = 1
            now = yield Now()
            self.pace.rest(now, REST)
        return [r.question for r in doubted]

    def _crowded(self, refusal: Refusal) -> bool:
        """Tell whether it came with more questions on their way, or in less time, than any success has seen."""
        return refusal.level > max(1, self.proven) or not self._load.covers(refusal.ages)

    def reshape(self, question: Question) -> Generator[Any, Any, bool]:
        """Find a shape in which a troubled question is answered; keep it for all that follow.

        Chunks are asked side by side. False when no shape helped.
        """
        stalls = self.trouble[Kind.SILENT.value] > self.trouble.total() // 2
        wait = max(0.7, 20 * self._quickest) if stalls else None
        for shape in self._other_shapes(question, stalls=stalls):
            size = shape.max_suites
            parts = [question.suites[i : i + size] for i in range(0, len(question.suites), size)]
            asked = [replace(question, suites=part, shape=shape, patience=wait) for part in parts]
            answers = yield Together(tuple(self.ask(q, blame=False) for q in asked))
            if any(a.kind not in TROUBLE for a in answers):
                self.shape = shape
                return True
            if not (yield from self.alive()):
                return False
        return False

    def _other_shapes(self, question: Question, *, stalls: bool) -> list[Shape]:
        now = question.shape
        control = self.control
        proven = control is not None and control.shape == now and len(control.suites) >= len(question.suites)
        tls13 = question.protocol == "TLSv1.3"
        if now == Shape() and proven and not tls13:
            # the control question had every suite and extension: only its version can make a difference
            return [
                replace(now, tier=Tier.BARE),
                replace(now, tier=Tier.PLAIN, classic=True, max_suites=SMALL),
            ]
        shapes: list[Shape] = []
        if tls13 and not now.shares:
            shapes.append(replace(now, shares=True))
        if now.tier is Tier.RICH:
            shapes.append(replace(now, tier=Tier.PLAIN))
        if len(question.suites) > SMALL:
            shapes += [
                replace(now, max_suites=n) for n in CHUNKS if n < min(now.max_suites, len(question.suites))
            ]
        smallest = replace(now, max_suites=min(now.max_suites, SMALL))
        shapes.append(replace(smallest, tier=Tier.PLAIN, classic=True))
        if not tls13:
            shapes.append(replace(smallest, tier=Tier.BARE))
        shapes.append(replace(smallest, record_version=None))
        if stalls:
            shapes = [s for s in shapes if s.max_suites != CHUNKS[1]]
        return [s for s in dict.fromkeys(shapes) if s != now]


def doubtful(shape: Shape, protocol: str, code: int) -> bool:
    """Tell whether a refusal in a reduced shape may be due to what the hello left out."""
    if protocol == "TLSv1.3":
        return shape.classic
    if protocol == "SSLv3" or (shape.tier is not Tier.BARE and not shape.classic):
        return False
    suite = registry.suites_by_code().get(code)
    kx = (suite.kx or "") if suite else ""
    return kx.startswith("ECDH") or (protocol == "TLSv1.2" and kx.startswith("DH"))
