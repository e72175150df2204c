"""However forks begin and end, there are as many permissions afterwards as before: never more processes than asked for."""

from __future__ import annotations

import subprocess
import sys

LENT = """
from bundle.audit.parallel import Forks, ForkPermits
tokens = ForkPermits(1)
forks = Forks(tokens)
def left():
    taken = 0
    while tokens.take():
        taken += 1
    for _ in range(taken):
        tokens.give()
    return taken
assert forks.start(lambda: "a", 1)
assert not forks.start(lambda: "b", 2)  # there is one permission
for _, answer in forks.finished(wait=True):
    assert answer == "a"
    {while_waiting}
{afterwards}
assert forks.start(lambda: "c", 3)
assert [answer for _, answer in forks.finished(wait=True)] == ["c"]
print(left())
"""
"""In a process of its own, for what has threads is not forked."""


def left(while_waiting: str, afterwards: str) -> str:
    code = LENT.format(while_waiting=while_waiting, afterwards=afterwards)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_who_waits_lends_its_permission_and_takes_it_back() -> None:
    assert left("pass", "pass") == "1"


def test_what_others_have_of_it_by_then_is_owed() -> None:
    assert left("assert tokens.take() and tokens.take()", "tokens.give(); tokens.give()") == "1"
