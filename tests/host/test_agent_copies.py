"""What an undo stands on: a journal that was torn, kept copies that are gone or damaged, ACLs that a folder hands down."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest

from hardening.host import agent as program
from hardening.host import plan as planning
from tests.host.little import Little

agent: Any = program  # untyped: it runs on Python 2.6
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
    tx.record("rolledback", why="the host went down")
    assert tx.events()[-1]["event"] == "rolledback"
    assert tx.state() == "rolledback"
    tx.record("tidy")
    assert [one["event"] for one in tx.events()[-2:]] == ["rolledback", "tidy"]


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
