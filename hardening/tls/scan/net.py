"""One selector loop that carries the questions of thousands of endpoints; the only module with sockets."""

from __future__ import annotations

import errno
import heapq
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

from hardening.tls.scan import hello
from hardening.tls.scan.answer import Listener
from hardening.tls.scan.ask import Answer, Kind, Question, Want
from hardening.tls.scan.dialogue import Dialogue
from hardening.tls.scan.endpoint import Target
from hardening.tls.scan.engine import Engine

RECEIVE = 65536
TOTAL_WAITS = 6
"""A connection may last this many times the idle limit, however much it drips."""
AFTER_HELLO = 3.0
"""Seconds in which certificate and key exchange have to follow a ServerHello that is there."""

Address = tuple[int, tuple[str | int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How connections are made."""

    concurrency: int = 256
    """Connections open at once over all endpoints."""
    connect_timeout: float = 5.0
    idle_timeout: float = 5.0
    """Seconds without a byte after which a server counts as silent."""
    family: int = socket.AF_UNSPEC
    proxy: tuple[str, int] | None = None
    """An HTTP proxy to reach every endpoint through, by CONNECT."""


class Job:
    """One endpoint on the loop."""

    __slots__ = (
        "addresses",
        "connections",
        "engine",
        "finished",
        "opened_at",
        "target",
        "waiting",
        "wake_at",
    )

    def __init__(self, target: Target, engine: Engine) -> None:
        self.target = target
        self.engine = engine
        self.addresses: list[Address] = []
        self.connections = 0
        self.wake_at: float | None = None
        self.waiting = False
        self.opened_at = 0.0
        self.finished = False


class _Connection:
    __slots__ = (
        "deadline",
        "dialogue",
        "job",
        "listener",
        "out",
        "question",
        "sock",
        "started",
        "state",
        "ticket",
    )

    def __init__(self, job: Job, ticket: int, question: Question, now: float) -> None:
        self.job, self.ticket, self.question, self.started = job, ticket, question, now
        self.sock: socket.socket | None = None
        self.listener: Listener | None = None
        self.dialogue: Dialogue | None = None
        self.out = b""
        self.state = "connecting"
        self.deadline = now


class Loop:
    """Runs jobs until each has ended; `make` builds a job's engine when its turn comes."""

    def __init__(
        self,
        wire: Wire,
        *,
        talk: Callable[[Target, float], Engine],
        dialogue: Callable[[Target], Dialogue | None],
        done: Callable[[Job], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire, self._talk, self._dialogue, self._done, self._clock = wire, talk, dialogue, done, clock
        self._selector = selectors.DefaultSelector()
        self._open: dict[int, _Connection] = {}
        self._timers: list[tuple[float, int, object]] = []
        self._order = count()
        self._starved: deque[Job] = deque()
        self._active = 0
        self._targets: Iterator[Target] = iter(())
        self._more = True
        self._resolving: deque[tuple[Job, object]] = deque()

    def run(self, targets: Iterable[Target]) -> None:
        """Examine every target; returns when the last has ended."""
        self._targets = iter(targets)
        with ThreadPoolExecutor(max_workers=16) as resolver:
            self._resolver = resolver
            try:
                self._begin_more()
                while self._active:
                    self._turn()
            finally:
                for connection in list(self._open.values()):
                    if connection.sock is not None:
                        connection.sock.close()
                self._selector.close()

    def now(self) -> float:
        """Return the loop's time."""
        return self._clock()

    # jobs

    def _begin_more(self) -> None:
        while self._more and self._active < self._wire.concurrency:
            target = next(self._targets, None)
            if target is None:
                self._more = False
                return
            self._active += 1
            job = Job(target, self._talk(target, self._clock()))
            job.opened_at = self._clock()
            host, port = self._wire.proxy or (target.host, target.port)
            literal = _literal(host, port)
            if literal is not None:
                job.addresses = [literal]
                self._pump(job)
            else:
                future = self._resolver.submit(_resolve, host, port, self._wire.family)
                self._resolving.append((job, future))

    def _check_resolved(self) -> None:
        for _ in range(len(self._resolving)):
            job, future = self._resolving.popleft()
            if not future.done():  # type: ignore[attr-defined]  # a Future; the deque is typed loosely
                self._resolving.append((job, future))
                continue
            job.addresses = future.result()  # type: ignore[attr-defined]  # the same
            self._pump(job)

    def _pump(self, job: Job) -> None:
        """Send the questions a job may send now, and note when to look again."""
        now = self._clock()
        engine = job.engine
        if not engine.done and len(self._open) >= self._wire.concurrency:
            self._starve(job)
            return
        for ticket, question in engine.start(now):
            self._connect(_Connection(job, ticket, question, now))
            if len(self._open) >= self._wire.concurrency:
                self._starve(job)
                break
        if engine.done:
            if not job.finished:
                job.finished = True
                self._active -= 1
                self._done(job)
                self._begin_more()
            return
        wake = engine.wake(now)
        if wake is not None and (job.wake_at is None or wake < job.wake_at - 1e-4 or job.wake_at <= now):
            job.wake_at = wake
            heapq.heappush(self._timers, (wake, next(self._order), job))

    def _starve(self, job: Job) -> None:
        if not job.waiting:
            job.waiting = True
            self._starved.append(job)

    # one turn of the loop

    def _turn(self) -> None:
        now = self._clock()
        if self._resolving:
            self._check_resolved()
        wait = 0.5
        if self._timers:
            wait = min(wait, max(0.0, self._timers[0][0] - now))
        if self._resolving:
            wait = min(wait, 0.005)
        if self._open:
            events = self._selector.select(wait)
        else:
            events = []
            if wait > 0 and self._active:
                time.sleep(wait)
        for key, mask in events:
            self._event(key.data, mask)
        self._expire()
        while self._starved and len(self._open) < self._wire.concurrency:
            job = self._starved.popleft()
            job.waiting = False
            if not job.finished:
                self._pump(job)

    def _expire(self) -> None:
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            _, _, item = heapq.heappop(self._timers)
            if isinstance(item, Job):
                if item.wake_at is not None and item.wake_at <= now:
                    item.wake_at = None
                if not item.finished:
                    self._pump(item)
            elif isinstance(item, _Connection) and item.sock is not None:
                if item.deadline > now:
                    heapq.heappush(self._timers, (item.deadline, next(self._order), item))
                else:
                    self._end(item, *self._silence(item))

    def _silence(self, connection: _Connection) -> tuple[Kind, str]:
        if connection.state == "connecting":
            return Kind.UNREACHABLE, "no answer to the connection"
        if connection.state == "dialogue":
            return Kind.PREAMBLE, "silence before TLS"
        return Kind.SILENT, "no answer in time"

    # one connection

    def _connect(self, connection: _Connection) -> None:
        job = connection.job
        now = connection.started
        if not job.addresses:
            self._finish(connection, Answer(kind=Kind.UNREACHABLE, detail="the name does not resolve"))
            return
        family, address = job.addresses[0]
        job.connections += 1
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as problem:
            self._finish(connection, Answer(kind=Kind.UNREACHABLE, detail=str(problem.strerror)))
            return
        sock.setblocking(False)  # noqa: FBT003 - socket's own signature
        code = sock.connect_ex(address)
        if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            sock.close()
            self._failed_connect(connection, code)
            return
        connection.sock = sock
        connection.deadline = now + self._wire.connect_timeout
        self._open[sock.fileno()] = connection
        self._selector.register(sock, selectors.EVENT_WRITE, connection)
        heapq.heappush(self._timers, (connection.deadline, next(self._order), connection))

    def _failed_connect(self, connection: _Connection, code: int) -> None:
        job = connection.job
        detail = os.strerror(code)
        if len(job.addresses) > 1 and job.engine.asked == 1:
            del job.addresses[0]
            self._connect(connection)
            return
        self._finish(connection, Answer(kind=Kind.UNREACHABLE, detail=detail))

    def _event(self, connection: _Connection, mask: int) -> None:
        if connection.sock is None:
            return
        try:
            if mask & selectors.EVENT_WRITE:
                self._writable(connection)
            else:
                self._readable(connection)
        except (ConnectionResetError, BrokenPipeError):
            self._end(connection, Kind.RESET, "connection reset")
        except OSError as problem:
            self._end(connection, Kind.RESET, problem.strerror or "connection failed")

    def _writable(self, connection: _Connection) -> None:
        sock = connection.sock
        assert sock is not None  # noqa: S101 - the caller checked; mypy cannot see it
        if connection.state == "connecting":
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._forget(connection)
                self._failed_connect(connection, code)
                return
            self._connected(connection)
        if connection.out:
            sent = sock.send(connection.out)
            connection.out = connection.out[sent:]
        if not connection.out:
            self._selector.modify(sock, selectors.EVENT_READ, connection)

    def _connected(self, connection: _Connection) -> None:
        job = connection.job
        connection.dialogue = self._dialogue(job.target)
        self._touch(connection)
        if connection.dialogue is not None:
            connection.state = "dialogue"
            connection.out = connection.dialogue.opening()
        if connection.dialogue is None or connection.dialogue.done:
            self._speak(connection)

    def _speak(self, connection: _Connection) -> None:
        """TLS starts here."""
        connection.state = "asking"
        data, connection.listener = converse(connection.question, connection.job.target.server_name)
        connection.out += data
        self._touch(connection)

    def _touch(self, connection: _Connection) -> None:
        """Put the deadline off: something was said."""
        now = self._clock()
        idle = min(connection.question.patience or TOTAL_WAITS * 60, self._wire.idle_timeout)
        limit = connection.started + TOTAL_WAITS * idle
        listener = connection.listener
        if listener is not None and listener.settled:
            limit = min(limit, max(connection.started + AFTER_HELLO, now + 0.2))
        connection.deadline = min(now + idle, limit)

    def _readable(self, connection: _Connection) -> None:
        sock = connection.sock
        assert sock is not None  # noqa: S101 - the caller checked; mypy cannot see it
        try:
            data = sock.recv(RECEIVE)
        except BlockingIOError:
            return
        if not data:
            self._end(connection, Kind.CLOSED, "closed without an answer")
            return
        if connection.state == "dialogue":
            data = self._dialogue_said(connection, data)
            if connection.sock is None or not data:
                return
        listener = connection.listener
        if listener is None:
            return
        answer = listener.feed(data)
        if answer is not None:
            self._finish(connection, answer)
            return
        if listener.outgoing:
            connection.out, listener.outgoing = listener.outgoing, b""
            self._selector.modify(sock, selectors.EVENT_WRITE, connection)
        self._touch(connection)
        if connection.deadline <= self._clock():
            self._end(connection, Kind.SILENT, "it drips")

    def _dialogue_said(self, connection: _Connection, data: bytes) -> bytes:
        """Go on with the protocol around TLS; return bytes that belong to TLS already."""
        dialogue = connection.dialogue
        assert dialogue is not None  # noqa: S101 - the state says so
        connection.out += dialogue.feed(data)
        if dialogue.failure:
            self._finish(connection, Answer(kind=Kind.PREAMBLE, detail=dialogue.failure))
            return b""
        rest = b""
        if dialogue.done:
            rest = dialogue.rest
            self._speak(connection)
        else:
            self._touch(connection)
        if connection.out and connection.sock is not None:
            self._selector.modify(connection.sock, selectors.EVENT_WRITE, connection)
        return rest

    def _end(self, connection: _Connection, kind: Kind, detail: str) -> None:
        if connection.state == "dialogue":
            self._finish(connection, Answer(kind=Kind.PREAMBLE, detail=f"{detail} before TLS"))
        elif connection.listener is not None:
            self._finish(connection, connection.listener.end(kind, detail))
        else:
            self._finish(connection, Answer(kind=Kind.UNREACHABLE, detail=detail))

    def _forget(self, connection: _Connection) -> None:
        sock, connection.sock = connection.sock, None
        if sock is not None:
            self._selector.unregister(sock)
            del self._open[sock.fileno()]
            sock.close()

    def _finish(self, connection: _Connection, answer: Answer) -> None:
        self._forget(connection)
        now = self._clock()
        job = connection.job
        answer.seconds = now - connection.started
        job.engine.tell(connection.ticket, answer, now)
        if not job.waiting:
            # pumped on the next turn, so that a chain of failures cannot recurse
            job.waiting = True
            self._starved.append(job)


def converse(question: Question, server_name: str | None) -> tuple[bytes, Listener]:
    """Return the first bytes of a question and what listens to the answer."""
    if question.protocol == "SSLv2":
        return hello.sslv2_hello(question.suites, os.urandom(16)), Listener(question)
    from hardening.tls.scan.tls13 import Handshake, needs_keys

    if needs_keys(question):
        handshake = Handshake(question, server_name)
        return handshake.first(), handshake
    data = hello.client_hello(question, server_name=server_name, random=os.urandom(32))
    if question.want in (Want.HEARTBEAT, Want.EARLY_CCS):
        from hardening.tls.scan.probes import Probe

        return data, Probe(question)
    return data, Listener(question)


def _literal(host: str, port: int) -> Address | None:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        if family == socket.AF_INET6:
            info = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
            return family, _plain(info[0][4])
        return family, (host, port)
    return None


def _resolve(host: str, port: int, family: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys((entry[0].value, _plain(entry[4])) for entry in found))


def _plain(address: tuple[object, ...]) -> tuple[str | int, ...]:
    return tuple(part for part in address if isinstance(part, (str, int)))
