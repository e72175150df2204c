"""The parsers take any bytes, in any pieces, and never raise."""

from __future__ import annotations

import os
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question, Want
from hardening.tls.scan.strategy.probes import Probe
from hardening.tls.scan.wire.answer import FLIGHT_LIMIT, RETRY_RANDOM, Listener

TLS12 = Question(protocol="TLSv1.2", suites=(0xC02F, 0x009E), want=Want.FLIGHT)
TLS13 = Question(protocol="TLSv1.3", suites=(0x1301,))
SSLV2 = Question(protocol="SSLv2", suites=(0x010080,))


def _record(content: int, body: bytes) -> bytes:
    return bytes([content, 3, 3]) + len(body).to_bytes(2, "big") + body


def _message(number: int, body: bytes) -> bytes:
    return bytes([number]) + len(body).to_bytes(3, "big") + body


def _hello(
    suite: int = 0xC02F, version: bytes = b"\x03\x03", extensions: bytes = b"", rand: bytes = b""
) -> bytes:
    body = version + (rand or bytes(32)) + b"\0" + suite.to_bytes(2, "big") + b"\0"
    return _message(2, body + (len(extensions).to_bytes(2, "big") + extensions if extensions else b""))


def _certificate(der: bytes) -> bytes:
    return _message(11, (len(der) + 3).to_bytes(3, "big") + len(der).to_bytes(3, "big") + der)


_DHE = b"\x01\x00" + b"\xf0" + bytes(255) + b"\x00\x01\x02" + b"\x00\x02\x05\x06" + b"\x04\x01\x00\x02ab"
FLIGHT = _record(22, _hello(0x009E) + _certificate(b"certificate") + _message(12, _DHE) + _message(14, b""))


def _read(question: Question, pieces: list[bytes]) -> Answer:
    listener = Listener(question)
    for piece in pieces:
        answer = listener.feed(piece)
        if answer is not None:
            return answer
    return listener.end(AnswerKind.CLOSED)


@given(st.binary(max_size=600), st.sampled_from([TLS12, TLS13, SSLV2]))
@example(b"\x16\x03\x03\xff\xff", TLS12)
@example(b"\x80\x02\x04", SSLV2)
@example(b"\x80\x00", SSLV2)
def test_any_bytes_are_an_answer(data: bytes, question: Question) -> None:
    assert isinstance(_read(question, [data]), Answer)


@given(st.binary(max_size=300))
def test_any_server_hello_body_is_an_answer(body: bytes) -> None:
    assert isinstance(_read(TLS12, [_record(22, _message(2, body))]), Answer)
    assert isinstance(_read(TLS13, [_record(22, _message(2, body))]), Answer)


@given(st.integers(min_value=0, max_value=len(FLIGHT)), st.binary(min_size=1, max_size=3))
def test_a_flight_with_any_bytes_overwritten_is_an_answer(at: int, noise: bytes) -> None:
    damaged = FLIGHT[:at] + noise + FLIGHT[at + len(noise) :]
    assert isinstance(_read(TLS12, [damaged]), Answer)


@given(st.lists(st.integers(min_value=0, max_value=len(FLIGHT)), max_size=12))
def test_how_bytes_arrive_changes_nothing(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(FLIGHT)]
    pieces = [FLIGHT[a:b] for a, b in pairwise(at)]
    got, whole = _read(TLS12, [p for p in pieces if p]), _read(TLS12, [FLIGHT])
    assert got == whole
    assert (whole.suite, whole.dh_bits, whole.scheme, whole.chain) == (
        0x009E,
        2048,
        0x0401,
        (b"certificate",),
    )


@given(st.integers(min_value=1, max_value=len(FLIGHT) - 1))
def test_a_cut_flight_keeps_the_suite_or_is_no_answer(size: int) -> None:
    answer = _read(TLS12, [FLIGHT[:size]])
    assert answer.suite in (None, 0x009E)
    assert (answer.kind is AnswerKind.HELLO) == (answer.suite is not None)


def test_a_retry_request_settles_suite_and_group() -> None:
    extensions = b"\x00\x2b\x00\x02\x03\x04" + b"\x00\x33\x00\x02\x00\x1d" + b"\x00\x2c\x00\x05\x00\x03abc"
    answer = _read(TLS13, [_record(22, _hello(0x1301, extensions=extensions, rand=RETRY_RANDOM))])
    assert (answer.protocol, answer.suite, answer.group, answer.retry, answer.cookie) == (
        "TLSv1.3", 0x1301, 29, True, b"abc",
    )  # fmt: skip


def test_a_newer_version_than_asked_is_no_answer() -> None:
    assert _read(TLS12, [_record(22, _hello(version=b"\x03\x04"))]).kind is AnswerKind.GARBAGE


def test_warnings_are_passed_over_and_fatal_alerts_are_not() -> None:
    assert _read(TLS12, [_record(21, b"\x01\x70") + _record(21, b"\x02\x28")]).alert == 40
    assert _read(TLS12, [_record(21, b"\x01\x70\x02"), _record(21, b"\x28")]).alert == 40
    assert _read(TLS12, [_record(21, b"\x02\x00")]).kind is AnswerKind.CLOSED


def test_an_sslv2_server_lists_all_it_shares() -> None:
    body = b"\x04\x00\x01\x00\x02\x00\x03\x00\x06\x00\x10der\x01\x00\x80\x07\x00\xc0" + bytes(16)
    answer = _read(SSLV2, [(0x8000 | len(body)).to_bytes(2, "big") + body])
    assert (answer.kind, answer.kinds, answer.chain) == (AnswerKind.HELLO, (0x010080, 0x0700C0), (b"der",))


def test_a_flight_without_end_stops_at_the_limit() -> None:
    listener = Listener(TLS12)
    assert listener.feed(_record(22, _hello())) is None
    block = _record(22, _message(22, os.urandom(16000)))
    for _ in range(FLIGHT_LIMIT // len(block) + 2):
        answer = listener.feed(block)
        if answer is not None:
            break
    assert answer is not None
    assert answer.suite == 0xC02F
    assert "without an end" in answer.chain_problem


@pytest.mark.parametrize(
    ("want", "said", "fault", "reaction"),
    [
        (Want.HEARTBEAT, _record(24, b"\x02\x00\x00" + bytes(16)), True, ""),
        (Want.HEARTBEAT, _record(21, b"\x02\x0a"), None, "alert 10"),
        (Want.EARLY_CCS, _record(21, b"\x02\x14"), None, "alert 20"),
        (Want.EARLY_CCS, _record(21, b"\x02\x0a"), None, "alert 10"),
    ],
)
def test_a_probe_asks_after_the_flight_and_reads_the_answer(
    want: Want, said: bytes, fault: bool | None, reaction: str
) -> None:
    probe = Probe(Question(protocol="TLSv1.2", suites=(0x009E,), want=want))
    assert probe.feed(FLIGHT) is None
    assert probe.outgoing[0] == (24 if want is Want.HEARTBEAT else 20)
    answer = probe.feed(said)
    assert answer is not None
    assert (answer.fault, answer.reaction) == (fault, reaction)


def test_a_heartbeat_asks_for_no_byte_of_memory() -> None:
    """Its payload is as long as it says; only the padding is missing."""
    probe = Probe(Question(protocol="TLSv1.2", suites=(0x009E,), want=Want.HEARTBEAT))
    probe.feed(FLIGHT)
    head, payload = probe.outgoing[:8], probe.outgoing[8:]
    assert int.from_bytes(head[3:5], "big") == 3 + len(payload)
    assert int.from_bytes(head[6:8], "big") == len(payload)


def test_one_extension_twice_is_no_answer() -> None:
    once = b"\x00\x17\x00\x00"
    assert _read(TLS12, [_record(22, _hello(extensions=once))]).kind is AnswerKind.HELLO
    answer = _read(TLS12, [_record(22, _hello(extensions=once + once))])
    assert (answer.kind, answer.detail) == (AnswerKind.GARBAGE, "extension 23 twice")


def test_a_cipher_kind_that_is_cut_short_is_no_answer() -> None:
    body = b"\x04\x00\x01\x00\x02\x00\x00\x00\x04\x00\x00\x01\x00\x80\x07"
    answer = _read(SSLV2, [(0x8000 | len(body)).to_bytes(2, "big") + body])
    assert (answer.kind, answer.detail) == (AnswerKind.GARBAGE, "a cipher kind is cut short")


def test_no_certificate_ends_a_handshake_though_it_is_a_warning() -> None:
    assert _read(TLS12, [_record(21, b"\x01\x29")]).alert == 41
