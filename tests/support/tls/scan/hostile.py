"""Servers that answer TLS hellos in every unhelpful way there is; run as a program, they print their ports.

The hello is parsed here, independently of the scanner's own code. Nothing is encrypted: a ServerHello and
the clear-text flight are all a scanner sees of TLS 1.2, and a HelloRetryRequest of TLS 1.3.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

VERSIONS = {"SSLv3": 0x0300, "TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
NAMES = {wire: name for name, wire in VERSIONS.items()}
RETRY = hashlib.sha256(b"HelloRetryRequest").digest()
OLD = [0x0035, 0x002F, 0x000A, 0x0005, 0x0004, 0x0016, 0x0033, 0x0039]
MODERN = [0xC02F, 0xC030, 0x009E, 0xC013, 0xC014, 0x003C, 0x002F]
RARE = [0xC02F, 0x0096, 0x0041, 0x0007, 0xC09D, 0x00A2, 0xC07A]
THIRTEEN = [0x1302, 0x1303, 0x1301]

clock = time.monotonic
"""What time it is for the servers; a simulation sets its own."""

Offer = dict[str, list[int]]
LEGACY: Offer = {"SSLv3": OLD[:3], "TLSv1.0": OLD, "TLSv1.1": OLD[:5]}
MIXED: Offer = {"TLSv1.0": OLD[:4], "TLSv1.2": MODERN, "TLSv1.3": THIRTEEN}
STRICT: Offer = {"TLSv1.2": MODERN[:2], "TLSv1.3": THIRTEEN}
TWELVE: Offer = {"TLSv1.2": MODERN}
HOLES: Offer = {"TLSv1.0": OLD[:3], "TLSv1.2": RARE}
MANY: Offer = {
    "TLSv1.0": [*OLD, *range(0x0041, 0x0046), *range(0x0084, 0x0089), 0x0096, 0x0097, 0x0099, 0x009A],
    "TLSv1.2": [*range(0x0067, 0x006E), *range(0x009C, 0x00A4), *range(0xC023, 0xC033), *OLD],
}


@dataclass
class Hello:
    """A parsed ClientHello."""

    raw: bytes
    version: int
    suites: list[int]
    session: bytes
    compression: bytes
    extensions: dict[int, bytes]
    record_version: int = 0
    sslv2: bool = False

    @property
    def size(self) -> int:
        return len(self.raw)

    @property
    def versions(self) -> list[int]:
        body = self.extensions.get(43)
        if body is None:
            return []
        return [v for (v,) in struct.iter_unpack(">H", body[1:])]

    def list16(self, number: int) -> list[int]:
        body = self.extensions.get(number, b"\0\0")[2:]
        return [v for (v,) in struct.iter_unpack(">H", body)]


def parse_hello(message: bytes, record_version: int) -> Hello:
    at = 4
    (version,) = struct.unpack_from(">H", message, at)
    at += 34
    size = message[at]
    session = message[at + 1 : at + 1 + size]
    at += 1 + size
    (size,) = struct.unpack_from(">H", message, at)
    suites = [v for (v,) in struct.iter_unpack(">H", message[at + 2 : at + 2 + size])]
    at += 2 + size
    size = message[at]
    compression = message[at + 1 : at + 1 + size]
    at += 1 + size
    extensions: dict[int, bytes] = {}
    if at < len(message):
        at += 2
        while at < len(message):
            number, size = struct.unpack_from(">HH", message, at)
            extensions[number] = message[at + 4 : at + 4 + size]
            at += 4 + size
    return Hello(message, version, suites, session, compression, extensions, record_version)


def record(content: int, body: bytes, version: int = 0x0303) -> bytes:
    parts = [body[i : i + 16384] for i in range(0, len(body), 16384)] or [b""]
    return b"".join(struct.pack(">BHH", content, version, len(p)) + p for p in parts)


def message(number: int, body: bytes) -> bytes:
    return bytes([number]) + len(body).to_bytes(3, "big") + body


def alert(number: int, level: int = 2) -> bytes:
    return record(21, bytes([level, number]))


def server_hello(version: int, suite: int, *, extensions: bytes = b"", rand: bytes | None = None) -> bytes:
    body = struct.pack(">H", min(version, 0x0303)) + (rand or os.urandom(32)) + b"\0"
    body += struct.pack(">HB", suite, 0)
    if extensions:
        body += struct.pack(">H", len(extensions)) + extensions
    return message(2, body)


def retry_request(suite: int, group: int, cookie: bytes = b"") -> bytes:
    ext = struct.pack(">HHH", 43, 2, 0x0304) + struct.pack(">HHH", 51, 2, group)
    if cookie:
        ext += struct.pack(">HHH", 44, len(cookie) + 2, len(cookie)) + cookie
    return server_hello(0x0303, suite, extensions=ext, rand=RETRY)


def flight(suite: int, version: int) -> bytes:
    certificate = b"\x30\x03\x02\x01\x05"
    out = message(
        11, (len(certificate) + 3).to_bytes(3, "big") + len(certificate).to_bytes(3, "big") + certificate
    )
    if suite >> 8 == 0xC0:
        kx = b"\x03\x00\x17\x41\x04" + bytes(64)
        kx += (b"\x04\x01" if version == 0x0303 else b"") + b"\x00\x04abcd"
        out += message(12, kx)
    return out + message(14, b"")


@dataclass
class Server:
    """One server: what it offers, and the ways in which it is difficult."""

    offer: Offer
    preference: str = "server"
    before: Callable[[Server], str | None] = lambda _s: None
    """Asked on connection: None to go on, else `close`, `reset`, `stall`, `alert:N`."""
    on_hello: Callable[[Server, Hello], str | bytes | None] = lambda _s, _h: None
    """Asked with the hello: None to answer honestly, else an action or bytes to send."""
    refusal: str | bytes = "alert:40"
    send: Callable[[asyncio.StreamWriter, bytes], Awaitable[None]] | None = None
    wrap: Callable[[bytes], bytes] = lambda b: record(22, b)
    groups: list[int] = field(default_factory=lambda: [29, 23])
    started: deque[float] = field(default_factory=lambda: deque(maxlen=4096))
    open: int = 0
    count: int = 0
    until: float = 0.0

    def honest(self, hello: Hello) -> bytes | str:
        if hello.sslv2:
            return self.refusal
        if 0x0304 in hello.versions and "TLSv1.3" in self.offer:
            return self.thirteen(hello)
        top = (
            max((v for v in hello.versions if v < 0x0304), default=hello.version)
            if hello.versions
            else hello.version
        )
        if hello.versions and not [v for v in hello.versions if v < 0x0304] and "TLSv1.3" in self.offer:
            return self.refusal
        fitting = [VERSIONS[n] for n in self.offer if n != "TLSv1.3" and VERSIONS[n] <= top]
        if not fitting:
            return "alert:70" if self.refusal == "alert:40" else self.refusal
        version = max(fitting)
        suite = self.choose(self.offer[NAMES[version]], hello.suites)
        if suite is None:
            return self.refusal
        return self.wrap(server_hello(version, suite) + flight(suite, version))

    def choose(self, own: list[int], theirs: list[int]) -> int | None:
        first, second = (own, theirs) if self.preference == "server" else (theirs, own)
        return next((s for s in first if s in second), None)

    def thirteen(self, hello: Hello) -> bytes | str:
        suite = self.choose(self.offer["TLSv1.3"], hello.suites)
        group = self.choose(self.groups, hello.list16(10))
        if suite is None or group is None:
            return self.refusal
        return self.wrap(retry_request(suite, group))

    def rate(self, seconds: float = 1.0) -> int:
        now = clock()
        return sum(1 for t in self.started if now - t < seconds)


def hello_of(data: bytes) -> Hello:
    """Return the hello that these records hold."""
    if data[0] & 0x80:
        return Hello(data, 2, [], b"", b"", {}, sslv2=True)
    body, at = b"", 0
    while at < len(data):
        (size,) = struct.unpack_from(">H", data, at + 3)
        body += data[at + 5 : at + 5 + size]
        at += 5 + size
    return parse_hello(body, struct.unpack_from(">H", data, 1)[0])


async def read_hello(reader: asyncio.StreamReader) -> Hello | None:
    head = await reader.readexactly(5)
    if head[0] & 0x80:
        size = (head[0] & 0x7F) << 8 | head[1]
        rest = await reader.readexactly(size - 3)
        return Hello(head + rest, 2, [], b"", b"", {}, sslv2=True)
    body = b""
    while True:
        size = struct.unpack(">H", head[3:])[0]
        body += await reader.readexactly(size)
        if len(body) >= 4 and len(body) >= 4 + int.from_bytes(body[1:4], "big"):
            return parse_hello(body, struct.unpack(">H", head[1:3])[0])
        head = await reader.readexactly(5)


async def act(server: Server, writer: asyncio.StreamWriter, action: str | bytes) -> None:
    if isinstance(action, bytes):
        if server.send is not None:
            await server.send(writer, action)
        else:
            writer.write(action)
            await writer.drain()
    elif action == "reset":
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif action == "stall":
        await asyncio.sleep(30)
    elif action.startswith("alert:"):
        writer.write(alert(int(action[6:])))
        await writer.drain()


async def serve(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    server.open += 1
    server.count += 1
    try:
        action: str | bytes | None = server.before(server)
        server.started.append(clock())
        if action is None:
            hello = await read_hello(reader)
            if hello is not None:
                action = server.on_hello(server, hello)
                if action is None:
                    action = server.honest(hello)
        if action is not None:
            await act(server, writer, action)
    except (asyncio.IncompleteReadError, ConnectionError, struct.error, IndexError):
        pass
    finally:
        server.open -= 1
        writer.close()


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    for i in range(0, min(len(data), 400), 4):
        writer.write(data[i : i + 4])
        await writer.drain()
        await asyncio.sleep(0.004)


async def slow_start(writer: asyncio.StreamWriter, data: bytes) -> None:
    await asyncio.sleep(0.3)
    writer.write(data)
    await writer.drain()


async def endless_records(writer: asyncio.StreamWriter, _data: bytes) -> None:
    for _ in range(100_000):
        writer.write(record(22, b"\x0b\x00\x40\x00" + bytes(1000)))
        await writer.drain()


async def endless_warnings(writer: asyncio.StreamWriter, _data: bytes) -> None:
    for _ in range(200_000):
        writer.write(alert(112, level=1) * 64)
        await writer.drain()


async def never_ending_record(writer: asyncio.StreamWriter, _data: bytes) -> None:
    writer.write(struct.pack(">BHH", 22, 0x0303, 16000))
    for _ in range(600):
        writer.write(b"\x02")
        await writer.drain()
        await asyncio.sleep(0.05)


async def huge_certificate(writer: asyncio.StreamWriter, _data: bytes) -> None:
    hello = server_hello(0x0303, 0xC02F)
    writer.write(record(22, hello + b"\x0b\xff\xff\xff" + b"\xff\xff\xfc" + b"\xff\xff\xf9"))
    for _ in range(1024):
        writer.write(record(22, bytes(16384)))
        await writer.drain()


def per_second(limit: int, action: str) -> Callable[[Server], str | None]:
    return lambda s: action if s.rate() >= limit else None


def at_once(limit: int, action: str) -> Callable[[Server], str | None]:
    return lambda s: action if s.open > limit else None


def ban_after(limit: int, seconds: float) -> Callable[[Server], str | None]:
    def check(server: Server) -> str | None:
        now = clock()
        if now < server.until:
            return "reset"
        if server.rate(1.0) >= limit:
            server.until = now + seconds
            return "reset"
        return None

    return check


def sometimes(chance: float, action: str, seed: int) -> Callable[[Server], str | None]:
    dice = random.Random(seed)
    return lambda _s: action if dice.random() < chance else None


def every(n: int, action: str) -> Callable[[Server], str | None]:
    return lambda s: action if s.count % n == 0 else None


def when(test: Callable[[Hello], bool], action: str | bytes) -> Callable[[Server, Hello], str | bytes | None]:
    return lambda _s, h: action if test(h) else None


def exact_version(server: Server, hello: Hello) -> str | None:
    if hello.sslv2 or hello.versions:
        return None
    return None if NAMES.get(hello.version) in server.offer else "alert:70"


def intolerant(limit: int, action: str) -> Callable[[Server, Hello], str | bytes | None]:
    return when(lambda h: not h.sslv2 and h.version > limit, action)


def yassl(server: Server, hello: Hello) -> bytes | None:
    """The first 64 suites are read; when none fits, its favourite is answered all the same."""
    if hello.sslv2 or hello.versions or hello.version < 0x0301:
        return None
    own = server.offer["TLSv1.0"]
    suite = server.choose(own, hello.suites[:64]) or own[0]
    return record(22, server_hello(0x0301, suite) + flight(suite, 0x0301))


def first_suites(most: int) -> Callable[[Server, Hello], str | bytes | None]:
    """Read only so many suites, and refuse honestly when none of them is there."""

    def read(_server: Server, hello: Hello) -> str | bytes | None:
        hello.suites = hello.suites[:most]
        return None

    return read


def cookies(server: Server, hello: Hello) -> bytes | str | None:
    if 0x0304 not in hello.versions:
        return None
    suite = server.choose(server.offer["TLSv1.3"], hello.suites)
    group = server.choose(server.groups, hello.list16(10))
    if suite is None or group is None:
        return "alert:40"
    return record(22, retry_request(suite, group, cookie=os.urandom(64)))


def no_empty_shares(_server: Server, hello: Hello) -> bytes | str | None:
    """A TLS 1.3 server that cannot take an empty key_share list."""
    if 0x0304 not in hello.versions or len(hello.extensions.get(51, b"\0\0")) > 2:
        return None
    return "alert:50"


def question_before() -> Callable[[Server, Hello], str | bytes | None]:
    """Answer what was asked on the connection before."""
    last: list[str | bytes] = []

    def answer(server: Server, hello: Hello) -> str | bytes | None:
        last.append(server.honest(hello))
        return last[-2] if len(last) > 1 else last[-1]

    return answer


def behind(*backends: Server, seed: int | None = None) -> Callable[[Server, Hello], str | bytes | None]:
    """Hand connections to servers that are set up differently: in turn, or by chance."""
    dice = None if seed is None else random.Random(seed)

    def answer(server: Server, hello: Hello) -> str | bytes | None:
        one = backends[server.count % len(backends)] if dice is None else dice.choice(backends)
        return one.honest(hello)

    return answer


def bytes_per_second(limit: int) -> Callable[[Server, Hello], str | bytes | None]:
    """Reset whoever has said more than that within a second."""
    heard: deque[tuple[float, int]] = deque(maxlen=1000)

    def check(_server: Server, hello: Hello) -> str | bytes | None:
        heard.append((clock(), hello.size))
        return "reset" if sum(size for at, size in heard if clock() - at < 1) > limit else None

    return check


def fragments(data: bytes) -> bytes:
    return b"".join(record(22, data[i : i + 1]) for i in range(len(data)))


def pieces(data: bytes) -> bytes:
    return b"".join(record(22, data[i : i + 7]) for i in range(0, len(data), 7))


def warned(data: bytes) -> bytes:
    return alert(112, level=1) + record(22, message(0, b"")) + record(22, data)


def cut(size: int) -> Callable[[bytes], bytes]:
    return lambda data: record(22, data)[:size]


def known_suites(hello: Hello) -> int:
    return len(hello.suites)


def servers() -> dict[str, Server]:
    """Return new servers whose whole offer can be found out, or has to be called inconclusive."""
    return {
        # plain
        "honest-legacy": Server(LEGACY),
        "honest-mixed": Server(MIXED),
        "honest-client-preference": Server(MIXED, preference="client"),
        "honest-many": Server(MANY),
        "version-holes": Server(HOLES),
        "exact-versions": Server(HOLES, on_hello=exact_version),
        # pace
        "twenty-a-second-close": Server(MIXED, before=per_second(20, "close")),
        "twenty-a-second-reset": Server(LEGACY, before=per_second(20, "reset")),
        "ten-a-second-stall": Server(TWELVE, before=per_second(10, "stall")),
        "twenty-a-second-alert": Server(MIXED, before=per_second(20, "alert:40")),
        "one-at-a-time": Server(MIXED, before=at_once(1, "reset")),
        "two-at-a-time-close": Server(LEGACY, before=at_once(2, "close")),
        "three-at-a-time-alert": Server(MIXED, before=at_once(3, "alert:80")),
        "banned-for-a-while": Server(TWELVE, before=ban_after(12, 2.0)),
        "every-fifth-closed": Server(MIXED, before=every(5, "close")),
        "every-seventh-reset": Server(LEGACY, before=every(7, "reset")),
        "every-fourth-alert": Server(MIXED, before=every(4, "alert:40")),
        "flaky-close": Server(MIXED, before=sometimes(0.2, "close", 1)),
        "flaky-stall": Server(TWELVE, before=sometimes(0.1, "stall", 2)),
        # how it refuses
        "refuses-by-close": Server(MIXED, refusal="close"),
        "refuses-by-reset": Server(TWELVE, refusal="reset"),
        "refuses-by-stall": Server(TWELVE, refusal="stall"),
        "refuses-by-internal-error": Server(MIXED, refusal="alert:80"),
        "refuses-by-close-notify": Server(TWELVE, refusal="alert:0"),
        "refuses-in-two-records": Server(MIXED, refusal=record(21, b"\x02") + record(21, b"\x28")),
        "refuses-by-warning": Server(MIXED, refusal=alert(40, level=1)),
        "refuses-by-insufficient-security": Server(MIXED, refusal="alert:71"),
        # the hello's form
        "drops-over-64-suites": Server(MIXED, on_hello=when(lambda h: len(h.suites) > 64, "close")),
        "resets-over-40-suites": Server(LEGACY, on_hello=when(lambda h: len(h.suites) > 40, "reset")),
        "stalls-over-128-suites": Server(TWELVE, on_hello=when(lambda h: len(h.suites) > 128, "stall")),
        "alerts-over-100-suites": Server(MIXED, on_hello=when(lambda h: len(h.suites) > 100, "alert:40")),
        "drops-over-16-suites": Server(TWELVE, on_hello=when(lambda h: len(h.suites) > 16, "close")),
        "drops-256-to-511": Server(MIXED, on_hello=when(lambda h: 255 < h.size < 512, "close")),
        "drops-over-512-bytes": Server(LEGACY, on_hello=when(lambda h: h.size > 512, "close")),
        "drops-over-1000-bytes": Server(MIXED, on_hello=when(lambda h: h.size > 1000, "reset")),
        "drops-unknown-extensions": Server(
            {"TLSv1.0": OLD[:4], "TLSv1.2": MODERN},
            on_hello=when(lambda h: any(n not in (0, 10, 11, 13, 23, 0xFF01) for n in h.extensions), "close"),
        ),
        "alerts-on-extensions": Server(
            {"TLSv1.0": OLD[:4]}, on_hello=when(lambda h: bool(h.extensions), "alert:50")
        ),
        "drops-on-any-extension": Server(
            {"TLSv1.0": OLD[:4]}, on_hello=when(lambda h: bool(h.extensions), "close")
        ),
        "drops-compression": Server(TWELVE, on_hello=when(lambda h: len(h.compression) > 1, "close")),
        "tolerates-up-to-tls10-alert": Server({"TLSv1.0": OLD}, on_hello=intolerant(0x0301, "alert:40")),
        "tolerates-up-to-tls10-close": Server({"TLSv1.0": OLD}, on_hello=intolerant(0x0301, "close")),
        "tolerates-up-to-tls11-reset": Server(LEGACY, on_hello=intolerant(0x0302, "reset")),
        "drops-record-0301": Server(TWELVE, on_hello=when(lambda h: h.record_version == 0x0301, "close")),
        "yassl": Server({"TLSv1.0": OLD}, on_hello=yassl),
        "reads-128-suites": Server(
            {"TLSv1.0": OLD[:4], "TLSv1.2": [*RARE, 0xC013]}, on_hello=first_suites(128)
        ),
        "reads-50-suites": Server(LEGACY, on_hello=first_suites(50)),
        "alerts-on-many-schemes": Server(
            {"TLSv1.0": OLD[:3], "TLSv1.2": MODERN},
            on_hello=when(lambda h: len(h.list16(13)) > 20, "alert:40"),
        ),
        "unknown-suite-in-answer": Server(
            TWELVE,
            on_hello=lambda s, h: (
                None if h.sslv2 or s.choose(MODERN, h.suites) else record(22, server_hello(0x0303, 0xDEAD))
            ),
        ),
        "demands-cookies": Server({"TLSv1.2": MODERN, "TLSv1.3": THIRTEEN}, on_hello=cookies),
        "no-empty-shares": Server({"TLSv1.2": MODERN, "TLSv1.3": THIRTEEN}, on_hello=no_empty_shares),
        "newest-alone": Server({"TLSv1.3": THIRTEEN}),
        "alerts-over-300-bytes": Server(MIXED, on_hello=when(lambda h: h.size > 300, "alert:22")),
        "knows-no-protocol-of-ours": Server(
            MIXED, on_hello=when(lambda h: b"mqtt" not in h.extensions.get(16, b"mqtt"), "alert:120")
        ),
        # what is behind it
        "two-unequal-backends": Server(MIXED, on_hello=behind(Server(MIXED), Server(STRICT))),
        "four-unequal-backends": Server(MIXED, on_hello=behind(Server(MIXED), *[Server(STRICT)] * 3)),
        "unequal-backends-by-chance": Server(MIXED, on_hello=behind(Server(MIXED), Server(STRICT), seed=4)),
        "answers-the-question-before": Server(MIXED, on_hello=question_before()),
        "eight-thousand-bytes-a-second": Server(MIXED, on_hello=bytes_per_second(8000)),
        "banned-for-half-a-minute": Server(MIXED, before=ban_after(12, 30.0)),
        # the answer's form
        "drips": Server(TWELVE, send=drip),
        "slow": Server(TWELVE, send=slow_start),
        "one-byte-records": Server(MIXED, wrap=fragments),
        "seven-byte-records": Server(MIXED, wrap=pieces),
        "warns-first": Server(MIXED, wrap=warned),
    }


SERVERS = servers()

MALICIOUS: dict[str, Server] = {
    "garbage": Server(TWELVE, on_hello=lambda _s, _h: random.Random(5).randbytes(4096)),
    "http": Server(TWELVE, on_hello=lambda _s, _h: b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "endless-handshake": Server(TWELVE, on_hello=lambda _s, _h: b"x", send=endless_records),
    "endless-warnings": Server(TWELVE, on_hello=lambda _s, _h: b"x", send=endless_warnings),
    "record-without-end": Server(TWELVE, on_hello=lambda _s, _h: b"x", send=never_ending_record),
    "certificate-of-16-mib": Server(TWELVE, on_hello=lambda _s, _h: b"x", send=huge_certificate),
    "empty-records": Server(TWELVE, on_hello=lambda _s, _h: record(22, b"") * 5000),
    "cut-in-header": Server(TWELVE, wrap=cut(3)),
    "cut-in-hello": Server(TWELVE, wrap=cut(30)),
    "closes-at-once": Server(TWELVE, before=lambda _s: "close"),
    "resets-at-once": Server(TWELVE, before=lambda _s: "reset"),
    "silent": Server(TWELVE, before=lambda _s: "stall"),
    "newer-than-asked": Server(
        TWELVE, on_hello=lambda _s, h: None if h.sslv2 else record(22, server_hello(0x0305, h.suites[0]))
    ),
    "extension-lengths-lie": Server(
        TWELVE,
        on_hello=lambda _s, _h: record(22, server_hello(0x0303, 0xC02F, extensions=b"\x00\x0a\xff\xff\x00")),
    ),
    "sslv2-nonsense": Server(TWELVE, on_hello=when(lambda h: h.sslv2, b"\x80\x20\x04" + bytes(31))),
    "always-alert": Server(TWELVE, on_hello=lambda _s, _h: "alert:40"),
}
"""Servers that want the scanner's memory, time or a traceback."""


async def main() -> None:
    ports: dict[str, int] = {}
    running = []
    for name, server in {**SERVERS, **MALICIOUS}.items():

        async def handle(r: asyncio.StreamReader, w: asyncio.StreamWriter, server: Server = server) -> None:
            await serve(server, r, w)

        started = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=512)
        running.append(started)
        ports[name] = started.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
