"""What stays for a rollback is bounded in number, age and size, and readable by root alone."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from hardening.host.plans.plan import File, Plan
from hardening.host.session import here

DAY = 86400


def changed(root: Path, number: int, size: int = 10, **bounds: Any) -> str:
    """Write a file once more and return the transaction's name."""
    plan = Plan(files=(File(path=str(root / "file"), content=b"%d" % number + b"x" * size),), **bounds)
    answer = here(state=str(root / "state")).carry_out(plan)
    assert answer["state"] == "committed", answer
    return str(answer["tx"])


def kept(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "state" / "tx").iterdir())


def of_an_earlier_boot(folder: Path, days: int) -> None:
    path = folder / "manifest"
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot": ["another", 0]}))
    moment = time.time() - days * DAY
    os.utime(folder, (moment, moment))


def test_a_clock_that_is_set_takes_nothing_away(tmp_path: Path) -> None:
    """A controller without a battery begins in 1970 and asks for the time later; by then every copy but one was too old."""
    names = [changed(tmp_path, number) for number in range(3)]
    for name in names:
        os.utime(tmp_path / "state" / "tx" / name, (0, 0))
    names.append(changed(tmp_path, 3))
    assert kept(tmp_path) == names


@pytest.mark.parametrize(
    ("bounds", "left"),
    [
        ({}, 5),
        ({"keep": 3}, 3),
        ({"keep_days": 10}, 2),
        ({"keep_mib": 2}, 2),
        ({"keep": 1, "keep_mib": 0, "keep_days": 0}, 1),
    ],
)
def test_the_newest_stay_as_long_as_number_age_and_size_allow(
    tmp_path: Path, bounds: dict[str, Any], left: int
) -> None:
    size = 900 << 10 if "keep_mib" in bounds else 10
    names = [changed(tmp_path, number, size) for number in range(4)]
    for age, name in zip((40, 30, 20, 5), names, strict=True):
        of_an_earlier_boot(tmp_path / "state" / "tx" / name, age)
    names.append(changed(tmp_path, 4, size, **bounds))
    assert kept(tmp_path) == names[-left:]
    assert here(state=str(tmp_path / "state")).ask("rollback")["state"] == "committed"
    assert (tmp_path / "file").read_bytes().startswith(b"3")


def test_copies_are_for_root_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("before")
    (tmp_path / "file").chmod(0o644)
    changed(tmp_path, 1)
    (one,) = (tmp_path / "state" / "tx").iterdir()
    assert one.stat().st_mode & 0o777 == 0o700
    assert (one / "old.0").read_text() == "before"
