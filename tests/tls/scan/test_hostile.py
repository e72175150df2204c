"""Difficult servers: the whole truth, or said to be inconclusive; malicious ones cost little."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hardening.findings import Examined
from hardening.tls.scan.endpoint import parse
from hardening.tls.scan.pace import Limits
from hardening.tls.scan.run import Examination, Settings, examine
from hardening.tls.scan.scope import Scope
from hardening.tls.scan.wire import Wire

PROGRAM = Path(__file__).parent / "hostile.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hostile", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["hostile"] = module
    spec.loader.exec_module(module)
    return module


hostile = _load()

MAY_STAY_OPEN = {
    # a refusal without a word can never be told from a fault
    "refuses-by-close", "refuses-by-reset", "refuses-by-stall", "refuses-by-close-notify",
    "tolerates-up-to-tls10-close", "tolerates-up-to-tls11-reset", "drops-record-0301",
    # a hello without extensions cannot ask about TLS 1.3, nor surely about elliptic curves
    "drops-unknown-extensions", "drops-on-any-extension", "alerts-on-extensions",
    # a lie that looks like a refusal is believed only when it is repeated between two successes
    "every-fourth-alert", "twenty-a-second-alert", "three-at-a-time-alert", "flaky-close", "every-fifth-closed",
}  # fmt: skip
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


GREW: list[int] = []
"""KiB that the scan took at its highest: of the scan alone, whatever other tests ran in this process before."""


@pytest.fixture(scope="module")
def scanned() -> Iterator[dict[str, Examination]]:
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as servers:
        assert servers.stdout is not None
        assert servers.stdin is not None
        ports: dict[str, int] = json.loads(servers.stdout.readline())
        names = {f"127.0.0.1:{port}": name for name, port in ports.items()}
        settings = Settings(
            full=True,
            wire=Wire(connect_timeout=1.0, idle_timeout=1.2),
            limits=Limits(patience=8.0, budget=30.0),
        )
        done: dict[str, Examination] = {}
        Path("/proc/self/clear_refs").write_text("5")  # the highest so far is what there is now
        before = _memory("VmRSS")
        began = time.monotonic()
        examine(
            [parse(text) for text in names],
            Scope(full=True),
            settings,
            lambda one: done.__setitem__(names[one.target.text], one),
        )
        assert time.monotonic() - began < 150
        GREW.append(_memory("VmHWM") - before)
        servers.stdin.close()
        servers.wait(10)
        yield done


@pytest.mark.parametrize("name", hostile.SERVERS)
def test_the_whole_truth_or_inconclusive(name: str, scanned: dict[str, Examination]) -> None:
    one = scanned[name]
    truth = {(version, code) for version, codes in hostile.SERVERS[name].offer.items() for code in codes}
    got = {(learned.name, code) for learned in one.found.offered() for code in learned.suites}
    open_questions = {(p.name, code) for p in one.found.protocols.values() for code in p.unknown}
    unknown_versions = {p.name for p in one.found.protocols.values() if p.unknown and not p.offered}
    assert got <= truth, "a suite that the server does not have"
    silent = {(v, c) for v, c in truth - got if (v, c) not in open_questions and v not in unknown_versions}
    assert not silent, "missed without a word"
    if name not in MAY_STAY_OPEN:
        assert got == truth
        assert one.offer.inconclusive == ()
        assert one.examined is Examined.FULL
    if got != truth:
        assert one.examined is Examined.PARTIAL


@pytest.mark.parametrize("name", sorted(NOTHING_TO_SEE))
def test_nonsense_is_said_to_be_nonsense(name: str, scanned: dict[str, Examination]) -> None:
    one = scanned[name]
    assert one.examined is Examined.NONE
    assert one.found.failure
    assert one.connections < 40


def test_a_certificate_without_end_is_cut_off_and_the_suite_stands(scanned: dict[str, Examination]) -> None:
    one = scanned["certificate-of-16-mib"]
    assert one.found.protocols["TLSv1.2"].suites == [0xC02F]
    assert "16777215" in one.found.chain_problem


def test_preference_is_told_from_the_choices(scanned: dict[str, Examination]) -> None:
    mine = scanned["honest-mixed"].offer.protocol("TLSv1.2")
    theirs = scanned["honest-client-preference"].offer.protocol("TLSv1.2")
    assert mine is not None
    assert theirs is not None
    assert (mine.preference, theirs.preference) == ("server", "client")
    known = scanned["honest-mixed"].found.protocols["TLSv1.2"].suites
    assert known == hostile.MODERN


def test_honest_servers_cost_what_they_have(scanned: dict[str, Examination]) -> None:
    """Accepted suites, one refusal a version, and a tenth more, groups included."""
    for name in ("honest-legacy", "honest-many"):
        accepted = sum(len(codes) for codes in hostile.SERVERS[name].offer.values())
        assert scanned[name].connections <= (accepted + 6) * 1.1 + 1, name


def test_memory_stays_bounded(scanned: dict[str, Examination]) -> None:
    assert scanned
    assert GREW[-1] < 200 * 1024
