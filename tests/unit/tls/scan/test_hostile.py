"""Difficult servers: the whole truth, or said to be inconclusive; malicious ones cost little."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardening.findings import Examined
from hardening.tls.scan.endpoint import parse
from hardening.tls.scan.engine.connecting import Wire
from hardening.tls.scan.engine.rate_limit import RateLimits
from hardening.tls.scan.run import EndpointExamination, ScanSettings, examine
from hardening.tls.scan.strategy.scope import ScanScope
from tests.support.places import ROOT
from tests.support.tls.scan import hostile
from tests.support.tls.scan.virtual import compared

PROGRAM = ROOT / "tests/support/tls/scan/hostile.py"


MAY_STAY_OPEN = {
    # a refusal without a word can never be told from a fault
    "refuses-by-close", "refuses-by-reset", "refuses-by-warning", "refuses-by-stall", "refuses-by-close-notify",
    "tolerates-up-to-tls10-close", "tolerates-up-to-tls11-reset", "drops-record-0301",
    # a hello without extensions cannot ask about TLS 1.3, nor surely about elliptic curves
    "drops-unknown-extensions", "drops-on-any-extension", "alerts-on-extensions",
    # a hello with few schemes and curves cannot ask for the others
    "alerts-on-many-schemes",
    # so few groups in a short hello; answers that belong to other questions
    "alerts-over-300-bytes", "answers-the-question-before",
    # a lie that looks like a refusal is believed only when it is repeated between two successes
    "every-fourth-alert", "twenty-a-second-alert", "three-at-a-time-alert", "flaky-close", "every-fifth-closed",
}  # fmt: skip
ON_SOCKETS = (
    "honest-legacy", "honest-mixed", "honest-client-preference", "honest-many", "demands-cookies", "drips", "slow",
    "one-byte-records", "seven-byte-records", "warns-first", "resets-over-40-suites", "drops-over-64-suites",
)  # fmt: skip
"""Those whose sockets matter; the others are scanned in simulated time (test_virtual.py), and all of them by `make scan-test`."""
NOTHING_TO_SEE = {
    "garbage", "http", "endless-handshake", "endless-warnings", "record-without-end", "empty-records",
    "cut-in-header", "cut-in-hello", "closes-at-once", "resets-at-once", "silent", "extension-lengths-lie",
    "always-alert",
}  # fmt: skip


def _memory(kind: str) -> int:
    """One figure of this process in KiB: VmRSS, or VmHWM, its highest so far."""
    said = re.search(rf"^{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert said
    return int(said[1])


@dataclass
class Scan:
    """What one scan of many servers brought."""

    done: dict[str, EndpointExamination]
    grew: int
    """KiB that it took at its highest: of the scan alone, whatever other tests ran in this process before."""


@contextmanager
def _serving() -> Iterator[dict[str, int]]:
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as servers:
        assert servers.stdout is not None
        assert servers.stdin is not None
        ports: dict[str, int] = json.loads(servers.stdout.readline())
        yield ports
        servers.stdin.close()
        servers.wait(10)


def _scan(ports: dict[str, int], idle: float, limits: RateLimits) -> Scan:
    names = {f"127.0.0.1:{port}": name for name, port in ports.items()}
    settings = ScanSettings(full=True, wire=Wire(connect_timeout=idle, idle_timeout=idle), limits=limits)
    done: dict[str, EndpointExamination] = {}
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is what there is now
    before = _memory("VmRSS")
    examine(
        [parse(text) for text in names],
        ScanScope(full=True),
        settings,
        lambda one: done.__setitem__(names[one.target.text], one),
    )
    return Scan(done, _memory("VmHWM") - before)


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    with _serving() as found:
        yield found


@pytest.fixture(scope="module")
def scanned(ports: dict[str, int]) -> dict[str, EndpointExamination]:
    """What can be had of difficult servers: time enough for a machine that is busy with other things."""
    some = {name: ports[name] for name in ON_SOCKETS}
    return _scan(some, 20.0, RateLimits(patience=120.0, budget=600.0)).done


@pytest.fixture(scope="module")
def attacked(ports: dict[str, int]) -> Scan:
    """What malicious servers get: little patience."""
    bad = {name: ports[name] for name in hostile.MALICIOUS}
    return _scan(bad, 0.5, RateLimits(patience=2.0, budget=5.0))


def whole_truth(name: str, one: EndpointExamination, also_open: frozenset[str] = frozenset()) -> None:
    """Fail where a server's offer is neither found nor said to be inconclusive."""
    got, missing, extra = compared(hostile.SERVERS[name].offer, one.found)
    assert not extra, "a suite that the server does not have"
    assert not missing, "missed without a word"
    truth = {(version, code) for version, codes in hostile.SERVERS[name].offer.items() for code in codes}
    if name not in MAY_STAY_OPEN | also_open:
        assert got == truth
        assert one.offer.inconclusive == ()
        assert one.examined is Examined.FULL
    if got != truth:
        assert one.examined is Examined.PARTIAL


@pytest.mark.parametrize("name", ON_SOCKETS)
def test_the_whole_truth_or_inconclusive(name: str, scanned: dict[str, EndpointExamination]) -> None:
    whole_truth(name, scanned[name])


@pytest.mark.parametrize("name", sorted(NOTHING_TO_SEE))
def test_nonsense_is_said_to_be_nonsense(name: str, attacked: Scan) -> None:
    one = attacked.done[name]
    assert one.examined is Examined.NONE
    assert one.found.failure
    assert one.connections < 40


def test_a_certificate_without_end_is_cut_off_and_the_suite_stands(attacked: Scan) -> None:
    one = attacked.done["certificate-of-16-mib"]
    assert one.found.protocols["TLSv1.2"].suites == [0xC02F]
    assert "16777215" in one.found.chain_problem


def test_preference_is_told_from_the_choices(scanned: dict[str, EndpointExamination]) -> None:
    mine = scanned["honest-mixed"].offer.protocol("TLSv1.2")
    theirs = scanned["honest-client-preference"].offer.protocol("TLSv1.2")
    assert mine is not None
    assert theirs is not None
    assert (mine.preference, theirs.preference) == ("server", "client")
    known = scanned["honest-mixed"].found.protocols["TLSv1.2"].suites
    assert known == hostile.MODERN


def test_memory_stays_bounded(attacked: Scan) -> None:
    assert attacked.grew < 200 * 1024
