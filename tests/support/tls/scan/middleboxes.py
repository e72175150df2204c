"""What stands before servers in real networks, in front of real servers: tarpits, filters, balancers, bans.

Each box is a relay of its own. It sees bytes alone, decides, and otherwise hands them on to a real nginx or OpenSSL.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

RESET = struct.pack("ii", 1, 0)
LONG = 120.0


def whole(sock: socket.socket, data: bytes) -> bool:
    """Hand on what comes back."""
    sock.sendall(data)
    return True


@dataclass
class Box:
    """One relay: `meet` may end a connection, `read` may answer a hello, `send` carries what comes back."""

    backends: tuple[int, ...]
    meet: Callable[[Box], str | None] = lambda _box: None
    """None to go on; `reset`, or seconds to wait as text."""
    read: Callable[[Box, bytes], bytes | str | None] = lambda _box, _hello: None
    """None to hand the hello on; bytes to answer; `reset`."""
    send: Callable[[socket.socket, bytes], bool] = whole
    """False to hand on no more."""
    count: int = 0
    times: list[float] = field(default_factory=list)
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, server: socket.socket) -> None:
        """Take connections until the server socket is closed."""
        while True:
            try:
                sock, _ = server.accept()
            except OSError:
                return
            with self._lock:
                self.count += 1
                self.times.append(time.monotonic())
                place = self.count
            threading.Thread(target=self._one, args=(sock, place), daemon=True).start()

    def _one(self, sock: socket.socket, place: int) -> None:
        with sock:
            try:
                sock.settimeout(LONG)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._carry(sock, place)
            except OSError:
                return

    def _carry(self, sock: socket.socket, place: int) -> None:
        said: bytes | str | None = self.meet(self)
        if said is not None and said != "reset":
            time.sleep(float(said))
            said = None
        hello = b"" if said is not None else first_message(sock)
        said = said or self.read(self, hello)
        if said == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            return
        if isinstance(said, bytes):
            sock.sendall(said)
            return
        with socket.create_connection(("127.0.0.1", self.backends[place % len(self.backends)])) as onward:
            onward.settimeout(LONG)
            onward.sendall(hello)
            threading.Thread(target=_back, args=(sock, onward), daemon=True).start()
            try:
                while data := onward.recv(65536):
                    if not self.send(sock, data):
                        sock.recv(1)  # says nothing more, and does not hang up either
                        return
            finally:
                sock.shutdown(socket.SHUT_RDWR)  # closing alone does nothing while the other thread reads


def _back(sock: socket.socket, onward: socket.socket) -> None:
    try:
        while data := sock.recv(65536):
            onward.sendall(data)
        onward.shutdown(socket.SHUT_WR)
    except OSError:
        return


def first_message(sock: socket.socket) -> bytes:
    """Read the client's first record, SSL 2.0 or later."""
    data = b""
    while len(data) < 5 or len(data) < _size(data):
        more = sock.recv(65536)
        if not more:
            raise ConnectionResetError
        data += more
    return data


def _size(data: bytes) -> int:
    if data[0] & 0x80:
        return 2 + ((data[0] & 0x7F) << 8 | data[1])
    return 5 + int.from_bytes(data[3:5], "big")


def extensions(hello: bytes) -> set[int]:
    """Return the numbers of a ClientHello's extensions."""
    if hello[0] != 22:
        return set()
    at = 5 + 4 + 34
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 1 + hello[at] + 2
    found = set()
    while at + 4 <= len(hello):
        found.add(int.from_bytes(hello[at : at + 2], "big"))
        at += 4 + int.from_bytes(hello[at + 2 : at + 4], "big")
    return found


def suites(hello: bytes) -> int:
    """Return how many suites a hello offers."""
    at = 5 + 4 + 34
    return int.from_bytes(hello[at + 1 + hello[at] :][:2], "big") // 2 if hello[0] == 22 else 0


def version(hello: bytes) -> int:
    """Return the version in the hello's own field."""
    return int.from_bytes(hello[9:11], "big") if hello[0] == 22 else 2


# what they do

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nServer: waf\r\nConnection: close\r\n\r\nBad Request\r\n"
KNOWN = {0, 10, 11, 13, 35, 0xFF01}
"""What a filter of 2012 has heard of."""


def tarpit(seconds: float) -> Callable[[Box], str | None]:
    """Let three connections through, and make all others wait."""
    return lambda box: str(seconds) if box.count > 3 else None


def unknown_extension(_box: Box, hello: bytes) -> str | None:
    return None if extensions(hello) <= KNOWN else "reset"


def no_old_versions(_box: Box, hello: bytes) -> bytes | None:
    return BAD_REQUEST if version(hello) < 0x0303 else None


def no_long_lists(_box: Box, hello: bytes) -> bytes | None:
    return BAD_REQUEST if suites(hello) > 100 else None


def ban(after: int, seconds: float) -> Callable[[Box], str | None]:
    """Reset everybody for a while once so many have come within ten seconds."""
    until = [0.0]

    def meet(box: Box) -> str | None:
        now = time.monotonic()
        if now < until[0]:
            return "reset"
        if sum(now - at < 10 for at in box.times) > after:
            until[0] = now + seconds
            box.times.clear()
            return "reset"
        return None

    return meet


def half_close(sock: socket.socket, data: bytes) -> bool:
    """Answer and half-close, and never hang up."""
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    return False


def swallow_alerts(sock: socket.socket, data: bytes) -> bool:
    """Half-close where the server said no."""
    if data[0] == 21:
        sock.shutdown(socket.SHUT_WR)
        return False
    sock.sendall(data)
    return True


def silent_for_alerts(sock: socket.socket, data: bytes) -> bool:
    """Say nothing where the server said no, and hold the connection."""
    if data[0] == 21:
        return False
    sock.sendall(data)
    return True


def slowly(seconds: float) -> Callable[[socket.socket, bytes], bool]:
    """One byte a segment."""

    def send(sock: socket.socket, data: bytes) -> bool:
        for byte in data:
            sock.sendall(bytes([byte]))
            time.sleep(seconds)
        return True

    return send


@contextmanager
def running(boxes: dict[str, Box]) -> Iterator[dict[str, str]]:
    """Run boxes; give the endpoint of each."""
    listening = []
    try:
        for box in boxes.values():
            server = socket.create_server(("127.0.0.1", 0), backlog=256)
            box.port = server.getsockname()[1]
            listening.append(server)
            threading.Thread(target=box.serve, args=(server,), daemon=True).start()
        yield {name: f"127.0.0.1:{box.port}" for name, box in boxes.items()}
    finally:
        for server in listening:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
