"""The shipped playbooks against hosts that boot: layouts like CentOS 6, 7 and 8 on Debian's programs, over ssh.

Long: `make hosts-test`. Every host is reached through a network namespace of its own and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hardening import resources
from hardening.host import onhost_request
from tests.support.hosts.fleet import CONTROL, Box, Fleet
from tests.support.waiting import until

ETC = (
    "cd / && find etc/httpd etc/lighttpd etc/motd etc/sysconfig home/MIX_CMIX -type f 2>/dev/null | sort | xargs sha256sum; "
    "find etc/httpd etc/lighttpd home -printf '%p %m %u %g\\n' | sort"
)
PENDING = "/var/lib/aspect-hardening/pending"
PIDS = "ps -o pid=,lstart=,comm= -C apache2,engine-stand-in,firewalld,lighttpd,mariadbd | sort"


def play(
    fleet: Fleet, name: str, *flags: str, **variables: Any
) -> tuple[int, dict[str, dict[str, int]], str]:
    """Run a shipped playbook from the control namespace; return its code, the stats per host, and its output."""
    values = {
        "tls_servers": [
            {"target": "httpd", "endpoints": ["{{ ansible_host }}:443"]},
            {"target": "lighttpd", "endpoints": ["{{ ansible_host }}:8443"]},
        ],
        "harden_control_engine": True,
        "control_engine_port": 7300,
        "control_engine_config": "/home/MIX_CMIX/config/engine.properties",
        "control_engine_process": "engine-stand-in",
        "tls_deadman": 30,
        "control_engine_deadman": 30,
        **variables,
    }
    receipt, extra = fleet.folder / "receipt", fleet.folder / "variables.json"
    receipt.unlink(missing_ok=True)
    extra.write_text(json.dumps(values))
    done = subprocess.run(
        ["ip", "netns", "exec", CONTROL, str(Path(sys.executable).with_name("ansible-playbook")),
         str(resources.playbooks() / name), "-i", str(fleet.inventory()), "-e", f"@{extra}", *flags],
        env={**os.environ, "HARDEN_RECEIPT": str(receipt), "ANSIBLE_CALLBACKS_ENABLED": "aspect.hardening.receipt",
             "ANSIBLE_CONFIG": str(resources.playbooks() / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
             "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/{CONTROL}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    rows = [json.loads(line) for line in receipt.read_text().splitlines()] if receipt.exists() else []
    return done.returncode, {r["host"]: r["stats"] for r in rows if "stats" in r}, done.stdout + done.stderr


QUIET = ("var/log/", "var/lib/mysql/", "var/lib/systemd/", "run/", "tmp/", "var/tmp/")
"""Where a host writes by itself all the time."""
TIMED = ("/etc/motd", f"{PENDING}/control-engine.json")
"""What holds the time of the change, which nobody can foretell."""


def written(fleet: Fleet) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Return everything hosts have on their own disks: (host, path) -> mode, size, time of the last change."""
    found = {}
    for box in fleet.boxes:
        upper = box.folder / "upper"
        for path in upper.rglob("*"):
            name = str(path.relative_to(upper))
            if path.is_file() and not path.is_symlink() and not name.startswith(QUIET):
                status = path.stat()
                found[box.name, f"/{name}"] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def told(fleet: Fleet) -> dict[tuple[str, str], str | None]:
    """Return what the tasks of the last run said of files: (host, path) -> digest afterwards."""
    found: dict[tuple[str, str], str | None] = {}
    for line in (fleet.folder / "receipt").read_text().splitlines():
        row = json.loads(line)
        for result in [row.get("result", {}), *row.get("result", {}).get("results", [])]:
            for one in result.get("files", []):
                if one["op"] == "write":
                    found[row["host"], one["path"]] = one.get("after")
    return found


def everywhere(fleet: Fleet, command: str) -> dict[str, str]:
    return {box.name: fleet.ssh(box, command).stdout for box in fleet.boxes}


def ask(fleet: Fleet, box: Box, verb: str, **more: Any) -> dict[str, Any]:
    """Ask the agent on a host directly, as a control machine would."""
    done = subprocess.run(
        ["ip", "netns", "exec", CONTROL, "ssh", *fleet.options, f"root@{box.address}", f"{box.python} -"],
        input=onhost_request.program({"verb": verb, **more}), capture_output=True, check=False, timeout=90,
    )  # fmt: skip
    return onhost_request.answer(done.stdout.decode(), complaint=done.stderr.decode(), where=box.name)


def test_one_run_hardens_every_host_and_two_rollbacks_give_it_back(fleet: Fleet) -> None:
    before, rules = everywhere(fleet, ETC), everywhere(fleet, "iptables -S INPUT")
    assert {fleet.scan(box, 443, 8443) for box in fleet.boxes} == {10}

    disks = written(fleet)
    code, stats, output = play(fleet, "harden.yml", "--check")
    assert code == 0, output
    assert everywhere(fleet, ETC) == before
    assert written(fleet) == disks  # not a byte
    foretold = told(fleet)

    code, stats, output = play(fleet, "harden.yml")
    assert code == 0, output
    after = written(fleet)
    changed = {key for key in after if after[key] != disks.get(key)}
    own = (
        "/var/lib/aspect-hardening/",
        "/etc/systemd/system/aspect-",
        "/etc/init.d/aspect-",
        "/etc/rc",
        "/etc/systemd/system/",
        "/etc/firewalld/",  # written by firewalld itself, as is
    )
    assert {key for key in changed if not key[1].startswith((*own, "/etc/init.d/.depend"))} == {
        key for key in foretold if not key[1].startswith(own[0])
    }
    assert set(told(fleet)) == set(foretold)
    for (host, path), digest in foretold.items():
        box = next(one for one in fleet.boxes if one.name == host)
        if path not in TIMED:
            assert hashlib.sha256((box.root / path.lstrip("/")).read_bytes()).hexdigest() == digest, (
                host,
                path,
            )
    assert {row["changed"] for row in stats.values()} == {2}
    assert {fleet.scan(box, 443, 8443) for box in fleet.boxes} == {0}
    assert output.count("RESTART REQUIRED: configured=7300 running=7226 restart pending since") == len(
        fleet.boxes
    )
    assert all("[hardening] control engine" in text for text in everywhere(fleet, "cat /etc/motd").values())
    assert doors(fleet, 7226, 7300) == everywhere_open(fleet, {7226: 2, 7300: 2})  # the new beside the old

    disks, state, pids = written(fleet), everywhere(fleet, ETC), everywhere(fleet, PIDS)
    code, stats, output = play(fleet, "harden.yml")
    assert {row["changed"] for row in stats.values()} == {0}, output
    assert (everywhere(fleet, ETC), everywhere(fleet, PIDS)) == (state, pids)
    assert written(fleet) == disks

    for _ in range(3):  # httpd, lighttpd, the engine
        code, stats, output = play(fleet, "rollback.yml")
        assert {row["changed"] for row in stats.values()} == {1}, output
    assert (everywhere(fleet, ETC), everywhere(fleet, "iptables -S INPUT")) == (before, rules)
    assert doors(fleet, 7226, 7300) == everywhere_open(fleet, {7226: 2, 7300: 0})
    assert {fleet.scan(box, 443, 8443) for box in fleet.boxes} == {10}


def test_the_restart_is_seen_and_proved(fleet: Fleet) -> None:
    code, _, output = play(fleet, "harden.yml")
    assert code == 0, output
    restart_engines(fleet, 7300)
    code, _, output = play(fleet, "harden.yml")
    assert (code, "RESTART REQUIRED" in output) == (0, False), output
    assert all("[hardening]" not in text for text in everywhere(fleet, "cat /etc/motd").values())
    code, stats, _ = play(fleet, "harden.yml")
    assert {row["changed"] for row in stats.values()} == {0}
    assert play(fleet, "verify.yml")[0] == 0
    assert doors(fleet, 7226, 7300) == everywhere_open(fleet, {7226: 0, 7300: 2})
    for box in fleet.boxes[1:]:
        fleet.ssh(box, "firewall-cmd --reload")  # nothing was open for now alone
    assert doors(fleet, 7226, 7300) == everywhere_open(fleet, {7226: 0, 7300: 2})
    for box in fleet.boxes:
        reached = [fleet.here("timeout", "3", "bash", "-c", f"</dev/tcp/{box.address}/{port}", check=False).returncode
                   for port in (7300, 7226)]  # fmt: skip
        assert (reached[0], reached[1] != 0) == (0, True)


DOORS = {
    "systemd": "firewall-cmd --list-ports; firewall-cmd --permanent --list-ports",
    "sysv": "iptables -S INPUT; cat /etc/sysconfig/iptables",
}


def doors(fleet: Fleet, *ports: int) -> dict[str, dict[int, int]]:
    """Return in how many places each port is open per host: now, and after the next boot."""
    found = {}
    for box in fleet.boxes:
        text = fleet.ssh(box, DOORS[box.kind.init]).stdout
        found[box.name] = {
            port: len(re.findall(rf"\b{port}/tcp\b|--dport {port} -j ACCEPT", text)) for port in ports
        }
    return found


def everywhere_open(fleet: Fleet, counts: dict[int, int]) -> dict[str, dict[int, int]]:
    return {box.name: counts for box in fleet.boxes}


def restart_engines(fleet: Fleet, port: int) -> None:
    """Restart every engine as a person would, and wait until it listens."""
    listens = f"grep -q ':{port:04X} .* 0A ' /proc/net/tcp6"
    everywhere(fleet, f"service control-engine restart; n=0; until {listens} || [ $n = 200 ]; do n=$((n+1)); sleep 0.1; done")  # fmt: skip


def closed(fleet: Fleet, old: int) -> bool:
    """Whether every host has closed a port by itself, banner and record too."""
    left = everywhere(fleet, f"cat /etc/motd; ls {PENDING}")
    return set(left.values()) == {""} and doors(fleet, old) == everywhere_open(fleet, {old: 0})


def wait_until_closed(fleet: Fleet, old: int, seconds: float) -> float:
    began = time.monotonic()
    while not closed(fleet, old):
        assert time.monotonic() < began + seconds, (
            doors(fleet, old), everywhere(fleet, f"cat /etc/motd {PENDING}/*"))  # fmt: skip
        time.sleep(1)
    return time.monotonic() - began


def test_hosts_close_the_old_port_by_themselves(
    fleet: Fleet, record_property: Callable[[str, object], None]
) -> None:
    """Nobody runs anything on the control machine once the engines are restarted, by hand or by a power cut."""
    code, _, output = play(fleet, "harden.yml", control_engine_port=7400)
    assert (code, output.count("RESTART REQUIRED")) == (0, len(fleet.boxes)), output
    time.sleep(30)  # the hosts have looked by now, and seen no restart
    assert doors(fleet, 7300, 7400) == everywhere_open(fleet, {7300: 2, 7400: 2})
    restart_engines(fleet, 7400)
    record_property("seconds after the restarts", wait_until_closed(fleet, 7300, 120))
    for box in fleet.boxes:
        last = ask(fleet, box, "status")["transactions"][-1]
        assert (last["state"], last["by"]) == ("committed", "this host, once the restart was seen")
    code, stats, output = play(fleet, "harden.yml", control_engine_port=7400)
    assert (code, {row["changed"] for row in stats.values()}) == (0, {0}), output

    code, _, output = play(fleet, "harden.yml", control_engine_port=7300)
    assert (code, output.count("RESTART REQUIRED")) == (0, len(fleet.boxes)), output
    for box in fleet.boxes:
        box.kill()
        box.boot()
    for box in fleet.boxes:
        fleet.wait(box)
    record_property("seconds after the boots", wait_until_closed(fleet, 7400, 150))
    assert doors(fleet, 7300) == everywhere_open(fleet, {7300: 2})
    assert play(fleet, "verify.yml")[0] == 0


def test_a_change_that_cuts_ssh_is_undone_by_the_host_alone(fleet: Fleet) -> None:
    """The firewall closes ssh in the middle of the transaction; nobody can reach the host to help it."""
    box = fleet.boxes[0]
    before = fleet.ssh(box, ETC).stdout
    rule = ["INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP"]
    plan = {
        "files": [{"path": "/etc/httpd/conf.d/cut.conf", "content": "IyBjdXQK"}],
        "commands": [{"name": "cut", "do": ["iptables", "-I", *rule], "undo": ["iptables", "-D", *rule]}],
        "deadman": 6,
    }
    started = time.monotonic()
    program = onhost_request.program({"verb": "apply", "plan": plan})
    cut = subprocess.Popen(
        ["ip", "netns", "exec", CONTROL, "ssh", *fleet.options, f"root@{box.address}", f"{box.python} -"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert cut.stdin is not None
    cut.stdin.write(program)
    cut.stdin.close()
    time.sleep(3)
    assert fleet.ssh(box, "true", check=False).returncode == 255
    fleet.wait(box, 30)
    assert 5 < time.monotonic() - started < 30
    cut.kill()
    cut.wait()
    assert fleet.ssh(box, ETC).stdout == before
    assert ask(fleet, box, "status")["transactions"][-1]["state"] == "rolled-back"


def test_a_host_killed_in_the_middle_boots_as_it_was(fleet: Fleet) -> None:
    for box in fleet.boxes:
        before = fleet.ssh(box, ETC).stdout
        plan = {
            "files": [
                {"path": "/etc/httpd/conf.d/half.conf", "content": "IyBoYWxmCg=="},
                {"path": "/home/MIX_CMIX/config/engine.properties", "content": "ZW5naW5lLnBvcnQ9OTk5OQo="},
            ],
            "commands": [{"name": "slow", "do": ["sleep", "60"], "undo": ["true"]}],
            "install": True,
        }
        half = subprocess.Popen(
            ["ip", "netns", "exec", CONTROL, "ssh", *fleet.options, f"root@{box.address}", f"{box.python} -"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert half.stdin is not None
        half.stdin.write(onhost_request.program({"verb": "apply", "plan": plan}))
        half.stdin.close()
        until(lambda box=box: "half.conf" in fleet.ssh(box, ETC).stdout, 15)
        assert fleet.ssh(box, ETC).stdout != before
        box.kill()
        half.kill()
        half.wait()
        box.boot()
        fleet.wait(box)
        assert fleet.ssh(box, ETC).stdout == before
        assert ask(fleet, box, "status")["transactions"][-1]["state"] == "rolled-back"
        until(lambda box=box: fleet.scan(box, 443, 8443) != 3, 20)
        assert fleet.scan(box, 443, 8443) == 0


def test_uninstalled_leaves_nothing_but_the_configuration(fleet: Fleet) -> None:
    before = everywhere(fleet, ETC)
    code, stats, output = play(fleet, "uninstall.yml")
    assert (code, {row["changed"] for row in stats.values()}) == (0, {1}), output
    left = (
        "ls -d /var/lib/aspect-hardening /etc/systemd/system/aspect-* /etc/init.d/aspect-* 2>/dev/null; true"
    )
    assert set(everywhere(fleet, left).values()) == {""}
    assert everywhere(fleet, ETC) == before
