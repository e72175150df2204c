"""What is asked of a host for a new port, word for word, per kind of host and state: no firewall here is needed to see it."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardening.engine.iptables import Ruleset
from hardening.host.plans import engine
from hardening.host.plans.engine_firewall import SAVED, Family, Firewall
from hardening.host.plans.plan import Command
from tests.support.places import DATA
from tests.unit.host.test_engine_plan import CONFIG, WISH, facts, filters

GOLDEN = DATA / "host/golden"
RULES = (
    "-A INPUT -i lo -j ACCEPT\n"
    "-A INPUT -s 10.1.0.0/16 -p tcp -m tcp --dport 7226 -j ACCEPT\n"
    '-A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 7226 -m comment --comment "the engine\'s port" -j ACCEPT\n'
    "-A INPUT -j REJECT\n"
)
PENDING = {"name": "control-engine", "configured": 7300, "previous": 7226, "process": "java", "left": [7226],
           "since": "2026-01-01T00:00:00Z", "by": "bob"}  # fmt: skip
NOW = replace(WISH, restart="now", restart_argv=("/opt/engine", "restart"))


def seen(
    firewall: str, selinux: str = "disabled", *, port: int = 7226, running: int = 7226, rules: str = RULES,
    pending: Any = None, motd: str | None = None, others: tuple[int, ...] = (),
) -> dict[str, Any]:  # fmt: skip
    """Return a host's facts with rules and a message of the day of its own."""
    found = facts(configured=port, running=running, firewall=firewall, selinux=selinux, pending=pending)
    texts = {
        CONFIG: f"engine.port={port}\n",
        SAVED["iptables"]: f"*filter\n:INPUT ACCEPT [0:0]\n{rules}COMMIT\n",
    }
    if firewall != "iptables":
        del texts[SAVED["iptables"]]
    texts |= {"/etc/motd": motd} if motd is not None else {}
    opened = dict.fromkeys((running, *((pending["configured"], pending["previous"]) if pending else ())))
    found["filters"] = filters(firewall, rules, [f"{one}/tcp" for one in opened])
    found["files"] = [
        {"path": path, "content": base64.b64encode(text.encode()).decode(), "sha256": f"of {path}"}
        for path, text in texts.items()
    ]
    found["listeners"] += [{"port": one, "address": "::", "pid": 4, "process": "squid"} for one in others]
    return found


PLANS: dict[str, tuple[engine.DesiredPort, dict[str, Any]]] = {
    "firewalld, to be restarted by a person": (WISH, seen("firewalld", "enforcing", motd="welcome")),
    "iptables, to be restarted by a person": (WISH, seen("iptables", "permissive")),
    "iptables, nobody let the old port in": (WISH, seen("iptables", rules="-A INPUT -j REJECT\n")),
    "iptables, restarted at once": (NOW, seen("iptables")),
    "firewalld, restarted at once": (NOW, seen("firewalld", "enforcing")),
    "firewalld, the engine is seen on the new port": (
        WISH, seen("firewalld", "enforcing", port=7300, running=7300, pending=PENDING,
                   motd=f"welcome\n{engine.MOTD_MARK}old\n"),
    ),
    "iptables, the engine is seen on the new port": (WISH, seen("iptables", port=7300, running=7300, pending=PENDING)),
    "iptables, another program has taken the old port": (
        WISH, seen("iptables", port=7300, running=7300, pending=PENDING, others=(7226,)),
    ),
    "none, another port before the restart": (
        replace(WISH, port=7400), seen("none", port=7300, pending=PENDING, motd=""),
    ),
    "none, the same again before the restart": (WISH, seen("none", port=7300, pending=PENDING)),
    "none, somebody set the port by hand": (WISH, seen("none", port=7300)),
    "none, nothing to do": (WISH, seen("none", port=7300, running=7300)),
}  # fmt: skip


def _told(command: dict[str, Any]) -> list[str]:
    lines = [command["name"]]
    for key in ("check", "do", "undo"):
        argv = command[key]
        lines.append(f"  {key}: {'sh> ' + argv[2] if argv[:2] == ['/bin/sh', '-c'] else shlex.join(argv)}")
    return lines


def _lines(wish: engine.DesiredPort, found: dict[str, Any]) -> list[str]:
    plan = engine.plan(wish, found).to_json()
    lines = [f"label: {plan['label']}, by {plan['by']}"]
    for file in plan["files"]:
        text = base64.b64decode(file["content"]).decode()
        lines.append(f"file: {file['path']} {file.get('mode', '')} {file.get('expect_sha256', '')}".rstrip())
        if file["path"] == engine.PENDING:
            record = json.loads(text)
            closing = [line for command in record.pop("close", []) for line in _told(command)]
            closing += [
                line for command in record.get("back", {}).pop("close", []) for line in _told(command)
            ]
            text = json.dumps(record, indent=1, sort_keys=True) + "\n" + "\n".join(closing)
        lines += [f"  | {line}" for line in text.splitlines()]
    for command in plan["commands"]:
        lines += _told(command)
    lines += [f"{key}: {json.dumps(one)}" for key in ("remove", "services", "probes") for one in plan[key]]
    return lines


def test_each_plan_is_what_the_golden_file_says(request: pytest.FixtureRequest) -> None:
    wishes = engine.wishes(replace(WISH, clients=("/srv/client.conf",)))
    asked = [f"read: {path}" for path in wishes["read"]]
    said = "\n".join([*asked, ""]) + "\n".join(
        line for name, given in PLANS.items() for line in (f"# {name}", *_lines(*given), "")
    )
    if request.config.getoption("--regolden"):
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / "engine.txt").write_text(said, "utf-8")
    assert said == (GOLDEN / "engine.txt").read_text("utf-8")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a check ask programs that say what a test wants said."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def ask(command: Command, **said: str) -> bool:
        for name, text in said.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        return subprocess.run(command.check, check=False, capture_output=True).returncode == 0

    return ask


OF_POLICY = "80, 81, 443, 488, 8008, 8009, 8443, 9000"
LOCAL = """[ "$3" = -C ] || echo 'http_port_t                    tcp      {policy}'
echo 'http_port_t                    tcp      {local}'
echo 'pegasus_http_port_t            tcp      7226'"""


@pytest.mark.parametrize(
    ("port", "local", "has", "stays"),
    [
        (7226, "7226, 7400", True, False),
        (7226, "7400, 7226", True, False),
        (7226, "7400", False, True),
        (9000, "7400", True, True),
        (7226, "7226-7300", True, True),
        (722, "7226", False, True),
    ],
)
def test_a_label_is_given_where_there_is_none_and_taken_back_where_it_is_not_the_policys(
    asked: Any, port: int, local: str, *, has: bool, stays: bool
) -> None:
    """`semanage port -d` fails for a port of the policy's own: a change that left 9000 was rolled back for it."""
    wall = Firewall(label="http_port_t")
    (given,), (taken,) = wall.opens(port, 80), wall.closes(port, 80, 80)
    semanage = LOCAL.format(policy=OF_POLICY, local=local)
    assert (asked(given, semanage=semanage), asked(taken, semanage=semanage)) == (has, stays)


RECORDS = """case "$*" in
"port -l -C") {own};;
"port -a "*) {add};;
"port -m "*) {modify};;
*) exit 9;;
esac"""
DEFINED = "echo 'ValueError: Port tcp/8080 already defined' >&2; exit 1"


@pytest.mark.parametrize(
    ("own", "add", "modify", "taken"),
    [
        (":", ":", "exit 9", True),
        (":", DEFINED, ":", True),
        (":", DEFINED, "exit 1", False),
        ("echo 'pegasus_http_port_t   tcp   8080'", ":", ":", False),
        ("echo 'pegasus_http_port_t   udp   8080'", ":", "exit 9", True),
        ("echo 'pegasus_http_port_t   tcp   18080, 80'", ":", "exit 9", True),
    ],
    ids=["free", "the policy's", "refused", "the host's own", "another protocol", "another port"],
)
def test_a_port_that_the_policy_gives_another_type_is_labelled_and_one_of_the_hosts_own_left(
    asked: Any, own: str, add: str, modify: str, *, taken: bool
) -> None:
    """`semanage port -a` alone failed for 8080, and newer ones changed what an administrator had recorded."""
    (given,) = Firewall(label="http_port_t").opens(8080, 80)
    doing = replace(given, check=given.do)
    assert asked(doing, semanage=RECORDS.format(own=own, add=add, modify=modify)) == taken


@pytest.mark.parametrize(
    ("rule", "there"),
    [
        ("-p tcp -m tcp --dport 7226 -j ACCEPT", True),
        ("-p tcp -m tcp --dport 7226 -j ACCEPT2", False),
        ("-j x", False),
    ],
)
def test_a_rule_is_there_where_the_kernel_says_the_whole_line(asked: Any, rule: str, *, there: bool) -> None:
    live = Ruleset.read("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\nCOMMIT\n")
    wall = Firewall(families=(Family(tool="iptables", live=live, kept=live),))
    (opening,) = wall.opens(7226, 80)
    (closing,) = wall.leads_back(7226, 80)
    says = f"echo '-A INPUT {rule}'"
    assert (asked(opening, iptables=says), asked(closing, iptables=says)) == (there, not there)
