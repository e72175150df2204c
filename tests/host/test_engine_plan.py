"""What a new port means for firewall and SELinux, per kind of host; what is open is closed once the engine has left."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardening.errors import UsageError
from hardening.host import engine_plan

CONFIG = "/srv/engine.properties"
WISH = engine_plan.Wish(port=7300, config=CONFIG, by="alice")


def facts(
    *, configured: int, running: int, firewall: str, selinux: str, pending: Any = None
) -> dict[str, Any]:
    data = f"engine.port={configured}\n".encode()
    return {
        "firewall": firewall,
        "selinux": selinux,
        "time": "2026-01-01T00:00:00Z",
        "pending": [pending] if pending else [],
        "listeners": [{"port": running, "address": "0.0.0.0", "pid": 9, "process": "java"}],
        "files": [
            {
                "path": CONFIG,
                "content": base64.b64encode(data).decode(),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        ],
    }


@pytest.mark.parametrize(
    ("firewall", "words"), [("firewalld", "--add-port=7300/tcp"), ("iptables", "--dport 7300")]
)
def test_the_new_port_opens_beside_the_old(firewall: str, words: str) -> None:
    plan = engine_plan.plan(
        WISH, facts(configured=7226, running=7226, firewall=firewall, selinux="enforcing")
    )
    did = [" ".join(command.do) for command in plan.commands]
    assert any(words in line for line in did)
    assert any("semanage port -a -t http_port_t -p tcp 7300" in line for line in did)
    assert not any("7226" in line for line in did)
    assert plan.services == ()
    assert all(command.undo and command.check for command in plan.commands)


@pytest.mark.parametrize("firewall", ["firewalld", "iptables"])
def test_the_old_port_closes_once_the_engine_is_seen_on_the_new(firewall: str) -> None:
    pending = {"name": "control-engine", "configured": 7300, "previous": 7226, "process": "java",
               "since": "2026-01-01T00:00:00Z", "by": "alice", "running": [7300], "resolved": True}  # fmt: skip
    now = facts(configured=7300, running=7300, firewall=firewall, selinux="enforcing", pending=pending)
    plan = engine_plan.plan(WISH, now)
    closing = [c for c in plan.commands if "7226" in " ".join(c.do)]
    assert any("semanage port -d" in " ".join(c.do) for c in closing)
    assert {c.check[:2] for c in closing} == {("/bin/sh", "-c")}
    assert plan.remove == (engine_plan.PENDING,)


@pytest.mark.parametrize("firewall", ["firewalld", "iptables"])
def test_the_record_says_how_the_host_closes_the_old_port_by_itself(firewall: str) -> None:
    """What the host does alone and what the next run would do are the same."""
    now = facts(configured=7226, running=7226, firewall=firewall, selinux="enforcing")
    plan = engine_plan.plan(WISH, now)
    record = json.loads(next(one.content for one in plan.files if one.path == engine_plan.PENDING))
    told = {
        **{k: v for k, v in record.items() if k not in ("close", "motd")},
        "running": [7300],
        "resolved": True,
    }
    seen = facts(configured=7300, running=7300, firewall=firewall, selinux="enforcing", pending=told)
    later = [one.to_json() for one in engine_plan.plan(WISH, seen).commands if "7226" in one.name]
    assert record["close"] == later
    assert later
    assert record["motd"] == {"path": "/etc/motd", "mark": engine_plan.MOTD_MARK}


@pytest.mark.parametrize("kept", ["", "-A INPUT -p tcp -m tcp --dport 7300 -j ACCEPT\n"])
@pytest.mark.parametrize("live", ["", "-A INPUT -p tcp -m tcp --dport 7300 -j ACCEPT\n"])
@pytest.mark.parametrize("closing", [False, True])
def test_iptables_is_led_back_to_what_it_was_now_and_at_the_next_boot(
    tmp_path: Path, kept: str, live: str, closing: bool
) -> None:
    """Whatever was open before: in the kernel, in the saved rules, in both or in neither."""
    here, saved = tmp_path / "live", tmp_path / "saved"
    lines = {here: "-A INPUT -i lo -j ACCEPT\n" + live, saved: "-A INPUT -i lo -j ACCEPT\n" + kept}
    stand_in = {
        "iptables": f'case "$1" in -S) cat {here} ;; -I) shift; echo "-A $*" >>{here} ;; '
        f'-D) shift; grep -vxF -e "-A $*" {here} >{here}.new; mv {here}.new {here} ;; esac',
        "service": f"cat {here} >{saved}",
    }
    for name, body in stand_in.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    for path, text in lines.items():
        path.write_text(text)
    pending = {"name": "control-engine", "configured": 7400, "previous": 7300, "process": "java",
               "since": "2026-01-01T00:00:00Z", "by": "alice", "running": [7400], "resolved": True}  # fmt: skip
    if closing:
        now = facts(configured=7400, running=7400, firewall="iptables", selinux="disabled", pending=pending)
        plan = engine_plan.plan(replace(WISH, port=7400), now)
    else:
        plan = engine_plan.plan(
            WISH, facts(configured=7226, running=7226, firewall="iptables", selinux="disabled")
        )
    commands = [one for one in plan.commands if "7300" in one.name]

    def ran(argv: Sequence[str]) -> int:
        words = [word.replace("/etc/sysconfig/iptables", str(saved)) for word in argv]
        env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        return subprocess.run(words, env=env, capture_output=True, check=False).returncode

    needed = [one for one in commands if ran(one.check) != 0]
    assert [ran(one.do) for one in needed] == [0] * len(needed)
    assert [ran(one.check) for one in commands] == [0] * len(commands)
    assert all(("--dport 7300" in path.read_text()) != closing for path in lines)
    assert [ran(one.undo) for one in reversed(needed)] == [0] * len(needed)
    after = ["--dport 7300" in path.read_text() for path in (here, saved)]
    # a rule that was saved and not in force is not brought back when closing is undone: nobody relies on it
    assert after == [bool(live), bool(kept) and (bool(live) or not closing)]


def test_a_host_without_firewall_and_selinux_gets_no_commands() -> None:
    plan = engine_plan.plan(WISH, facts(configured=7226, running=7226, firewall="none", selinux="disabled"))
    assert plan.commands == ()
    assert [one.path for one in plan.files] == [CONFIG, engine_plan.PENDING]


@pytest.mark.parametrize("raw", [{"prt": 1}, {"restart": "soon"}, {"port": "x"}])
def test_a_wish_that_is_not_understood_names_the_key(raw: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="control engine"):
        engine_plan.Wish.of(raw)
