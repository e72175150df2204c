"""One loop that carries the questions of thousands of endpoints; the only module with sockets."""

from __future__ import annotations

import errno
import heapq
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count

from hardening.tls.scan.endpoint import ScanTarget
from hardening.tls.scan.engine import poller
from hardening.tls.scan.engine.connecting import Address, Wire, literal, resolve, room
from hardening.tls.scan.engine.connection import Connection
from hardening.tls.scan.engine.conversations import Engine
from hardening.tls.scan.engine.job import EndpointJob
from hardening.tls.scan.strategy.messages import Answer, AnswerKind
from hardening.tls.scan.wire.dialogue import Dialogue

RECEIVE = 65536
_AT_ONCE = getattr(socket, "SOCK_NONBLOCK", 0)
"""Makes a socket non-blocking without a call more, where the system can."""


class Loop:
    """Runs jobs until each has ended; `make` builds a job's engine when its turn comes."""

    def __init__(
        self,
        wire: Wire,
        *,
        talk: Callable[[ScanTarget, float], Engine],
        dialogue: Callable[[ScanTarget], Dialogue | None],
        done: Callable[[EndpointJob], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire, self._talk, self._dialogue, self._done, self._clock = wire, talk, dialogue, done, clock
        self._poller = poller.best()
        self._most = room(wire.concurrency)
        self._open: dict[int, Connection] = {}
        self._timers: list[tuple[float, int]] = []
        self._timed: dict[int, EndpointJob | Connection] = {}
        """Who is to be looked at when a timer's number comes up; what has ended is not held until then."""
        self._order = count(1)
        self._starved: deque[EndpointJob] = deque()
        self._active = 0
        self._targets: Iterator[ScanTarget] = iter(())
        self._more = True
        self._resolving: deque[tuple[EndpointJob, Future[list[Address]]]] = deque()

    def run(self, targets: Iterable[ScanTarget]) -> None:
        """Examine every target; returns when the last has ended."""
        self._targets = iter(targets)
        with ThreadPoolExecutor(max_workers=16) as resolver:
            self._resolver = resolver
            try:
                self._begin_more()
                while self._active:
                    self._turn()
            finally:
                resolver.shutdown(
                    wait=False, cancel_futures=True
                )  # whoever interrupts waits for no names in the queue
                for connection in list(self._open.values()):
                    if connection.sock is not None:
                        connection.sock.close()
                self._poller.close()

    # jobs

    def _begin_more(self) -> None:
        while self._more and self._active < self._most:
            target = next(self._targets, None)
            if target is None:
                self._more = False
                return
            self._active += 1
            job = EndpointJob(target, self._talk(target, self._clock()))
            job.opened_at = self._clock()
            host, port = self._wire.proxy or (target.host, target.port)
            try:
                known = literal(host, port)
            except OSError:  # an interface that is not there
                self._pump(job)
                continue
            if known is not None:
                job.addresses = [known]
                self._pump(job)
            else:
                future = self._resolver.submit(resolve, host, port, self._wire.family)
                self._resolving.append((job, future))

    def _check_resolved(self) -> None:
        for _ in range(len(self._resolving)):
            job, future = self._resolving.popleft()
            if not future.done():
                self._resolving.append((job, future))
                continue
            job.addresses = future.result()
            self._pump(job)

    def _pump(self, job: EndpointJob) -> None:
        """Send the questions a job may send now, and note when to look again."""
        now = self._clock()
        engine = job.engine
        if not engine.done and len(self._open) >= self._most:
            self._starve(job)
            return
        for ticket, question in engine.start(now):
            self._connect(Connection(job, ticket, question, now))
            if len(self._open) >= self._most:
                self._starve(job)
                break
        if engine.done:
            if not job.finished:
                job.finished = True
                job.seconds = now - job.opened_at
                self._active -= 1
                self._done(job)
                self._begin_more()
            return
        wake = engine.wake(now)
        if wake is not None and (job.wake_at is None or wake < job.wake_at - 1e-4 or job.wake_at <= now):
            job.wake_at = wake
            self._at(wake, job)

    def _at(self, when: float, item: EndpointJob | Connection) -> int:
        """Have an item looked at then; return the timer's number."""
        number = next(self._order)
        self._timed[number] = item
        heapq.heappush(self._timers, (when, number))
        return number

    def _starve(self, job: EndpointJob) -> None:
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
            for connection, readable, writable in self._poller.wait(wait):
                self._event(connection, readable=readable, writable=writable)
        elif wait > 0 and self._active:
            time.sleep(wait)
        self._expire(now)
        while self._starved and len(self._open) < self._most:
            job = self._starved.popleft()
            job.waiting = False
            if not job.finished:
                self._pump(job)

    def _expire(self, polled: float) -> None:
        """End what was due before the sockets were last looked at: what came in time counts, however late we look."""
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            due, number = heapq.heappop(self._timers)
            item = self._timed.get(number)
            if isinstance(item, Connection):
                if item.deadline > now:
                    self._look_at(item)
                elif due > polled:
                    heapq.heappush(self._timers, (due, number))
                    return
                elif item.state == "connecting":
                    self._not_connected(item, errno.ETIMEDOUT)
                else:
                    self._finish(item, item.silence())
            elif item is not None:
                del self._timed[number]
                if item.wake_at is not None and item.wake_at <= now:
                    item.wake_at = None
                if not item.finished:
                    self._pump(item)

    # one connection

    def _connect(self, connection: Connection) -> None:
        job = connection.job
        if not job.addresses:
            host = (self._wire.proxy or (job.target.host, 0))[0]
            why = "no interface of that name here" if "%" in host else "the name does not resolve"
            self._finish(connection, Answer(kind=AnswerKind.UNREACHABLE, detail=why))
            return
        family, address = job.addresses[0]
        job.connections += 1
        try:
            sock = socket.socket(family, socket.SOCK_STREAM | _AT_ONCE)
        except OSError as problem:
            self._finish(connection, Answer(kind=AnswerKind.UNREACHABLE, detail=str(problem.strerror)))
            return
        if not _AT_ONCE:
            sock.setblocking(False)  # noqa: FBT003 - socket's own signature
        code = sock.connect_ex(address)
        if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            sock.close()
            self._failed_connect(connection, code)
            return
        connection.sock = sock
        connection.deadline = self._clock() + self._wire.connect_timeout  # another address has its own time
        self._open[sock.fileno()] = connection
        self._poller.add(sock, connection)
        self._look_at(connection)

    def _hurry(self, connection: Connection) -> None:
        """Look at it sooner where its deadline has come nearer: a question may be less patient than a connection."""
        if connection.deadline < connection.due:
            self._look_at(connection)

    def _look_at(self, connection: Connection) -> None:
        """Have the connection looked at when its deadline has come."""
        self._timed.pop(connection.timer, None)
        connection.due = connection.deadline
        connection.timer = self._at(connection.due, connection)

    def _failed_connect(self, connection: Connection, code: int) -> None:
        job = connection.job
        if len(job.addresses) > 1 and job.engine.count == 1:
            del job.addresses[0]
            self._connect(connection)
            return
        why = "no answer to the connection" if code == errno.ETIMEDOUT else os.strerror(code)
        self._finish(connection, Answer(kind=AnswerKind.UNREACHABLE, detail=why))

    def _event(self, connection: Connection, *, readable: bool, writable: bool) -> None:
        try:
            if writable and connection.sock is not None:
                self._writable(connection, connection.sock)
            if readable and connection.sock is not None and connection.state != "connecting":
                self._readable(connection, connection.sock)
        except (ConnectionResetError, BrokenPipeError):
            self._finish(connection, connection.ended(AnswerKind.RESET, "connection reset"))
        except OSError as problem:
            self._finish(
                connection, connection.ended(AnswerKind.RESET, problem.strerror or "connection failed")
            )

    def _writable(self, connection: Connection, sock: socket.socket) -> None:
        fresh = connection.state == "connecting"
        if fresh:
            dialogue = self._dialogue(connection.job.target)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if dialogue is not None else 0
            if code:
                self._not_connected(connection, code)
                return
            connection.connected(dialogue, self._clock(), self._wire)
            self._hurry(connection)
        if connection.out:
            try:
                sent = sock.send(connection.out)
            except OSError as problem:
                if not fresh:
                    raise
                self._not_connected(
                    connection, problem.errno or errno.ECONNRESET
                )  # the first send tells as well
                return
            connection.out = connection.out[sent:]
        if not connection.out:
            self._poller.reads(sock, connection)

    def _not_connected(self, connection: Connection, code: int) -> None:
        self._forget(connection)
        connection.state, connection.out, connection.listener = "connecting", b"", None
        self._failed_connect(connection, code)

    def _readable(self, connection: Connection, sock: socket.socket) -> None:
        while True:
            try:
                data = sock.recv(RECEIVE)
            except BlockingIOError:
                return
            if not data:
                self._finish(connection, connection.ended(AnswerKind.CLOSED, "closed without an answer"))
                return
            answer = connection.heard(data, self._clock(), self._wire)
            if answer is not None:
                self._finish(connection, answer)
                return
            self._hurry(connection)
            if connection.out:
                self._poller.writes(sock, connection)
            if len(data) < RECEIVE:
                return  # nothing more is there, so the next byte is news

    def _forget(self, connection: Connection) -> None:
        sock, connection.sock = connection.sock, None
        if sock is not None:
            del self._open[sock.fileno()]
            del self._timed[connection.timer]
            self._poller.remove(sock)
            sock.close()

    def _finish(self, connection: Connection, answer: Answer) -> None:
        self._forget(connection)
        now = self._clock()
        job = connection.job
        answer.seconds = now - connection.started
        job.engine.tell(connection.ticket, answer, now)
        if not job.waiting:
            # pumped on the next turn, so that a chain of failures cannot recurse
            job.waiting = True
            self._starved.append(job)
