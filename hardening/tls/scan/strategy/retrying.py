"""Asking reliably: a question is asked until the answer is sure, or known not to be had.

A refusal counts when the server said no and control questions succeeded before and after it. A
close, a reset, a silence or bytes that make no sense are asked again: slower first, then in
another shape, and what stays unanswered is unknown. A close or reset may be a refusal where the hello has a
form that is answered otherwise; it is put on trial at the end (`refusal_confirmation`). Where anything shows that the server says no for
reasons of its own, refusals are believed only after a trial at the end (`refusal_confirmation`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

from hardening.tls.scan.engine.conversations import Parallel, Priority, Reply, Sleep, Talk
from hardening.tls.scan.engine.in_flight import Load
from hardening.tls.scan.engine.rate_limit import Pace
from hardening.tls.scan.strategy.evidence import HELLO, Evidence
from hardening.tls.scan.strategy.messages import TROUBLE, Answer, AnswerKind, Question, Shape
from hardening.tls.scan.strategy.outcome import (
    CLOSE,
    PROTOCOL_VERSION,
    Outcome,
    QuestionState,
    Refusal,
    judge_answer,
)
from hardening.tls.scan.strategy.shapes import other_shapes

ATTEMPTS = 2
INSIST = 3
"""How often a server that has lied is asked again at once; what it still refuses is tried at the end."""
DENIED = 40
"""Control questions refused in a row, after which the endpoint is lost."""
REST = 1.5
"""Seconds without a question after which a limit a second lets one through."""


class Asker:
    """The state that all conversations with one endpoint share."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.shape = Shape()
        self.control: Question | None = None
        self.trouble: Counter[str] = Counter()
        self.contradictions = 0
        """How often a control question was refused, or something was taken back: then no single refusal is believed."""
        self.wary = False
        """Whether something is strange, so that each refusal is tried at the end against lies of any pattern."""
        self.failed = False
        """Whether a verdict fails anyway: then each refusal is tried at the end, too."""
        self.evidence = Evidence()
        self.denied: dict[tuple[str, Shape], Question] = {}
        """Opening questions that were refused: whoever chooses from one of them afterwards has lied."""
        self.strays: set[int | str] = set()
        """Suites and versions that nobody offered and that were chosen: yaSSL has one such; more mean that answers are out of step."""
        self.reach = 0
        """How far into a list the server has been seen to read."""
        self._denied = 0
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
        self.unanswered = False
        """Whether the last question met silence of any kind."""
        self.lost = False
        self.started: float | None = None
        self.refusals: list[Refusal] = []
        self.repeating = False
        """Whether what has been refused is being asked again."""
        self._forms: set[tuple[str, Shape]] = set()
        """Versions and shapes of the hellos that were accepted."""
        self._alerts: dict[Question, int | None] = {}
        """The alert that refused a question."""
        self._load = Load()
        self._place = 0
        self._tick = 0
        self._refused_at = -1
        self._success_began = -1
        """When the last successful question was sent, in ticks."""

    def ask(self, question: Question, *, first: bool = False, blame: bool = True) -> Talk:
        """Ask once and return the answer; trouble slows the pace unless it is expected."""
        began = self.pace.now
        if self.started is None:
            self.started = began
        self._tick += 1
        tick = self._tick
        reply: Reply = yield (Priority(question) if first else question)
        answer, self.level, self._place = reply
        self._tick += 1
        now = self.pace.now
        self.unanswered = answer.kind in TROUBLE
        self._load.answered(self._place, self.pace.starts, now, whole=not self.unanswered)
        if self.unanswered:
            self.trouble[answer.kind.value] += 1
            if answer.detail.startswith("answers "):
                self.strays.add(answer.detail)
            if blame:
                self.pace.bad(now, began)
        else:
            self.pace.good()
            self.pace.took(answer.seconds, self.level)
            word = HELLO if answer.kind is AnswerKind.HELLO else answer.alert
            if word is not None:
                self.evidence.note(self._place, word)
            if answer.kind is AnswerKind.HELLO:
                self._taken_back(question, answer)
                self._forms.add((answer.protocol or question.protocol, question.shape))
                if answer.suite in question.suites:
                    self.reach = max(self.reach, question.suites.index(answer.suite) + 1)
                elif answer.suite is not None and question.protocol != "SSLv2":
                    self.strays.add(answer.suite)
                self._success_began = max(self._success_began, tick)
                self.proven = max(self.proven, self.level)
                self._load.succeeded(self._place, self.pace.starts)
        return answer

    def all(self, talks: Sequence[Talk]) -> Talk:
        """Hold conversations one after another, at a slow server side by side."""
        if self.pace.slow:
            yield Parallel(tuple(talks))
            return
        for talk in talks:
            yield from talk

    @property
    def starts(self) -> int:
        """How many questions went out."""
        return len(self.pace.starts)

    @property
    def succeeded(self) -> int:
        """How many questions were answered with a ServerHello."""
        return self.evidence.successes

    @property
    def pending(self) -> bool:
        """Whether a control question has to succeed after what was refused last."""
        return bool(self.refusals) and self._refused_at >= self._success_began

    def _taken_back(self, question: Question, answer: Answer) -> None:
        """Note where a server chooses what it refused when it was first asked."""
        key = (answer.protocol or "", question.shape)
        denied = self.denied.get(key)
        if denied is not None and answer.suite in denied.suites:
            del self.denied[key]
            self.contradictions += 1

    def over(self) -> bool:
        """Tell whether the endpoint's time is up."""
        now = self.pace.now
        spent = now - (self.started if self.started is not None else now)
        return self.lost or spent > self.pace.limits.budget

    def alive(self) -> Talk:
        """Ask the control question until it succeeds; False when the endpoint is lost."""
        if self.control is None:
            return True
        while True:
            if self.over():
                self.lost = True
                return False
            answer = yield from self.check()
            if answer.kind is AnswerKind.HELLO:
                return True
            now = self.pace.now
            if self.pace.given_up(now) or self._denied > DENIED:
                self.lost = True
                return False

    def check(self, *, first: bool = True) -> Generator[Any, Any, Answer]:
        """Ask the control question once."""
        control = self.control
        assert control is not None  # noqa: S101 - there is one from the first success on
        began = self.pace.now
        answer: Answer = yield from self.ask(control, first=first)
        if answer.kind is AnswerKind.HELLO:
            self._denied = 0
        elif answer.kind is AnswerKind.ALERT:
            self.contradictions += 1
            self._denied += 1
            self.pace.bad(self.pace.now, began)
        else:
            self.throttled, self.formal = True, False
        return answer

    def settle(
        self, question: Question, *, form_is_fine: bool = False, twice: bool = False
    ) -> Generator[Any, Any, Outcome]:
        """Ask until the answer is sure, without changing the question.

        `form_is_fine`: a question of this very form has just succeeded, so only its content is new.
        `twice`: a refusal is asked for once more at once.
        """
        if self.over():
            return Outcome(QuestionState.LOST, Answer(kind=AnswerKind.SILENT, detail="out of time"))
        before = self.pace.snapshot()
        began = self.pace.now
        answer = yield from self.ask(question, blame=False)
        state = judge_answer(question, answer)
        if self.unanswered and not self.formal and not self.may_refuse(question, answer):
            self.pace.bad(self.pace.now, began)
        if self.repeating and self._differs(question, state, answer):
            self.contradictions += 1
        if state is QuestionState.TROUBLED:
            while self._judging:
                yield Sleep()
            if (self.formal or self.pace.slow) and self.may_refuse(question, answer):
                self.pace.busy()
                return self.closed(question, answer)
            if self.formal and form_is_fine:
                return (yield from self._once_more(question))
            self._judging = True
            outcome = yield from self._again(question, answer, before)
            self._judging = False
            return outcome
        if state in (QuestionState.REFUSED, QuestionState.ODD) and answer.kind is AnswerKind.ALERT:
            return (yield from self._refused(question, Outcome(state, answer), twice=twice))
        return Outcome(state, answer)

    def _differs(self, question: Question, state: QuestionState, answer: Answer) -> bool:
        """Tell whether what was refused before is refused otherwise now, or not at all."""
        if state is QuestionState.ACCEPTED:
            return True
        return (
            answer.kind is AnswerKind.ALERT
            and self._alerts.get(_either_way(question), answer.alert) != answer.alert
        )

    def _once_more(self, question: Question) -> Generator[Any, Any, Outcome]:
        """One more try where the endpoint is known to leave some questions unanswered."""
        answer = yield from self.ask(question, first=True, blame=False)
        state = judge_answer(question, answer)
        if state in (QuestionState.REFUSED, QuestionState.ODD) and answer.kind is AnswerKind.ALERT:
            return (yield from self._refused(question, Outcome(state, answer)))
        return Outcome(state, answer)

    def _again(  # noqa: PLR0911 - one return per way in which a question can end
        self, question: Question, answer: Answer, before: tuple[float, int, float, bool, float]
    ) -> Generator[Any, Any, Outcome]:
        """The same question, slower, each time with a control question before it.

        A close that may be a refusal slows nothing down, as long as control questions are answered at this pace.
        """
        for _ in range(ATTEMPTS - self.formal):
            if not (yield from self.alive()):
                return Outcome(QuestionState.LOST, answer)
            blame = not self.formal and not self.may_refuse(question, answer)
            answer = yield from self.ask(question, first=True, blame=blame)
            state = judge_answer(question, answer)
            if state is QuestionState.TROUBLED:
                continue
            if state is not QuestionState.ACCEPTED and answer.kind is AnswerKind.ALERT:
                return (yield from self._refused(question, Outcome(state, answer)))
            return Outcome(state, answer)
        if not (yield from self.alive()):
            return Outcome(QuestionState.LOST, answer)
        if self.throttled:
            # a limit may let the control question through and not this one: ask it after a rest
            now = self.pace.now
            self.pace.rest(now, REST)
            answer = yield from self.ask(question, first=True, blame=False)
            state = judge_answer(question, answer)
            if state is not QuestionState.TROUBLED:
                return (yield from self.note(question, state, answer))
            return Outcome(QuestionState.TROUBLED, answer)
        self.pace.restore(before)
        self.formal = True
        if self.may_refuse(question, answer):
            return self.closed(question, answer)
        return Outcome(QuestionState.TROUBLED, answer)

    def may_refuse(self, question: Question, answer: Answer) -> bool:
        """Tell whether a close can be a refusal: the hello differs in one thing from one that was accepted."""
        control = self.control
        if answer.kind not in (AnswerKind.CLOSED, AnswerKind.RESET) or control is None or self.throttled:
            return False
        if question.protocol == "SSLv2":
            return True
        form_is_fine = (question.protocol, question.shape) in self._forms or (
            question.protocol != "TLSv1.3" and question.shape == control.shape
        )
        return form_is_fine and set(question.suites) <= set(control.suites)

    def closed(self, question: Question, answer: Answer) -> Outcome:
        """Put a close on trial; it counts as a refusal until the trial says otherwise."""
        self._refused_at = self._tick
        ages = self._load.ages(self._place, self.pace.starts)
        self.refusals.append(Refusal(self._tick, question, self.level, ages, CLOSE, times=0))
        return Outcome(QuestionState.REFUSED, answer)

    def note(self, question: Question, state: QuestionState, answer: Answer) -> Generator[Any, Any, Outcome]:
        """Take a refusal that was asked for with `ask`."""
        outcome = Outcome(state, answer)
        if answer.kind is AnswerKind.ALERT:
            return (yield from self._refused(question, outcome))
        return outcome

    def _refused(
        self, question: Question, outcome: Outcome, *, twice: bool = False
    ) -> Generator[Any, Any, Outcome]:
        """Note a refusal; one that may be a lie is asked for again, an unusual one between control questions."""
        if self.contradictions:
            return (yield from self._insisted(question, outcome))
        if outcome.state is not QuestionState.REFUSED:
            return (yield from self._unusual(question, outcome))
        refusal = self._refusal(question, outcome.answer.alert)
        if twice and refusal.alert != PROTOCOL_VERSION:
            # from the other end: a server that reads only so many suites is found out as well
            answer = yield from self.ask(replace(question, suites=question.suites[::-1]), first=True)
            if answer.kind is AnswerKind.HELLO or (
                answer.kind is AnswerKind.ALERT and answer.alert != refusal.alert
            ):
                self.contradictions += 1
            if answer.kind is AnswerKind.HELLO:
                return Outcome(judge_answer(question, answer), answer)
            if answer.kind is AnswerKind.ALERT:
                refusal.times, refusal.places = 2, (*refusal.places, self._place)
        self.refusals.append(refusal)
        return outcome

    def _refusal(self, question: Question, alert: int | None, times: int = 1) -> Refusal:
        """Return what the last answer was as a refusal."""
        self._alerts[_either_way(question)] = alert
        self._refused_at = self._tick
        ages = self._load.ages(self._place, self.pace.starts)
        return Refusal(self._tick, question, self.level, ages, alert, (self._place,), times)

    def confirm_alert(self, refusal: Refusal) -> None:
        """Note that the last answer was the same refusal once more."""
        refusal.times += 1
        self._alert_at(refusal)

    def listed_again(self, refusal: Refusal) -> None:
        """Note that the last answer refused its version among others."""
        refusal.listed += 1
        self._alert_at(refusal)

    def _alert_at(self, refusal: Refusal) -> None:
        refusal.places = (*refusal.places, self._place)
        self._refused_at = refusal.answered = self._tick
        refusal.level = self.level
        refusal.ages = self._load.ages(self._place, self.pace.starts)

    def _unusual(self, question: Question, outcome: Outcome) -> Generator[Any, Any, Outcome]:
        """Ask twice in a row between two control questions that have to succeed."""
        if not (yield from self.alive()):
            return Outcome(QuestionState.LOST, outcome.answer)
        answer, times = outcome.answer, 1
        for _ in range(2):
            answer = yield from self.ask(question, first=True)
            if answer.kind is AnswerKind.HELLO:
                self.contradictions += 1
                return Outcome(judge_answer(question, answer), answer)
            times += answer.kind is AnswerKind.ALERT
        refusal = self._refusal(question, outcome.answer.alert, times)
        if not (yield from self.alive()):
            return Outcome(QuestionState.LOST, answer)
        self.refusals.append(refusal)
        return Outcome(judge_answer(question, answer), answer)

    def _insisted(self, question: Question, outcome: Outcome) -> Generator[Any, Any, Outcome]:
        """Where no single refusal can be believed, ask a few times more; what is refused again and again is tried at the end."""
        times = 1
        for _ in range(INSIST):
            if self.over():
                return Outcome(QuestionState.LOST, outcome.answer)
            question = replace(question, suites=question.suites[::-1])
            answer = yield from self.ask(question, first=True)
            if answer.kind is AnswerKind.HELLO:
                return Outcome(judge_answer(question, answer), answer)
            if answer.kind is AnswerKind.ALERT:
                times, outcome = times + 1, Outcome(judge_answer(question, answer), answer)
        refusal = self._refusal(question, outcome.answer.alert, times)
        self.refusals.append(refusal)
        return outcome

    def recheck(self, refusal: Refusal, *, counts: bool = False) -> Talk:
        """Ask once more what was refused; anything but the same refusal makes every refusal doubtful."""
        answer: Answer = yield from self.ask(refusal.question)
        if answer.kind not in TROUBLE and (
            answer.kind is not AnswerKind.ALERT or answer.alert != refusal.alert
        ):
            self.contradictions += 1
        elif counts and answer.kind is AnswerKind.ALERT:
            self.confirm_alert(refusal)

    def counted(self, refusal: Refusal, *then: int) -> bool:
        """Tell whether a server that says no on every n-th connection would have said it each time, and `then`."""
        places = (*refusal.places, *then)
        return refusal.alert is not None and self.evidence.counted(places, refusal.alert)

    def take(self, strange: Callable[[Refusal], bool]) -> list[Question]:
        """Return the questions of refusals that do not fit what else is known; they do not count any more."""
        taken = [r for r in self.refusals if strange(r)]
        self.refusals = [r for r in self.refusals if r not in taken]
        return [r.question for r in taken]

    def confirm(self) -> Generator[Any, Any, list[Question]]:
        """Ask the control question that closes the bracket; return what has to be asked again."""
        alive = True
        crowd = max((r.level for r in self.refusals), default=0)
        if self.control is not None and self.proven < crowd <= self.pace.parallel:
            now = self.pace.now
            self.pace.rest(now, crowd / self.pace.rate)  # until so many may go out at once
            yield Parallel(tuple(self.check() for _ in range(crowd)))
        if self.pending:
            alive = yield from self.alive()
        doubted = self.take(self._crowded if alive else lambda _refusal: True)
        if doubted:
            self.pace.parallel = max(1, self.proven) if self.pace.slow else 1
            now = self.pace.now
            self.pace.rest(now, REST)
        return doubted

    def _crowded(self, refusal: Refusal) -> bool:
        """Tell whether it came with more questions on their way, or in less time, than any success has seen."""
        return refusal.level > max(1, self.proven) or not self._load.covers(refusal.ages)

    def reshape(self, question: Question) -> Generator[Any, Any, bool]:
        """Find a shape in which a troubled question is answered; keep it for all that follow.

        Chunks are asked side by side. False when no shape helped.
        """
        stalls = self.trouble[AnswerKind.SILENT.value] > self.trouble.total() // 2
        wait = max(0.7, 20 * (self.pace.quickest or 5.0)) if stalls else None
        for shape in other_shapes(question, self.control, stalls=stalls):
            size = shape.max_suites
            parts = [question.suites[i : i + size] for i in range(0, len(question.suites), size)]
            questions = [replace(question, suites=part, shape=shape, patience=wait) for part in parts]
            with self.pace.widened(self.formal and not self.throttled):
                answers = yield Parallel(tuple(self.ask(q, blame=False) for q in questions))
            if any(a.kind not in TROUBLE for a in answers):
                self.shape = shape
                return True
            if not (yield from self.alive()):
                return False
        return False


def _either_way(question: Question) -> Question:
    """Return a question with its list in one direction, so that one that was asked the other way round is the same."""
    suites = question.suites
    return replace(question, suites=suites[::-1]) if suites and suites[0] > suites[-1] else question
