"""Free ports are different ones, nobody listens on them, and workers do not meet."""

from __future__ import annotations

import itertools
import multiprocessing
import socket
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.support import ports
from tests.support.ports import HIGHEST, LOWEST, WORKERS, free_port


def test_each_port_is_another_one() -> None:
    given = [free_port() for _ in range(100)]
    assert len(set(given)) == len(given)
    assert all(LOWEST <= port < HIGHEST for port in given)


def test_a_port_somebody_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free = free_port()
        ports._HELD.pop().close()
        monkeypatch.setattr(ports, "_STRETCH", iter([port, free]))
        assert free_port() == free
        monkeypatch.setattr(ports, "_STRETCH", itertools.repeat(port))
        with pytest.raises(OSError, match="no port"):
            free_port()


def _some(count: int) -> list[int]:
    return [free_port() for _ in range(count)]


def test_processes_that_were_forked_are_given_different_ports() -> None:
    fork = multiprocessing.get_context("fork")
    tasks = [ports._FEW // 4] * 4  # one process may take them all, and holds no more than this
    with ProcessPoolExecutor(4, mp_context=fork) as pool:
        given = [port for some in pool.map(_some, tasks) for port in some]
    assert len(set(given)) == sum(tasks)


@pytest.mark.parametrize("pid", [1, 499, 31_337])
def test_workers_have_stretches_of_their_own(pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getpid", lambda: pid)
    given: list[int] = []
    for worker in range(WORKERS):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{worker}")
        given += itertools.islice(ports._stretch(), (HIGHEST - LOWEST) // WORKERS)
    assert sorted(given) == list(range(LOWEST, HIGHEST))


def test_who_is_no_worker_stays_clear_of_the_first_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    for pid in (1, 499, 31_337, 4_194_303):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        given = set(itertools.islice(ports._stretch(), (HIGHEST - LOWEST) // WORKERS))
        assert min(given) >= (LOWEST + HIGHEST) // 2
        assert max(given) < HIGHEST
