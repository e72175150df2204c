"""Which signature schemes a server signs with: learned along with the suites, then asked for by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hardening.tls import registry
from hardening.tls.scan.strategy.endpoint_state import Endpoint, EndpointState
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question, Shape
from hardening.tls.scan.wire import hello

MISSES = 3
"""Questions that had to be asked whole after all: then the server's order changes keys too often for this."""


def signer(suite: int | None) -> str:
    """Return whose signature a suite's key exchange carries before TLS 1.3: RSA, ECDSA, DSS, or nothing."""
    known = registry.suites_by_code().get(suite or 0)
    if known is None or known.kx not in ("DHE", "ECDHE") or known.auth not in ("RSA", "ECDSA", "DSS"):
        return ""
    return known.auth


@dataclass(slots=True)
class PiggybackScheme:
    """Schemes taken away in the very questions that ask for suites, one key type at a time.

    The schemes that were seen for the key type of the last choice are left out of the next question, those of
    other keys never, so no suite that the server prefers goes without a scheme. A choice of the same key type is as good as
    one from the whole list; any other answer is not believed, and the question is asked again whole.
    """

    wanted: bool
    _seen: dict[str, list[int]] = field(default_factory=dict)
    _now: str = ""
    _stopped: set[str] = field(default_factory=set)
    _missed: str = ""
    _misses: int = 0
    _answered: bool = False
    """Whether the server answered the question that missed with another choice."""

    def on(self, question: Question) -> Question:
        """Return the question without the schemes that are known, where that is safe."""
        if not self.wanted or question.shape != Shape() or self._misses >= MISSES:
            return question
        if not self._now or self._now in self._stopped:
            return question
        left = tuple(s for s in hello.schemes_for() if s not in self._seen[self._now])
        return replace(question, schemes=left) if left else question

    def took(self, question: Question, answer: Answer, learned: EndpointState, found: Endpoint) -> bool:
        """Take an answer to a question that left schemes out; False when it has to be asked whole."""
        fits = (
            answer.kind is AnswerKind.HELLO
            and answer.protocol == question.protocol
            and answer.suite in question.suites
            and signer(answer.suite) == self._now
            and answer.scheme in (question.schemes or ())
        )
        if fits and answer.scheme is not None:
            learned.chose(question, answer)
            found.note(question, answer)
            self._seen[self._now].append(answer.scheme)
        else:
            self._missed, self._answered = self._now, answer.kind is AnswerKind.HELLO
        return fits

    def settled(self, answer: Answer, learned: EndpointState) -> None:
        """Take the answer to a whole question: the same key type after a miss means that its schemes are used up."""
        kind = signer(answer.suite) if answer.kind is AnswerKind.HELLO else ""
        if self._missed:
            self._misses += 1
            if kind == self._missed:
                self._stopped.add(kind)
                if self._answered:
                    learned.schemes_known.add(kind)
            self._missed = ""
        self._now = kind if answer.scheme is not None else ""
        if self._now and answer.scheme is not None:
            seen = self._seen.setdefault(kind, [])
            if answer.scheme not in seen:
                seen.append(answer.scheme)
