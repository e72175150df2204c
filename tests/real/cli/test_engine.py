"""`harden engine` against a stand-in that reads its port once, as the product's engine does."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.host.plans import engine as engine_plan
from tests.support.host.engine_stand_in import Engine
from tests.support.playbooks.site import attended
from tests.support.ports import free_port


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    one = Engine(tmp_path / "engine", free_port())
    yield one
    one.end()


def harden(engine: Engine, *words: str) -> int:
    return run([
        "engine", *words, "--config", str(engine.config), "--process", engine.process,
        "--state-dir", str(engine.root / "state"), "--no-firewall",
    ])  # fmt: skip


def test_the_whole_life_of_a_new_port(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = engine.port, free_port()
    assert harden(engine, "show") == 0
    assert capsys.readouterr().out.startswith(f"configured={old} running={old}\n")

    before = engine.config.read_bytes()
    assert harden(engine, "set-port", "--local", str(new), "--check") == 0
    assert f"+engine.port={new}" in capsys.readouterr().out
    assert engine.config.read_bytes() == before

    assert harden(engine, "set-port", "--local", str(new)) == 5
    said = capsys.readouterr().out
    assert f"configured={new} running={old} restart pending since 20" in said
    assert harden(engine, "set-port", "--local", str(new)) == 5
    assert capsys.readouterr().out == said

    assert harden(engine, "show", "--format", "json") == 5
    state = json.loads(capsys.readouterr().out)
    assert (state["configured"], state["running"], state["restart_pending"]) == (new, [old], True)

    engine.restart()
    assert harden(engine, "show") == 0
    assert harden(engine, "set-port", "--local", str(new)) == 0
    assert not list((engine.root / "state" / "pending").glob("*.json"))
    assert harden(engine, "show", "--format", "json") == 0


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_link_leads_to_the_file_that_holds_the_port(
    engine: Engine, linked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Homes of the product are moved to larger disks, with a link left where they were."""
    link = engine.root / "link"
    link.symlink_to(engine.config if linked == "file" else engine.root)
    config = link if linked == "file" else link / engine.config.name
    words = ["--config", str(config), "--process", engine.process, "--state-dir", str(engine.root / "state")]
    words.append("--no-firewall")
    new = free_port()
    assert run(["engine", "show", *words]) == 0
    assert run(["engine", "set-port", "--local", str(new), *words]) == 5, capsys.readouterr()
    assert engine.config.read_text().endswith(f"engine.port={new}\n")
    assert (link.is_symlink(), engine.config.is_symlink()) == (True, False)
    assert run(["engine", "set-port", "--local", str(new), *words]) == 5
    engine.restart()
    assert run(["engine", "set-port", "--local", str(new), *words]) == 0


def test_restart_now_is_proved(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    new = free_port()
    assert (
        harden(
            engine,
            "set-port",
            "--local",
            str(new),
            "--restart",
            "now",
            "--restart-command",
            engine.restart_script,
        )
        == 0
    )
    assert f"configured={new} running={new}" in capsys.readouterr().out
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", engine.port)) != 0


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 5), ("", 5)])
def test_a_person_at_the_terminal_is_asked(engine: Engine, answer: str, code: int) -> None:
    old, new = engine.port, free_port()
    words = asked(engine, new)
    ended, said = attended(words, [answer], cwd=engine.root)
    assert ended == code, said
    assert f"configured={new} running={old} restart pending since" in said
    assert (f"configured={new} running={new}\r\n" in said) is (code == 0)


def test_without_a_terminal_nobody_is_asked(engine: Engine) -> None:
    done = subprocess.run(asked(engine, free_port()), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (5, "not asked: standard input is not a terminal\n")
    assert "restart pending since" in done.stdout


def asked(engine: Engine, port: int) -> list[str]:
    return [
        str(Path(sys.executable).with_name("harden")), "engine", "set-port", "--local", str(port), "--restart", "ask",
        "--restart-command", engine.restart_script, "--config", str(engine.config), "--process", engine.process,
        "--state-dir", str(engine.root / "state"), "--no-firewall",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("/bin/true", 6, "everything is as it was before: probe failed"),
        (
            "/bin/false",
            7,
            "everything is as it was before except control-engine, which could not be notified",
        ),
    ],
)
def test_a_restart_that_does_not_take_is_undone(
    engine: Engine,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    code: int,
    said: str,
) -> None:
    """Where the command failed for the undo, too, nobody knows whether the engine runs: that was exit 6."""
    _impatient(monkeypatch)
    before = engine.config.read_bytes()
    words = ("--restart", "now", "--restart-command", command)
    assert harden(engine, "set-port", "--local", str(free_port()), *words) == code
    assert said in capsys.readouterr().err
    assert engine.config.read_bytes() == before


def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the engine once, not for half a minute."""
    made = engine_plan.plan
    monkeypatch.setattr(
        engine_plan,
        "plan",
        lambda *given: replace(
            plan := made(*given), probes=tuple({**probe, "wait": 0} for probe in plan.probes)
        ),
    )


def test_a_command_with_an_open_quote_is_a_bad_call(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        harden(
            engine, "set-port", "--local", str(free_port()), "--restart-command", "service 'engine restart"
        )
        == 2
    )
    assert "--restart-command: No closing quotation" in capsys.readouterr().err


@pytest.mark.parametrize("bad", ["80", "70000", "3306"])
def test_a_bad_port_is_refused_before_anything(
    engine: Engine, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = engine.config.read_bytes()
    assert harden(engine, "set-port", "--local", bad) == 11
    assert f"port {bad} is refused" in capsys.readouterr().err
    assert engine.config.read_bytes() == before


def test_nothing_is_written_into_a_file_that_is_no_text(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    before = b"\x7fELF\0\0" + bytes(range(256))
    engine.config.write_bytes(before)
    assert harden(engine, "set-port", "--local", str(free_port())) == 2
    assert "the engine's configuration is not text" in capsys.readouterr().err
    assert engine.config.read_bytes() == before


def test_somebody_elses_port_is_refused(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert harden(engine, "set-port", "--local", str(other.getsockname()[1])) == 11
    assert "listens on it" in capsys.readouterr().err


def test_a_missing_configuration_is_one_line(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.config.unlink()
    assert harden(engine, "show") == 2
    said = capsys.readouterr().err
    assert "does not exist on this host" in said
    assert "Traceback" not in said
