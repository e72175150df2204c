"""What a rollback asks for: what answered before the change has to answer again, and what the change brought has not."""

from __future__ import annotations

import os
import signal
import socket
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.host.little import Little
from tests.support.ports import free_port

LISTEN = """
    import socket, time
    one = socket.create_server(("127.0.0.1", {port}))
    time.sleep(60)
"""
RELOAD = """
    if grep -q new {etc}/a.conf; then
      setsid {python} {run}/listen.py >/dev/null 2>&1 &
      echo $! >{run}/pid
    else
      kill $(cat {run}/pid); rm {run}/pid
    fi
"""


def test_a_confirmation_that_cannot_be_undone_does_not_say_that_all_is_as_before(aged: Little) -> None:
    """It said `rolled-back`, exit 6; and a second confirmation made final what was half undone."""
    flag = aged.root / "run" / "flag"
    flag.touch()
    probes = ({"kind": "path", "path": str(flag), "wait": 0},)
    done = aged.ask("apply", replace(aged.plan(a="a = new\n"), probes=probes, deadman=60))
    assert done["state"] == "applied", done
    flag.unlink()
    away = aged.etc.rename(aged.root / "away")
    wrong = aged.ask("confirm", id=done["tx"])
    assert (wrong["failed"], wrong["state"]) == (True, "broken"), wrong
    flag.touch()
    late = aged.ask("confirm", id=done["tx"])
    assert (late["failed"], late["state"]) == (True, "open"), late
    assert late["msg"].startswith("the confirmation came too late: ")
    away.rename(aged.etc)
    aged.ask("recover")  # unless the guard was quicker
    assert aged.ask("status")["transactions"][-1]["state"] == "rolled-back"
    assert aged.config()["a.conf"] == "a = old\n"


def end(pid: Path) -> None:
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGTERM)


def test_a_rollback_asks_for_what_answered_before_the_change_and_no_more(aged: Little) -> None:
    """A new port, or old settings that are too weak for the host's own library, could not be rolled back: its probe failed."""
    new, old = free_port(), socket.create_server(("127.0.0.1", 0))
    known, run = old.getsockname()[1], aged.root / "run"
    (run / "listen.py").write_text(textwrap.dedent(LISTEN).format(port=new))
    aged.script("reload", textwrap.dedent(RELOAD).format(etc=aged.etc, python=sys.executable, run=run))
    probes: list[dict[str, Any]] = [{"kind": "tcp", "port": port} for port in (new, known)]
    probes.append({"kind": "command", "argv": ["true"]})
    try:
        done = aged.ask("apply", replace(aged.plan(a="a = new\n"), probes=tuple(probes)))
        assert done["state"] == "committed", done
        assert len(done["probes"]) == 3
        back = aged.ask("rollback")
        assert back["state"] == "committed", back
        assert [row["name"] for row in back["probes"]] == [f"tcp {known}", "command"]
    finally:
        end(run / "pid")
        old.close()
    assert aged.config()["a.conf"] == "a = old\n"
