"""Real OpenSSL libraries of old distributions with everything on: every suite found, within the fewest connections."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hardening.tls.scan.endpoint import parse
from hardening.tls.scan.engine.connecting import Wire
from hardening.tls.scan.engine.conversations import Engine, Parallel, Reply, Talk
from hardening.tls.scan.engine.net import Loop
from hardening.tls.scan.engine.rate_limit import Pace, RateLimits
from hardening.tls.scan.strategy.messages import AnswerKind, Question
from hardening.tls.scan.wire import hello
from tests.real.tls.scan.test_old_stacks import PROGRAM, _scan, keys, old_server
from tests.support.tls import oracles

__all__ = ["keys"]


def _one_by_one(endpoint: str) -> set[tuple[str, int]]:
    """The truth the slow way: each suite alone under each version, believed when it is chosen."""
    found: set[tuple[str, int]] = set()

    def one(question: Question) -> Talk:
        told: Reply = yield question
        answer = told.answer
        if (
            answer.kind is AnswerKind.HELLO
            and answer.protocol == question.protocol
            and answer.suite in question.suites
        ):
            found.add((question.protocol, question.suites[0]))

    def everything() -> Talk:
        names = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2")
        yield Parallel(
            tuple(one(Question(protocol=n, suites=(s,))) for n in names for s in hello.every_suite())
        )

    def talk(_target: object, now: float) -> Engine:
        pace = Pace(RateLimits(rate=1e6, burst=100_000, parallel=3), now)
        return Engine(everything(), pace, now)

    Loop(Wire(), talk=talk, dialogue=lambda _t: None, done=lambda _j: None).run([parse(endpoint)])
    return found


def test_the_truth_the_slow_way(keys: Path) -> None:
    oracle = oracles.needed("1.0.2k-upstream")
    environment = {**os.environ, "LD_LIBRARY_PATH": str(oracle.folder)}
    with old_server(
        [sys.executable, str(PROGRAM), str(oracle.folder), str(keys)], keys, environment
    ) as endpoint:
        one = _scan(endpoint)
        truth = _one_by_one(endpoint)
    assert {(p.name, code) for p in one.found.offered() for code in p.suites} == truth
