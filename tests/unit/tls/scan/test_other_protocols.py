"""A server that speaks something else in the place of TLS is known after a few answers, and the next step is said."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from hardening.errors import ExitCode
from hardening.findings import Examined, Run
from hardening.tls import policy
from hardening.tls.scan.run import scan

ALERT = bytes.fromhex("15030300020228")
"""handshake_failure."""
NEXT = {
    b"HTTP/1.1 400 Bad Request\r\n\r\n": "`harden tls render nginx --policy aspect`",
    b"SSH-2.0-x\r\n": "`harden tls scan ssh://{at} --policy aspect`",
    b"220 host ready\r\n": "`harden tls scan smtp://{at} --policy aspect` or `harden tls scan ftp://{at} --policy aspect`",
    b"* OK ready\r\n": "`harden tls scan imap://{at} --policy aspect`",
    b"+OK ready\r\n": "`harden tls scan pop3://{at} --policy aspect`",
}


@contextmanager
def speaking(*said: bytes) -> Iterator[str]:
    """Yield the address of a server that says these in turn, one a connection, and the last from then on."""
    server = socket.create_server(("127.0.0.1", 0))
    waiting = list(said)

    def serve() -> None:
        with suppress(OSError):
            while True:
                one, _ = server.accept()
                with one, suppress(OSError):
                    one.settimeout(5)
                    one.recv(65536)
                    one.sendall(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()


def scanned(*said: bytes) -> tuple[Run, str]:
    with speaking(*said) as at:
        return scan([at], [policy.load("aspect")]), at


@pytest.mark.parametrize("greeting", NEXT)
def test_a_few_answers_are_enough(greeting: bytes) -> None:
    run, at = scanned(greeting)
    ((subject,), (finding,)) = run.subjects, run.findings
    assert (subject.examined, subject.policies) == (Examined.NONE, {"aspect": "unknown"})
    assert run.exit_code() is ExitCode.NOTHING_EXAMINED
    assert subject.stats["connections"] == (6 if greeting.startswith(b"HTTP") else 2)  # short hellos, too
    assert NEXT[greeting].format(at=at) in finding.advice
    assert subject.reason in finding.message


def test_one_answer_is_not() -> None:
    """A server that refuses hellos and greets once speaks TLS."""
    run, _ = scanned(b"HTTP/1.1 503 Busy\r\n\r\n", ALERT)
    (subject,) = run.subjects
    assert subject.reason == "it answers, but every hello was refused with an alert"
    assert subject.stats["connections"] > 2
