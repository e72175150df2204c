"""Services that do not run: one that was stopped before is not started by a change or its undo, and one that does not come back is told of."""

from __future__ import annotations

import os
import textwrap
import time
from dataclasses import replace
from typing import Any

import pytest

from hardening.host import plan as planning
from tests.host.little import Little

INIT = """
    run={run}
    case "$1 $2" in
      "is-active little"|"little status")
        if test -e $run/up; then echo active; exit 0; fi
        if test -e $run/unknown; then echo "Usage: little start|stop"; exit 3; fi
        echo inactive; exit 3 ;;
      "stop little"|"little stop") rm -f $run/up ;;
      "start little"|"little start"|"restart little"|"little restart")
        rm -f $run/up; test -e $run/broken || touch $run/up ;;
      "reload little"|"little reload") test -e $run/up || test -e $run/unknown ;;
    esac
    code=$?; echo "$1 $2" >>$run/said; exit $code
"""
"""What both init systems call: `systemctl reload little` and `service little reload`."""


@pytest.fixture(name="served")
def little_with_a_real_service(aged: Little, monkeypatch: pytest.MonkeyPatch) -> Little:
    for name in ("service", "systemctl"):
        aged.script(name, textwrap.dedent(INIT).format(run=aged.root / "run"))
    monkeypatch.setenv("PATH", f"{aged.root}/bin:{os.environ['PATH']}")
    (aged.root / "run" / "up").touch()
    return aged


def plan(little: Little, action: str = "reload", **more: Any) -> planning.Plan:
    service = planning.Service(name="little", action=action)
    return replace(little.plan(a="a = new\n"), services=(service,), **more)


def said(little: Little) -> list[str]:
    """Return what the service was told, in the words of either init system."""
    path = little.root / "run" / "said"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.replace("little", "").strip() for line in lines]


def up(little: Little) -> bool:
    return (little.root / "run" / "up").exists()


def test_what_does_not_run_is_not_reloaded_and_not_started(served: Little) -> None:
    """The reload failed, and the undo, which restarts what cannot be reloaded, started what a person had stopped."""
    (served.root / "run" / "up").unlink()
    for verb in ("check", "apply"):
        refused = served.ask(verb, plan(served))
        assert (refused["failed"], refused["state"]) == (True, "refused")
        assert "little does not run, so that it cannot be told: start it (" in refused["msg"]
    assert (served.config()["a.conf"], up(served), said(served)) == ("a = old\n", False, [])


def test_a_rollback_leaves_a_stopped_service_stopped(served: Little) -> None:
    assert served.ask("apply", plan(served))["state"] == "committed"
    (served.root / "run" / "up").unlink()
    back = served.ask("rollback")
    assert (back["state"], back["undoes"]["label"]) == ("committed", "little")
    assert back["msg"].startswith("not told, since little does not run (")
    assert (served.config()["a.conf"], up(served), said(served)) == ("a = old\n", False, ["reload"])


def test_a_script_that_knows_no_status_is_told(served: Little) -> None:
    (served.root / "run" / "up").unlink()
    (served.root / "run" / "unknown").touch()
    assert served.ask("apply", plan(served))["state"] == "committed"
    assert said(served) == ["reload"]


def test_a_service_that_was_restarted_and_does_not_come_back_is_owed(served: Little) -> None:
    """Its script starts it in the background and exits 0, so that everything was said to be as before."""
    (served.root / "run" / "broken").touch()
    failed = served.ask("apply", plan(served, "restart", probes=NEVER))
    assert (failed["state"], failed["owed"]["services"]) == ("rolledback", ["little"])
    (served.root / "run" / "broken").unlink()
    deadline = time.monotonic() + 30
    while served.ask("status")["transactions"][-1]["owed"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert up(served)


def test_what_was_stopped_before_a_restart_is_stopped_again(served: Little) -> None:
    (served.root / "run" / "up").unlink()
    failed = served.ask("apply", plan(served, "restart", probes=NEVER))
    assert (failed["state"], failed["owed"]) == ("rolledback", {})
    assert (up(served), said(served)) == (False, ["restart", "stop"])


NEVER: tuple[dict[str, Any], ...] = ({"kind": "path", "path": "/no/such/file", "wait": 0},)
