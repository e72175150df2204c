"""What to ask one endpoint, in which order, and when it is enough; conversations only, no I/O.

Verdict: offer only what the policies forbid; one refusal per version proves absence; control
questions before and after. Inventory: take away what was chosen until nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterator

from hardening.tls.scan.engine.conversations import Parallel, Talk
from hardening.tls.scan.engine.rate_limit import Pace
from hardening.tls.scan.strategy import anomalies, extras, order, parameters, reach
from hardening.tls.scan.strategy.closing import Closing
from hardening.tls.scan.strategy.endpoint_state import Endpoint
from hardening.tls.scan.strategy.messages import Question
from hardening.tls.scan.strategy.opening import opened
from hardening.tls.scan.strategy.parameters import ParameterInquiry
from hardening.tls.scan.strategy.refusal_confirmation import Jury
from hardening.tls.scan.strategy.retrying import Asker
from hardening.tls.scan.strategy.scope import Case, ScanScope
from hardening.tls.scan.strategy.versions import Versions
from hardening.tls.scan.wire import hello

ROUNDS = 4
OUT_OF_STEP = 2
"""Different suites and versions that nobody offered, after which answers are not taken to belong to their questions."""
COMPLIANT = 8
"""Connections that a verdict may cost where nothing is amiss; what is not needed goes to refusals that may be lies."""


class Inquiry:
    """The conversations that examine one endpoint; `found` fills up as they go."""

    def __init__(self, scope: ScanScope, pace: Pace) -> None:
        self.scope = scope
        self.asker = Asker(pace)
        self.found = Endpoint()
        self._case = Case(scope, self.asker, self.found)
        self._versions = Versions(self._case)
        self._parameters = ParameterInquiry(self._case)
        self._jury = Jury(self._case, self._versions)

    def run(self) -> Talk:
        """Examine the endpoint; the result is `self.found`."""
        if not (yield from opened(self._case)):
            return self.found
        closing = Closing(self._case, self._versions, self._parameters)
        pace, slow = self.asker.pace, self.asker.pace.slow
        if not self.scope.full and not slow:
            # mostly refusals: asked one by one, since none of them shows that a crowd is welcome
            pace.parallel = 1
        talks = list(self._first())
        if slow:
            # what needs nothing but the opening goes with it: it shows early that the server bears two questions at once,
            # and the control question how many more
            talks = [talks[0], closing.ask(), *talks[1:], self.asker.check(first=False)]
        yield Parallel(tuple(talks))
        pace.busy()
        last = [] if slow else [closing.ask()]
        here = [] if self.scope.full else [closing.present()]
        yield from self.asker.all([self._versions.late(), *last, *here])
        yield from extras.ask(self._case)
        self._compare()
        yield from self._confirm()
        if len(self.asker.strays) >= OUT_OF_STEP:
            self._forget_all()
        return self.found

    def _first(self) -> Iterator[Talk]:
        """Yield what is asked about versions; a verdict on a server without TLS 1.3 asks for groups before the last two."""
        wanted = order.of(self._case)
        self._versions.lists = any(len(names) > 1 for names in wanted)
        for names in wanted:
            early = names == ("TLSv1.0",) and not self.scope.full and not self._case.asks_tls13
            if early and not self.asker.pace.slow:
                yield self._parameters.early()
            yield self._versions.ask(*names) if len(names) == 1 else self._versions.listed(names)

    def _compare(self) -> None:
        """A version that was announced or seen, and refused all the same, makes every refusal doubtful."""
        tls13 = self.found.protocols["TLSv1.3"]
        if self.scope.full and self.found.tls13_hinted and tls13.refused and not tls13.offered:
            self.asker.contradictions += 1
        if self.found.denied():
            self.asker.contradictions += 1

    # the closing bracket

    def _confirm(self) -> Talk:
        """Refusals count when they have stood their trial and a control question succeeds after them; otherwise they are asked again.

        What does not fit is asked for again first, so that one control question closes both brackets.
        """
        asker = self.asker
        for question in (yield from reach.unread(self._case)):
            yield from self._redo(question)
        asker.repeating = True
        yield from self._doubt()
        if asker.contradictions:
            yield from self._try()  # first, lest a lie look like a version that is hard to ask for
        yield from asker.all([self._versions.otherwise(n) for n in ("TLSv1.2", "TLSv1.1", "TLSv1.0")])
        for _ in range(ROUNDS):
            yield from self._try()
            again = yield from asker.confirm()
            yield from asker.all([self._redo(question) for question in again])
            if not again and not asker.lost and all(self._jury.believed(r) for r in asker.refusals):
                return
        for refusal in self._jury.unproven():
            self._forget(refusal.question)

    def _doubt(self) -> Talk:
        """Ask once more for what a verdict has connections left for, and for what does not fit."""
        asker = self.asker
        asker.wary = asker.wary or anomalies.no_word_for_versions(self._case, asker.refusals)
        if not (self.scope.full or asker.wary or asker.failed):
            # at a slow server all go at once, so that twice as many take no longer
            much = 1 + asker.pace.slow
            left, again = much * COMPLIANT - asker.starts, order.worth_most(asker.refusals) * much
            # where there is no saving them any more, each twice, so that no one period explains all three
            chosen = again[:left] if left >= 0 else again * 2
            yield from asker.all([asker.recheck(refusal) for refusal in chosen])
        if not asker.contradictions:
            strange = asker.take(anomalies.Anomaly(self._case, tuple(asker.refusals)))
            asker.wary = asker.wary or bool(strange)
            yield from asker.all([self._redo(question) for question in strange])

    def _try(self) -> Talk:
        """Hold the trial of all refusals, and go on from whatever is accepted after all."""
        while (question := (yield from self._jury.sit())) is not None:
            yield from self._redo(question)

    def _redo(self, question: Question) -> Talk:
        learned = self.found.protocols[question.protocol]
        if self.asker.lost:
            self._forget(question)
        elif question.groups is not None or question.schemes is not None:
            yield from parameters.again(self._parameters, learned, question)
        elif question.listed:
            yield from self._versions.each(question)
        elif question.protocol == "SSLv2":
            yield from self._versions.again_sslv2(learned)
        else:
            yield from self._versions.chain(learned, question.suites)

    def _forget_all(self) -> None:
        """Answers that cannot belong to their questions say nothing about what was not seen."""
        for learned in self.found.protocols.values():
            every = hello.every_kind() if learned.name == "SSLv2" else hello.every_suite()
            learned.refused = False
            learned.unknown = [s for s in every if s not in learned.suites]

    def _forget(self, question: Question) -> None:
        for learned in self._versions.meant(question):
            learned.refused = False
            if question.schemes is not None:
                learned.unknown_schemes += question.schemes
            elif question.groups is not None:
                learned.unknown_groups += question.groups
            else:
                learned.unknown += question.suites
