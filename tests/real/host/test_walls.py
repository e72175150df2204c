"""Firewalls of many shapes, real ones in networks of their own: who reaches the new port is measured by connecting.

For each row of walls.toml the set of senders that reach the engine on its new port has to be the set that reached it on
the old one (in force, after the firewall is loaded again, and after a rollback), or the change has to be refused before
its first step.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hardening import packing
from hardening.errors import RefusedError
from hardening.host import onhost_request
from hardening.host.plans import engine as engine_plan
from hardening.host.plans.engine_firewall import SAVED, Firewall
from tests.support.places import DATA
from tests.support.waiting import until

OLD, NEW = 7226, 7300
ROWS = tomllib.loads((DATA / "host/walls.toml").read_text("utf-8"))["wall"]
SENDERS = ("10.9.1.1", "10.9.2.2", "10.9.3.3", "10.8.1.1", "fd09::11", "fd09::22")
OWN = ("127.0.0.1", "::1", "10.9.0.1")
HOME = {"10.9": "10.9.0.1", "10.8": "10.8.0.1", "fd09": "fd09::1"}
NEEDS = ("iptables", "iptables-legacy", "nft", "ipset", "ip", "unshare", "nsenter")
ZONES = ("firewall-cmd", "dbus-daemon")
HOST = """set -e
mount --make-rprivate /
mount -t overlay -o lowerdir=/etc,upperdir={root}/upper,workdir={root}/work overlay /etc
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /etc/sysconfig
rm -f /etc/sysconfig/iptables /etc/sysconfig/ip6tables
ip link set lo up
echo up
exec sleep 3600
"""
NETWORK = """set -e
ip link add eth0 type veth peer name eth0 netns {clients}
ip link add eth1 type veth peer name eth1 netns {clients}
ip address add 10.9.0.1/16 dev eth0; ip address add 10.8.0.1/16 dev eth1; ip address add fd09::1/64 dev eth0 nodad
ip link set eth0 up; ip link set eth1 up
"""
CLIENTS = """set -e
for one in 10.9.1.1/16 10.9.2.2/16 10.9.3.3/16; do ip address add $one dev eth0; done
for one in fd09::11/64 fd09::22/64; do ip address add $one dev eth0 nodad; done
ip address add 10.8.1.1/16 dev eth1
ip link set lo up; ip link set eth0 up; ip link set eth1 up
"""
ENGINE = """
import re, socket, sys, time
listener = socket.socket(socket.AF_INET6)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
listener.bind(("::", int(re.search(r"engine.port=(\\d+)", open(sys.argv[1]).read()).group(1))))
listener.listen(64)
print("up", flush=True)
time.sleep(3600)
"""
CONNECT = """
import json, select, socket, sys, time
begun, waiting, reached = time.monotonic(), {}, []
for sender, home, port in json.loads(sys.argv[1]):
    one = socket.socket(socket.AF_INET6 if ":" in home else socket.AF_INET)
    one.setblocking(False)
    one.bind((sender, 0))
    one.connect_ex((home, port))
    waiting[one] = sender
while waiting and time.monotonic() < begun + 1.4:
    _, ready, bad = select.select([], list(waiting), list(waiting), 0.1)
    for one in {*ready, *bad}:
        if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            reached.append(waiting[one])
        del waiting[one]
print(json.dumps(sorted(reached)))
"""


@dataclass
class Site:
    """A host with an engine, and the network of those who connect to it; nobody else sees either."""

    root: Path
    host: tuple[str, ...]
    clients: tuple[str, ...]
    held: ExitStack
    engine: subprocess.Popen[str] | None = None

    @property
    def config(self) -> Path:
        return self.root / "engine.properties"

    def run(self, *argv: str, text: str | None = None) -> str:
        done = subprocess.run([*self.host, *argv], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Start the engine on its configured port; another one ends first."""
        if self.engine is not None:
            self.engine.kill()
            self.engine.communicate()
        self.engine = self.held.enter_context(
            _process([*self.host, "python3", "-c", ENGINE, str(self.config)])
        )
        assert self.engine.stdout is not None
        assert self.engine.stdout.readline() == "up\n"

    def reach(self, port: int) -> set[str]:
        """Return the senders that reach the engine on a port, each measured by connecting."""
        asked = [(one, HOME[one[:4]], port) for one in SENDERS]
        far = subprocess.run(
            [*self.clients, "python3", "-c", CONNECT, json.dumps(asked)],
            capture_output=True,
            text=True,
            check=True,
        )
        own = [(home, home, port) for home in OWN]
        near = self.run("python3", "-c", CONNECT, json.dumps(own))
        return {*json.loads(far.stdout), *json.loads(near)}

    def ask(self, verb: str, **more: Any) -> dict[str, Any]:
        request = {"verb": verb, "state": str(self.root / "state"), **more}
        done = subprocess.run(
            [*self.host, sys.executable, "-"],
            input=onhost_request.program(request),
            capture_output=True,
            check=True,
        )
        return onhost_request.answer(done.stdout.decode(), complaint=done.stderr.decode())

    def plan(self, *sources: str) -> dict[str, Any]:
        wish = engine_plan.DesiredPort(
            port=NEW, config=str(self.config), process="python3", motd=str(self.root / "motd"), by="alice",
            sources=sources,
        )  # fmt: skip
        return engine_plan.plan(wish, self.ask("facts", **engine_plan.wishes(wish))).to_json()

    def watch(self) -> dict[str, Any]:
        """Ask as the timer does, with the agent that stays on the host."""
        (self.root / "state" / "agent.pyz").write_bytes(packing.zipped(onhost_request.AGENT))
        return self.ask("watch")

    def rules(self) -> tuple[str, ...]:
        """Return everything that filters, without the counters."""
        legacy = [self.run("sh", "-c", f"{tool}-legacy-save | grep -v '^[#:]' || true") for tool in SAVED]
        kept = self.run(
            "sh", "-c", "cat /etc/sysconfig/*tables /etc/firewalld/zones/*.xml 2>/dev/null || true"
        )
        return (self.run("nft", "-s", "list", "ruleset"), *legacy, kept)


@contextmanager
def _process(argv: list[str], **more: Any) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **more) as one:
        try:
            yield one
        finally:  # or a failure waits until it has slept
            one.kill()


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    needs = (*NEEDS, *(ZONES if request.getfixturevalue("row").get("firewalld") else ()))
    lacking = [
        one for one in needs if shutil.which(one, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None
    ]
    lacking += ["root"] if os.getuid() != 0 else []
    if lacking:
        message = f"needs {', '.join(lacking)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    for name in ("upper", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "state").mkdir(0o700)
    (tmp_path / "motd").write_text("welcome\n")
    (tmp_path / "engine.properties").write_text(f"engine.port={OLD}\n")
    with ExitStack() as held:
        lay = ["unshare", "--net", "--mount", "sh", "-c", HOST.format(root=tmp_path)]
        host = held.enter_context(_process(lay))
        clients = held.enter_context(_process(["unshare", "--net", "sh", "-c", "echo up; exec sleep 3600"]))
        for one in (host, clients):
            assert one.stdout is not None
            assert one.stdout.readline() == "up\n"
        enter = ("nsenter", "-t", str(host.pid), "-n", "-m")
        made = Site(tmp_path, enter, ("nsenter", "-t", str(clients.pid), "-n"), held)
        made.run("sh", "-c", NETWORK.format(clients=clients.pid))
        subprocess.run([*made.clients, "sh", "-c", CLIENTS], check=True)
        made.start()
        deadline = time.monotonic() + 30
        while len(made.reach(OLD)) < len(SENDERS) + len(OWN):  # the first packets look for their neighbours
            assert time.monotonic() < deadline, "the network does not come up"
        yield made


def _save(row: dict[str, Any], rules: str) -> str:
    """Return rules of the filter as a file of saved rules; `-N` names a chain."""
    lines = rules.strip().splitlines()
    chains = [f":{one.removeprefix('-N ')} - [0:0]\n" for one in lines if one.startswith("-N ")]
    rest = [f"{one}\n" for one in lines if not one.startswith("-N ")]
    policies = (
        ("INPUT", row.get("policy", "ACCEPT")),
        ("FORWARD", "ACCEPT"),
        ("OUTPUT", row.get("output", "ACCEPT")),
    )
    head = [f":{name} {word} [0:0]\n" for name, word in policies]
    return "".join(["# kept by hand\n*filter\n", *head, *chains, *rest, "COMMIT\n"])


def _raise(site: Site, row: dict[str, Any]) -> None:
    """Build the row's firewall."""
    if row.get("before"):
        site.run("sh", "-ec", row["before"])
    for tool, key in (("iptables", "v4"), ("ip6tables", "v6")):
        if key not in row:
            continue
        site.run(f"{tool}-restore", text=_save(row, row[key]))
        if not row.get("unsaved"):
            site.run("sh", "-c", f"cat >{SAVED[tool]}", text=_save(row, row.get("saved", row[key])))
    if row.get("firewalld"):
        quiet: dict[str, Any] = {"stderr": subprocess.DEVNULL}
        site.held.enter_context(
            _process([*site.host, "dbus-daemon", "--system", "--nofork", "--nopidfile"], **quiet)
        )
        until(lambda: _succeeds(site, "test", "-S", "/run/dbus/system_bus_socket"), 60)
        site.held.enter_context(_process([*site.host, "firewalld", "--nofork", "--nopid"], **quiet))
        until(lambda: _succeeds(site, "firewall-cmd", "--state"), 60)
    if row.get("script"):
        site.run("sh", "-ec", row["script"])


def _succeeds(site: Site, *argv: str) -> bool:
    return subprocess.run([*site.host, *argv], capture_output=True, check=False).returncode == 0


def _load_again(site: Site, row: dict[str, Any]) -> None:
    """Load what is kept for the next boot, as that would."""
    if row.get("firewalld"):
        site.run("firewall-cmd", "--reload")
    for tool, key in (("iptables", "v4"), ("ip6tables", "v6")):
        if key in row:
            site.run("sh", "-c", f"{tool}-restore <{SAVED[tool]}")


QUICK = [row for row in ROWS if row.get("quick")]
"""The others are in tests/matrix."""


@pytest.mark.parametrize("row", QUICK, ids=[row["id"] for row in QUICK])
def test_who_reaches_the_new_port_is_who_reached_the_old_one(site: Site, row: dict[str, Any]) -> None:
    _raise(site, row)
    wanted, before = site.reach(OLD), site.rules()
    if row["comes"] == "refused":
        with pytest.raises(RefusedError) as refused:
            site.plan()
        assert row["says"] in str(refused.value)
        assert "control_engine_firewall: false" in refused.value.hint
        assert (site.rules(), site.config.read_text()) == (before, f"engine.port={OLD}\n")
        return
    plan = site.plan()
    foretold = site.ask("check", plan=plan)
    done = site.ask("apply", plan=plan)
    assert (done["state"], done.get("msg")) == ("committed", None)
    shown = [
        line
        for one in foretold["diff"]
        if one["path"].startswith("commands")
        for line in one["text"].splitlines()
    ]
    assert len(shown) == len(done["commands"])
    again = site.ask("apply", plan=site.plan())
    assert (again["state"], again["files"], again["commands"]) == ("unchanged", [], [])
    assert site.reach(OLD) == wanted, "the old port is not as it was before the restart"

    site.start()
    assert site.reach(NEW) == wanted
    done = site.watch()
    assert (done["state"], done.get("msg")) == ("committed", None)
    assert site.reach(NEW) == wanted, "the new port is not as it was once the old one is closed"

    kept = Firewall.of(*_facts(site), "")
    back = site.ask("rollback")
    assert (back["state"], [one["configured"] for one in back["pending"]]) == ("committed", [OLD]), back
    assert site.reach(NEW) == wanted, "the rollback cut the engine off"
    assert site.watch()["state"] == "pending"
    assert f"configured={OLD} running={NEW} restart pending" in (site.root / "motd").read_text()
    site.start()
    assert site.reach(OLD) == wanted
    assert site.watch()["state"] == "committed"
    assert site.reach(OLD) == wanted
    assert site.rules() == before
    assert (site.root / "motd").read_text() == "welcome\n"
    assert site.ask("rollback")["state"] == "nothing"
    if row["id"] != "firewalld, until it is reloaded":
        _load_again(site, row)
        assert site.reach(OLD) == wanted
    assert kept.lets_in(NEW) is bool({"10.9.1.1", "10.9.2.2", "10.9.3.3", "10.8.1.1"} & wanted)


PLAIN = """-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p icmp{v6} -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -m state --state NEW -m tcp -p tcp --dport 7226 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp{no}
"""
WIDE: tuple[dict[str, Any], ...] = (
    {
        "id": "iptables",
        "v4": PLAIN.format(v6="", no="-host-prohibited"),
        "v6": PLAIN.format(v6="v6", no="6-adm-prohibited"),
    },
    {
        "id": "firewalld",
        "firewalld": True,
        "script": "firewall-cmd --permanent --add-port=7226/tcp\nfirewall-cmd --reload",
    },
)


@pytest.mark.parametrize("row", WIDE, ids=[row["id"] for row in WIDE])
def test_a_port_for_named_networks_is_reached_from_there_alone(site: Site, row: dict[str, Any]) -> None:
    _raise(site, row)
    wanted, before, mine = site.reach(OLD), site.rules(), ("10.9.1.1/32", "fd09::11/128")
    few = {"10.9.1.1", "fd09::11"} & wanted
    assert few < wanted - set(OWN)
    done = site.ask("apply", plan=site.plan(*mine))
    assert (done["state"], done.get("msg")) == ("committed", None)
    again = site.ask("apply", plan=site.plan(*mine))
    assert (again["state"], again["files"], again["commands"]) == ("unchanged", [], [])
    assert site.reach(OLD) == wanted
    site.start()
    assert site.reach(NEW) - set(OWN) == few
    done = site.watch()
    assert (done["state"], done.get("msg")) == ("committed", None)
    assert site.reach(NEW) - set(OWN) == few
    _load_again(site, row)
    assert site.reach(NEW) - set(OWN) == few
    kept = Firewall.of(*_facts(site), "")
    assert (kept.lets_in(NEW), kept.lets_in(NEW, everybody=True)) == (True, False)
    assert not kept.lets_in(OLD)
    assert site.ask("rollback")["state"] == "committed"
    site.start()
    assert site.watch()["state"] == "committed"
    assert site.reach(OLD) == wanted
    assert site.rules() == before


def _facts(site: Site) -> tuple[dict[str, Any], dict[str, str]]:
    return site.ask("facts", filters=True), {}
