"""A transaction's journal: what it says after each line, after a torn one, and on a disk that takes half of what it is given."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.host.onhost import Program

source = Program("agent")


@pytest.fixture
def tx(tmp_path: Path) -> Any:
    made = source.Transaction(source.Host(str(tmp_path), "/state"), "20261124-1")
    source.make_dirs(made.dir)
    return made


@pytest.fixture
def begun(tx: Any) -> Any:
    tx.create({"commands": [], "services": []})
    return tx


def journal(tx: Any) -> Path:
    return Path(tx.path("journal"))


def test_a_transaction_that_never_began_says_nothing(tx: Any) -> None:
    assert (tx.state(), tx.events(), tx.manifest(), tx.pending_undo()) == ("none", [], None, {})


def test_a_manifest_is_read_as_it_was_written_and_a_damaged_one_is_for_a_person(begun: Any) -> None:
    assert begun.manifest() == {"commands": [], "services": []}
    Path(begun.path("manifest")).write_bytes(b'{"commands": [')
    with pytest.raises(source.Refused, match="the record of 20261124-1 is damaged"):
        begun.manifest()


def test_the_room_of_a_journal_is_taken_before_it_is_needed(begun: Any) -> None:
    before = journal(begun).stat().st_size
    for number in range(20):
        begun.record("command", name=f"number {number}")
    assert journal(begun).stat().st_size == before >= 16 << 10
    assert [line["name"] for line in begun.events()] == [f"number {number}" for number in range(20)]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (["command"], "none"), (["open"], "open"), (["open", "applied", "command"], "applied"),
        (["open", "rolled-back"], "rolled-back"), (["open", "applied", "committed"], "committed"),
        (["open", "undone", "service"], "undone"),
    ],
)  # fmt: skip
def test_the_last_line_that_names_a_state_counts(begun: Any, events: list[str], state: str) -> None:
    for one in events:
        begun.record(one)
    assert begun.state() == state


@pytest.mark.parametrize("torn", [b'\n{"event": "comm', b'\n{"event": "caf\xe9"}', b"\0\0\0\0", b"\n\n"])
def test_a_torn_line_is_as_if_it_had_not_been_written_and_what_follows_is_read(
    begun: Any, torn: bytes
) -> None:
    begun.record("open")
    text = journal(begun).read_bytes()
    end = len(text.rstrip(b"\n\0"))
    journal(begun).write_bytes(text[:end] + torn + text[end + len(torn) :])
    begun.record("applied", name="a")
    assert [line["event"] for line in begun.events()] == ["open", "applied"]
    assert begun.state() == "applied"


def test_a_line_is_written_whole_though_the_disk_takes_it_in_pieces(
    begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: written(descriptor, data[:5]))
    begun.record("open", name="x" * 40)
    monkeypatch.undo()
    (line,) = begun.events()
    assert (line["event"], line["name"]) == ("open", "x" * 40)
    assert line["time"].endswith("Z")


def test_what_an_undo_owes_is_what_its_last_line_says(begun: Any) -> None:
    owed = {"commands": ["a"], "services": []}
    begun.record("undone", owed=owed)
    assert begun.pending_undo() == owed
    begun.record("undone", owed={})
    assert begun.pending_undo() == {}


def test_only_what_began_is_to_be_undone_the_last_command_first() -> None:
    manifest = {"commands": [{"name": n} for n in "abc"], "services": [{"name": n} for n in "xyz"]}
    events = [
        {"event": "command", "name": "a"}, {"event": "command", "name": "c"}, {"event": "service", "name": "z"},
        {"event": "service", "name": "x"}, {"event": "swap", "name": "b"}, {"event": "service", "name": "b"},
    ]  # fmt: skip
    assert source.undo_work(manifest, events) == {
        "commands": ["c", "a"],
        "services": ["x", "z"],
        "asleep": [],
    }


LOOK = {"kind": "file", "mode": 0o644, "uid": 0, "gid": 0, "sha256": "a", "target": None, "xattrs": {}}


@pytest.mark.parametrize(
    ("change", "same"),
    [({"mtime": 7}, True)] + [({key: "other"}, False) for key in LOOK],
    ids=lambda one: "-".join(one) if isinstance(one, dict) else str(one),
)
def test_two_files_are_the_same_as_far_as_an_operator_can_tell(change: dict[str, Any], *, same: bool) -> None:
    assert source.same(LOOK, {**LOOK, **change}) is same
    assert source.same_but_xattrs(LOOK, {**LOOK, **change}) is (same or "xattrs" in change)


def test_a_link_is_what_it_points_to_and_nothing_is_only_nothing() -> None:
    link = {**LOOK, "kind": "link", "target": "/a"}
    assert source.same(link, {**link, "mode": 0o777, "uid": 48})
    assert not source.same(link, {**link, "target": "/b"})
    assert source.same(None, None)
    assert source.same_but_xattrs(None, None)
    assert not source.same(None, LOOK)
    assert not source.same(LOOK, None)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("user.note", True), ("system.posix_acl_access", True), ("security.capability", True),
        ("security.selinux", False), ("trusted.overlay", False), ("security.capability2", False),
    ],
)  # fmt: skip
def test_an_attribute_that_somebody_set_is_told_from_the_systems_own(name: str, *, ours: bool) -> None:
    assert source.is_own_xattr(name) is ours


@pytest.mark.parametrize(
    ("plan", "gone"),
    [
        ({}, []),
        ({"keep": 2}, ["1", "2"]), ({"keep": 3}, ["1"]), ({"keep": 0}, ["1", "2", "3"]),
        ({"keep_days": 1.5}, ["1", "2"]), ({"keep_days": 0}, ["1", "2", "3"]),
        ({"keep_mib": 0}, ["1", "2", "3"]), ({"keep_mib": 2}, ["1", "2"]), ({"keep_mib": 3}, ["1"]),
    ],
)  # fmt: skip
def test_copies_go_when_they_are_too_many_too_old_or_too_large_and_the_newest_never(
    tmp_path: Path, plan: dict[str, Any], gone: list[str]
) -> None:
    host, now = source.Host(str(tmp_path), "/state"), time.time()
    finished = [source.Transaction(host, str(number)) for number in range(1, 5)]
    for age, one in enumerate(reversed(finished)):
        source.make_dirs(one.dir)
        (Path(one.dir) / "copy").write_bytes(bytes(1 << 20))
        os.utime(one.dir, (now - age * 86400,) * 2)
    assert sorted(one.name for one in source.outdated(finished, plan)) == gone


def test_a_name_in_the_journal_is_plain_ascii(begun: Any) -> None:
    begun.record("command", name="caf\u00e9")
    assert journal(begun).read_bytes().isascii()
    assert json.loads(journal(begun).read_bytes().strip())["name"] == "caf\u00e9"
