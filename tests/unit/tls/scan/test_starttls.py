"""Every protocol's way to TLS, as the other side of the conversation sees it."""

from __future__ import annotations

import asyncio
import socket
import threading

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hardening.errors import ExitCode
from hardening.findings import Examined
from hardening.tls import policy
from hardening.tls.scan.endpoint import STARTTLS_PORTS, parse
from hardening.tls.scan.engine.connecting import Wire
from hardening.tls.scan.engine.rate_limit import RateLimits
from hardening.tls.scan.run import EndpointExamination, ScanSettings, examine, scan
from hardening.tls.scan.strategy.scope import ScanScope
from hardening.tls.scan.wire.dialogue import LIMIT, Dialogue, NoTls
from hardening.tls.scan.wire.starttls import SCRIPTS, dialogue
from tests.support.tls.scan import hostile

_MYSQL = b"\x0a8.0.1\0" + bytes(4) + b"saltsalt\0" + (0x0800 | 0xA201).to_bytes(2, "little") + bytes(20)
_FEATURES = b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
TALKS: dict[str, list[tuple[bytes, bytes]]] = {
    # what the server says first, or in answer; and what has to be in what we say next
    "smtp": [
        (b"220 h ESMTP\r\n", b"EHLO "),
        (b"250-h\r\n250-STARTTLS\r\n250 OK\r\n", b"STARTTLS"),
        (b"220 go\r\n", b""),
    ],
    "lmtp": [(b"220 h\r\n", b"LHLO "), (b"250-h\r\n250 STARTTLS\r\n", b"STARTTLS"), (b"220 go\r\n", b"")],
    "imap": [(b"* OK hi\r\n", b"STARTTLS"), (b"* note\r\na OK go\r\n", b"")],
    "pop3": [(b"+OK hi\r\n", b"STLS"), (b"+OK go\r\n", b"")],
    "ftp": [(b"220-hi\r\n220 ready\r\n", b"AUTH TLS"), (b"234 go\r\n", b"")],
    "nntp": [(b"200 hi\r\n", b"STARTTLS"), (b"382 go\r\n", b"")],
    "sieve": [(b'"SASL" ""\r\n"STARTTLS"\r\nOK\r\n', b"STARTTLS"), (b"OK\r\n", b"")],
    "ldap": [(b"", b"1.3.6.1.4.1.1466.20037"), (bytes.fromhex("300c02010178070a010004000400"), b"")],
    "xmpp": [(b"", b"jabber:client"), (b"<stream:stream>" + _FEATURES, b"<starttls"), (b"<proceed/>", b"")],
    "xmpp-server": [
        (b"", b"jabber:server"),
        (b"<stream:stream>" + _FEATURES, b"<starttls"),
        (b"<proceed/>", b""),
    ],
    "postgres": [(b"", (80877103).to_bytes(4, "big")), (b"S", b"")],
    "mysql": [(len(_MYSQL).to_bytes(3, "little") + b"\0" + _MYSQL, b"\x20\0\0\x01")],
    "rdp": [(b"", b"\x03\x00"), (bytes.fromhex("030000130ed000001234000200080001000000"), b"")],
}
REFUSALS = {
    "smtp": b"220 h\r\n250 h\r\n",
    "imap": b"* OK hi\r\na BAD no\r\n",
    "pop3": b"+OK hi\r\n-ERR no\r\n",
    "ftp": b"220 hi\r\n502 no\r\n",
    "nntp": b"200 hi\r\n580 no\r\n",
    "sieve": b"OK\r\nNO\r\n",
    "ldap": bytes.fromhex("300c02010178070a013504000400"),
    "postgres": b"N",
    "mysql": b"\x05\0\0\0\xff\x15\x04no",
    "rdp": bytes.fromhex("030000130ed000001234000300080002000000"),
    "xmpp": b"<stream:stream><stream:features></stream:features>",
}


_PLAIN = _MYSQL.replace((0x0800 | 0xA201).to_bytes(2, "little"), (0xA201).to_bytes(2, "little"))
NO_TLS = {name: REFUSALS[name] for name in REFUSALS if name != "mysql"} | {
    "smtp: refused": b"220 h\r\n250-h\r\n250 STARTTLS\r\n454 not now\r\n",
    "smtp: a name like the word": b"220 h\r\n250-starttls.example hello\r\n250-X-STARTTLS\r\n250 8BITMIME\r\n",
    "smtp: without EHLO": b"220 h\r\n502 what?\r\n",
    "smtp: overwritten": b"220 h\r\n250-h\r\n250-XXXXXXXA\r\n250 8BITMIME\r\n",
    "imap: no": b"* OK hi\r\n* note\r\na NO not here\r\n",
    "ftp: later": b"220 hi\r\n431 later\r\n",
    "ldap: unavailable": bytes.fromhex("3084000000100201017884000000070a013404000400"),
    "mysql": len(_PLAIN).to_bytes(3, "little") + b"\0" + _PLAIN,
    "rdp: no certificate": bytes.fromhex("030000130ed000001234000300080003000000"),
    "xmpp: nothing": b"<stream:stream><stream:features/>",
    "xmpp: failure": b"<stream:stream>" + _FEATURES + b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
}
"""A server that speaks its protocol and does no TLS, in every way it may say so."""
OTHER_TROUBLE = {
    "smtp: busy": b"421 too many\r\n",
    "smtp: denied": b"220 h\r\n550 go away\r\n",
    "smtp: closing": b"220 h\r\n250-h\r\n250 STARTTLS\r\n421 closing\r\n",
    "imap: bye": b"* BYE busy\r\n",
    "imap: another protocol": b"SSH-2.0-x\r\n",
    "pop3: denied": b"-ERR denied\r\n",
    "ftp: busy": b"220 hi\r\n421 closing\r\n",
    "nntp: closing": b"200 hi\r\n400 closing\r\n",
    "sieve: bye": b"BYE\r\n",
    "ldap: busy": bytes.fromhex("300c02010178070a013304000400"),
    "ldap: disconnects": bytes.fromhex("300c02010078070a013404000400"),
    "mysql: refuses the client": REFUSALS["mysql"],
    "postgres: error": b"E",
    "rdp: asks for more": bytes.fromhex("030000130ed000001234000300080005000000"),
    "xmpp: stream error": b"<stream:stream><stream:error/></stream:stream>",
}
"""What says nothing about TLS."""


def _start(name: str) -> Dialogue:
    made = dialogue(parse(f"{name}://host.example"))
    assert made is not None
    return made


def test_every_protocol_is_here() -> None:
    assert set(TALKS) == set(SCRIPTS) == set(STARTTLS_PORTS)


@pytest.mark.parametrize("name", TALKS)
@pytest.mark.parametrize("piecewise", [False, True])
def test_the_way_to_tls(name: str, *, piecewise: bool) -> None:
    talk = _start(name)
    said = talk.opening()
    for heard, expected in TALKS[name]:
        pieces = [heard[i : i + 1] for i in range(len(heard))] if piecewise else [heard] if heard else []
        said = b"".join(talk.feed(piece) for piece in pieces) if pieces else said
        assert expected in said, (name, heard, said)
        assert not talk.failure
    assert talk.done


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_told_from_a_fault(name: str) -> None:
    talk = _start(name)
    talk.opening()
    talk.feed(REFUSALS[name])
    assert talk.failure
    assert not talk.done


@pytest.mark.parametrize("case", sorted(NO_TLS))
def test_a_server_without_tls_is_known_by_its_own_words(case: str) -> None:
    talk = _start(case.partition(":")[0])
    talk.opening()
    talk.feed(NO_TLS[case])
    assert isinstance(talk.failure, NoTls), talk.failure


@pytest.mark.parametrize("case", sorted(OTHER_TROUBLE))
def test_trouble_is_not_taken_for_a_server_without_tls(case: str) -> None:
    talk = _start(case.partition(":")[0])
    talk.opening()
    talk.feed(OTHER_TROUBLE[case])
    assert talk.failure
    assert not isinstance(talk.failure, NoTls)


@given(st.sampled_from(sorted(SCRIPTS)), st.lists(st.binary(max_size=80), max_size=8))
def test_any_bytes_are_taken(name: str, pieces: list[bytes]) -> None:
    talk = _start(name)
    talk.opening()
    for piece in pieces:
        if talk.done or talk.failure:
            return
        talk.feed(piece)


def test_a_greeting_without_end_is_left() -> None:
    talk = _start("smtp")
    talk.opening()
    talk.feed(b"220-" + b"x" * (LIMIT + 1))
    assert talk.failure == "the greeting does not end"
    talk = _start("smtp")
    talk.opening()
    talk.feed(b"220-x\r\n" * 300)
    assert talk.failure == "the greeting does not end"  # it said "the greeting is refused ()"


HOW = ("agrees", "refuses", "garbage", "stalls", "goes on", "hangs up")
NO_WORD = b"\xff\xfe" * 8000 + b"\n>"
"""Longer than any number before a message may say, with an end of a line and of an element."""


async def _converse(name: str, how: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Lead one connection to TLS in the words of a protocol, or not."""
    if how == "stalls":
        await asyncio.sleep(20)
    elif how == "garbage":
        writer.write(NO_WORD)
        await reader.read()
    elif how == "refuses":
        writer.write(REFUSALS.get(name, b""))
        await reader.read()
    elif how != "hangs up":
        for said, _ in TALKS[name]:
            writer.write(said)
            await writer.drain()
            if said is not TALKS[name][-1][0]:
                await reader.read(4096)
        if how == "goes on":
            writer.write(b"250 OK, and more of it\r\n")
        elif name == "mysql":
            await reader.readexactly(36)
        await hostile.serve(hostile.Server(hostile.TWELVE), reader, writer)


@pytest.fixture(scope="module")
def walked() -> dict[tuple[str, str], EndpointExamination]:
    """Every protocol, every way in which a server may take it, on sockets."""
    cases = [(name, how) for name in TALKS for how in HOW]
    ports: dict[int, tuple[str, str]] = {}
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def start() -> list[asyncio.Server]:
        running = []
        for case in cases:

            async def take(
                r: asyncio.StreamReader, w: asyncio.StreamWriter, case: tuple[str, str] = case
            ) -> None:
                try:
                    await _converse(*case, r, w)
                except (OSError, asyncio.IncompleteReadError):
                    pass
                finally:
                    w.close()

            running.append(await asyncio.start_server(take, "127.0.0.1", 0))
            ports[running[-1].sockets[0].getsockname()[1]] = case
        ready.set()
        return running

    async def main() -> None:
        running = await start()
        await stop.wait()
        for server in running:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    ready.wait(10)
    done: dict[tuple[str, str], EndpointExamination] = {}
    targets = [parse(f"{case[0]}://127.0.0.1:{port}") for port, case in ports.items()]
    settings = ScanSettings(
        full=True, wire=Wire(connect_timeout=3, idle_timeout=3), limits=RateLimits(patience=8)
    )
    examine(
        targets, ScanScope(full=True), settings, lambda one: done.__setitem__(ports[one.target.port], one)
    )
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()
    return done


@pytest.mark.parametrize("name", sorted(TALKS))
def test_the_way_on_sockets(name: str, walked: dict[tuple[str, str], EndpointExamination]) -> None:
    agreed = walked[name, "agrees"]
    assert agreed.examined is Examined.FULL
    assert agreed.found.protocols["TLSv1.2"].suites == hostile.MODERN
    for how in HOW[1:]:
        one = walked[name, how]
        no_tls = how == "refuses" and name in NO_TLS and name != "mysql"
        assert one.examined is (Examined.FULL if no_tls else Examined.NONE), how
        assert bool(one.found.no_starttls) is no_tls, how
        assert one.found.failure, how
        assert one.connections < 40, how
    assert "silence" in walked[name, "stalls"].found.failure
    assert "clear text" in walked[name, "goes on"].found.failure
    assert "before TLS" in walked[name, "hangs up"].found.failure


def test_a_refusal_is_said_in_words(walked: dict[tuple[str, str], EndpointExamination]) -> None:
    for name in REFUSALS:
        failure = walked[name, "refuses"].found.failure
        assert "refuse" in failure or "not offered" in failure, name


def test_a_mail_server_that_does_not_answer_is_not_examined() -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        settings = ScanSettings(
            wire=Wire(connect_timeout=0.5, idle_timeout=0.5), limits=RateLimits(patience=2)
        )
        run = scan([f"smtp://127.0.0.1:{quiet.getsockname()[1]}"], [policy.load("aspect")], settings)
    assert [one.rule.id for one in run.findings] == ["tls/inconclusive"]
    assert run.exit_code() is ExitCode.NOTHING_EXAMINED
