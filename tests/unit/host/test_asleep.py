"""Services that do not run: one that was stopped before is not started by a change or its undo, and one that does not come back is told of."""

from __future__ import annotations

import os
import textwrap
import time
from dataclasses import replace
from typing import Any

import pytest

from hardening.host import session
from hardening.host.plans import plan as planning
from tests.support.host.little import Little

INIT = """
    run={run}
    case "$1 $2" in
      "show -p")
        if test -e $run/absent; then echo LoadState=not-found; echo ActiveState=inactive; exit 0; fi
        echo LoadState=loaded
        if test -e $run/up; then echo ActiveState=active; else echo ActiveState=inactive; fi; exit 0 ;;
      "is-active little"|"little status")
        if test -e $run/absent; then echo "little: unrecognized service"; exit 1; fi
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


def plan(little: Little, action: str = "reload", *, starts: bool = False, **more: Any) -> planning.Plan:
    service = planning.Service(name="little", action=action, starts=starts)
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
        assert "little does not run and cannot be reloaded: start it (" in refused["msg"]
    assert (served.config()["a.conf"], up(served), said(served)) == ("a = old\n", False, [])


def test_a_rollback_leaves_a_stopped_service_stopped(served: Little) -> None:
    assert served.ask("apply", plan(served))["state"] == "committed"
    (served.root / "run" / "up").unlink()
    back = served.ask("rollback")
    assert (back["state"], back["undoes"]["label"]) == ("committed", "little")
    assert back["msg"].startswith("skipped: little does not run (")
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
    assert (failed["state"], failed["owed"]["services"]) == ("rolled-back", ["little"])
    (served.root / "run" / "broken").unlink()
    deadline = time.monotonic() + 30
    while served.ask("status")["transactions"][-1]["owed"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert up(served)


def test_what_does_not_run_is_not_started_by_a_restart(served: Little) -> None:
    """Somebody may have stopped it on purpose: its files change, and the answer says who was not told."""
    (served.root / "run" / "up").unlink()
    predicted = served.ask("check", plan(served, "restart"))
    assert (predicted["services"], predicted["left_stopped"]) == ([], ["little"])
    done = served.ask("apply", plan(served, "restart"))
    assert (done["state"], done["services"], done["left_stopped"]) == ("committed", [], ["little"])
    assert session.summary(done).startswith("1 paths changed: skipped: little does not run (")
    assert session.summary(predicted).startswith("1 paths would change: skipped: little does not run (")
    assert (served.config()["a.conf"], up(served), said(served)) == ("a = new\n", False, [])

    # it was started since, with the new files: the rollback has to tell it
    (served.root / "run" / "up").touch()
    assert served.ask("rollback")["state"] == "committed"
    assert (served.config()["a.conf"], said(served)) == ("a = old\n", ["restart"])


def test_probes_that_fail_since_a_service_was_left_stopped_say_so(served: Little) -> None:
    (served.root / "run" / "up").unlink()
    failed = served.ask("apply", plan(served, "restart", probes=NEVER))
    assert (failed["state"], failed["owed"], up(served), said(served)) == ("rolled-back", {}, False, [])
    assert "does not exist; skipped: little does not run (" in failed["msg"]


def test_a_rollback_leaves_what_a_restart_would_start_stopped(served: Little) -> None:
    assert served.ask("apply", plan(served, "restart", starts=True))["state"] == "committed"
    (served.root / "run" / "up").unlink()
    back = served.ask("rollback")
    assert back["msg"].startswith("skipped: little does not run (")
    assert (served.config()["a.conf"], up(served), said(served)) == ("a = old\n", False, ["restart"])


def test_a_restart_that_was_asked_for_by_name_starts_it_and_its_undo_stops_it(served: Little) -> None:
    (served.root / "run" / "up").unlink()
    failed = served.ask("apply", plan(served, "restart", starts=True, probes=NEVER))
    assert (failed["state"], failed["owed"]) == ("rolled-back", {})
    assert (up(served), said(served)) == (False, ["restart", "stop"])
    assert served.ask("apply", plan(served, "restart", starts=True))["state"] == "committed"
    assert up(served)


def test_a_service_that_the_host_does_not_know_is_refused(served: Little) -> None:
    """A name that is misspelt would be taken for a service that was stopped on purpose."""
    (served.root / "run" / "absent").touch()
    for action in ("reload", "restart"):
        refused = served.ask("apply", plan(served, action))
        assert (refused["state"], refused["msg"]) == (
            "refused",
            "little is not a service of this host: check its name there",
        )
    assert served.config()["a.conf"] == "a = old\n"


NEVER: tuple[dict[str, Any], ...] = ({"kind": "path", "path": "/no/such/file", "wait": 0},)
