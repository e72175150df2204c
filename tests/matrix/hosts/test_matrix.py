"""Every step of the transaction x every fault x three hosts that boot: each ends old or new as a whole, and answers.

Long: `make matrix-test` (STEPS=3 for a sample). With MATRIX_WRITE=1 what was seen is kept in `matrix.json`, of which the table
in docs/hosts-measured.md is made.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.hosts import matrix, matrix_table
from tests.support.hosts.fleet import Fleet, missing

STEPS = int(os.environ.get("STEPS") or 0)
"""How many steps are drawn per fault and host; 0: every one."""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[matrix.Matrix]]:
    lacking = missing()
    if lacking:
        message = f"hosts need {', '.join(lacking)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    folder = tmp_path_factory.mktemp("matrix")
    fleet, disks = Fleet(folder / "f"), []
    try:
        disks = [matrix.Disk(folder / "f" / kind.name, folder / f"{kind.name}.img") for kind in fleet.kinds]
        fleet.start()
        for box in fleet.boxes:
            matrix.lay_out(box)
            fleet.ssh(box, "service httpd reload")
        yield [matrix.Matrix(fleet, box, disk) for box, disk in zip(fleet.boxes, disks, strict=True)]
    finally:
        fleet.stop()
        for disk in disks:
            disk.gone()


def test_every_step_and_every_fault(
    hosts: list[matrix.Matrix], record_property: Callable[[str, object], None]
) -> None:
    wanted = os.environ.get("FAULTS", ",".join(matrix.FAULTS)).split(",")

    problems: list[str] = []

    def ended(one: matrix.Matrix, fault: str, at: int, before: int) -> str:
        try:
            return one.interrupted(fault, at, before)[0]
        except (AssertionError, OSError) as problem:
            problems.append(str(problem))
            with (one.fleet.folder.parent / "progress").open("a") as out:
                out.write(f"{problem}\n")
            return "?"

    def on(one: matrix.Matrix) -> tuple[str, list[str], dict[str, str]]:
        apply, confirm = one.steps()
        total, draw = len(apply) + len(confirm), random.Random(one.box.number)
        chosen = sorted(draw.sample(range(1, total + 1), STEPS)) if STEPS else range(1, total + 1)
        ends = {}
        for fault in wanted:
            ends[fault] = "".join(ended(one, fault, at, len(apply)) for at in chosen)
            with (one.fleet.folder.parent / "progress").open("a") as out:
                out.write(f"{one.box.name} {fault} {ends[fault]}\n")
        return one.box.name, [*apply, *confirm], ends

    with ThreadPoolExecutor(len(hosts)) as pool:
        found = list(pool.map(on, hosts))
    assert problems == []
    for name, steps, ends in found:
        for fault, word in ends.items():
            record_property(f"{name}, {fault}", f"{word.count('o')} old, {word.count('n')} new")
        assert set(steps) >= {
            "journal open",
            "journal staged",
            "journal placed",
            "journal committed",
            "journal tidy",
        }
    if os.environ.get("MATRIX_WRITE"):
        keep(found)


def keep(found: list[tuple[str, list[str], dict[str, str]]]) -> None:
    """Write down what was seen; faults that were not asked for stay as they were where the steps are the same."""
    steps, ends = {name: one for name, one, _ in found}, {name: one for name, _, one in found}
    before = json.loads(matrix_table.SEEN.read_text()) if matrix_table.SEEN.exists() else {}
    if before.get("steps") == steps:
        for name, one in ends.items():
            every = {**before["ends"][name], **one}
            ends[name] = {fault: every[fault] for fault in matrix.FAULTS if fault in every}
    matrix_table.SEEN.write_text(json.dumps({"steps": steps, "ends": ends}, indent=1) + "\n")
