"""One protocol version at a time: what was chosen is taken away until the rest is refused."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hardening.tls import registry
from hardening.tls.scan.engine.conversations import Parallel, Talk
from hardening.tls.scan.strategy.endpoint_state import EndpointState
from hardening.tls.scan.strategy.messages import TROUBLE, Answer, AnswerKind, Question, Shape, Tier, Want
from hardening.tls.scan.strategy.outcome import (
    CLOSE,
    PROTOCOL_VERSION,
    Outcome,
    QuestionState,
    Refusal,
    judge_answer,
)
from hardening.tls.scan.strategy.schemes import PiggybackScheme
from hardening.tls.scan.strategy.scope import Case
from hardening.tls.scan.strategy.shapes import MOST, SMALL, doubtful
from hardening.tls.scan.wire import hello

BUSY = 4
"""Accepted suites of one version after which a verdict has so much to ask that it asks side by side."""
LONG = 50
"""Suites in a list above which a slow server is asked for parts of it side by side."""
_ROW = registry.PROTOCOLS[1:4]
"""SSL 3.0, TLS 1.0 and TLS 1.1: what a server with TLS 1.3 seldom has, and one hello can ask for."""

Rest = list[tuple[int, ...]]


@dataclass(slots=True)
class Versions:
    """The conversations about suites; what they find goes into the case."""

    case: Case
    lists: bool = False
    """Whether one hello asks for several versions: what that saves goes to the refusal that matters most."""
    _joined: bool = field(default=False, init=False)
    _silent_sslv2: Answer | None = field(default=None, init=False)

    def ask(self, name: str) -> Talk:
        """Ask about one version, as far as the scope wants to know."""
        learned = self.case.found.protocols[name]
        if learned.refused:
            learned.all_asked = True
            return
        if name == "SSLv2":
            yield from self._sslv2(learned)
            yield from self.together()
            return
        learned.all_asked = self.case.scope.full or name in self.case.scope.forbidden_protocols
        suites, extra = self.case.scope.questions(name)
        done = set(learned.suites)
        if not done.isdisjoint(suites):
            suites = tuple(s for s in suites if s not in done)
        if suites:
            yield from self.chain(learned, suites, extra)
        if name in _ROW:
            yield from self.together()

    # SSL 2.0

    def _sslv2(self, learned: EndpointState) -> Talk:
        """Most servers meet an SSL 2.0 hello with a close: that says nothing about their pace, and is asked again last."""
        learned.all_asked = True
        answer = yield from self.case.asker.ask(_sslv2_question(), blame=False)
        state = judge_answer(_sslv2_question(), answer)
        if state is QuestionState.TROUBLED:
            self._silent_sslv2 = answer
        elif state is QuestionState.ACCEPTED:
            self._accepts_sslv2(learned, answer)
        else:
            self._settled_sslv2(learned, (yield from self.case.asker.note(_sslv2_question(), state, answer)))

    def again_sslv2(self, learned: EndpointState) -> Talk:
        """Ask once more, between control questions."""
        if self.case.asker.pace.slow or (yield from self.case.asker.alive()):
            answer = yield from self.case.asker.ask(_sslv2_question(), blame=False)
            state = judge_answer(_sslv2_question(), answer)
            outcome = Outcome(state, answer)
            if state in (QuestionState.REFUSED, QuestionState.ODD):
                outcome = yield from self.case.asker.note(_sslv2_question(), state, answer)
            elif self.case.asker.may_refuse(_sslv2_question(), answer) and self._others_closed():
                outcome = self.case.asker.closed(_sslv2_question(), answer)
            self._settled_sslv2(learned, outcome)
        else:
            learned.unknown = list(hello.every_kind())

    def _others_closed(self) -> bool:
        """Return whether a trial follows anyway. SSL 2.0 alone does not cause one, because it leaves nothing open."""
        return any(one.alert == CLOSE for one in self.case.asker.refusals)

    def late(self) -> Talk:
        """Come back to what was met with silence."""
        if self._silent_sslv2 is not None:
            yield from self.again_sslv2(self.case.found.protocols["SSLv2"])

    def _settled_sslv2(self, learned: EndpointState, outcome: Outcome) -> None:
        if outcome.state is QuestionState.ACCEPTED:
            self._accepts_sslv2(learned, outcome.answer)
        elif outcome.state in (QuestionState.REFUSED, QuestionState.ODD):
            learned.refused = True
        else:
            learned.unknown = list(hello.every_kind())

    def _accepts_sslv2(self, learned: EndpointState, answer: Answer) -> None:
        self.case.found.note(_sslv2_question(), answer)
        learned.chose(_sslv2_question(), answer)

    # SSL 3.0 to TLS 1.3

    def chain(
        self, learned: EndpointState, suites: tuple[int, ...], extra: frozenset[int] = frozenset()
    ) -> Talk:
        """Take away what was chosen until the rest is refused, chunk by chunk where it has to be."""
        asker = self.case.asker
        pending = [suites]
        last_good: Shape | None = None
        riding = PiggybackScheme(wanted=self.case.scope.full and learned.name == "TLSv1.2")
        turn = len(learned.choices)
        while pending:
            batch = pending.pop(0)
            limit = asker.shape.max_suites
            if len(batch) > limit:
                learned.chunked = True
                parts = [batch[i : i + limit] for i in range(0, len(batch), limit)]
                if asker.pace.slow:
                    yield Parallel(tuple(self.chain(learned, part, extra) for part in parts))
                else:
                    pending[:0] = parts
                continue
            question = riding.on(self._question(learned, batch[:: 1 if turn % 2 else -1]))
            fine = question.shape == last_good
            if question.schemes is not None:
                answer = yield from asker.ask(question)
                if riding.took(question, answer, learned, self.case.found):
                    turn += 1
                    rest = _without(batch, answer.suite)
                    pending[:0] = [rest] if rest else []
                    continue
                question = replace(question, schemes=None)
            outcome: Outcome = yield from asker.settle(
                question, form_is_fine=fine, twice=self._twice(learned)
            )
            riding.settled(outcome.answer, learned)
            self.case.found.note(question, outcome.answer)
            if outcome.state is QuestionState.ACCEPTED:
                last_good = question.shape
                turn += 1
            if (
                outcome.state is QuestionState.TROUBLED and fine
            ):  # silence, where the same form was answered a moment ago
                learned.unknown += [s for s in batch if s not in extra]
                left: Rest | None = []
            else:
                left = yield from self._step(learned, question, outcome, extra, batch)
            if left is None:
                learned.unknown += [s for part in (batch, *pending) for s in part if s not in extra]
                return
            if outcome.state is QuestionState.ACCEPTED and asker.pace.slow and self._is_long(learned, left):
                [rest] = left
                step = -(-len(rest) // LONG)
                yield Parallel(tuple(self.chain(learned, rest[n::step], extra) for n in range(step)))
                left = []
            pending[:0] = left
        learned.refused = not learned.unknown

    @staticmethod
    def _is_long(learned: EndpointState, left: Rest) -> bool:
        return learned.name != "TLSv1.3" and any(len(part) > LONG for part in left)

    def _twice(self, learned: EndpointState) -> bool:
        """Tell whether a refusal is asked for twice at once; an inventory asks again at the end."""
        return not self.case.scope.full and learned.name == "TLSv1.2" and self.lists

    def otherwise(self, name: str) -> Talk:
        """Ask for a version that was refused in the words of a suite once more, in words that an old server knows."""
        learned, asker = self.case.found.protocols[name], self.case.asker
        if (
            learned.offered
            or learned.refused_as in (None, PROTOCOL_VERSION)
            or asker.shape != Shape()
            or asker.lost
        ):
            return
        shape, suites = Shape(tier=Tier.PLAIN, classic=True), self.case.scope.questions(name)[0]
        question = Question(protocol=name, suites=suites, shape=shape, want=Want.FLIGHT)
        if learned.refused_as == CLOSE:  # its trial is to come: no need to insist
            shape = replace(shape, max_suites=SMALL)
            question = replace(question, suites=suites[:SMALL], shape=shape)
            answer: Answer = yield from asker.ask(question, blame=False)
            outcome = Outcome(judge_answer(question, answer), answer)
        else:
            outcome = yield from asker.settle(question)
        if outcome.state is QuestionState.ACCEPTED:
            self.case.found.note(question, outcome.answer)
            learned.chose(question, outcome.answer)
            asker.shape = shape
            yield from self.chain(learned, tuple(s for s in suites if s != outcome.answer.suite))

    def listed(self, names: tuple[str, ...]) -> Talk:
        """Ask for several versions in one hello that lists them, where TLS 1.3 is there.

        The old field says TLS 1.2, as it does in every hello with a list, so a server that reads no list betrays itself
        by answering TLS 1.2. Only protocol_version refuses them all; after any other answer each is asked for by itself.
        """
        asker = self.case.asker
        question = Question(
            protocol=names[-1],
            down_to=names[0],
            listed=True,
            suites=hello.every_suite(),
            shape=asker.shape,
            want=Want.FLIGHT,
        )
        answer: Answer = yield from asker.ask(question, blame=False)
        if answer.kind is AnswerKind.ALERT and answer.alert == PROTOCOL_VERSION:
            yield from asker.note(question, QuestionState.REFUSED, answer)
            for learned in self.meant(question):
                learned.refused = learned.all_asked = True
            return
        if judge_answer(question, answer) is QuestionState.ACCEPTED and answer.protocol in names:
            self.case.found.note(question, answer)
            self.case.found.protocols[answer.protocol].chose(question, answer)
            asker.failed = True
        yield from self.each(question)

    def together(self, *, again: bool = False) -> Generator[Any, Any, bool]:
        """In an inventory, ask once more for old versions that were refused one by one: in one hello that lists them.

        Where a server that goes by such a list refuses it as a version, each of them has been refused once more. Soon, for
        two places near each other leave few periods that explain both. False where it could not be asked.
        """
        asker = self.case.asker
        refused = {r.question.protocol: r for r in asker.refusals if r.question.groups is None}
        if (self._joined and not again) or not self._all_refused(refused):
            return False
        self._joined = True
        question = Question(
            protocol=_ROW[-1], down_to=_ROW[0], listed=True, suites=hello.every_suite(), shape=asker.shape
        )
        answer: Answer = yield from asker.ask(question, blame=again)
        if answer.kind is AnswerKind.ALERT and answer.alert == PROTOCOL_VERSION:
            for name in _ROW:
                asker.listed_again(refused[name])
        elif judge_answer(question, answer) is QuestionState.ACCEPTED and answer.protocol in _ROW:
            self._listed_all_the_same(question, answer)
        elif again and answer.kind not in TROUBLE:
            asker.contradictions += 1  # it is another word now
        for name in _ROW:
            refused[name].tries += again
        oldest = refused.get("SSLv2")
        if oldest is not None and oldest.alert == PROTOCOL_VERSION and oldest.times == 1:
            yield from asker.recheck(oldest, counts=True)
        return True

    def _listed_all_the_same(self, question: Question, answer: Answer) -> None:
        """Take a version that is there when it is listed, and was refused by itself; the rest of it was never asked so."""
        found = self.case.found
        self.case.asker.contradictions += 1
        found.note(question, answer)
        learned = found.protocols[answer.protocol or ""]
        learned.chose(question, answer)
        learned.unknown += [s for s in question.suites if s != answer.suite]

    def _all_refused(self, refused: Mapping[str, Refusal]) -> bool:
        case = self.case
        return (
            case.scope.full
            and case.asks_tls13
            and case.asker.shape == Shape()
            and not case.asker.contradictions
            and all(name in refused and not case.found.protocols[name].offered for name in _ROW)
        )

    def meant(self, question: Question) -> list[EndpointState]:
        """Return the versions that a question is about."""
        if not question.listed:
            return [self.case.found.protocols[question.protocol]]
        span = registry.PROTOCOLS
        names = span[span.index(question.floor) : span.index(question.protocol) + 1]
        return [self.case.found.protocols[name] for name in names]

    def each(self, question: Question) -> Talk:
        """Ask for each of the versions that a question lists."""
        every = self.meant(question)
        for learned in every:
            learned.refused = False
        yield from self.case.asker.all([self.ask(learned.name) for learned in every])

    def _of_another_key(
        self, learned: EndpointState, alert: int | None, batch: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Return what of a list that was refused has to be asked for alone.

        HAProxy answers with its ECDSA certificate whoever lists a suite for it, or one of TLS 1.3, and refuses what is left of
        the list although its RSA certificate could do it.
        """
        if alert in (PROTOCOL_VERSION, CLOSE) or not "TLSv1.0" <= learned.name <= "TLSv1.2":
            return ()
        known = registry.suites_by_code()
        seen = {known[s].auth for one in self.case.found.offered() for s in one.suites if s in known}
        if "RSA" in seen or (learned.offered and "ECDSA" not in seen):
            return ()
        rest = tuple(s for s in batch if s in known and not known[s].tls13 and known[s].auth != "ECDSA")
        return rest if len(rest) < len(batch) else ()

    def _question(self, learned: EndpointState, batch: tuple[int, ...]) -> Question:
        want = Want.HELLO if learned.name == "TLSv1.3" else Want.FLIGHT
        return Question(protocol=learned.name, suites=batch, shape=self.case.asker.shape, want=want)

    def _step(  # noqa: PLR0911 - one return per thing that can become of a question
        self,
        learned: EndpointState,
        question: Question,
        outcome: Outcome,
        extra: frozenset[int],
        batch: tuple[int, ...],
    ) -> Generator[Any, Any, Rest | None]:
        """Return what is left to ask of a batch, or None when the endpoint is lost."""
        state, asker = outcome.state, self.case.asker
        if state is QuestionState.ACCEPTED:
            learned.chose(question, outcome.answer)
            if not self.case.scope.full and outcome.answer.suite not in extra:
                asker.failed = True  # so connections matter less
            if asker.pace.slow or len(learned.choices) == BUSY:
                asker.pace.busy()
            chosen = outcome.answer.suite
            rest = tuple(s for s in batch if s not in extra) if chosen in extra else _without(batch, chosen)
            return [rest] if rest else []
        if state is QuestionState.REFUSED:
            closed = outcome.answer.kind in (AnswerKind.CLOSED, AnswerKind.RESET)
            learned.refused_as = CLOSE if closed else outcome.answer.alert
            if question.shape != Shape() and outcome.answer.alert != PROTOCOL_VERSION:
                learned.unknown += [s for s in batch if doubtful(question.shape, learned.name, s)]
            rest = self._of_another_key(learned, learned.refused_as, batch)
            return [rest] if rest else []
        if state is QuestionState.LOST:
            return None
        if state is QuestionState.ODD:
            return (yield from self._odd(learned, question, outcome.answer))
        if state is QuestionState.TROUBLED and (yield from asker.reshape(question)):
            return [batch]
        if asker.lost:
            return None
        learned.unknown += [s for s in batch if s not in extra]
        return []

    def _odd(self, learned: EndpointState, question: Question, answer: Answer) -> Generator[Any, Any, Rest]:
        """An answer that may be about the hello's form.

        An unusual alert is a refusal where the form is known to be fine: the control question had it.
        A suite nobody offered is what yaSSL answers when it has read only the first suites.
        """
        asker, batch = self.case.asker, question.suites
        if answer.kind is AnswerKind.HELLO and len(batch) > SMALL:
            learned.chunked = True
            return [batch[i : i + SMALL] for i in range(0, len(batch), SMALL)]
        if learned.name == "TLSv1.3" and not learned.offered and not question.shape.shares:
            # an unusual word for a version that nothing was learned about may be about the hello: shorter, too
            small = Shape(tier=Tier.PLAIN, classic=True, max_suites=SMALL)
            shorter = [replace(question.shape, max_suites=MOST)] if len(batch) > MOST else []
            for other in (*shorter, replace(question.shape, shares=True), small):
                reshaped = replace(question, shape=other, suites=self._likely(batch, other))
                outcome = yield from asker.settle(reshaped)
                if outcome.state is QuestionState.ACCEPTED:
                    asker.shape = other
                    return [batch]
            learned.unknown += batch
        return []

    @staticmethod
    def _likely(batch: tuple[int, ...], shape: Shape) -> tuple[int, ...]:
        """Return as many suites as a form has room for, those of TLS 1.3 first."""
        known = registry.suites_by_code()
        return tuple(sorted(batch, key=lambda s: not (s in known and known[s].tls13)))[: shape.max_suites]


def _without(batch: tuple[int, ...], chosen: int | None) -> tuple[int, ...]:
    """Return a batch without what was chosen from it."""
    at = batch.index(chosen)
    return batch[:at] + batch[at + 1 :]


def _sslv2_question() -> Question:
    return Question(protocol="SSLv2", suites=hello.every_kind())
