"""A host's disk as a power cut would leave it, at moments drawn with a seed: the agent makes it old or new, as a whole.

Long: `make power-cut-test` takes 300 images of ext4 and XFS; the default run takes a handful.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.host import power
from tests.support.host.little import Little, digest


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Path]:
    lacking, closed = power.missing(), power.closed()
    if lacking and os.environ.get("CI") == "true":
        pytest.fail(f"power cuts need {', '.join(lacking)}")
    if lacking or closed:
        pytest.skip(f"power cuts need {', '.join(lacking + closed)}")
    with power.alone(), power.shelf(tmp_path / "shelf") as place:
        yield place


def cut(
    shelf: Path, folder: Path, kind: str, *, turns: int, steps: int, delays: int, seed: int
) -> Counter[str]:
    """Return how many images of `turns` transactions ended old, new or torn.

    Of each transaction: `steps` images just before drawn calls, `delays` at drawn times, and one when it was over.
    """
    draw, ends = random.Random(seed), Counter[str]()
    disk = power.Disk(shelf, kind, folder / "host")
    disk.place.mkdir()
    disk.make()
    calls, seconds = 100, 0.5
    with disk.mounted():
        host = power.settled(Little(disk.place / "root"))
    for turn in range(1, turns + 1):
        names = [f"{turn}-{n}" for n in range(steps + delays)]
        with disk.mounted():
            plan, before = power.change(host, turn), digest(host.etc)
            at = dict(zip(draw.sample(range(1, calls + 1), steps), names[:steps], strict=True))
            when = dict(zip([draw.uniform(0, seconds) for _ in range(delays)], names[steps:], strict=True))
            calls = power.apply(host, disk, plan, at, when)
            over = disk.cut(f"{turn}-over")  # nobody forces anything to disk after the agent's answer
            after = digest(host.etc)
        assert before != after
        for name in names:
            image = shelf / f"{name}.cut"
            ends[power.after_power_came_back(host, disk, image, before, after)] += 1
            image.unlink()
        ends["kept" if power.after_power_came_back(host, disk, over, before, after) == "new" else "lost"] += 1
        over.unlink()
    return ends


def test_a_handful_of_power_cuts(shelf: Path, tmp_path: Path) -> None:
    ends = cut(shelf, tmp_path, "ext4", turns=1, steps=4, delays=1, seed=3)
    assert set(ends) <= {"old", "new", "kept"}, ends
    assert ends["kept"] == 1


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_the_images_show_what_usual_writing_tears(shelf: Path, tmp_path: Path, kind: str) -> None:
    """Files written one after the other without fsync must come out torn here, else the images prove nothing."""
    disk = power.Disk(shelf, kind, tmp_path / "host")
    disk.place.mkdir()
    disk.make()
    with disk.mounted():
        host = power.settled(Little(disk.place / "root"))
        before, plan = digest(host.etc), power.change(host, 1)
        for file in plan.files[:-1]:
            Path(file.path).write_bytes(file.content)
        with (host.etc / "synced").open(
            "wb"
        ) as one:  # this one alone: what came before it may be on disk or not
            one.write(b"x")
            one.flush()
            os.fsync(one.fileno())
        after, image = digest(host.etc), disk.cut("usual")
    assert power.after_power_came_back(host, disk, image, before, after).startswith("torn")
