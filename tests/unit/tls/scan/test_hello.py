"""Hellos say exactly what was asked, whatever it is."""

from __future__ import annotations

import struct

import hypothesis.strategies as st
from hypothesis import given

from hardening.tls import registry
from hardening.tls.scan.strategy.messages import Question, Shape, Tier
from hardening.tls.scan.wire import hello

_codes = st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=450, unique=True).map(tuple)
_shapes = st.builds(
    Shape,
    tier=st.sampled_from(Tier),
    server_name=st.booleans(),
    record_version=st.sampled_from([None, 0x0301, 0x0300]),
    classic=st.booleans(),
)


def _build(question: Question) -> bytes:
    return hello.client_hello(question, server_name="host.example", random=bytes(32))


@given(st.sampled_from(registry.PROTOCOLS[1:]), _codes, _shapes)
def test_every_length_is_right(protocol: str, suites: tuple[int, ...], shape: Shape) -> None:
    data = _build(Question(protocol=protocol, suites=suites, shape=shape))
    assert struct.unpack_from(">H", data, 3)[0] == len(data) - 5
    assert int.from_bytes(data[6:9], "big") == len(data) - 9
    at = 9 + 34
    at += 1 + data[at]
    size = struct.unpack_from(">H", data, at)[0]
    assert struct.unpack_from(f">{size // 2}H", data, at + 2) == suites
    at += 2 + size
    at += 1 + data[at]
    if at < len(data):
        assert struct.unpack_from(">H", data, at)[0] == len(data) - at - 2
        at += 2
        seen = []
        while at < len(data):
            number, size = struct.unpack_from(">HH", data, at)
            seen.append(number)
            at += 4 + size
        assert at == len(data)
        assert len(seen) == len(set(seen))
        assert (hello.SERVER_NAME in seen) == shape.server_name


@given(st.integers(1, 300), st.sampled_from(["TLSv1.0", "TLSv1.2", "TLSv1.3"]))
def test_no_hello_with_extensions_has_a_size_that_load_balancers_choke_on(count: int, protocol: str) -> None:
    data = _build(Question(protocol=protocol, suites=tuple(range(count))))
    assert len(data) - 5 not in hello.UNSAFE_SIZES


def test_everything_known_is_offered_under_every_version() -> None:
    offered = hello.every_suite()
    assert len(set(offered)) == len(offered)
    assert set(offered) == {s.code for s in registry.suites() if not s.scsv}
    assert any(not registry.suites_by_code()[code].registered for code in offered)


def test_an_sslv2_hello_lists_its_kinds() -> None:
    data = hello.sslv2_hello(hello.every_kind(), bytes(16))
    assert data[0] & 0x80
    assert (data[0] & 0x7F) << 8 | data[1] == len(data) - 2
    assert data[2:5] == b"\x01\x00\x02"
    assert struct.unpack_from(">H", data, 5)[0] == 3 * len(registry.cipher_kinds())
