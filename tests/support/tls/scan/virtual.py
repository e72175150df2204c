"""The servers of hostile.py in a time that is a number: the scanner's own bytes, no socket, no clock, no load of this machine.

What a loaded machine does is simulated from a seed: scanner and server stop for a while at any moment, so that
answers are told late, questions reach the server in bursts, and whatever counts connections per second counts others.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from hardening.tls.scan.engine.connection import converse
from hardening.tls.scan.engine.conversations import Engine
from hardening.tls.scan.engine.rate_limit import Pace, RateLimits
from hardening.tls.scan.strategy.endpoint_state import Endpoint
from hardening.tls.scan.strategy.messages import Answer, AnswerKind
from hardening.tls.scan.strategy.plan import Inquiry
from hardening.tls.scan.strategy.scope import ScanScope
from hardening.tls.scan.wire.answer import Listener
from tests.support.tls.scan import hostile

IDLE = 1.2
WAY = 0.0005
WORK = 0.001
STALL = 30.0
"""Seconds for which a server that stalls holds on to a connection."""


@dataclass
class Busy:
    """A process that now and then does not run."""

    dice: random.Random | None
    until: float = 0.0

    def when(self, wanted: float) -> float:
        """Return when it gets to what it wants to do at that time."""
        now = max(wanted, self.until)
        if self.dice is not None and self.dice.random() < 0.05:
            self.until = now + self.dice.uniform(0.02, 1.5)
            now = self.until
        return now


@dataclass
class World:
    """One server, one scanner, and what is going to happen."""

    server: hostile.Server
    engine: Engine
    dice: random.Random | None
    now: float = 0.0
    connections: int = 0
    work: float = WORK
    """Seconds that the server takes for an answer."""
    idle: float = IDLE
    alone: bool = False
    """Whether the server works on one answer at a time."""
    _free: float = 0.0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._scanner, self._host = Busy(self.dice), Busy(self.dice)

    def later(self, at: float, what: Callable[[], None]) -> None:
        """Have something happen at a time, or as soon after as it can."""
        heapq.heappush(self._events, (max(at, self.now), next(self._order), what))

    def run(self) -> None:
        """Let time pass until the scan has ended."""
        self._ask()
        while not self.engine.done:
            at, _, what = heapq.heappop(self._events)
            self.now = max(self.now, at)
            hostile.clock = lambda: self.now
            what()

    def _ask(self) -> None:
        for ticket, question in list(self.engine.start(self.now)):
            self.connections += 1
            data, listener = converse(question, None)
            began, patience = self.now, min(question.patience or self.idle, self.idle)
            self.later(self._host.when(began + WAY), self._accepts(ticket, data, listener, began, patience))
        wake = self.engine.wake(self.now)
        if wake is not None:
            self.later(self._scanner.when(wake + 1e-6), self._ask)

    def _accepts(
        self, ticket: int, data: bytes, listener: Listener, began: float, patience: float
    ) -> Callable[[], None]:
        def accept() -> None:
            server = self.server
            server.open += 1
            server.count += 1
            action: str | bytes | None = server.before(server)
            server.started.append(self.now)
            if action is None:
                hello = hostile.hello_of(data)
                action = server.on_hello(server, hello)
                if action is None:
                    action = server.honest(hello)
            answer, after = _heard(action, listener, server)
            after = max(after, self.work)
            if self.alone:
                self._free = max(self._free, self.now) + after
                after = self._free - self.now
            silent = action == "stall" or began + patience < self.now + after
            self.later(self.now + (STALL if silent else after), self._leave)
            told = began + patience if silent else self.now + after + WAY
            if silent and action != "stall":
                answer = listener.end(AnswerKind.SILENT, "stall")
            self.later(self._scanner.when(told), lambda: self._tell(ticket, answer, began))

        return accept

    def _leave(self) -> None:
        self.server.open -= 1

    def _tell(self, ticket: int, answer: Answer, began: float) -> None:
        answer.seconds = self.now - began
        self.engine.tell(ticket, answer, self.now)
        self._ask()


def _heard(action: str | bytes, listener: Listener, server: hostile.Server) -> tuple[Answer, float]:
    """Return what the scanner makes of an action, and after how many seconds of work."""
    if isinstance(action, str) and action.startswith("alert:"):
        action = hostile.alert(int(action[6:]))
    if isinstance(action, bytes):
        answer = listener.feed(action)
        slow = 0.3 if server.send is not None else WORK
        return answer or listener.end(AnswerKind.CLOSED, "closed"), slow
    kinds = {"close": AnswerKind.CLOSED, "reset": AnswerKind.RESET, "stall": AnswerKind.SILENT}
    return listener.end(kinds[action], action), WORK


def scanned(
    server: hostile.Server,
    scope: ScanScope,
    limits: RateLimits,
    seed: int | None = None,
    work: float = WORK,
    *,
    alone: bool = False,
) -> tuple[Endpoint, World]:
    """Scan a server in simulated time that takes `work` seconds an answer; with a seed, on a machine that stops now and then."""
    inquiry_pace = Pace(limits, 0.0)
    inquiry = Inquiry(scope, inquiry_pace)
    engine = Engine(inquiry.run(), inquiry_pace, 0.0)
    dice = None if seed is None else random.Random(seed)
    world = World(server, engine, dice, work=work, idle=max(IDLE, 2.5 * work), alone=alone)
    world.run()
    return inquiry.found, world


Pairs = set[tuple[str, int]]


def compared(offer: hostile.Offer, found: Endpoint) -> tuple[Pairs, Pairs, Pairs]:
    """Return what was found, what was missed without a word, and what is not there."""
    truth = {(version, code) for version, codes in offer.items() for code in codes}
    got = {(learned.name, code) for learned in found.offered() for code in learned.suites}
    known_open = {(p.name, code) for p in found.protocols.values() for code in p.unknown}
    unknown = {p.name for p in found.protocols.values() if p.unknown and not p.offered}
    missed = {(v, c) for v, c in truth - got if (v, c) not in known_open and v not in unknown}
    return got, missed, got - truth
