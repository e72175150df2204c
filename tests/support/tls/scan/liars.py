"""Servers that refuse in words for reasons of their own: by count, in bursts, by chance, by rate, in several alerts.

What they lie about is not what they are asked, so no answer of theirs proves anything by itself. Run as a relay, a liar
stands before a real server.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from tests.support.tls.scan import hostile
from tests.support.tls.scan.hostile import Offer, Server

Lie = Callable[[Server], str | None]

GOOD12 = [0xC02F, 0xC030]
GOOD13 = [0x1302, 0x1301]
OFFERS: dict[str, Offer] = {
    "one-suite-under-tls12": {"TLSv1.2": [*GOOD12, 0xC013]},
    "one-suite-without-curve": {"TLSv1.2": [*GOOD12, 0x002F], "TLSv1.3": GOOD13},
    "tls10-beside-tls12": {"TLSv1.0": [0xC013, 0x002F], "TLSv1.2": GOOD12},
    "old-versions-and-tls13": {
        "TLSv1.0": [0x002F],
        "TLSv1.1": [0x002F],
        "TLSv1.2": GOOD12,
        "TLSv1.3": GOOD13,
    },
    "ssl3-to-tls12": {v: [0x002F, 0x000A] for v in ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2")},
    "mixed": hostile.MIXED,
    "compliant": {"TLSv1.2": GOOD12, "TLSv1.3": GOOD13},
}
"""One weakness each, so that one lie is enough to hide it."""


def every(n: int, phase: int, action: str) -> Lie:
    """Lie on every n-th connection; the phase is how many came before ours."""
    return lambda s: action if (s.count + phase) % n == 0 else None


def burst(lies: int, of: int, phase: int, action: str) -> Lie:
    """Lie several times in a row, then be honest for the rest."""
    return lambda s: action if (s.count + phase) % of < lies else None


def chance(p: float, seed: int, action: str) -> Lie:
    """Lie by chance."""
    dice = random.Random(seed)
    return lambda _s: action if dice.random() < p else None


def window(most: int, seconds: float, action: str) -> Lie:
    """Lie to all who come when so many came within that time, whether they were lied to or not."""
    return lambda s: action if s.rate(seconds) >= most else None


def bucket(burst_of: float, rate: float, action: str) -> Lie:
    """Lie where a token bucket is empty."""
    state = {"tokens": burst_of, "at": -1.0}

    def check(_server: Server) -> str | None:
        now = hostile.clock()
        if state["at"] >= 0:
            state["tokens"] = min(burst_of, state["tokens"] + (now - state["at"]) * rate)
        state["at"] = now
        if state["tokens"] < 1:
            return action
        state["tokens"] -= 1
        return None

    return check


def ban(most: int, seconds: float, action: str) -> Lie:
    """Lie for a while to whoever came so often within a second."""

    def check(server: Server) -> str | None:
        now = hostile.clock()
        if now < server.until:
            return action
        if server.rate(1.0) >= most:
            server.until = now + seconds
            return action
        return None

    return check


def alternately(n: int, actions: tuple[str, ...]) -> Lie:
    """Lie on every n-th connection, in another way each time."""
    return lambda s: actions[s.count // n % len(actions)] if s.count % n == 0 else None


def lies() -> dict[str, Callable[[], Lie]]:
    """Return what makes a new liar of each kind."""
    out: dict[str, Callable[[], Lie]] = dict([*_counting(), *_pacing()])
    out.update(
        (f"chance-{p}-{seed}", partial(chance, p, seed, "alert:40"))
        for p in (0.1, 0.3, 0.5)
        for seed in range(3)
    )
    out["every-third-in-turn"] = partial(alternately, 3, ("alert:40", "close", "alert:80", "reset"))
    return out


def _counting() -> Iterator[tuple[str, Callable[[], Lie]]]:
    for n in range(2, 10):
        for phase in (0, 1):
            yield f"every-{n}-after-{phase}", partial(every, n, phase, "alert:40")
    for number in (70, 80, 71):
        for n in (2, 3, 5):
            yield f"every-{n}-alert-{number}", partial(every, n, 0, f"alert:{number}")
    for some, of in ((2, 4), (2, 5), (3, 7), (5, 8), (4, 12)):
        yield f"{some}-of-{of}", partial(burst, some, of, 1, "alert:40")


def _pacing() -> Iterator[tuple[str, Callable[[], Lie]]]:
    for most, seconds in ((3, 0.2), (5, 1.0), (10, 1.0), (20, 5.0)):
        yield f"{most}-in-{seconds}-s", partial(window, most, seconds, "alert:40")
    for first, rate in ((4, 2.0), (7, 5.0), (12, 10.0)):
        yield f"bucket-{first}-{rate}", partial(bucket, first, rate, "alert:40")
    for most, seconds in ((4, 1.0), (6, 0.05), (9, 3.0)):
        yield f"ban-{most}-{seconds}", partial(ban, most, seconds, "alert:40")


@dataclass
class Relay:
    """A liar before a real server, on sockets."""

    to: int
    lie: Callable[[int], bool]
    alert: bytes = hostile.alert(40)
    count: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection, or answer its first bytes with an alert."""
        self.count += 1
        try:
            if self.lie(self.count):
                await reader.read(4096)
                writer.write(self.alert)
                await writer.drain()
            else:
                there, onward = await asyncio.open_connection("127.0.0.1", self.to)
                await asyncio.gather(_pump(reader, onward), _pump(there, writer))
        except OSError:
            pass
        finally:
            writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()


@contextmanager
def relaying(*relays: Relay) -> Iterator[None]:
    """Run relays in a thread of their own; each gets its port."""
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def main() -> None:
        running = []
        for relay in relays:
            server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, backlog=512)
            sock: socket.socket = server.sockets[0]
            relay.port = sock.getsockname()[1]
            running.append(server)
        ready.set()
        await stop.wait()
        for server in running:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
