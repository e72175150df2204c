"""Boxes as they stand in real networks, before real servers: the whole truth, or said to be inconclusive."""

from __future__ import annotations

from pathlib import Path

from hardening.findings import Examined
from hardening.tls import policy
from hardening.tls.scan.run import ScanSettings, scan
from tests.real.tls.scan.test_middleboxes import (
    MIXED,
    SLOW,
    WIRE,
    _found,
    _inventory,
    _nginx,
    _pairs,
    _scan,
    _verdict,
)
from tests.support.tls.scan import middleboxes as boxes
from tests.support.tls.scan.middleboxes import Box


def test_nor_where_it_takes_time(tmp_path: Path) -> None:
    done = _scan(tmp_path, SLOW)
    for name in SLOW:
        _inventory(name, done["full"][name])
        _verdict(name, done["verdict"][name])
        assert float(done["full"][name].stats["seconds"]) < 200, name


def test_a_byte_every_twenty_milliseconds(tmp_path: Path) -> None:
    """Half a minute a connection: it ends, and what came is true."""
    with (
        _nginx(tmp_path) as ports,
        boxes.running({"slow": Box((ports["mixed"],), send=boxes.slowly(0.02))}) as at,
    ):
        run = scan(at.values(), [policy.load("aspect")], ScanSettings(full=True, wire=WIRE))
    [subject] = run.subjects
    got, unknown = _found(subject)
    truth = _pairs(MIXED)
    assert got <= truth
    missing = {(v, s) for v, s in truth - got if v not in unknown and f"{v} {s}" not in unknown}
    assert subject.examined is Examined.NONE or not missing
