"""Servers that really have a flaw, and the same servers without it; threads of the test's own process.

The padding oracle decrypts with its private key and says what it found, as the servers of the ROBOT paper did. The
ticket server is the Python ssl module's behind a relay that answers returning clients itself, as the faulty appliance did.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from tests.support.tls.scan import hostile

RSA_SUITE = 0x002F


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve each connection in a thread; give the endpoint."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def accept() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(sock,), daemon=True).start()

        def one(sock: socket.socket) -> None:
            with sock:
                sock.settimeout(20)
                try:
                    serve(sock)
                except (OSError, struct.error, IndexError):
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def _record(sock: socket.socket) -> tuple[int, bytes]:
    head = _exactly(sock, 5)
    return head[0], head + _exactly(sock, int.from_bytes(head[3:], "big"))


class PaddingOracle:
    """A TLS 1.2 server with one RSA suite; `flawed` tells paddings apart."""

    def __init__(self, *, flawed: bool) -> None:
        leaf = trustme.CA().issue_cert("localhost", key_type=trustme.KeyType.RSA)
        key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
        assert isinstance(key, RSAPrivateKey)
        self._numbers = key.private_numbers()
        self._flawed = flawed
        der = load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
        from cryptography.hazmat.primitives.serialization import Encoding

        raw = der.public_bytes(Encoding.DER)
        entry = len(raw).to_bytes(3, "big") + raw
        self._flight = hostile.message(11, len(entry).to_bytes(3, "big") + entry) + hostile.message(14, b"")

    def serve(self, sock: socket.socket) -> None:
        _, raw = _record(sock)
        hello = hostile.hello_of(raw)
        if hello.sslv2 or hello.version != 0x0303 or hello.versions or RSA_SUITE not in hello.suites:
            sock.sendall(hostile.alert(40))
            return
        sock.sendall(hostile.record(22, hostile.server_hello(0x0303, RSA_SUITE) + self._flight))
        content, raw = _record(sock)
        if content != 22:
            sock.sendall(hostile.alert(10))
            return
        public = self._numbers.public_numbers
        clear = pow(int.from_bytes(raw[11:], "big"), self._numbers.d, public.n)
        padded = clear.to_bytes((public.n.bit_length() + 7) // 8, "big")
        fine = padded[:2] == b"\0\x02" and 0 not in padded[2:-49] and padded[-49] == 0
        if self._flawed and not fine:
            sock.sendall(hostile.alert(47))
            return
        _record(sock)
        _record(sock)
        sock.sendall(hostile.alert(20))


@contextmanager
def tickets(folder: Path, *, flawed: bool) -> Iterator[str]:
    """A TLS 1.2 server with tickets; `flawed` answers a short session id with one that is filled up to 32 bytes."""
    leaf = trustme.CA().issue_cert("localhost", key_type=trustme.KeyType.RSA)
    pem = folder / "both.pem"
    pem.write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pem)

    def real(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secure:
            secure.recv(1)

    with serving(real) as behind:

        def front(sock: socket.socket) -> None:
            _, raw = _record(sock)
            hello = hostile.hello_of(raw)
            if flawed and not hello.sslv2 and 0 < len(hello.session) < 32 and hello.extensions.get(35):
                body = struct.pack(">H", 0x0303) + bytes(32) + b"\x20" + hello.session.ljust(32, b"\xaa")
                sock.sendall(
                    hostile.record(22, hostile.message(2, body + struct.pack(">HB", hello.suites[0], 0)))
                )
                return
            host, _, port = behind.partition(":")
            with socket.create_connection((host, int(port)), 20) as other:
                other.sendall(raw)
                back = threading.Thread(target=_pump, args=(other, sock), daemon=True)
                back.start()
                _pump(sock, other)
                back.join(20)

        with serving(front) as endpoint:
            yield endpoint


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
