"""The host itself closes the port that a restarted engine has left, once, whole, and never before the restart."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hardening import packing
from hardening.host import onhost_request, session
from hardening.host.plans import engine as engine_plan
from hardening.host.plans import plan as planning
from hardening.host.plans.engine_firewall import Firewall
from hardening.onhost.agent import units
from tests.support.host.engine_stand_in import Engine
from tests.support.host.little import AGES, interpreter
from tests.support.ports import free_port


@dataclass
class Site:
    """An engine, a door per port (a file where a firewall would have a rule), and a state directory."""

    root: Path
    engine: Engine
    python: str
    new: int

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def motd(self) -> Path:
        return self.root / "motd"

    def doors(self) -> list[int]:
        return sorted(int(path.name) for path in (self.root / "doors").iterdir())

    def ask(self, verb: str, **more: Any) -> dict[str, Any]:
        return session.here(state=str(self.state), python=self.python).ask(verb, **more)

    def door(self, port: int) -> planning.Command:
        path = str(self.root / "doors" / str(port))
        test = ("/usr/bin/test", "-e", path)
        return planning.Command(
            name=f"door {port} opens", do=("/bin/touch", path), undo=("/bin/rm", path), check=test
        )

    def shut(self, port: int) -> planning.Command:
        door = self.door(port)
        return planning.Command(
            name=f"door {port} closes",
            do=door.undo,
            undo=door.do,
            check=("/usr/bin/test", "!", *door.check[1:]),
        )

    def set_port(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        """Set the engine's new port as a run would; the doors stand for the host's firewall."""
        monkeypatch.setattr(Firewall, "opens", lambda _self, port, _like: [self.door(port)])
        monkeypatch.setattr(Firewall, "closes", lambda _self, left, _port, _like: [self.shut(left)])
        back = replace(self.shut(self.new), name=f"back: {self.door(self.new).name}")
        monkeypatch.setattr(Firewall, "leads_back", lambda _self, _port, _like: [back])
        wish = engine_plan.DesiredPort(
            port=self.new,
            config=str(self.engine.config),
            process=self.engine.process,
            motd=str(self.motd),
            by="alice",
        )
        plan = engine_plan.plan(wish, self.ask("facts", **engine_plan.wishes(wish)))
        return self.ask("apply", plan=plan.to_json())

    def watch(self) -> dict[str, Any]:
        """Ask as the timer does: the installed copy, by its command line."""
        kept = self.state / "agent.pyz"
        kept.write_bytes(packing.zipped(onhost_request.AGENT))
        done = subprocess.run(
            [self.python, kept, "watch", "--state", self.state], capture_output=True, text=True, check=False
        )
        said: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (6 if said["failed"] else 0)
        return said


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    python = interpreter(
        getattr(request, "param", "newest")
    )  # first, for where there is none nobody stops the engine
    engine = Engine(tmp_path / "engine", free_port())
    one = Site(tmp_path, engine, python, free_port())
    (tmp_path / "doors").mkdir()
    (tmp_path / "doors" / str(engine.port)).touch()
    one.motd.write_text("welcome\n")
    yield one
    engine.stop()


def test_nothing_waits(site: Site) -> None:
    assert site.ask("watch")["state"] == "nothing"
    assert not site.state.exists()


@pytest.mark.parametrize("site", AGES[1:], indirect=True)
def test_the_old_port_closes_after_the_restart_and_not_before(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, old = site.engine.config.read_bytes(), site.engine.port
    assert site.set_port(monkeypatch)["state"] == "committed"
    assert site.doors() == sorted([old, site.new])
    waits = site.watch()
    assert (waits["state"], waits["changed"]) == ("pending", False)
    assert site.ask("status")["pending"][0]["closes"] == "this host"
    site.engine.stop()
    assert site.watch()["state"] == "pending"  # an engine that is down has not been restarted
    site.engine.start()
    done = site.watch()
    assert (done["state"], done["changed"]) == ("committed", True)
    assert site.doors() == [site.new]
    assert site.motd.read_text() == "welcome\n"
    assert site.ask("status")["pending"] == []
    assert site.watch()["state"] == "nothing"

    predicted = {row["path"]: row.get("after") for row in site.ask("rollback", check=True)["files"]}
    back = site.ask("rollback")  # what the host did by itself goes with what it finished
    assert back["state"] == "committed"
    assert predicted[str(site.engine.config)] == hashlib.sha256(site.engine.config.read_bytes()).hexdigest()
    # the engine still listens on the new port: a rollback that closed it cut the engine off, and said all was well
    assert site.doors() == sorted([old, site.new])
    assert f"port {site.new} stays open" in back["msg"]
    waits = site.ask("status")["pending"]
    assert [(one["configured"], one["running"], one["resolved"]) for one in waits] == [
        (old, [site.new], False)
    ]
    assert waits == back["pending"]
    assert f"configured={old} running={site.new} restart pending" in site.motd.read_text()
    assert site.engine.config.read_bytes() == before
    assert site.watch()["state"] == "pending"
    site.engine.restart()
    assert site.watch()["state"] == "committed"
    assert (site.doors(), site.motd.read_text()) == ([old], "welcome\n")
    assert site.ask("status")["pending"] == []
    assert site.ask("rollback")["state"] == "nothing"


def test_somebody_else_s_line_in_the_banner_stays(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.set_port(monkeypatch)
    site.motd.write_text(site.motd.read_text() + "back at six\n")
    site.engine.restart()
    assert site.watch()["state"] == "committed"
    assert site.motd.read_text() == "welcome\nback at six\n"


def test_what_cannot_be_closed_is_tried_three_times_and_said(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.set_port(monkeypatch)
    record = site.state / "pending" / "control-engine.json"
    row = json.loads(record.read_text())
    row["close"].append({"name": "stuck", "do": ["/bin/sh", "-c", "echo the door is stuck; exit 1"]})
    record.write_text(json.dumps(row))
    site.engine.restart()
    for _ in range(3):
        assert site.watch()["state"] == "rolled-back"
        assert len(site.doors()) == 2
    assert "the door is stuck" in site.ask("status")["pending"][0]["closes"]


def test_another_run_goes_first(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.set_port(monkeypatch)
    site.engine.restart()
    slow = planning.Plan(commands=(planning.Command(name="slow", do=("/bin/sleep", "3")),))
    program = onhost_request.program({"verb": "apply", "state": str(site.state), "plan": slow.to_json()})
    with subprocess.Popen([site.python, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as other:
        assert other.stdin is not None
        other.stdin.write(program)
        other.stdin.close()
        while not any("slow" in path.read_text() for path in site.state.glob("tx/*/journal")):
            time.sleep(0.02)
        assert site.watch()["state"] == "busy"
    assert site.watch()["state"] == "committed"


def test_a_watch_that_stays_ends_by_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What CentOS 6 has for a timer: the boot script's process."""
    site.set_port(monkeypatch)
    kept = site.state / "agent.pyz"
    kept.write_bytes(packing.zipped(onhost_request.AGENT))
    with subprocess.Popen(
        [sys.executable, kept, "watch", "--state", site.state, "--stay", "0.3"], stdout=subprocess.DEVNULL
    ) as stays:
        time.sleep(0.5)
        assert stays.poll() is None
        site.engine.restart()
        assert stays.wait(20) == 0
    assert site.doors() == [site.new]


def test_units_and_script_are_on_the_host_and_go_with_it(tmp_path: Path) -> None:
    plan = replace(planning.Plan(), install=True).to_json()
    for init, names in (
        ("systemd", {"etc/systemd/system/aspect-watch.service", "etc/systemd/system/aspect-watch.timer"}),
        ("sysv", {"etc/init.d/aspect-watch"}),
    ):
        root = tmp_path / init
        (root / "etc").mkdir(parents=True)
        if init == "systemd":
            (root / "run/systemd/system").mkdir(parents=True)
        session.here().ask("apply", root=str(root), plan=plan)
        assert {str(p.relative_to(root)) for p in root.rglob("aspect-watch*")} == names
        session.here().ask("uninstall", root=str(root))
        assert not list(root.rglob("aspect-*"))
    assert units.WATCH_TIMER.count("OnUnitInactiveSec=60") == 1
