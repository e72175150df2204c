"""What became of a question, and what one answer says about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hardening.tls import registry
from hardening.tls.scan.engine.in_flight import Ages
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question

CLEAR_REFUSALS = frozenset({40, 41, 70, 71})
"""handshake_failure, no_certificate, protocol_version, insufficient_security (RFC 8446 section 6.2).

OpenSSL 1.0.2 says illegal_parameter (47) where it has none of the signature schemes that are offered.
"""
PROTOCOL_VERSION = 70
"""The alert that refuses a version, whatever the suites."""
CLOSE = -2
"""In place of an alert: the connection was closed or reset, which refuses only after a trial (ADR 9)."""


class QuestionState(Enum):
    """What became of a question."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The server said no, in words."""
    ODD = "odd"
    """It said something that may be about the hello's form: another alert, a suite nobody offered."""
    TROUBLED = "troubled"
    """It gives no answer to this question, while it answers others."""
    UNSURE = "unsure"
    """It says no now and then, whatever the question, and too often to tell."""
    LOST = "lost"
    """It gives no answer to anything any more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A state and the answer that led to it."""

    state: QuestionState
    answer: Answer


@dataclass(slots=True, eq=False)
class Refusal:
    """A refusal that still needs a control question after it."""

    answered: int
    question: Question
    level: int
    ages: Ages
    """How dense the questions before it were."""
    alert: int | None
    places: tuple[int, ...] = ()
    """Where among all connections it was said, the first time and the second."""
    times: int = 1
    """How often it was said."""
    listed: int = 0
    """How often `protocol_version` refused its version among others, in a hello that lists them."""
    tries: int = 0
    """How often it was asked for in a trial."""
    shown: bool = False
    """Whether neither chance nor a period explains it as a lie."""
    stake: float = 0.0
    """What a bet against lies has grown to, as a logarithm (`trial`)."""


OPEN = frozenset({QuestionState.TROUBLED, QuestionState.UNSURE, QuestionState.LOST})
"""What says nothing about the question."""


def judge_answer(question: Question, answer: Answer) -> QuestionState:
    """Return what one answer says about its question."""
    if answer.kind is AnswerKind.HELLO:
        if question.protocol == "SSLv2":
            return QuestionState.ACCEPTED
        floor = registry.PROTOCOLS.index(question.floor)
        if answer.protocol is None or registry.PROTOCOLS.index(answer.protocol) < floor:
            return QuestionState.REFUSED
        return QuestionState.ACCEPTED if answer.suite in question.suites else QuestionState.ODD
    if answer.kind is AnswerKind.ALERT:
        clear = answer.alert in CLEAR_REFUSALS or (answer.alert == 47 and question.schemes is not None)
        return QuestionState.REFUSED if clear else QuestionState.ODD
    return QuestionState.TROUBLED
