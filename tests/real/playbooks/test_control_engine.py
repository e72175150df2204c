"""The roles `control_engine` and `components` through the real ansible-playbook, on a stand-in that is invented."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run
from hardening.cli.caller import user
from tests.support.host.engine_stand_in import Engine
from tests.support.host.little import digest
from tests.support.playbooks.site import QUESTION, Played, play
from tests.support.ports import free_port

SET = "Set the control engine's port"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    one = Engine(tmp_path / "engine", free_port())
    yield one
    one.end()


def harden(
    engine: Engine, tmp_path: Path, *flags: str, answers: Sequence[str] | None = None, **variables: Any
) -> Played:
    (tmp_path / "motd").touch()
    values = {
        "harden_hosts": "localhost",
        "harden_control_engine": True,
        "control_engine_config": str(engine.config),
        "control_engine_process": engine.process,
        "control_engine_clients": [str(engine.root / "*.ini")],
        "control_engine_motd": str(tmp_path / "motd"),
        "control_engine_firewall": False,
        "control_engine_install_agent": False,
        "control_engine_state_dir": str(tmp_path / "state"),
        **variables,
    }
    return play("harden.yml", values, *flags, cwd=tmp_path, answers=answers)


def test_the_restart_is_left_to_a_person_and_shown_until_it_is_seen(engine: Engine, tmp_path: Path) -> None:
    old, new = engine.port, free_port()
    pid = (engine.root / "pid").read_text()
    predicted = harden(engine, tmp_path, "--check", control_engine_port=new)
    assert (predicted.code, predicted.stats["changed"]) == (0, 1), predicted.output
    assert f"engine.port={old}" in engine.config.read_text()

    done = harden(engine, tmp_path, control_engine_port=new)
    assert (done.code, done.stats["changed"]) == (0, 1), done.output
    assert done.tasks[SET]["state"] == "committed"
    assert f"RESTART REQUIRED: configured={new} running={old} restart pending since" in done.output
    assert (engine.root / "pid").read_text() == pid
    assert f"configured={new} running={old}" in (tmp_path / "motd").read_text()

    again = harden(engine, tmp_path, control_engine_port=new)
    assert (again.code, again.stats["changed"]) == (0, 0)
    assert "RESTART REQUIRED" in again.output
    assert f" by {user()}" in again.output  # whom to ask at night; it was "by an operator" on every host

    engine.restart()
    seen = harden(engine, tmp_path, control_engine_port=new)
    assert seen.stats["changed"] == 1
    assert "RESTART REQUIRED" not in seen.output
    assert (tmp_path / "motd").read_text() == ""
    assert harden(engine, tmp_path, control_engine_port=new).stats["changed"] == 0


def test_restart_now_sees_the_new_port_listened_on_and_the_old_no_longer(
    engine: Engine, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"control_engine_port": free_port(), "control_engine_restart": "now",
           "control_engine_restart_argv": [engine.restart_script]}  # fmt: skip
    foretold = harden(engine, tmp_path, "--check", "--diff", **how)
    assert f"commands that would run\n+ {engine.restart_script}\n" in foretold.output
    done = harden(engine, tmp_path, **how)
    assert (done.code, done.stats["changed"]) == (0, 1), done.output
    assert done.tasks[SET]["msg"].endswith("listening on the host")  # nobody connected to it from outside
    assert "proved" not in done.output
    assert "RESTART REQUIRED" not in done.output


def test_the_record_of_a_pending_restart_is_shown_in_words(engine: Engine, tmp_path: Path) -> None:
    new = free_port()
    foretold = harden(engine, tmp_path, "--check", "--diff", control_engine_port=new)
    assert f"+ restart pending: configured={new}, until now {engine.port}" in foretold.output
    assert max(map(len, foretold.output.splitlines())) < 400


def ask(engine: Engine, tmp_path: Path, port: int, *flags: str, answers: Sequence[str] | None) -> Played:
    return harden(
        engine, tmp_path, *flags, answers=answers, control_engine_port=port, control_engine_restart="ask",
        control_engine_restart_argv=[engine.restart_script],
    )  # fmt: skip


def test_a_person_at_the_terminal_is_asked_and_agrees(engine: Engine, tmp_path: Path) -> None:
    old, new = engine.port, free_port()
    foretold = ask(engine, tmp_path, new, "--check", answers=())
    assert (foretold.code, QUESTION.decode() in foretold.output) == (0, False), foretold.output
    done = ask(engine, tmp_path, new, answers=["Yes"])
    assert done.code == 0, done.output
    assert f"localhost: configured={new} running={old} restart pending since" in done.output
    assert done.tasks[SET]["engine"]["line"] == f"configured={new} running={new}"
    assert "RESTART REQUIRED" not in done.output
    again = ask(engine, tmp_path, new, answers=())
    assert (again.code, again.stats["changed"]) == (0, 0), again.output  # nothing is left to ask


def test_a_person_who_does_not_agree_leaves_it_pending(engine: Engine, tmp_path: Path) -> None:
    old, new, pid = engine.port, free_port(), (engine.root / "pid").read_text()
    for answer, word in (("no", "(the answer was not yes)"), ("", "(no answer: is anybody at a terminal?)")):
        done = ask(engine, tmp_path, new, answers=[answer])
        assert done.code == 0, done.output
        assert f"RESTART REQUIRED: configured={new} running={old} restart pending" in done.output
        assert word in " ".join(done.output.split())
    assert (engine.root / "pid").read_text() == pid


def test_where_nobody_sits_at_a_terminal_nothing_waits(engine: Engine, tmp_path: Path) -> None:
    old, new, pid = engine.port, free_port(), (engine.root / "pid").read_text()
    done = ask(engine, tmp_path, new, answers=None)
    assert done.code == 0, done.output
    assert f"RESTART REQUIRED: configured={new} running={old} restart pending" in done.output
    assert "(no answer: is anybody at a terminal?)" in done.output
    assert (engine.root / "pid").read_text() == pid


def test_a_refused_port_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    before = engine.config.read_bytes()
    refused = harden(engine, tmp_path, control_engine_port=443)
    assert refused.code == 2
    assert "port 443 is refused" in refused.output
    assert engine.config.read_bytes() == before


def test_components_go_and_come_back(tmp_path: Path) -> None:
    tool = tmp_path / "htmlroot" / "adminer"
    tool.mkdir(parents=True)
    (tool / "index.php").write_text("<?php // invented\n")
    (tool.parent / "index.php").write_text("<?php\n")
    before = digest(tool.parent, times=True)
    values = {
        "harden_hosts": "localhost",
        "components_absent": [str(tool)],
        "components_install_agent": False,
        "components_state_dir": str(tmp_path / "state"),
        "aspect_state_dir": str(tmp_path / "state"),
    }
    assert play("harden.yml", values, cwd=tmp_path).stats["changed"] == 1
    assert not tool.exists()
    assert play("harden.yml", values, cwd=tmp_path).stats["changed"] == 0
    assert play("rollback.yml", values, cwd=tmp_path).stats["changed"] == 1
    assert digest(tool.parent, times=True) == before


def test_one_component_may_stand_without_a_list(tmp_path: Path) -> None:
    """Ansible takes a text for a list of one; letter by letter it was `/ cannot be removed`."""
    tool = tmp_path / "adminer.php"
    tool.touch()
    values = {
        "harden_hosts": "localhost", "components_absent": str(tool), "components_install_agent": False,
        "components_state_dir": str(tmp_path / "state"),
    }  # fmt: skip
    done = play("harden.yml", values, cwd=tmp_path)
    assert (done.code, done.stats["changed"]) == (0, 1), done.output
    assert not tool.exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("trust.yml", "no trust file is named"),
        ("upgrade.yml", "no verified bundle: run harden upgrade apply"),
    ],
)
def test_what_was_not_given_is_named(tmp_path: Path, name: str, said: str) -> None:
    done = play(name, {"harden_hosts": "localhost"}, cwd=tmp_path)
    assert done.code != 0
    assert said in done.output


def test_file_process_and_firewall_are_compared_whatever_the_inventory_says(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a rollback the engine listened on a port that the firewall had closed, and every verb said that all was well."""
    old, new = engine.port, free_port()
    state: tuple[str, ...] = (
        "-e",
        f"aspect_state_dir={tmp_path}/state",
        "-e",
        "control_engine_firewall=false",
    )
    state += ("-e", "upgrade_audit=false")

    def ask(verb: str, *words: str) -> tuple[int, str]:
        code = run(["upgrade", verb, *state, *words])
        return code, capsys.readouterr().out

    assert "control engine:" not in ask("status")[1]  # nobody named a file, and there is none
    assert harden(engine, tmp_path, control_engine_port=new).code == 0
    assert ask("status")[0] == 5
    engine.restart()
    assert ask("status") == (0, ask("status")[1])
    assert f"control engine: configured={new} running={new}" in ask("status")[1]
    code, said = ask("rollback", "--local")
    assert (code, f"port {new} stays open" in said) == (5, True), said
    for verb in ("status", "verify"):
        code, said = ask(verb)
        assert code == 5, said
        assert f"configured={old} running={new} restart pending" in said
    (
        tmp_path / "state" / "pending" / "control-engine.json"
    ).unlink()  # as if somebody had written the file by hand
    code, said = ask("verify", "-e", f"control_engine_config={engine.config}")
    assert (code, "the engine is not seen running" in said) == (4, True), said
    assert f"a process of its name listens on {new}" in " ".join(said.split())
    engine.restart()
    code, said = ask("verify")
    assert code == 0, said
