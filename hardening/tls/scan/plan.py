"""What to ask one endpoint, in which order, and when it is enough; conversations only, no I/O.

Verdict: offer only what the policies forbid; one refusal per version proves absence; control
questions before and after. Inventory: take away what was chosen until nothing is left.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hardening.tls import registry
from hardening.tls.registry import PROTOCOLS
from hardening.tls.scan import hello
from hardening.tls.scan.ask import TROUBLE, Answer, Kind, Question, Shape, Tier, Want
from hardening.tls.scan.asker import SMALL, Asker, Outcome, State, doubtful
from hardening.tls.scan.engine import Talk, Together
from hardening.tls.scan.learned import Endpoint, Learned
from hardening.tls.scan.pace import Pace
from hardening.tls.scan.tls13 import GROUPS, SUITES

OPENINGS = ("TLSv1.2", "TLSv1.3", "TLSv1.1", "TLSv1.0", "SSLv3", "SSLv2")
ROUNDS = 4
BUSY = 4
"""Accepted suites of one version after which a verdict has so much to ask that it asks side by side."""
NO_SUITE = 0xFEFD
"""A code point nobody has assigned or uses."""
INAPPROPRIATE_FALLBACK = 86
PROTOCOL_VERSION = 70
"""The alert that refuses a version, whatever the suites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a scan is to find out."""

    full: bool = True
    forbidden: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Per version, the suites some policy forbids; unused in an inventory."""
    forbidden_protocols: frozenset[str] = frozenset()
    forbidden_groups: frozenset[int] = frozenset()
    closed_is_refused: bool = False
    """Take a close for a refusal where the server also closes on a suite that does not exist."""
    vulnerabilities: bool = False
    """Ask about known faults, too."""
    first: str = "TLSv1.2"
    """The version to open with."""
    _asked: dict[str, tuple[tuple[int, ...], frozenset[int]]] = field(default_factory=dict, compare=False)

    def asked(self, name: str) -> tuple[tuple[int, ...], frozenset[int]]:
        """Return the suites to offer under a version, and those that are offered for their parameters.

        Finite-field suites are asked along with what is forbidden under TLS 1.2, for their group's size.
        """
        found = self._asked.get(name)
        if found is None:
            everything = self.full or name in self.forbidden_protocols
            wanted = set(hello.every_suite() if everything else self.forbidden.get(name, ()))
            known = registry.suites_by_code()
            extra = frozenset(
                c
                for c in hello.every_suite()
                if name == "TLSv1.2" and known[c].kx == "DHE" and c not in wanted
            )
            suites = tuple(s for s in hello.every_suite() if s in wanted or s in extra)
            found = self._asked[name] = (suites, extra)
        return found


class Inquiry:
    """The conversations that examine one endpoint; `found` fills up as they go."""

    def __init__(self, scope: Scope, pace: Pace) -> None:
        self.scope = scope
        self.asker = Asker(pace)
        self.found = Endpoint()
        self._way_of_refusing: Kind | None = None
        self._groups_known = False
        """Whether the server has said which TLS 1.3 groups it has."""

    def run(self) -> Talk:
        """Examine the endpoint; the result is `self.found`."""
        if not (yield from self._opening()):
            return self.found
        names = [n for n in PROTOCOLS if n != "TLSv1.3" or self._asks_tls13()]
        crowd = self.asker.pace.limits.parallel
        if not self.scope.full:
            # mostly refusals: asked one by one, since none of them shows that a crowd is welcome
            self.asker.pace.parallel = 1
        yield Together(tuple(self._protocol(name) for name in names))
        if not self.asker.pace.troubled:
            self.asker.pace.parallel = crowd
        yield from self._closing()
        self._compare()
        yield from self._confirm()
        return self.found

    # the first question that succeeds: it becomes the control question

    def _opening(self) -> Generator[Any, Any, bool]:
        """Ask in every version and form until something succeeds, a wave of them side by side."""
        spoke, last = False, Answer(kind=Kind.SILENT)
        for wave in _waves(self.scope.first):
            asked = [_first_question(name, shape) for name, shape in wave]
            if len(asked) > 1:
                asked = [replace(q, patience=2.0) for q in asked]
            answers = yield Together(tuple(self.asker.ask(q, blame=False) for q in asked))
            for question, answer in zip(asked, answers, strict=True):
                if answer.kind is Kind.HELLO and (answer.suite is not None or answer.kinds):
                    self.found.note(question, answer)
                    self._open_with(question, answer)
                    return True
                spoke = spoke or answer.kind is Kind.ALERT
                last = answer
            if last.kind in (Kind.UNREACHABLE, Kind.PREAMBLE) and len(asked) > 1:
                break
            if (yield from self.asker.over()):
                break
        self.found.failure = _failure(last, spoke=spoke)
        return False

    def _open_with(self, question: Question, answer: Answer) -> None:
        asker = self.asker
        asker.shape = question.shape
        asker.control = replace(question, want=Want.HELLO)
        name = answer.protocol or question.protocol
        self.found.protocols[name].chose(question, answer)
        if name != question.protocol:
            self.found.protocols[question.protocol].refused = True
        if name in ("TLSv1.0", "TLSv1.1", "TLSv1.2") and question.shape.tier is Tier.RICH:
            self.found.secure_renegotiation = hello.RENEGOTIATION_INFO in answer.extensions

    # one protocol version

    def _asks_tls13(self) -> bool:
        return self.found.tls13_hinted or self.found.protocols["TLSv1.3"].offered

    def _protocol(self, name: str) -> Talk:
        learned = self.found.protocols[name]
        if learned.refused:
            learned.asked_all = True
            return
        if name == "SSLv2":
            yield from self._sslv2(learned)
            return
        learned.asked_all = self.scope.full or name in self.scope.forbidden_protocols
        suites, extra = self.scope.asked(name)
        done = set(learned.suites)
        if done:
            suites = tuple(s for s in suites if s not in done)
        if suites:
            yield from self._chain(learned, suites, extra)

    def _sslv2(self, learned: Learned) -> Talk:
        learned.asked_all = True
        question = Question(protocol="SSLv2", suites=hello.every_kind())
        outcome = yield from self.asker.settle(question)
        if outcome.state is State.ACCEPTED:
            self.found.note(question, outcome.answer)
            learned.chose(question, outcome.answer)
        elif outcome.state in (State.REFUSED, State.ODD) or (
            self.scope.closed_is_refused and (yield from self._refuses_like(outcome.answer.kind))
        ):
            learned.refused = True
        else:
            learned.unknown = list(hello.every_kind())

    def _chain(self, learned: Learned, suites: tuple[int, ...], extra: frozenset[int] = frozenset()) -> Talk:
        """Take away what was chosen until the rest is refused, chunk by chunk where it has to be."""
        pending = [suites]
        last_good: Shape | None = None
        while pending:
            batch = pending.pop(0)
            limit = self.asker.shape.max_suites
            if len(batch) > limit:
                learned.chunked = True
                pending[:0] = [batch[i : i + limit] for i in range(0, len(batch), limit)]
                continue
            question = self._question(learned, batch)
            fine = question.shape == last_good
            outcome: Outcome = yield from self.asker.settle(question, form_is_fine=fine)
            self.found.note(question, outcome.answer)
            if outcome.state is State.ACCEPTED:
                last_good = question.shape
            if outcome.state is State.TROUBLED and (fine or self.scope.closed_is_refused):
                rest = yield from self._closed(learned, question, outcome.answer, extra, fine=fine)
            else:
                rest = yield from self._step(learned, question, outcome, extra, batch)
            if rest is None:
                learned.unknown += [s for part in (batch, *pending) for s in part if s not in extra]
                return
            pending[:0] = rest
        learned.refused = not learned.unknown

    def _question(self, learned: Learned, batch: tuple[int, ...]) -> Question:
        """Offer in alternating directions, so that the choices show whose order decides."""
        ordered = batch if len(learned.choices) % 2 == 0 else tuple(reversed(batch))
        want = Want.HELLO if learned.name == "TLSv1.3" else Want.FLIGHT
        return Question(protocol=learned.name, suites=ordered, shape=self.asker.shape, want=want)

    def _step(  # noqa: PLR0911 - one return per thing that can become of a question
        self,
        learned: Learned,
        question: Question,
        outcome: Outcome,
        extra: frozenset[int],
        batch: tuple[int, ...],
    ) -> Generator[Any, Any, list[tuple[int, ...]] | None]:
        """Return what is left to ask of a batch, or None when the endpoint is lost."""
        state = outcome.state
        if state is State.ACCEPTED:
            learned.chose(question, outcome.answer)
            pace = self.asker.pace
            if len(learned.choices) == BUSY and not pace.troubled:
                pace.parallel = pace.limits.parallel
            chosen = outcome.answer.suite
            gone = extra if chosen in extra else ()
            rest = tuple(s for s in batch if s != chosen and s not in gone)
            return [rest] if rest else []
        if state is State.REFUSED:
            if question.shape != Shape() and outcome.answer.alert != PROTOCOL_VERSION:
                learned.unknown += [s for s in batch if doubtful(question.shape, learned.name, s)]
            return []
        if state is State.LOST:
            return None
        if state is State.ODD:
            return (yield from self._odd(learned, question, outcome.answer))
        if (yield from self.asker.reshape(question)):
            return [batch]
        if self.asker.lost:
            return None
        learned.unknown += [s for s in batch if s not in extra]
        return []

    def _closed(
        self, learned: Learned, question: Question, answer: Answer, extra: frozenset[int], *, fine: bool
    ) -> Generator[Any, Any, list[tuple[int, ...]] | None]:
        """Silence where a question of the same form was answered a moment ago.

        It is no refusal, unless the operator takes a server's way of refusing what cannot exist for
        its way of refusing.
        """
        if self.scope.closed_is_refused and (yield from self._refuses_like(answer.kind)):
            return []
        if not fine:
            return (
                yield from self._step(
                    learned, question, Outcome(State.TROUBLED, answer), extra, question.suites
                )
            )
        learned.unknown += [s for s in question.suites if s not in extra]
        return []

    def _refuses_like(self, kind: Kind) -> Generator[Any, Any, bool]:
        """Tell whether a suite that does not exist is met with the same silence."""
        if self._way_of_refusing is None:
            control = self.asker.control
            if control is None or control.protocol == "SSLv2":
                return False
            answer = yield from self.asker.ask(replace(control, suites=(NO_SUITE,)), blame=False)
            self._way_of_refusing = answer.kind
            if not (yield from self.asker.alive()):
                return False
        return kind is self._way_of_refusing and kind in (Kind.CLOSED, Kind.RESET)

    def _odd(
        self, learned: Learned, question: Question, answer: Answer
    ) -> Generator[Any, Any, list[tuple[int, ...]]]:
        """An answer that may be about the hello's form.

        An unusual alert is a refusal where the form is known to be fine: the control question had it.
        A suite nobody offered is what yaSSL answers when it has read only the first suites.
        """
        batch = question.suites
        if answer.kind is Kind.HELLO and len(batch) > SMALL:
            learned.chunked = True
            return [batch[i : i + SMALL] for i in range(0, len(batch), SMALL)]
        if learned.name == "TLSv1.3" and not learned.offered and not question.shape.shares:
            shape = replace(question.shape, shares=True)
            outcome = yield from self.asker.settle(replace(question, shape=shape))
            if outcome.state is State.ACCEPTED:
                self.asker.shape = shape
                return [batch]
            if outcome.answer.kind in TROUBLE:
                learned.unknown += batch
        return []

    # what comes after the versions: presence, chain, groups, preference; and the closing control

    def _closing(self) -> Talk:
        """Ask the questions that are expected to succeed last, so that they close the bracket."""
        tls13 = self.found.protocols["TLSv1.3"]
        if not self._asks_tls13():
            yield from self._groups()
            if not tls13.refused and not tls13.unknown:
                yield from self._newest(tls13)
        if self._asks_tls13():
            yield from self._sealed(tls13)
            yield from self._groups()
        if self.scope.vulnerabilities:
            yield from self._faults()
        if self.scope.full:
            yield from self._fallback()
        else:
            yield from self._present(self.found.protocols["TLSv1.2"])

    def _sealed(self, tls13: Learned) -> Talk:
        """Complete one TLS 1.3 key exchange: presence, chain, and the server's own list of groups.

        A server sends that list when it did not get its first choice, so its choice under TLS 1.2
        is left out (RFC 8446 section 4.2.7).
        """
        older = self.found.protocols["TLSv1.2"]
        first = next(iter(older.groups or tls13.groups), None)
        useful = [g for g in (23, 29, 24, 30, 25) if g != first]
        useful += [
            g for g in hello.groups_for("TLSv1.3") if g in self.scope.forbidden_groups and g not in useful
        ]
        for groups in (tuple(g for g in useful if g != first), tuple(GROUPS)):
            question = Question(
                protocol="TLSv1.3",
                suites=tuple(SUITES),
                shape=self.asker.shape,
                want=Want.SEALED,
                groups=groups,
            )
            outcome: Outcome = yield from self.asker.settle(question)
            answer = outcome.answer
            self.found.note(question, answer)
            if outcome.state is State.ACCEPTED:
                tls13.chose(question, answer)
                tls13.groups += [g for g in answer.server_groups if g not in tls13.groups]
                self._groups_known = self._groups_known or bool(answer.server_groups)
                return
            if outcome.state is not State.REFUSED:
                break
            self._groups_known = not self.scope.full  # all that is forbidden was among them
        if outcome.state in (State.TROUBLED, State.LOST) and not tls13.offered:
            tls13.unknown = list(SUITES)

    def _newest(self, tls13: Learned) -> Talk:
        """TLS 1.3 with TLS 1.2 beside it: either answer is a success, and settles whether 1.3 is there."""
        shape = self.asker.shape
        if shape.tier is Tier.BARE:
            shape = replace(shape, tier=Tier.PLAIN)
        beside = tuple(reversed(hello.every_suite()[: shape.max_suites]))
        question = Question(protocol="TLSv1.3", suites=beside, shape=shape, want=Want.HELLO, down_to="SSLv3")
        outcome: Outcome = yield from self.asker.settle(question)
        answer = outcome.answer
        self.found.note(question, answer)
        if answer.kind is Kind.HELLO and answer.protocol != "TLSv1.3":
            tls13.refused = True
            older = self.found.protocols[answer.protocol or ""]
            if older.offered and answer.suite in beside:
                older.chose(question, answer)
            return
        if outcome.state is State.ACCEPTED:
            tls13.chose(question, answer)
        yield from self._protocol("TLSv1.3")

    def _faults(self) -> Talk:
        """Ask the harmless questions about known faults, under the newest version they exist in."""
        older = [p for p in self.found.offered() if p.choices and p.name != "TLSv1.3"]
        if not older:
            return
        wanted = [Want.EARLY_CCS]
        if hello.HEARTBEAT in self.found.extensions:
            wanted.append(Want.HEARTBEAT)
        for want in wanted:
            question = Question(
                protocol=older[-1].name,
                suites=tuple(older[-1].suites),
                shape=self.asker.shape,
                want=want,
                heartbeat=True,
                patience=2.0,
            )
            answer = yield from self.asker.ask(question, blame=False)
            self.found.faults[want] = answer.fault

    def _fallback(self) -> Talk:
        """A server that knows TLS_FALLBACK_SCSV refuses a client that says it has fallen back (RFC 7507)."""
        older = [p for p in self.found.offered() if p.name not in ("SSLv2", "TLSv1.3") and p.choices]
        newest = self.found.offered()[-1].name if self.found.offered() else ""
        below = [p for p in older if p.name != newest]
        if not below:
            return
        chosen = below[-1]
        question = Question(
            protocol=chosen.name,
            suites=(chosen.choices[0].suite,),
            shape=self.asker.shape,
            scsv=(hello.FALLBACK_SCSV,),
        )
        answer = yield from self.asker.ask(question, blame=False)
        if answer.kind is Kind.HELLO:
            self.found.fallback_scsv = False
        elif answer.kind is Kind.ALERT and answer.alert == INAPPROPRIATE_FALLBACK:
            self.found.fallback_scsv = True

    def _present(self, learned: Learned) -> Talk:
        """In a verdict, find out whether an allowed version is there at all."""
        if learned.offered or learned.asked_all or learned.unknown:
            return
        suites = tuple(
            s for s in hello.every_suite() if s not in self.scope.forbidden.get(learned.name, frozenset())
        )
        limit = self.asker.shape.max_suites
        question = replace(self._question(learned, suites[:limit]), ticket=True)
        outcome: Outcome = yield from self.asker.settle(question)
        self.found.note(question, outcome.answer)
        if outcome.state is State.ACCEPTED:
            learned.chose(question, outcome.answer)
        elif outcome.state in (State.TROUBLED, State.LOST):
            learned.unknown += suites

    def _groups(self) -> Talk:
        talks: list[Talk] = []
        newest = [p for p in self.found.offered() if p.name not in ("SSLv2", "SSLv3")]
        tls13 = self._asks_tls13()
        looked = newest[-2:] if self.scope.full and tls13 else newest[-1:]
        for learned in looked:
            if learned.name == "TLSv1.3" and self._groups_known:
                continue
            if self.scope.full and learned.name != "TLSv1.3" and tls13 and learned.name != "TLSv1.2":
                continue
            wanted = [
                g
                for g in hello.groups_for(learned.name)
                if g not in learned.groups and (self.scope.full or g in self.scope.forbidden_groups)
            ]
            if wanted:
                talks.append(self._group_chain(learned, tuple(wanted)))
        yield Together(tuple(talks))

    def _group_chain(self, learned: Learned, groups: tuple[int, ...]) -> Talk:
        """Take away the group that was chosen until the rest is refused."""
        known = registry.suites_by_code()
        if learned.name == "TLSv1.3":
            suites = tuple(s for s in hello.every_suite() if known[s].tls13)
        elif self.scope.full:
            suites = tuple(s for s in learned.suites if s in known and (known[s].kx or "") == "ECDHE")
        else:
            suites = tuple(s for s in hello.every_suite() if (known[s].kx or "") == "ECDHE")
        suites = suites[: self.asker.shape.max_suites]
        while groups and suites:
            question = Question(
                protocol=learned.name,
                suites=suites,
                groups=groups,
                shape=self.asker.shape,
                want=Want.HELLO if learned.name == "TLSv1.3" else Want.FLIGHT,
            )
            outcome: Outcome = yield from self.asker.settle(question)
            chosen = outcome.answer.group
            if outcome.state is State.ACCEPTED and chosen in groups:
                self.found.note(question, outcome.answer)
                learned.groups.append(chosen)
                groups = tuple(g for g in groups if g != chosen)
                continue
            if outcome.state in (State.TROUBLED, State.LOST):
                learned.unknown_groups += groups
            return

    def _compare(self) -> None:
        """A version that was announced or seen, and refused all the same, makes every refusal doubtful."""
        tls13 = self.found.protocols["TLSv1.3"]
        if self.scope.full and self.found.tls13_hinted and tls13.refused and not tls13.offered:
            self.asker.contradictions += 1

    # the closing bracket

    def _confirm(self) -> Talk:
        """Refusals count when a control question succeeds after them; otherwise they are asked again."""
        for _ in range(ROUNDS):
            again = yield from self.asker.confirm()
            if not again:
                return
            for question in again:
                yield from self._redo(question)
        for refusal in self.asker.refusals:
            self._forget(refusal.question)

    def _redo(self, question: Question) -> Talk:
        learned = self.found.protocols[question.protocol]
        if self.asker.lost:
            self._forget(question)
        elif question.groups is not None:
            yield from self._group_chain(learned, question.groups)
        elif question.protocol == "SSLv2":
            yield from self._sslv2(learned)
        else:
            yield from self._chain(learned, question.suites)

    def _forget(self, question: Question) -> None:
        learned = self.found.protocols[question.protocol]
        learned.refused = False
        if question.groups is not None:
            learned.unknown_groups += question.groups
        else:
            learned.unknown += question.suites


def _first_question(name: str, shape: Shape) -> Question:
    if name == "SSLv2":
        return Question(protocol=name, suites=hello.every_kind())
    return Question(
        protocol=name,
        suites=hello.every_suite()[: shape.max_suites],
        shape=shape,
        want=Want.HELLO if name == "TLSv1.3" else Want.FLIGHT,
        compression=name != "TLSv1.3" and shape.tier is Tier.RICH,
        ticket=True,
        heartbeat=True,
    )


def _waves(first: str) -> tuple[tuple[tuple[str, Shape], ...], ...]:
    """The likeliest versions one by one; then the others; then other forms."""
    second = "TLSv1.2" if first == "TLSv1.3" else "TLSv1.3"
    plain, nameless = Shape(tier=Tier.PLAIN), Shape(server_name=False)
    half = replace(plain, max_suites=64)
    few = replace(plain, max_suites=SMALL)
    small = replace(few, classic=True)
    bare = replace(small, tier=Tier.BARE, server_name=False)
    own = replace(plain, record_version=None)
    keyed = replace(small, shares=True)
    return (
        ((first, Shape()),),
        ((second, Shape()),),
        ((first, Shape()), (second, Shape()), *((n, Shape()) for n in OPENINGS[2:])),
        (("TLSv1.2", plain), ("TLSv1.2", half), ("TLSv1.2", own), ("TLSv1.2", nameless), ("TLSv1.2", few),
         ("TLSv1.2", small), ("TLSv1.3", keyed)),
        (("TLSv1.0", plain), ("TLSv1.0", half), ("TLSv1.0", few), ("TLSv1.0", replace(bare, max_suites=1024)),
         ("TLSv1.1", small), ("TLSv1.0", small), ("TLSv1.2", bare), ("TLSv1.0", bare)),
    )  # fmt: skip


def _failure(last: Answer, *, spoke: bool) -> str:
    if spoke:
        return "it answers, but every hello was refused with an alert"
    words = {
        Kind.CLOSED: "it closes the connection without an answer to any hello",
        Kind.RESET: "it resets the connection on every hello",
        Kind.SILENT: "it accepts connections and stays silent",
        Kind.GARBAGE: f"it does not speak TLS: {last.detail}",
    }
    return words.get(last.kind, last.detail or "no answer")
