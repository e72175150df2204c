"""Every parser of the scanner on any bytes: `make fuzz-scan` under atheris (atheris_main.py), test_fuzz.py under hypothesis.

A parser may say that bytes are malformed; anything else that is raised is a bug. The seeds are what real and difficult
servers say, made by hostile.py.
"""

from __future__ import annotations

from collections.abc import Callable

from hardening.errors import UsageError
from hardening.tls.scan import endpoint
from hardening.tls.scan.engine.connection import converse
from hardening.tls.scan.strategy import deep
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question, Want
from hardening.tls.scan.wire import answer, ssh, starttls, tls13
from hardening.tls.scan.wire.dialogue import Dialogue

_QUESTIONS = (
    Question(protocol="SSLv2", suites=(0x010080,)),
    Question(protocol="SSLv3", suites=(0x0035, 0x0005)),
    Question(protocol="TLSv1.2", suites=(0xC02F, 0x009E, 0x0003, 0x008C), want=Want.FLIGHT),
    Question(protocol="TLSv1.2", suites=(0x002F,), want=Want.BAD_KEY),
    Question(protocol="TLSv1.2", suites=(0x002F,), want=Want.HEARTBEAT, heartbeat=True),
    Question(protocol="TLSv1.2", suites=(0x002F,), want=Want.STALE_ID, ticket=True, session=b"t"),
    Question(protocol="TLSv1.3", suites=(0x1301,)),
    Question(protocol="TLSv1.3", suites=(0x1301,), want=Want.SEALED),
    Question(protocol="TLSv1.2", suites=(0xC02F,), want=Want.FINISHED),
    Question(protocol="TLSv1.2", suites=(0xC02F,), want=Want.RENEGOTIATION),
)


def listened(question: Question, data: bytes, step: int) -> None:
    """Feed a listener, in pieces; an answer has to come, and what was heard has to be counted."""
    _, listener = converse(question, "host.example")
    for at in range(0, len(data), step):
        found = listener.feed(data[at : at + step])
        if found is not None:
            break
    else:
        found = listener.end(AnswerKind.CLOSED)
    assert found.kind in AnswerKind
    assert listener.heard <= len(data)


def spoken(name: str, data: bytes) -> None:
    """Feed the dialogue of one protocol; it goes on, is done, or says why not."""
    target = endpoint.ScanTarget(
        text="h", host="host.example", port=1, starttls=None if name == "connect" else name
    )
    dialogue = starttls.dialogue(target, proxy=name == "connect")
    assert isinstance(dialogue, Dialogue)
    dialogue.opening()
    for at in range(0, len(data), 7):
        if dialogue.done or dialogue.failure:
            break
        dialogue.feed(data[at : at + 7])


def _text(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for parse in (endpoint.parse, endpoint.parse_proxy):
        try:
            parse(text)
        except UsageError:
            continue


def _ssh(data: bytes) -> None:
    ssh.parse_banner(data)
    try:
        ssh.parse_kexinit(data)
    except answer.MalformedError:
        return


def _messages(data: bytes) -> None:
    readers: tuple[Callable[[bytes], object], ...] = (
        answer.sslv2_answer,
        answer.read_extensions,
        answer.certificates,
        tls13._certificates,
        lambda raw: answer.server_hello(raw, _QUESTIONS[6]),
        deep._ticket,
    )
    for read in readers:
        try:
            read(data)
        except answer.MalformedError:
            continue
    for suite in (0xC02F, 0x009E, 0x0003, 0x008C):
        answer.key_exchange(data, Answer(kind=AnswerKind.HELLO, protocol="TLSv1.2", suite=suite))


WAYS = len(_QUESTIONS) + len(starttls.SCRIPTS) + 4


def exercise(data: bytes) -> None:
    """Hand bytes to the parser that the first of them names."""
    if not data:
        return
    way, data = data[0] % WAYS, data[1:]
    if way < len(_QUESTIONS):
        listened(_QUESTIONS[way], data, 1 + len(data) // 3)
        return
    way -= len(_QUESTIONS)
    names = (*starttls.SCRIPTS, "connect")
    if way < len(names):
        spoken(names[way], data)
    else:
        (_text, _ssh, _messages)[way - len(names)](data)


def seeds() -> list[bytes]:
    """Return what servers say, once for every parser."""
    from tests.support.tls.scan import hostile

    hello = hostile.server_hello(0x0303, 0xC02F) + hostile.flight(0xC02F, 0x0303)
    said = [
        hostile.record(22, hello),
        hostile.record(22, hostile.retry_request(0x1301, 29, b"cookie")),
        hostile.alert(40),
        hostile.fragments(hello)[:600],
        b"\x80\x21\x04\x00\x01\x00\x02\x00\x03\x00\x03\x00\x10cer\x01\x00\x80" + bytes(16),
        b"220 mail ESMTP\r\n250-mail\r\n250 STARTTLS\r\n220 go\r\n",
        b"* OK imap\r\na OK begin\r\n",
        b"HTTP/1.1 200 established\r\nVia: x\r\n\r\n",
        b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features><proceed/>",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"J\x00\x00\x00\x0a5.5.5-10\x00" + bytes(40),
        b"[2001:db8::1]:8443",
    ]
    return [bytes([way]) + data for way in range(WAYS) for data in said]
