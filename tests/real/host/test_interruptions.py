"""Whatever ends a transaction half way, the host ends old or new as a whole, and its service runs what is on disk."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from hardening.host.plans import plan as planning
from tests.support.host.little import Little, digest, faulty, interpreter

NEW = {"a": "a = new\n", "c": "c = new\n"}


def planned(host: Little) -> planning.Plan:
    """Return a plan with every kind of entry in it: replaced, new, removed, a new directory, a command."""
    flag = str(host.root / "run" / "flag")
    return replace(
        host.plan(**NEW),
        remove=(str(host.etc / "b.conf"),),
        files=(
            *host.plan(**NEW).files,
            planning.File(path=str(host.etc / "new.d" / "x.conf"), content=b"x\n", mkdir=True),
        ),
        commands=(planning.Command(name="flag", do=("/bin/touch", flag), undo=("/bin/rm", "-f", flag)),),
    )


def steps(host: Little) -> int:
    """Return how many calls that change a disk the whole transaction makes."""
    done = faulty(host, planned(host), kind="KILL", at=10**9)
    return int(done.stdout.decode().rpartition("@@CALLS@@")[2])


def whole(host: Little, before: str) -> str:
    """Return `old` or `new`; anything between the two fails."""
    if digest(host.etc) == before:
        assert not (host.root / "run" / "flag").exists()
        state = "old"
    else:
        assert sorted(p.name for p in host.etc.rglob("*")) == ["a.conf", "c.conf", "new.d", "x.conf"]
        assert host.config_text() == "a = new\nc = new\n"
        assert (host.root / "run" / "flag").exists()
        state = "new"
    assert host.loaded() == host.config_text()
    return state


def interrupted(host: Little, before: str, *, kind: str, at: int, guarded: bool) -> str:
    """Interrupt one transaction, let the host recover, and return what it ended as."""
    faulty(host, planned(host), kind=kind, at=at, guarded=guarded)
    if guarded:  # nobody comes: the host has to help itself
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not quiet(host):
            time.sleep(0.05)
    else:
        host.installed("recover")
    ended = whole(host, before)
    assert quiet(host)
    if ended == "new":
        assert host.installed("rollback")["state"] == "committed"
    assert whole(host, before) == "old"
    return ended


def quiet(host: Little) -> bool:
    rows = host.installed("status")["transactions"]
    return all(
        row["state"] == "none" or (row["tidy"] and row["state"] not in ("open", "applied")) for row in rows
    )


def sampled(total: int, count: int, seed: int) -> list[int]:
    """Return `count` steps: the first and the last few, the rest drawn with a seed."""
    chosen = {1, 2, total - 1, total, *random.Random(seed).sample(range(1, total + 1), count)}
    return sorted(chosen)


@pytest.mark.parametrize("age", ["2.7", "newest"])
def test_kill_at_a_step_then_boot(little: Little, age: str) -> None:
    little.python = interpreter(age)
    before = digest(little.etc)
    total = steps(little)
    little.installed("rollback")
    assert total > 40
    ends = [interrupted(little, before, kind="KILL", at=at, guarded=False) for at in sampled(total, 8, 7)]
    assert {"old", "new"} == set(ends)


def test_kill_at_a_step_and_the_guard_heals(little: Little) -> None:
    before = digest(little.etc)
    total = steps(little)
    little.installed("rollback")
    for at in sampled(total, 4, 11):
        interrupted(little, before, kind="KILL", at=at, guarded=True)


@pytest.mark.parametrize("kind", ["ENOSPC", "EROFS", "EIO"])
def test_a_disk_that_fails_at_a_step(little: Little, kind: str) -> None:
    before = digest(little.etc)
    total = steps(little)
    little.installed("rollback")
    for at in sampled(total, 5, 13):
        interrupted(little, before, kind=kind, at=at, guarded=False)


def test_the_harness_can_fail(little: Little) -> None:
    before = digest(little.etc)
    faulty(little, planned(little), kind="KILL", at=steps(little) * 3 // 5)
    (little.etc / "a.conf").write_text("torn\n")
    with pytest.raises(AssertionError):
        whole(little, before)
