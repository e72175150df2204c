"""Folders on disk: what is in them is said in order, whatever it is called and whatever it is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from bundle import audit
from bundle.audit.events import AuditEvent, Progress, Started
from bundle.walk import Member, Problem, WalkLimits, disk, walk
from bundle.walk.source import Region
from bundle.walk.walker import Walker
from tests.support.bundle.walk import hostile


def test_everything_in_a_folder_is_said_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "text").write_bytes(b"some text\n")
    (tmp_path / "a.zip").write_bytes(hostile.zipped({"x": b"content"}))
    (tmp_path / "c").symlink_to("b")
    os.mkfifo(tmp_path / "d")
    (tmp_path / "e\u00e4").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/f\xff")).write_bytes(b"\0")
    said = [event for event in walk(str(tmp_path)) if isinstance(event, Member)]
    front = f"{tmp_path}/"
    assert [(event.parts[-1].removeprefix(front), event.kind, event.format, event.size) for event in said] == [
        ("a.zip", "file", "zip", (tmp_path / "a.zip").stat().st_size), ("x", "file", "text", 7),
        ("b", "directory", "", 0), ("c", "symlink", "", 0), ("d", "fifo", "", 0),
        ("e\u00e4", "file", "empty", 0), ("f\\xff", "file", "data", 1), ("b/text", "file", "text", 10),
    ]  # fmt: skip


def test_the_walk_has_come_as_far_as_the_files_are_long(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(hostile.zipped({"x": b"content"}))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "text").write_bytes(b"some text\n")
    (tmp_path / "c").write_bytes(bytes(3000))
    walker = Walker(WalkLimits(memory=1000))
    assert list(walker.walk(str(tmp_path)))
    assert walker.position == disk.size(str(tmp_path))
    assert disk.size(str(tmp_path / "c")) == 3000


def test_who_listens_hears_the_size_of_a_folder(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}").write_bytes(b"some text\n")
    heard: list[AuditEvent] = []
    audit(tmp_path, detectors=(), on_event=heard.append)
    assert isinstance(heard[0], Started)
    assert heard[0].size == 30
    assert all(event.size == 30 for event in heard if isinstance(event, Progress))


def test_a_folder_of_equal_bombs_is_one(tmp_path: Path) -> None:
    (tmp_path / "bomb.zip").write_bytes(hostile.forty_two(levels=4, width=16))
    (tmp_path / "text").write_bytes(b"some text\n")
    run = audit(tmp_path, detectors=(), jobs=1)
    assert [finding.rule.id for finding in run.findings] == ["walk/bomb"]


def test_what_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").mkdir()
    may = os.open

    def refuse(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if Path(path).name in ("a", "b"):
            raise PermissionError(13, "Permission denied")  # root may read everything
        return may(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    said = [event for event in walk(str(tmp_path)) if isinstance(event, Problem)]
    assert [(event.reason, event.not_examined) for event in said] == [("unreadable", 7), ("unreadable", 0)]


def test_a_file_that_goes_away_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").write_bytes(b"content")
    events = walk(str(tmp_path))
    assert isinstance(next(events), Member)
    (tmp_path / "b").unlink()
    (problem,) = events
    assert isinstance(problem, Problem)
    assert problem.reason == "unreadable"


def test_a_link_that_goes_away_and_what_is_another_thing_by_now_are_said(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "text").write_bytes(b"not in the folder\n")
    top = tmp_path / "top"
    top.mkdir()
    for name in ("a", "c", "d", "z"):
        (top / name).write_bytes(b"content")
    (top / "b").symlink_to("a")
    (top / "e").mkdir()
    events = walk(str(top))
    first = next(events)
    assert isinstance(first, Member)
    (top / "b").unlink()
    (top / "c").unlink()
    os.mkfifo(top / "c")
    (top / "d").unlink()
    (top / "d").symlink_to(outside / "text")
    said = []
    for event in events:
        said.append(event)
        if isinstance(event, Member) and event.kind == "directory":
            (top / "e").rmdir()
            (top / "e").symlink_to(outside)
    assert [Path(event.parts[-1]).name for event in said if isinstance(event, Problem)] == [
        "b",
        "c",
        "d",
        "e",
    ]
    assert {event.reason for event in said if isinstance(event, Problem)} == {"unreadable"}
    assert [Path(event.parts[-1]).name for event in said if isinstance(event, Member)] == ["e", "z"]


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "text").write_bytes(b"content")
    (tmp_path / "link").symlink_to("top")
    assert [event.parts[-1] for event in walk(str(tmp_path / "link"))] == [f"{tmp_path}/link/text"]


def test_where_no_spill_file_can_be_made_the_archive_is_not_called_corrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.zip").write_bytes(hostile.zipped({"x": bytes(range(256)) * 8192}))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    events = Walker(WalkLimits(memory=1000)).walk(str(tmp_path / "a.zip"))
    (problem,) = (event for event in events if isinstance(event, Problem))
    assert problem.reason == "limit-spill"
    assert problem.message == "the spill file cannot be made: No such file or directory"


@pytest.mark.parametrize("form", ["tar", "zip", "gzip", "cpio"])
def test_a_disk_that_fails_is_not_called_a_damaged_archive(form: str) -> None:
    with Path("/proc/self/mem").open("rb", buffering=0) as failing:  # whose first page says EIO
        place = Region(failing.fileno(), 0, 1 << 20)
        member = Member(parts=("a",), kind="file", format=form, size=place.size)
        said = [event for event in Walker().descend(place, member, 1) if isinstance(event, Problem)]
    assert [problem.reason for problem in said][-1:] == ["unreadable"]
    assert said[-1].message.endswith(": this machine says: Input/output error")
