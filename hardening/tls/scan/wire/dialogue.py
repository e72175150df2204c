"""What is spoken before TLS starts; bytes in, bytes out, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Generator

LIMIT = 64 * 1024
"""Bytes of greeting after which a server is not worth listening to."""

Script = Generator[bytes, bytes, str | None]
"""Yields bytes to send, is sent what came, returns None when TLS may start, or why it may not."""


class NoTls(str):
    """Why TLS cannot start, where the server itself said so in its own protocol."""

    __slots__ = ()


class Dialogue:
    """Runs a script against a server; `rest` is what came after the script's end."""

    def __init__(self, script: Callable[[LineReader], Script]) -> None:
        self._lines = LineReader()
        self._script = script(self._lines)
        self._heard = 0
        self.done = False
        self.failure = ""

    @property
    def rest(self) -> bytes:
        """Bytes that belong to TLS already."""
        return bytes(self._lines.buffer)

    def opening(self) -> bytes:
        """Return what to send before the server says anything."""
        return self._step(None)

    def feed(self, data: bytes) -> bytes:
        """Take what came and return what to send."""
        self._heard += len(data)
        if self._heard > LIMIT:
            self.failure = "the greeting does not end"
            return b""
        self._lines.buffer += data
        return self._step(data)

    def _step(self, data: bytes | None) -> bytes:
        out = b""
        try:
            while True:
                out += self._script.send(data)  # type: ignore[arg-type]  # None starts a generator
                if self._lines.starving:
                    return out
                data = b""
        except StopIteration as ended:
            if ended.value:
                self.failure = ended.value
            else:
                self.done = True
        return out


class LineReader:
    """What came and was not taken yet."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.starving = False

    def line(self) -> Generator[bytes, bytes, bytes]:
        """Wait for one line and return it without its end."""
        while b"\n" not in self.buffer:
            yield from self._more()
        line, _, rest = bytes(self.buffer).partition(b"\n")
        self.buffer[:] = rest
        return line.rstrip(b"\r")

    def take(self, size: int) -> Generator[bytes, bytes, bytes]:
        """Wait for that many bytes and return them."""
        while len(self.buffer) < size:
            yield from self._more()
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def until(self, *ends: bytes) -> Generator[bytes, bytes, bytes]:
        """Wait for one of these and return everything up to and with it."""
        while not any(end in self.buffer for end in ends):
            yield from self._more()
        at = min(self.buffer.index(end) + len(end) for end in ends if end in self.buffer)
        data = bytes(self.buffer[:at])
        del self.buffer[:at]
        return data

    def _more(self) -> Generator[bytes, bytes, None]:
        self.starving = True
        yield b""
        self.starving = False
