"""The account that owns a folder puts links into it while the agent works there as root: nothing elsewhere is read, written or opened up."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.host.little import Little
from tests.support.host.onhost import Program

agent = Program("agent")


@pytest.fixture
def apply(little: Little, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Apply a plan in this process, so that a test may act between two of its calls."""
    agent.replace(monkeypatch, "post_guard", lambda *_: None)

    def applied(plan: dict[str, Any]) -> dict[str, Any]:
        host = agent.Host("/", str(little.state))
        host.lock()
        try:
            found: dict[str, Any] = agent.do_apply(host, plan)
        finally:
            host.unlock()
        return found

    return applied


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """Something of root's alone, elsewhere."""
    path = tmp_path / "shadow"
    path.write_text("root's\n")
    path.chmod(0o600)
    return path


def test_a_link_in_the_place_of_a_new_file_opens_nothing_up(
    little: Little, precious: Path, apply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        written = real(descriptor, data)
        for new in little.etc.glob(".aspect-hardening.*.new"):
            new.unlink()
            new.symlink_to(precious)
        return written

    (little.etc / "a.conf").chmod(0o666)
    monkeypatch.setattr(os, "write", write)
    answer = apply(little.plan(a="a = new\n").to_json())
    monkeypatch.undo()
    assert stat.S_IMODE(precious.stat().st_mode) == 0o600
    assert (answer["state"], answer["problems"]) == ("rolled-back", [])
    assert "changed by another program" in answer["msg"]
    assert little.config()["a.conf"] == "a = old\n"
    assert not (little.etc / "a.conf").is_symlink()


def _linked_instead(monkeypatch: pytest.MonkeyPatch, end: str, to: Path) -> None:
    """Let a link stand in the place of a folder as soon as it is made."""
    real = os.mkdir

    def mkdir(path: str, mode: int = 0o777) -> None:
        real(path, mode)
        if path.endswith(end):
            Path(path).rmdir()
            Path(path).symlink_to(to)

    monkeypatch.setattr(os, "mkdir", mkdir)


def test_a_link_in_the_place_of_a_new_folder_opens_nothing_up(
    little: Little, precious: Path, apply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _linked_instead(monkeypatch, "/new.d", precious)
    plan = little.plan(**{"new.d/x": "x\n"}).to_json()
    plan["files"][0]["mkdir"] = True
    answer = apply(plan)
    assert stat.S_IMODE(precious.stat().st_mode) == 0o600
    assert answer["failed"]


def test_an_undo_is_not_led_elsewhere(
    little: Little, tmp_path: Path, apply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, aside = tmp_path / "elsewhere", tmp_path / "aside"
    elsewhere.mkdir()

    def swap(*_: Any) -> None:
        little.etc.rename(aside)
        little.etc.symlink_to(elsewhere)
        raise agent.Failed("a check says no")

    agent.replace(monkeypatch, "swap", swap)
    answer = apply({"files": little.plan(a="a = new\n").to_json()["files"]})
    assert list(elsewhere.iterdir()) == []
    assert answer["state"] == "broken"
    assert str(little.etc) in answer["problems"][0]
    little.etc.unlink()
    aside.rename(little.etc)
    host = agent.Host("/", str(little.state))
    host.lock()
    assert [row["did"] for row in agent.recover(host)] == ["undone"]
    host.unlock()
    assert little.config() == {"a.conf": "a = old\n", "b.conf": "b = old\n"}


def test_a_tree_is_not_copied_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, elsewhere = tmp_path / "kept", tmp_path / "new", tmp_path / "cron.d"
    (source / "below").mkdir(parents=True)
    (source / "below" / "job").write_text("* * * * * root id\n")
    elsewhere.mkdir()
    _linked_instead(monkeypatch, "/below", elsewhere)
    with pytest.raises(OSError, match=r"."):
        agent.copy_tree(str(source), str(target))
    assert list(elsewhere.iterdir()) == []


def test_what_is_removed_on_python_2_is_below_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, elsewhere = tmp_path / "adminer", tmp_path / "etc"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "passwd").touch()
    (tree / "link").symlink_to(elsewhere)
    elsewhere.mkdir()
    (elsewhere / "passwd").touch()
    real = os.lstat

    def lstat(path: str) -> os.stat_result:
        found = real(path)
        if str(path).endswith("/below") and stat.S_ISDIR(found.st_mode):
            Path(path).rename(tmp_path / "aside")
            Path(path).symlink_to(elsewhere)
        return found

    agent.replace(monkeypatch, "PY3", value=False)
    monkeypatch.setattr(os, "lstat", lstat)
    with pytest.raises(OSError, match=r"."):
        agent.remove_tree(str(tree))
    monkeypatch.setattr(os, "lstat", real)
    assert [one.name for one in elsewhere.iterdir()] == ["passwd"]
    agent.remove(str(tree))
    assert not tree.exists()
    assert [one.name for one in elsewhere.iterdir()] == ["passwd"]


def test_a_file_is_read_as_what_it_is_alone(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "link").symlink_to(precious)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=r"."):
            agent.content(str(tmp_path / name))
    assert agent.content(str(precious)) == b"root's\n"


def test_a_folder_that_was_a_link_before_stays_the_way(little: Little, apply: Callable[..., Any]) -> None:
    (little.root / "far").mkdir()
    little.etc.rename(little.root / "far" / "etc")
    little.etc.symlink_to("far/etc")
    answer = apply(little.plan(a="a = new\n").to_json())
    assert answer["state"] == "committed"
    assert answer["files"][0]["path"] == str(little.etc / "a.conf")
    assert little.config()["a.conf"] == "a = new\n"
