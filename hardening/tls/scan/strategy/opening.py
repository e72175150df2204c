"""The first question that succeeds: it becomes the control question."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from hardening.tls.scan.engine.conversations import Parallel
from hardening.tls.scan.strategy.messages import (
    Answer,
    AnswerKind,
    OtherProtocol,
    Question,
    Shape,
    Tier,
    Want,
)
from hardening.tls.scan.strategy.scope import Case
from hardening.tls.scan.strategy.shapes import CHUNKS, MOST, SMALL
from hardening.tls.scan.wire import hello

UNKNOWN_NAME = 112
REFUSALS = 2
"""Connections on which a server says that it does no TLS, or speaks something else, before it is believed."""
_OTHERS = frozenset(OtherProtocol)
_FEW = Shape(tier=Tier.PLAIN, max_suites=SMALL)
_LEAST = replace(_FEW, classic=True, tier=Tier.BARE, server_name=False)
_SHORT = (
    ("TLSv1.3", replace(_FEW, classic=True, shares=True)), ("TLSv1.2", _FEW), ("TLSv1.2", _LEAST), ("TLSv1.0", _LEAST),
)  # fmt: skip
"""Hellos that a filter lets through which takes long lists or new extensions for an attack."""
OPENINGS = ("TLSv1.2", "TLSv1.3", "TLSv1.1", "TLSv1.0", "SSLv3", "SSLv2")


@dataclass(slots=True)
class _Heard:
    """What came in the place of an opening."""

    last: Answer = field(default_factory=lambda: Answer(kind=AnswerKind.SILENT))
    alerts: list[int | None] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    """Why the server does no TLS, in the protocol around it."""
    others: list[OtherProtocol] = field(default_factory=list)

    troubled: bool = False
    """Whether something else than a greeting came, of which nobody knows what it means."""

    def add(self, answer: Answer) -> None:
        """Take in one answer that is no ServerHello."""
        if answer.kind is AnswerKind.ALERT:
            self.alerts.append(answer.alert)
        elif answer.kind is AnswerKind.NO_TLS:
            self.without.append(answer.detail)
        elif answer.detail in _OTHERS:
            self.others.append(OtherProtocol(answer.detail))
        else:
            self.troubled = True
        self.last = answer

    def settled(self, case: Case) -> Generator[Any, Any, bool]:
        """Return whether the server said often enough that it does no TLS, or speaks something else."""
        if len(self.without) >= REFUSALS:
            return True
        if len(self.others) < REFUSALS or self.alerts or self.troubled:
            return False
        if OtherProtocol.HTTP in self.others and not (yield from _speaks_http(case)):
            self.troubled = True
        return not self.troubled


def opened(case: Case) -> Generator[Any, Any, bool]:
    """Ask in every version and form until something succeeds, a wave of them side by side."""
    heard = _Heard()
    for wave in _worthwhile(case):
        questions = [_first_question(name, shape) for name, shape in wave]
        if len(questions) > 1:
            questions = [replace(q, patience=case.asker.pace.patience(2.0)) for q in questions]
        answers = yield Parallel(tuple(case.asker.ask(q, blame=False) for q in questions))
        for question, answer in zip(questions, answers, strict=True):
            if answer.kind is AnswerKind.HELLO and (answer.suite is not None or answer.kinds):
                case.found.note(question, answer)
                _open_with(case, question, answer)
                case.found.nameless = bool(heard.alerts) and not question.shape.server_name
                return True
            if answer.kind is AnswerKind.ALERT:
                case.asker.denied[question.protocol, question.shape] = question
            heard.add(answer)
        last = heard.last.kind
        if last in (AnswerKind.UNREACHABLE, AnswerKind.PREAMBLE) and len(questions) > 1:
            break
        if (yield from heard.settled(case)) or case.asker.over():
            break
    _fail(case, heard)
    return False


def _fail(case: Case, heard: _Heard) -> None:
    """Note why nothing succeeded."""
    found = case.found
    if len(heard.without) >= REFUSALS:
        found.no_starttls = found.failure = heard.without[-1]
        return
    found.other = heard.others[-1] if heard.others and not heard.alerts else None
    found.failure = found.other or _failure(heard.last, heard.alerts)


def _open_with(case: Case, question: Question, answer: Answer) -> None:
    asker, found = case.asker, case.found
    asker.shape = question.shape
    asker.control = replace(question, want=Want.HELLO)
    name = answer.protocol or question.protocol
    found.protocols[name].chose(question, answer)
    if name != question.protocol:
        found.protocols[question.protocol].refused = True
    if name in ("TLSv1.0", "TLSv1.1", "TLSv1.2") and question.shape.tier is Tier.RICH:
        found.secure_renegotiation = hello.RENEGOTIATION_INFO in answer.extensions


def _first_question(name: str, shape: Shape) -> Question:
    if name == "SSLv2":
        return Question(protocol=name, suites=hello.every_kind())
    whole = shape.max_suites >= len(hello.every_suite())
    return Question(
        protocol=name,
        # likely ones last where all are offered: a choice from the end shows that the whole list was read
        suites=hello.every_suite()[::-1] if whole else hello.every_suite()[: shape.max_suites],
        shape=shape,
        want=Want.HELLO if name == "TLSv1.3" else Want.FLIGHT,
        compression=name != "TLSv1.3" and shape.tier is Tier.RICH,
        ticket=True,
        heartbeat=True,
    )


def _speaks_http(case: Case) -> Generator[Any, Any, bool]:
    """Return whether short hellos are answered with HTTP, too: a filter in front of a server answers long ones so."""
    answers = yield Parallel(
        tuple(case.asker.ask(_first_question(*one), blame=False) for one in _SHORT),
    )
    return all(one.detail == OtherProtocol.HTTP for one in answers)


def _worthwhile(case: Case) -> Iterator[tuple[tuple[str, Shape], ...]]:
    """Yield one wave after another, and all that are left at once where each would take seconds."""
    waves = _waves(case.scope.first)
    for n, wave in enumerate(waves):
        if case.asker.pace.slow:
            yield tuple(one for some in waves[n:] for one in some)
            return
        yield wave


def _waves(first: str) -> tuple[tuple[tuple[str, Shape], ...], ...]:
    """The likeliest versions one by one; then the others; then other forms.

    Without courtesies, for a server that refuses every list of ALPN names but its own (Exim, vsftpd).
    """
    second = "TLSv1.2" if first == "TLSv1.3" else "TLSv1.3"
    plain, nameless = Shape(tier=Tier.PLAIN), Shape(server_name=False)
    half = replace(plain, max_suites=64)
    few = replace(plain, max_suites=SMALL)
    small = replace(few, classic=True)
    bare = replace(small, tier=Tier.BARE, server_name=False)
    own = replace(plain, record_version=None)
    keyed = replace(small, shares=True)
    newest = [("TLSv1.3", Shape(max_suites=size)) for size in (MOST, *CHUNKS[:2])]
    return (
        ((first, Shape()),),
        ((second, Shape()),),
        ((first, Shape()), (second, Shape()), *((n, Shape()) for n in OPENINGS[2:])),
        (("TLSv1.2", plain), ("TLSv1.2", half), ("TLSv1.2", own), ("TLSv1.2", nameless), ("TLSv1.2", few),
         ("TLSv1.2", small), *newest, ("TLSv1.3", plain), ("TLSv1.3", keyed)),
        (("TLSv1.0", plain), ("TLSv1.0", half), ("TLSv1.0", few), ("TLSv1.0", replace(bare, max_suites=1024)),
         ("TLSv1.1", small), ("TLSv1.0", small), ("TLSv1.2", bare), ("TLSv1.0", bare)),
    )  # fmt: skip


def _failure(last: Answer, alerts: Collection[int | None]) -> str:
    if UNKNOWN_NAME in alerts:
        return "it answers no hello without a server name it knows: --sni NAME"
    if alerts:
        return "it answers, but every hello was refused with an alert"
    words = {
        AnswerKind.CLOSED: "it closes the connection without an answer to any hello",
        AnswerKind.RESET: "it resets the connection on every hello",
        AnswerKind.SILENT: "it answers, but so slowly that no answer was whole in time"
        if last.heard
        else "it accepts connections and stays silent",
        AnswerKind.GARBAGE: f"it does not speak TLS: {last.detail}",
    }
    return words.get(last.kind, last.detail or "no answer")
