"""Programs are packed for many hosts at once, in threads: each thread gets the same bytes."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hardening import packing


@pytest.fixture
def yielding() -> Iterator[None]:
    """Let a collection of garbage hand over to another thread, as a program with callbacks of its own may."""

    def hand_over(_phase: str, _info: dict[str, int]) -> None:
        time.sleep(0)

    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.callbacks.append(hand_over)
    gc.set_threshold(50)
    sys.setswitchinterval(1e-6)
    yield
    gc.callbacks.remove(hand_over)
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("yielding")
def test_threads_that_pack_at_once_get_the_same_program(tmp_path: Path) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    (folder / "__init__.py").touch()
    body = "".join(f"def f{n}(a, b):\n    return [((({n}))), {{a: b}}]\n\n\n" for n in range(60))
    (folder / "start.py").write_text(f"{body}def main():\n    return 0\n")
    with ThreadPoolExecutor(8) as pool:
        packed = list(pool.map(lambda _: packing.stream("sent.start", {}, root=tmp_path), range(8)))
    assert len(set(packed)) == 1
