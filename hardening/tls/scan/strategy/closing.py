"""Questions that are expected to succeed, asked last, so that they close the bracket around every refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hardening.tls.scan.engine.conversations import Talk
from hardening.tls.scan.strategy.endpoint_state import EndpointState
from hardening.tls.scan.strategy.messages import AnswerKind, Question, Tier, Want
from hardening.tls.scan.strategy.outcome import OPEN, Outcome, QuestionState
from hardening.tls.scan.strategy.parameters import ParameterInquiry
from hardening.tls.scan.strategy.scope import Case
from hardening.tls.scan.strategy.versions import Versions
from hardening.tls.scan.wire import hello
from hardening.tls.scan.wire.tls13 import GROUPS, SUITES


@dataclass(slots=True)
class Closing:
    """Presence of what is allowed, chains, groups and schemes."""

    case: Case
    versions: Versions
    parameters: ParameterInquiry

    def ask(self) -> Talk:
        """Ask, as far as the scope wants to know."""
        tls13 = self.case.found.protocols["TLSv1.3"]
        if not self.case.asks_tls13:
            yield from self.case.asker.all([self.parameters.groups(), self._newest(tls13)])
        if self.case.asks_tls13:
            yield from self._sealed(tls13)
            yield from self.parameters.groups()
        yield from self.parameters.schemes()

    def present(self) -> Talk:
        """In a verdict, find out whether TLS 1.2 is there at all where it is allowed."""
        learned, asker = self.case.found.protocols["TLSv1.2"], self.case.asker
        if learned.offered or learned.all_asked or learned.unknown:
            return
        forbidden = self.case.scope.forbidden.get(learned.name, frozenset())
        suites = tuple(s for s in hello.every_suite() if s not in forbidden)
        while suites and not learned.offered:
            limit = asker.shape.max_suites
            question = Question(
                protocol=learned.name,
                suites=suites[:limit],
                shape=asker.shape,
                want=Want.FLIGHT,
                ticket=True,
            )
            outcome: Outcome = yield from asker.settle(question)
            self.case.found.note(question, outcome.answer)
            if outcome.state is QuestionState.ACCEPTED:
                learned.chose(question, outcome.answer)
            elif outcome.state in OPEN:
                learned.unknown += suites
                return
            suites = suites[limit:]

    def _sealed(self, tls13: EndpointState) -> Talk:
        """Complete one TLS 1.3 key exchange: presence, chain, and the server's own list of groups.

        A server sends that list when it did not get its first choice, so its choice under TLS 1.2
        is left out (RFC 8446 section 4.2.7).
        """
        asker, scope = self.case.asker, self.case.scope
        older = self.case.found.protocols["TLSv1.2"]
        first = next(iter(older.groups or tls13.groups), None)
        useful = [g for g in (23, 29, 24, 30, 25) if g != first]
        known = hello.groups_for("TLSv1.3")
        useful += [g for g in known if g in scope.forbidden_groups and g not in useful]
        for groups in (tuple(g for g in useful if g != first), tuple(GROUPS)):
            question = Question(
                protocol="TLSv1.3", suites=tuple(SUITES), shape=asker.shape, want=Want.SEALED, groups=groups
            )
            outcome: Outcome = yield from asker.settle(question)
            answer = outcome.answer
            self.case.found.note(question, answer)
            if outcome.state is QuestionState.ACCEPTED:
                tls13.chose(question, answer)
                tls13.groups += [g for g in answer.server_groups if g not in tls13.groups]
                self.parameters.groups_known |= bool(answer.server_groups)
                again, tls13.unknown = tuple(tls13.unknown), []
                if (
                    again
                ):  # BoringSSL closed on them before anything had shown that this form of hello is answered
                    yield from self.versions.chain(tls13, again)
                return
            if outcome.state is not QuestionState.REFUSED:
                break
            self.parameters.groups_known = not scope.full  # all that is forbidden was among them
        if tls13.offered:
            return
        if outcome.state is QuestionState.REFUSED:
            yield from self._unsealed(tls13)
        else:
            tls13.unknown = list(SUITES)

    def _unsealed(self, tls13: EndpointState) -> Talk:
        """Ask for TLS 1.3 in any group, also those we cannot compute in; it was announced, so a refusal says nothing."""
        question = Question(protocol="TLSv1.3", suites=hello.every_suite(), shape=self.case.asker.shape)
        outcome: Outcome = yield from self.case.asker.settle(question)
        self.case.found.note(question, outcome.answer)
        if outcome.state is QuestionState.ACCEPTED:
            tls13.chose(question, outcome.answer)
        elif self.case.found.tls13_hinted:
            tls13.unknown = list(SUITES)

    def _newest(self, tls13: EndpointState) -> Talk:
        """TLS 1.3 with TLS 1.2 beside it: either answer is a success, and settles whether 1.3 is there."""
        if tls13.refused or tls13.unknown:
            return
        shape = self.case.asker.shape
        if shape.tier is Tier.BARE:
            shape = replace(shape, tier=Tier.PLAIN)
        beside = tuple(reversed(hello.every_suite()[: shape.max_suites]))
        question = Question(protocol="TLSv1.3", suites=beside, shape=shape, want=Want.HELLO, down_to="SSLv3")
        outcome: Outcome = yield from self.case.asker.settle(question, twice=True)
        answer = outcome.answer
        self.case.found.note(question, answer)
        if answer.kind is AnswerKind.HELLO and answer.protocol != "TLSv1.3":
            older = self.case.found.protocols[answer.protocol or ""]
            if older.offered and answer.suite in beside:
                older.chose(question, answer)
            if older.name == "TLSv1.2":
                tls13.refused = True
                return  # GnuTLS without TLS 1.2 answers a list with what is older, and TLS 1.3 to a list of that alone
        elif outcome.state is QuestionState.ACCEPTED:
            tls13.chose(question, answer)
        yield from self.versions.ask("TLSv1.3")
