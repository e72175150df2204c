"""Runs the asking of one endpoint: many small conversations, one pace, no sockets and no clock.

A conversation is a generator that yields what it wants and is sent the outcome:

    told    = yield question                 one connection: the answer, and how busy we were
    answers = yield Together((a, b, c))      several conversations side by side

What time it is stands in `pace.now`.

`Engine.start` says which questions go out now, `Engine.tell` takes an answer, `Engine.wake` says when to
ask again. The tests drive it with simulated servers and a simulated clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from hardening.tls.scan.engine.rate_limit import Pace
from hardening.tls.scan.strategy.messages import Answer, Question

Talk = Generator[Any, Any, Any]
"""A conversation; typed loosely because what is sent in depends on what was yielded."""


@dataclass(frozen=True, slots=True)
class Parallel:
    """Conversations to hold side by side; their results come back in this order."""

    talks: tuple[Talk, ...]


@dataclass(frozen=True, slots=True)
class Priority:
    """A question that goes before those already waiting, such as a control."""

    question: Question


@dataclass(frozen=True, slots=True)
class Sleep:
    """A request to wait until any answer has come, while another conversation settles something."""


class Reply(NamedTuple):
    """An answer, and how many questions were on their way when it was asked, itself included."""

    answer: Answer
    level: int
    place: int
    """Its number among the questions that went out, from 0."""


class _Task:
    __slots__ = ("parent", "results", "slot", "talk", "waiting")

    def __init__(self, talk: Talk, parent: _Task | None = None, slot: int = 0) -> None:
        self.talk, self.parent, self.slot = talk, parent, slot
        self.waiting = 0
        self.results: list[Any] = []


class Engine:
    """One endpoint's conversations, until all of them have ended."""

    def __init__(self, talk: Talk, pace: Pace, now: float) -> None:
        self.pace = pace
        self.done = False
        self.result: Any = None
        self.count = 0
        self._queue: deque[tuple[_Task, Question]] = deque()
        self._open: dict[int, _Task] = {}
        self._level: dict[int, int] = {}
        self._paused: list[_Task] = []
        pace.now = now
        self._resume(_Task(talk), None)

    def start(self, now: float) -> Iterable[tuple[int, Question]]:
        """Yield the questions that go out now, each with the ticket `tell` wants back."""
        while self._queue and self.pace.may_start(now, len(self._open)):
            task, question = self._queue.popleft()
            self.count += 1
            self._open[self.count] = task
            self._level[self.count] = len(self._open)
            yield self.count, question

    def wake(self, now: float) -> float | None:
        """Return when `start` is worth calling again, or None when only an answer can change things."""
        if not self._queue or len(self._open) >= self.pace.parallel:
            return None
        return self.pace.next_start(now)

    def tell(self, ticket: int, answer: Answer, now: float) -> None:
        """Hand in the answer to a question."""
        task, level = self._open.pop(ticket), self._level.pop(ticket)
        self.pace.now = now
        self._resume(task, Reply(answer, level, ticket - 1))
        paused, self._paused = self._paused, []
        for other in paused:
            self._resume(other, None)

    @property
    def open(self) -> int:
        """How many questions are on their way."""
        return len(self._open)

    def _resume(self, task: _Task, value: Any) -> None:
        """Run a conversation until it waits for an answer, or ends and wakes its parent."""
        current: _Task | None = task
        while current is not None:
            try:
                wanted = current.talk.send(value)
            except StopIteration as ended:
                current, value = self._ended(current, ended.value)
                continue
            if isinstance(wanted, Question):
                self._queue.append((current, wanted))
                return
            if isinstance(wanted, Priority):
                self._queue.appendleft((current, wanted.question))
                return
            if isinstance(wanted, Sleep):
                self._paused.append(current)
                return
            if isinstance(wanted, Parallel) and wanted.talks:
                current.waiting = len(wanted.talks)
                current.results = [None] * len(wanted.talks)
                for slot, talk in enumerate(wanted.talks):
                    self._resume(_Task(talk, current, slot), None)
                return
            value = []

    def _ended(self, task: _Task, result: Any) -> tuple[_Task | None, Any]:
        parent = task.parent
        if parent is None:
            self.done, self.result = True, result
            return None, None
        parent.results[task.slot] = result
        parent.waiting -= 1
        return (None, None) if parent.waiting else (parent, parent.results)
