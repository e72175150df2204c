"""Groups and signature schemes: what was chosen is taken away until the rest is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hardening.tls import certificate, registry
from hardening.tls.scan.engine.conversations import Parallel, Talk
from hardening.tls.scan.strategy.endpoint_state import EndpointState
from hardening.tls.scan.strategy.messages import Question, Want, at_least
from hardening.tls.scan.strategy.outcome import OPEN, Outcome, QuestionState
from hardening.tls.scan.strategy.schemes import signer
from hardening.tls.scan.strategy.scope import Case
from hardening.tls.scan.wire import hello
from hardening.tls.scan.wire.tls13 import GROUPS, SUITES


@dataclass(slots=True)
class ParameterInquiry:
    """The conversations about what goes with a suite."""

    case: Case
    groups_known: bool = False
    """Whether the server has said which TLS 1.3 groups it has."""
    _pending: bool = False

    # groups

    def early(self) -> Talk:
        """Ask for groups before the versions, once."""
        self._pending = True
        yield from self._ask()

    def groups(self) -> Talk:
        """Ask for groups under the newest versions, as far as the scope wants to know."""
        if self._pending:
            self._pending = False
        else:
            yield from self._ask()

    def _ask(self) -> Talk:
        found, full = self.case.found, self.case.scope.full
        talks: list[Talk] = []
        newest = [p for p in found.offered() if p.name not in ("SSLv2", "SSLv3")]
        tls13 = self.case.asks_tls13
        for learned in newest[-2:] if full and tls13 else newest[-1:]:
            if learned.name == "TLSv1.3" and self.groups_known:
                continue
            if full and learned.name != "TLSv1.3" and tls13 and learned.name != "TLSv1.2":
                continue
            forbidden = self.case.scope.forbidden_groups
            known = hello.groups_for(learned.name)
            wanted = [g for g in known if g not in learned.groups and (full or g in forbidden)]
            if wanted and full:
                talks.append(self._in_turn(learned, tuple(wanted)))
            elif wanted:
                ways = self._ways(learned)
                talks += [self.group_chain(learned, tuple(wanted), suites, kept) for suites, kept in ways]
        yield Parallel(tuple(talks))

    def _in_turn(self, learned: EndpointState, groups: tuple[int, ...]) -> Talk:
        """Ask for many groups one way after another, for what one has found the next need not ask for."""
        for suites, kept in self._ways(learned):
            left = tuple(g for g in groups if g not in learned.groups)
            yield from self.group_chain(learned, left, suites, kept)

    def group_chain(
        self, learned: EndpointState, groups: tuple[int, ...], suites: tuple[int, ...], kept: frozenset[int]
    ) -> Talk:
        """Take away the group that was chosen until the rest is refused, or met with a suite that needs no group.

        What is `kept` is listed last all the while. A server that chooses it over all that is left does so with every client.
        """
        while groups and suites:
            question = Question(
                protocol=learned.name,
                suites=suites,
                groups=(*groups, *sorted(kept.difference(groups))),
                shape=self.case.asker.shape,
                want=Want.HELLO if learned.name == "TLSv1.3" else Want.FLIGHT,
            )
            outcome: Outcome = yield from self.case.asker.settle(question)
            chosen = outcome.answer.group
            if outcome.state is QuestionState.ACCEPTED and chosen in groups:
                self.case.found.note(question, outcome.answer)
                if chosen not in learned.groups:
                    learned.groups.append(chosen)
                groups = tuple(g for g in groups if g != chosen)
                continue
            if outcome.state in OPEN:
                learned.unknown_groups += groups
            return

    def _ways(self, learned: EndpointState) -> Iterator[tuple[tuple[int, ...], frozenset[int]]]:
        """Yield suites that groups are asked for with, and the curves that have to be listed beside those.

        Before TLS 1.3 a client that does not list the curve of an ECDSA key is refused (RFC 8422, 5.1).
        """
        suites, most = self._with_groups(learned), self.case.asker.shape.max_suites
        curves = self.curves_of_keys() if learned.name != "TLSv1.3" else frozenset()
        ecdsa = tuple(s for s in suites if curves and signer(s) == "ECDSA")
        if ecdsa:
            yield ecdsa[:most], curves
        others = tuple(s for s in suites if s not in ecdsa)[:most]
        yield _with_way_out(learned, others) if self.case.scope.full and others else others, frozenset()

    def curves_of_keys(self) -> frozenset[int]:
        """Return the curves of the keys of the certificates that were seen."""
        ids = {group.name: group.id for group in registry.groups()}
        keys = [certificate.read(chain[0]) for chain in self.case.found.chains.values()]
        return frozenset(ids[name] for key in keys if key and (name := key.key.removeprefix("ec:")) in ids)

    def _with_groups(self, learned: EndpointState) -> tuple[int, ...]:
        """Return suites whose key exchange takes a group, the accepted ones first."""
        known = registry.suites_by_code()
        if learned.name == "TLSv1.3":
            return tuple(s for s in hello.every_suite() if known[s].tls13)
        accepted = tuple(s for s in learned.suites if s in known and known[s].kx == "ECDHE")
        if self.case.scope.full:
            return accepted
        others = (s for s in hello.every_suite() if known[s].kx == "ECDHE" and s not in accepted)
        return (*accepted, *others)

    # signature schemes

    def schemes(self) -> Talk:
        """Ask which schemes the server signs with; the most connections after the suites, so only when wanted."""
        if not self.case.scope.deep:
            return
        talks: list[Talk] = []
        for name in ("TLSv1.2", "TLSv1.3"):
            learned = self.case.found.protocols[name]
            signers = {kind for s in learned.suites if (kind := signer(s))}
            if name == "TLSv1.3" and learned.schemes:
                signers = {""}
            learned.schemes_complete = learned.offered
            if not learned.offered:
                continue
            left = tuple(s for s in hello.schemes_for() if s not in learned.schemes)
            for kind in sorted(signers - learned.schemes_known):
                suites = tuple(s for s in learned.suites if signer(s) == kind) if kind else tuple(SUITES)
                talks.append(self.scheme_chain(learned, left, suites))
        yield Parallel(tuple(talks))

    def scheme_chain(self, learned: EndpointState, schemes: tuple[int, ...], suites: tuple[int, ...]) -> Talk:
        """Take away the scheme that was chosen until the rest is refused; only a finished TLS 1.3 flight shows one.

        Up to TLS 1.2 the suites are those of one kind of key: OpenSSL before 1.1.1 takes the first suite it likes whether a
        scheme is left for its key or not, and would sign with SHA-1 in place of the other key's schemes.
        """
        asker = self.case.asker
        tls13 = at_least(learned.name, "TLSv1.3")
        shape = asker.shape
        if shape.classic:
            learned.unknown_schemes += schemes
            return
        while schemes and suites:
            question = Question(
                protocol=learned.name,
                suites=suites[: shape.max_suites],
                schemes=schemes,
                shape=shape,
                groups=tuple(g for g in learned.groups if g in GROUPS) or None if tls13 else None,
                want=Want.SEALED if tls13 else Want.FLIGHT,
            )
            outcome: Outcome = yield from asker.settle(question)
            answer = outcome.answer
            if outcome.state is QuestionState.ACCEPTED and answer.scheme is not None:
                self.case.found.note(question, answer)
                if answer.scheme not in learned.schemes:
                    learned.schemes.append(answer.scheme)
                if answer.scheme in schemes:
                    schemes = tuple(s for s in schemes if s != answer.scheme)
                    continue
                return  # OpenSSL 1.0.1 falls back on what nobody offered
            if outcome.state is not QuestionState.REFUSED and outcome.state is not QuestionState.ODD:
                learned.unknown_schemes += schemes
            return


def _with_way_out(learned: EndpointState, suites: tuple[int, ...]) -> tuple[int, ...]:
    """Add a suite without groups that the server likes less: choosing it proves that there is no group left, in no need of belief."""
    last = learned.suites[-1] if learned.suites else 0
    suite = registry.suites_by_code().get(last)
    if learned.name == "TLSv1.3" or last in suites or suite is None or suite.kx != "RSA":
        return suites
    return (*suites, last)


def again(parameters: ParameterInquiry, learned: EndpointState, question: Question) -> Talk:
    """Ask a refused question about groups or schemes once more, and what follows from it."""
    if question.schemes is not None:
        yield from parameters.scheme_chain(learned, question.schemes, question.suites)
    else:
        groups = question.groups or ()
        kept = parameters.curves_of_keys().intersection(groups, learned.groups)
        yield from parameters.group_chain(learned, groups, question.suites, kept)
