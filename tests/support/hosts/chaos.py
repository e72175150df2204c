"""Interruptions of a transaction on hosts that boot, each drawn with a seed, and what the host has to be afterwards."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hardening import resources
from hardening.host import onhost_request
from tests.support.host.little import failing
from tests.support.hosts.fleet import CONTROL, Box, Fleet

EVENTS = ("open", "staged", "placed", "command", "service", "applied", "committed")
"""The journal's lines, in order; an interruption waits for one of them, or for the transaction's folder."""
LOOK = (
    "cd / && find etc/chaos.d etc/httpd home/MIX_CMIX var/chaos ! -type d -printf '%p %m %u %g ' -exec sha256sum {} \\; "
    "2>/dev/null | sort; find etc/chaos.d etc/httpd home/MIX_CMIX var/chaos -type d -printf '%p %m\\n' | sort"
)
ONLY_STAGED = 'test "$(readlink /proc/self/ns/mnt)" != "$(readlink /proc/1/ns/mnt)"'
STEPS = 150
"""Calls that change a disk in one such transaction, about; a step beyond the last one interrupts nothing."""


@dataclass
class Trial:
    """One transaction on one host, and the random numbers that interrupt it."""

    fleet: Fleet
    box: Box
    number: int
    draw: random.Random
    said: list[str] = field(default_factory=list)

    # -- what is wanted ------------------------------------------------------------------------------

    def plan(self, **more: Any) -> dict[str, Any]:
        """Return a plan with every kind of entry, judged by the real httpd, reloaded and asked on its port."""
        turn = self.number
        texts = {f"/etc/chaos.d/{n}.conf": f"turn = {turn}.{n}\n" * 40 for n in range(6)}
        texts["/etc/httpd/conf.d/chaos.conf"] = f"# turn {turn}\n"
        texts[f"/etc/chaos.d/turn{turn}.d/x.conf"] = "x\n"
        flag = f"/var/chaos/{turn}"
        base: dict[str, Any] = {
            "label": f"chaos {turn}",
            "files": [
                {"path": path, "content": base64.b64encode(text.encode()).decode(), "mkdir": True}
                for path, text in texts.items()
            ],
            "remove": [{"path": f"/etc/chaos.d/turn{n}.d"} for n in range(max(0, turn - 3), turn)],
            "commands": [{"name": "flag", "do": ["touch", flag], "undo": ["rm", "-f", flag]}],
            "validators": [{"name": "httpd", "argv": ["/usr/sbin/httpd", "-t"]}],
            "services": [{"name": "httpd", "action": "reload"}],
            "probes": [{"kind": "tcp", "port": 443}],
            "install": True,
        }
        for key, value in more.items():
            base[key] = base[key] + value if isinstance(value, list) else value
        return base

    def look(self) -> str:
        """Return everything the transaction may touch: names, kinds, modes, owners, contents."""
        return self.fleet.ssh(self.box, LOOK).stdout

    def ask(self, verb: str, **more: Any) -> dict[str, Any]:
        done = self._ssh(onhost_request.program({"verb": verb, **more}))
        out, err = done.communicate(timeout=90)
        return onhost_request.answer(out.decode(), complaint=err.decode(), where=self.box.name)

    # -- interruptions -------------------------------------------------------------------------------

    def _ssh(self, program: bytes) -> subprocess.Popen[bytes]:
        """Start a program on the host, as Ansible's connection would; its input is complete."""
        done = subprocess.Popen(
            ["ip", "netns", "exec", CONTROL, "ssh", *self.fleet.options, f"root@{self.box.address}", f"{self.box.python} -"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert done.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            done.stdin.write(program)
            done.stdin.close()
        done.stdin = None
        return done

    def _applied(self, **more: Any) -> subprocess.Popen[bytes]:
        return self._ssh(onhost_request.program({"verb": "apply", "plan": self.plan(**more)}))

    def _heard(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the far side's last word, if there is one."""
        try:
            out, err = process.communicate(timeout=60)
            self.said.append(out.decode("utf-8", "replace") + err.decode("utf-8", "replace"))
        except subprocess.TimeoutExpired:
            cut(process)

    def moment(self, process: subprocess.Popen[bytes]) -> str:
        """Wait for a drawn line of the journal, seen from outside the host, or for the end."""
        event = self.draw.choice(EVENTS)
        folder = self.box.root / "var/lib/aspect-hardening/tx"
        known = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            for path in [one for one in folder.glob("*") if one.name not in known]:
                with contextlib.suppress(OSError):
                    if f'"event": "{event}"' in (path / "journal").read_text("utf-8", "replace"):
                        return event
            time.sleep(0.001)
        return "over"

    def failing(self, kind: str) -> None:
        """The agent dies, or its disk fails, at a drawn call that changes a disk."""
        request = {"verb": "apply", "plan": self.plan()}
        text = failing(request, kind=kind, at=self.draw.randint(1, STEPS), guarded=True)
        self._heard(self._ssh(text))

    def ansible_killed(self) -> None:
        """Ansible and its connection die at a drawn moment."""
        plan = self.plan(deadman=5)
        files = [
            {**{k: v for k, v in one.items() if k != "content"}, "content_base64": one["content"]}
            for one in plan.pop("files")
        ]
        plan.pop("install")
        task = {**plan, "files": files, "remove": [one["path"] for one in plan["remove"]]}
        book = self.fleet.folder / f"chaos{self.number}-{self.box.name}.yml"
        play = [
            {"hosts": self.box.name, "gather_facts": False, "tasks": [{"aspect.hardening.transaction": task}]}
        ]
        book.write_text(json.dumps(play))
        process = subprocess.Popen(
            ["ip", "netns", "exec", CONTROL, str(Path(sys.executable).with_name("ansible-playbook")), str(book),
             "-i", str(self.fleet.folder / "inventory")],
            env={**os.environ, "ANSIBLE_CONFIG": str(resources.playbooks() / "ansible.cfg"),
                 "ANSIBLE_COLLECTIONS_PATH": str(resources.playbooks() / "collections"),
                 "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/{CONTROL}-{self.number}"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.moment(process)
        cut(process)

    def controller_killed(self) -> None:
        """The connection's process on the control machine dies at a drawn moment."""
        process = self._applied()
        self.moment(process)
        cut(process)

    def sshd_killed(self) -> None:
        """Every sshd of the host dies at a drawn moment; somebody starts it again a second later."""
        process = self._applied(deadman=4)
        self.moment(process)
        inside(self.box, "pkill -9 sshd")
        self._heard(process)
        time.sleep(1)
        start = (
            "systemctl reset-failed ssh; systemctl start ssh"
            if self.box.kind.init == "systemd"
            else "/usr/sbin/sshd"
        )
        inside(self.box, start)

    def link_cut(self) -> None:
        """The network goes at a drawn moment and comes back after the dead man's switch."""
        process = self._applied(deadman=3)
        self.moment(process)
        link = ("ip", "-n", CONTROL, "link", "set", f"v{self.box.number}")
        subprocess.run([*link, "down"], check=True)
        time.sleep(5)
        subprocess.run([*link, "up"], check=True)
        cut(process)

    def host_killed(self) -> None:
        """The whole host dies at a drawn moment, and boots."""
        process = self._applied()
        self.moment(process)
        self.box.kill()
        cut(process)
        self.box.boot()

    def validator_says_no(self) -> None:
        """The server's check refuses the files, staged or only once they are placed."""
        bad = ["/usr/bin/false"] if self.draw.random() < 0.3 else ["/bin/sh", "-c", ONLY_STAGED]
        self._heard(self._applied(validators=[{"name": "no", "argv": bad}]))

    def service_fails(self) -> None:
        """A service says no, or dies soon after it said yes."""
        if self.draw.random() < 0.5:
            once = (
                "test -e /run/chaos-no || { touch /run/chaos-no; exit 1; }"  # it says yes to what was before
            )
            more: dict[str, Any] = {"services": [{"name": "no", "argv": ["/bin/sh", "-c", once]}]}
        else:
            dies = "(sleep 0.3; kill -9 $(cat /run/httpd.pid); pkill -9 apache2) >/dev/null 2>&1 &"
            more = {"services": [{"name": "dies", "argv": ["/bin/sh", "-c", f"test -e /run/chaos-dies || {{ {dies} }}; touch /run/chaos-dies"]}],
                    "probes": [{"kind": "tcp", "port": 443, "wait": 1}], "settle": 1}  # fmt: skip
        self._heard(self._applied(**more))
        self.fleet.ssh(self.box, "rm -f /run/chaos-*", check=False)

    def probe_fails(self) -> None:
        """What should answer after the change does not."""
        self._heard(self._applied(probes=[{"kind": "tcp", "port": 9, "wait": 0.1}]))

    # -- what the host is afterwards -----------------------------------------------------------------

    def ended(self, before: str) -> str:
        """Return `old` or `new`; anything else, a service that is away or an unfinished journal is an AssertionError."""
        self.fleet.wait(self.box)
        deadline, rows = time.monotonic() + 60, []
        while time.monotonic() < deadline:
            rows = self.ask("status")["transactions"]
            if all(map(finished, rows)):
                break
            time.sleep(0.3)
        else:
            raise AssertionError(f"not finished: {rows[-2:]}")
        assert not any("Traceback" in said for said in self.said), self.said
        now = self.look()
        assert ".aspect-hardening." not in now, now
        turn = self.number
        if now == before:
            state = "old"
        else:
            for n in range(6):
                assert self.hashed(now, f"etc/chaos.d/{n}.conf") == digest(f"turn = {turn}.{n}\n" * 40), now
            assert self.hashed(now, "etc/httpd/conf.d/chaos.conf") == digest(f"# turn {turn}\n"), now
            assert f"etc/chaos.d/turn{turn}.d/x.conf" in now, now
            assert f"turn{turn - 1}.d" not in now, now
            state = "new"
        while self.fleet.here(
            "timeout", "3", "bash", "-c", f"</dev/tcp/{self.box.address}/443", check=False
        ).returncode:
            assert time.monotonic() < deadline, f"{self.box.name}: httpd does not answer"
            time.sleep(0.3)
        return state

    @staticmethod
    def hashed(look: str, path: str) -> str:
        line = next((one for one in look.splitlines() if one.startswith(f"{path} ")), "")
        return line.split()[4] if line else "absent"


INTERRUPTIONS: dict[str, Callable[[Trial], None]] = {
    "agent killed": lambda trial: trial.failing("KILL"),
    "disk full": lambda trial: trial.failing("ENOSPC"),
    "disk read-only": lambda trial: trial.failing("EROFS"),
    "ansible killed": Trial.ansible_killed,
    "connection killed": Trial.controller_killed,
    "sshd killed": Trial.sshd_killed,
    "network cut": Trial.link_cut,
    "host killed and booted": Trial.host_killed,
    "validator says no": Trial.validator_says_no,
    "service fails": Trial.service_fails,
    "probe fails": Trial.probe_fails,
}


def finished(row: dict[str, Any]) -> bool:
    """Whether a transaction is over with nothing owed, or never began: copies alone change nothing."""
    over = row["tidy"] and not row["owed"] and row["state"] not in ("open", "applied")
    return bool(over or row["state"] == "none")


def digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def cut(process: subprocess.Popen[bytes]) -> None:
    """Kill a program of this machine with everything it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def inside(box: Box, command: str) -> None:
    """Run a command in a host without its network: what a person at its console would do."""
    assert box.process is not None
    first = Path(f"/proc/{box.process.pid}/task/{box.process.pid}/children").read_text().split()[0]
    subprocess.run(
        ["nsenter", "--target", first, "--all", "/bin/sh", "-c", command], check=False, capture_output=True
    )


def trials(fleet: Fleet, box: Box, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Interrupt `count` transactions on a host, every kind in turn; yield (kind, old or new)."""
    draw, names = random.Random(seed), list(INTERRUPTIONS)
    fleet.ssh(box, "mkdir -p /etc/chaos.d /var/chaos")
    for number in range(1, count + 1):
        kind = names[(number - 1) % len(names)]
        trial = Trial(fleet, box, number, draw)
        fleet.ssh(box, "mkdir -p /var/chaos; rm -f /var/chaos/*")
        before = trial.look()
        INTERRUPTIONS[kind](trial)
        try:
            yield kind, trial.ended(before)
        except AssertionError as problem:
            raise AssertionError(f"{box.name}, trial {number}, {kind}: {problem}") from problem
