"""A new port in real rules of iptables, in a network of its own: let in as the old one is, and rolled back byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hardening import packing
from hardening.errors import RefusedError
from hardening.host import onhost_request
from hardening.host.plans import engine as engine_plan
from hardening.host.plans.engine_firewall import SAVED as FILES
from tests.support.host.engine_stand_in import Engine
from tests.support.host.little import interpreter

OLD, NEW = 7226, 7300
SAVED = FILES["iptables"]
HEAD = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
END = "-A INPUT -j REJECT --reject-with icmp-host-prohibited\n"
PLAIN = "-A INPUT -p tcp -m tcp --dport 7226 -j ACCEPT\n"
RULES = {
    "none": "",
    "plain": PLAIN,
    "as CentOS 6 writes it": "-A INPUT -m state --state NEW -m tcp -p tcp --dport 7226 -j ACCEPT\n",
    "from two networks": "-A INPUT -s 10.1.0.0/16 -p tcp -m tcp --dport 7226 -j ACCEPT\n"
    "-A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 7226 -j ACCEPT\n",
    "with a remark": '-A INPUT -p tcp -m tcp --dport 7226 -m comment --comment "the engine\'s port" -j ACCEPT\n',
}


class Inside(Engine):
    """The stand-in, started in the site's network."""

    enter: tuple[str, ...] = ()

    def start(self) -> None:
        self.running = subprocess.Popen([*self.enter, self.program, self.config], start_new_session=True)
        (self.root / "pid").write_text(str(self.running.pid))
        port = int(self.config.read_text().rpartition("=")[2])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            table = subprocess.run([*self.enter, "cat", "/proc/net/tcp"], capture_output=True, text=True, check=True)  # fmt: skip
            if f":{port:04X} " in table.stdout:
                return
            time.sleep(0.02)
        raise AssertionError(f"the stand-in does not listen on {port}")


@dataclass
class Site:
    """A network and an /etc that nobody else sees, with an engine on the old port."""

    root: Path
    enter: tuple[str, ...]
    engine: Engine
    python: str

    def run(self, *argv: str, text: str | None = None) -> str:
        done = subprocess.run([*self.enter, *argv], input=text, capture_output=True, text=True, check=True)
        return done.stdout

    def filter(self, live: str, saved: str) -> None:
        """Put rules in force, and others into the file of those for the next boot."""
        self.run("iptables-restore", text=f"{HEAD}{SSH}{live}{END}COMMIT\n")
        self.run("sh", "-c", f"mkdir -p /etc/sysconfig; umask 077; cat >{SAVED}",
                 text=f"# kept by hand\n{HEAD}{SSH}{saved}{END}COMMIT\n")  # fmt: skip

    @property
    def rules(self) -> tuple[str, str]:
        return self.run("iptables", "-S", "INPUT"), self.run("cat", SAVED)

    def ask(self, verb: str, **more: Any) -> dict[str, Any]:
        request = {"verb": verb, "state": str(self.root / "state"), **more}
        done = subprocess.run([*self.enter, self.python, "-"], input=onhost_request.program(request), capture_output=True, check=True)  # fmt: skip
        return onhost_request.answer(done.stdout.decode(), complaint=done.stderr.decode())

    def set_port(self, port: int = NEW, **more: Any) -> dict[str, Any]:
        wish = engine_plan.DesiredPort(
            port=port, config=str(self.engine.config), process=self.engine.process,
            motd=str(self.root / "motd"), by="alice", **more,
        )  # fmt: skip
        plan = engine_plan.plan(wish, self.ask("facts", **engine_plan.wishes(wish)))
        foretold = self.ask("check", plan=plan.to_json())
        done = self.ask("apply", plan=plan.to_json())
        assert [(one["path"], one.get("after")) for one in foretold["files"]] == [
            (one["path"], one.get("after")) for one in done["files"]
        ]
        return done


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    lacking = [one for one in ("iptables", "ip", "unshare", "nsenter") if shutil.which(one) is None]
    if os.getuid() != 0:
        lacking.append("root")
    if lacking:
        message = f"needs {', '.join(lacking)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    python = interpreter("2.7")
    for name in ("upper", "work"):
        (tmp_path / name).mkdir()
    lay = (
        f"mount -t overlay -o lowerdir=/etc,upperdir={tmp_path}/upper,workdir={tmp_path}/work overlay /etc && "
        "{ test ! -d /run/systemd/system || mount -t tmpfs none /run/systemd; } && ip link set lo up && echo up && exec sleep 600"
    )
    with subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c", lay], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"up\n"
            enter = ("nsenter", "-t", str(holder.pid), "-n", "-m")
            Inside.enter = enter
            (tmp_path / "state").mkdir(0o700)
            (tmp_path / "motd").write_text("welcome\n")
            engine = Inside(tmp_path / "engine", OLD)
            try:
                yield Site(tmp_path, enter, engine, python)
            finally:
                engine.stop()
        finally:  # or a failure above waits until it has slept
            holder.kill()


def lets_in(text: str, port: int) -> list[str]:
    """Return the rules for a port without its number, as a person compares them."""
    return [line.replace(str(port), "PORT") for line in text.splitlines() if f"--dport {port} " in line]


@pytest.mark.parametrize(
    ("live", "saved", "closes"),
    [
        *((one, one, "host") for one in RULES),
        *(("none", "plain", closes) for closes in ("host", "run", "now")),
        *(("as CentOS 6 writes it",) * 2 + (closes,) for closes in ("run", "now")),
        ("none", "from two networks", "run"),
        ("from two networks", "plain", "now"),
        ("none", "none", "now"),
    ],
)
def test_a_port_moves_and_comes_back(site: Site, live: str, saved: str, closes: str) -> None:
    site.filter(RULES[live], RULES[saved])
    before = site.rules
    was = [lets_in(text, OLD) for text in before]
    if closes == "now":
        done = site.set_port(restart="now", restart_argv=(site.engine.restart_script,))
        assert (done["state"], done.get("msg")) == ("committed", None)
    else:
        assert site.set_port()["state"] == "committed"
        for text, rules in zip(site.rules, was, strict=True):
            assert lets_in(text, OLD) == rules
            assert lets_in(text, NEW) == rules
        assert site.set_port()["changed"] is False
        site.engine.restart()
        if closes == "host":
            (site.root / "state" / "agent.pyz").write_bytes(packing.zipped(onhost_request.AGENT))
            done = site.ask("watch")
        else:
            done = site.set_port()
        assert (done["state"], done["changed"]) == ("committed", True)
    for text, rules in zip(site.rules, was, strict=True):
        assert lets_in(text, OLD) == []
        assert lets_in(text, NEW) == rules
    assert site.set_port()["changed"] is False
    (site.root / "state" / "agent.pyz").unlink(missing_ok=True)
    states = [site.ask("rollback")["state"] for _ in range(2 if closes == "run" else 1)]
    assert set(states) == {"committed"}
    if closes != "now":  # which restarts the engine; else both stay open until somebody has
        for text, rules in zip(site.rules, was, strict=True):
            assert (lets_in(text, OLD), lets_in(text, NEW)) == (rules, rules)
        site.engine.restart()
        (site.root / "state" / "agent.pyz").write_bytes(packing.zipped(onhost_request.AGENT))
        assert site.ask("watch")["state"] == "committed"
    assert site.rules == before


def test_rules_that_the_next_boot_would_lose_are_refused(site: Site) -> None:
    site.filter(RULES["plain"], "")
    before = site.rules
    with pytest.raises(RefusedError, match="the next boot would lose a copy"):
        site.set_port()
    assert site.rules == before


def test_a_closing_that_fails_leaves_both_ports_as_they_were(site: Site) -> None:
    """The last command fails: what was closed before it is open again, in the kernel and for the next boot."""
    site.filter("", RULES["plain"])
    site.set_port()
    both = site.rules
    record = site.root / "state" / "pending" / "control-engine.json"
    row = json.loads(record.read_text())
    row["close"].append({"name": "stuck", "do": ["/bin/false"]})
    record.write_text(json.dumps(row))
    site.engine.restart()
    (site.root / "state" / "agent.pyz").write_bytes(packing.zipped(onhost_request.AGENT))
    assert site.ask("watch")["state"] == "rolled-back"
    assert site.rules == both


def test_rules_that_were_saved_meanwhile_are_found_as_the_kernel_spells_them(site: Site) -> None:
    site.filter(RULES["as CentOS 6 writes it"], RULES["as CentOS 6 writes it"])
    site.set_port()
    site.run("sh", "-c", f"iptables-save -c >{SAVED}")
    site.engine.restart()
    (site.root / "state" / "agent.pyz").write_bytes(packing.zipped(onhost_request.AGENT))
    assert site.ask("watch")["state"] == "committed"
    assert [bool(lets_in(text, port)) for text in site.rules for port in (OLD, NEW)] == [False, True] * 2


def test_who_changes_their_mind_leaves_no_port_open(site: Site) -> None:
    site.filter(PLAIN, PLAIN)
    site.set_port(7300)
    site.set_port(7400)
    assert site.set_port(7400)["changed"] is False
    assert all(lets_in(text, port) for text in site.rules for port in (OLD, 7300, 7400))
    site.engine.restart()
    assert site.set_port(7400)["state"] == "committed"
    assert [bool(lets_in(text, port)) for text in site.rules for port in (OLD, 7300, 7400)] == [
        False,
        False,
        True,
    ] * 2
    site.set_port(7500)
    site.set_port(7400)  # the engine was never restarted
    assert [bool(lets_in(text, port)) for text in site.rules for port in (7400, 7500)] == [True, False] * 2


def test_a_port_that_another_program_has_taken_stays_open(site: Site) -> None:
    site.filter(PLAIN, PLAIN)
    site.set_port()
    site.engine.restart()
    line = f"import socket, time; s = socket.socket(); s.bind(('127.0.0.1', {OLD})); s.listen(1); print(1, flush=True); time.sleep(99)"
    with subprocess.Popen([*site.enter, "python3", "-c", line], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()
            assert site.set_port()["state"] == "committed"
        finally:
            other.kill()
    assert all(lets_in(text, port) for text in site.rules for port in (OLD, NEW))
