"""How far a server reads a list of suites: what it never read it has not refused.

yaSSL reads 64 suites, and others have limits of their own. A suite that is chosen from the end of a list shows that the list
was read; where none was, one that is known to be there is put behind those that were refused.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question
from hardening.tls.scan.strategy.outcome import PROTOCOL_VERSION, Outcome, QuestionState, Refusal
from hardening.tls.scan.strategy.scope import Case
from hardening.tls.scan.strategy.shapes import CHUNKS
from hardening.tls.scan.wire import hello

LAST = 50
"""One in so many suites at the end of a list may go without proof: of a long list those are the likeliest of all."""


def unread(case: Case) -> Generator[Any, Any, list[Question]]:
    """Return refused questions whose lists were not read to their ends, and make the lists that follow short enough."""
    asker, control = case.asker, case.asker.control
    lists = [r for r in asker.refusals if _is_list(r)]
    size = max((len(r.question.suites) for r in lists), default=0)
    if control is None or control.protocol == "SSLv2" or size - size // LAST <= asker.reach:
        return []
    learned = next(p for p in case.found.offered() if p.choices)
    refused = next(
        (r.question.suites for r in lists if r.question.protocol == learned.name), hello.every_suite()
    )
    others = tuple(s for s in refused if s not in learned.suites)
    for most in (size, *(n for n in CHUNKS if n < size)):
        suites = (*others[: most - 1], learned.suites[0])
        question = replace(control, protocol=learned.name, suites=suites)
        outcome: Outcome = yield from asker.settle(question)
        asker.take(lambda r, sent=question: r.question == sent)  # type: ignore[misc]  # lambda defaults have no types
        if outcome.state is not QuestionState.REFUSED:
            break
    if most == size or outcome.state is not QuestionState.ACCEPTED:
        return []
    whole = replace(control, protocol=learned.name, suites=(*others[: size - 1], learned.suites[0]))
    for sent, wanted in ((whole, AnswerKind.ALERT), (question, AnswerKind.HELLO), (whole, AnswerKind.ALERT)):
        answer: Answer = yield from asker.ask(sent, blame=False)
        if answer.kind is not wanted:
            asker.contradictions += 1  # it was no matter of length
            return []
    asker.shape = replace(asker.shape, max_suites=most)
    # what was contradicted so far was about the lists' length; a liar shows itself again
    asker.contradictions, asker.wary = 0, False
    return asker.take(lambda r: r in lists and len(r.question.suites) > most)


def _is_list(refusal: Refusal) -> bool:
    question = refusal.question
    about_suites = question.groups is None and question.schemes is None and question.protocol != "SSLv2"
    return about_suites and refusal.alert != PROTOCOL_VERSION
