"""What an undo stands on: a journal that was torn, kept copies that are gone or damaged, ACLs that a folder hands down."""

from __future__ import annotations

import errno
import os
import stat
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest

from hardening.host.plans import plan as planning
from tests.support.host.little import Little
from tests.support.host.onhost import Program

agent = Program("agent")
NOBODY = 0xFFFFFFFF
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *one)
    for one in ((1, 6, NOBODY), (2, 4, 1000), (4, 4, NOBODY), (16, 4, NOBODY), (32, 4, NOBODY))
)
"""An ACL that lets one more account read."""


@pytest.mark.parametrize("tail", [b'{"event": "comm', b'{"event": "comm' + b"\0" * 600])
def test_a_torn_line_takes_no_later_one_with_it(tmp_path: Path, tail: bytes) -> None:
    host = agent.Host(str(tmp_path), "/state")
    tx = agent.Transaction(host, "one")
    Path(tx.dir).mkdir(parents=True)
    line = b'{"event": "open", "time": "2026-01-01T00:00:00Z"}\n'
    Path(tx.path("journal")).write_bytes(line * 400 + tail)  # beyond what was written ahead
    tx.record("rolled-back", why="the host went down")
    assert tx.events()[-1]["event"] == "rolled-back"
    assert tx.state() == "rolled-back"
    tx.record("tidy")
    assert [one["event"] for one in tx.events()[-2:]] == ["rolled-back", "tidy"]


def test_half_a_line_is_written_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tx = agent.Transaction(agent.Host(str(tmp_path), "/state"), "one")
    Path(tx.dir).mkdir(parents=True)
    Path(tx.path("journal")).write_bytes(b"\n" * agent.JOURNAL_ROOM)
    real = os.write
    monkeypatch.setattr(os, "write", lambda where, data: real(where, data[:7]))
    tx.record("open")
    tx.record("committed")
    assert [one["event"] for one in tx.events()] == ["open", "committed"]


@pytest.mark.parametrize(("data", "said"), [(None, "a.conf is gone"), (b"rot\n", "a.conf is damaged")])
def test_a_rollback_without_its_copy_changes_nothing(aged: Little, data: bytes | None, said: str) -> None:
    done = aged.ask("apply", aged.plan(a="a = new\n", b="b = new\n"))
    copy = aged.state / "tx" / done["tx"] / "old.0"
    copy.unlink()
    if data is not None:
        copy.write_bytes(data)
    before, told = aged.config(), aged.told()
    answer = aged.ask("rollback")
    assert (answer["failed"], answer["state"]) == (True, "refused")
    assert said in answer["msg"]
    assert answer["msg"].endswith(f"transaction {done['tx']} cannot be undone and stays as it is")
    assert (aged.config(), aged.told()) == (before, told)


def test_a_rollback_without_its_copy_of_a_folder_changes_nothing(little: Little) -> None:
    folder = little.etc / "old"
    folder.mkdir()
    (folder / "file").write_text("x")
    plan = planning.Plan(label="away", remove=(str(folder),))
    done = little.ask("apply", plan)
    assert done["state"] == "committed", done
    (little.state / "tx" / done["tx"] / "old.0" / "file").write_text("y")
    answer = little.ask("rollback")
    assert answer["failed"]
    assert "etc/old is damaged" in answer["msg"]
    assert not folder.exists()


def test_a_folder_hands_no_acl_to_what_is_replaced_or_put_back(aged: Little) -> None:
    try:
        os.setxattr(aged.etc, "system.posix_acl_default", ACL)
    except OSError:
        pytest.skip("this file system keeps no ACLs")
    done = aged.ask("apply", aged.plan(a="a = new\n", c="c = new\n"))
    assert done["state"] == "committed", done
    assert os.listxattr(aged.etc / "a.conf") == []
    assert os.listxattr(aged.etc / "c.conf") == [
        "system.posix_acl_access"
    ]  # new there: as the folder wants it
    assert aged.ask("apply", aged.plan(a="a = new\n", c="c = new\n"))["state"] == "unchanged"
    assert aged.ask("rollback")["state"] == "committed"
    assert (os.listxattr(aged.etc / "a.conf"), aged.config()["a.conf"]) == ([], "a = old\n")


def test_what_a_file_carries_stays_on_its_successor_and_comes_back(aged: Little) -> None:
    os.setxattr(aged.etc / "a.conf", "user.site", b"7")  # as every file has its label where SELinux is on
    assert aged.ask("apply", aged.plan(a="a = new\n"))["state"] == "committed"
    assert (aged.config()["a.conf"], os.getxattr(aged.etc / "a.conf", "user.site")) == ("a = new\n", b"7")
    assert aged.ask("rollback")["state"] == "committed"
    assert (aged.config()["a.conf"], os.getxattr(aged.etc / "a.conf", "user.site")) == ("a = old\n", b"7")


def test_a_read_only_file_system_is_named_before_the_first_change(
    little: Little, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = agent.Host("/", str(little.state))
    Path(host.state).mkdir(parents=True)
    real = os.statvfs
    sealed = SimpleNamespace(f_flag=1, f_bavail=1 << 30, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: sealed if path == str(little.etc) else real(path))
    with pytest.raises(agent.Refused, match=r"etc/a.conf lies on a read-only file system: remount it first"):
        agent.check_room(host, agent.compare(host, little.plan(a="a = new\n").to_json()))


def test_a_look_ahead_makes_nothing_and_asks_for_the_room_of_what_is_there(
    little: Little, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = SimpleNamespace(f_flag=0, f_bavail=1, f_frsize=4096)
    assert not little.state.exists()
    assert little.ask("check", little.plan(a="a = new\n"))["state"] == "would-change"
    assert not little.state.exists()
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    host = agent.Host("/", str(little.state))
    with pytest.raises(agent.Refused, match=r"has no space for \d+ bytes"):
        agent.check_room(host, agent.compare(host, little.plan(a="a = new\n").to_json()))
    assert not little.state.exists()


def test_a_disk_that_fills_up_names_the_file(little: Little, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was said was `No space left on device`; nobody knew where."""

    def write(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    agent.replace(monkeypatch, "post_guard", lambda *_: None)
    monkeypatch.setattr(os, "write", write)
    request = {"verb": "apply", "state": str(little.state), "plan": little.plan(a="a = new\n").to_json()}
    refused = agent.answer_to(request)
    assert (refused["state"], refused["changed"]) == ("refused", False)
    assert f"No space left on device: '{little.state}/" in refused["msg"]
    assert refused["msg"].endswith("(free space there first)")


def test_what_may_not_be_read_is_not_nothing(little: Little, monkeypatch: pytest.MonkeyPatch) -> None:
    """To accounts other than root the status said that nothing was done on a host, and ended well."""

    def listdir(path: str) -> list[str]:
        raise OSError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", listdir)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    refused = agent.answer_to({"verb": "status", "state": str(little.state)})
    assert (refused["failed"], refused["state"]) == (True, "refused")
    assert "Permission denied: " in refused["msg"]
    assert refused["msg"].endswith("(uid 1000 is not root here: become root, ansible_become: true)")


def test_what_is_not_there_needs_no_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sealed(path: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system", path)

    monkeypatch.setattr(os, "unlink", sealed)
    agent.remove(str(tmp_path / "absent"))  # else nothing could be undone beside a read-only mount
    (tmp_path / "there").touch()
    with pytest.raises(OSError, match="Read-only"):
        agent.remove(str(tmp_path / "there"))


def test_a_damaged_record_is_named_and_hides_no_other(aged: Little) -> None:
    first = aged.ask("apply", aged.plan(a="a = new\n"))
    second = aged.ask("apply", aged.plan(b="b = new\n"))
    (aged.state / "tx" / first["tx"] / "manifest").write_text('{"entr')
    rows = {row["id"]: row for row in aged.ask("status")["transactions"]}
    assert "is damaged" in rows[first["tx"]]["label"]
    assert rows[second["tx"]]["label"] == "little"
    answer = aged.ask("rollback")
    assert (answer["failed"], answer["state"]) == (True, "refused")
    assert answer["msg"].startswith(f"the record of {first['tx']} is damaged")
    assert "not well formed" not in answer["msg"]


def test_a_mount_point_of_its_own_is_named(little: Little, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*paths: str) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")  # as Python 2 says it: of no file

    place, tx = str(little.etc / "a.conf"), agent.Transaction(agent.Host("/", str(little.state)), "one")
    old = agent.look(place)
    monkeypatch.setattr(os, "link", elsewhere)
    with pytest.raises(agent.Failed, match=r"etc/a.conf cannot be replaced: a mount point of its own"):
        agent.swap(tx, 0, {"path": place, "op": "write", "old": old, "new": old})


def test_the_agents_directory_is_open_to_nobody_else(aged: Little) -> None:
    assert aged.ask("apply", aged.plan(a="a = new\n"))["state"] == "committed"
    assert [stat.S_IMODE(one.stat().st_mode) for one in (aged.state, aged.state / "tx")] == [0o700, 0o700]
    assert stat.S_IMODE(aged.state.parent.stat().st_mode) == 0o755
