"""30 files and 4 services on real hosts: one transaction beside the same work as `template` and `service` tasks.

As root: `python bench/hosts_speed.py [--hosts 20] [--rounds 3] [--peer-on 1]`. The hosts boot here, are reached over ssh and
share this machine's processors with Ansible. Seconds of the clock and of the processor (Ansible and hosts together), each
the least of the rounds; on hosts of their own the processor's seconds are spread over more machines than this one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hardening import resources
from tests.support.hosts.fleet import CONTROL, KINDS, Fleet

FILES, SERVICES = 30, 4
UNIT = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"


@dataclass(frozen=True)
class Took:
    """Seconds of the clock, and of the processor here and on the hosts."""

    wall: float
    here: float
    hosts: float

    def __str__(self) -> str:
        return (
            f"{self.wall:7.2f} s of the clock, {self.here:6.2f} s CPU here, {self.hosts:6.2f} s on the hosts"
        )


def playbooks(folder: Path) -> tuple[Path, Path]:
    """Write the two ways of doing the same."""
    (folder / "one.j2").write_text("number = {{ item }}\ngeneration = {{ generation }}\n" * 20)
    text = "number = %d\ngeneration = {{ generation }}\n"
    files = [
        {"path": f"/etc/bench/{n:02d}.conf", "content": text % n * 20, "mkdir": True} for n in range(FILES)
    ]
    services = [{"name": f"bench{n}", "action": "restart"} for n in range(SERVICES)]
    ours = [{"hosts": "all", "gather_facts": False, "tasks": [
        {"aspect.hardening.transaction": {"files": files, "services": services}}]}]  # fmt: skip
    usual = [{"hosts": "all", "gather_facts": False, "tasks": [
        {"ansible.builtin.file": {"path": "/etc/usual", "state": "directory", "mode": "0755"}},
        {"ansible.builtin.template": {"src": str(folder / "one.j2"), "dest": "/etc/usual/{{ item }}.conf", "mode": "0644"},
         "loop": list(range(FILES)), "register": "done"},
        {"ansible.builtin.service": {"name": "bench{{ item }}", "state": "restarted"},
         "loop": list(range(SERVICES)), "when": "done is changed"}]}]  # fmt: skip
    paths = folder / "ours.yml", folder / "usual.yml"
    for path, plays in zip(paths, (ours, usual), strict=True):
        path.write_text(json.dumps(plays))
    return paths


def timed(fleet: Fleet, book: Path, generation: int, limit: str = "all") -> Took:
    """Return what one run took. The ssh connections of an earlier run are not used again."""
    control = Path(tempfile.mkdtemp(prefix="hs"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun, hosts = time.monotonic(), sum(box.used() for box in fleet.boxes)
    done = subprocess.run(
        ["ip", "netns", "exec", CONTROL, str(Path(sys.executable).with_name("ansible-playbook")), str(book),
         "-i", str(fleet.folder / "inventory"), "-e", f"generation={generation}", "--limit", limit],
        env={**os.environ, "ANSIBLE_CONFIG": str(resources.playbooks() / "ansible.cfg"),
             "ANSIBLE_COLLECTIONS_PATH": str(resources.playbooks() / "collections"),
             "ANSIBLE_SSH_CONTROL_PATH_DIR": str(control)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(control, ignore_errors=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    here = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, here, sum(box.used() for box in fleet.boxes) - hosts)


def best(rounds: int, once: Callable[[int], Took]) -> Took:
    """Return the least of each, over the rounds."""
    took = [once(number) for number in range(1, rounds + 1)]
    return Took(min(t.wall for t in took), min(t.here for t in took), min(t.hosts for t in took))


def compared(fleet: Fleet, folder: Path, rounds: int, peer_on: int) -> None:
    """Run both ways and print the table."""
    ours, usual = playbooks(folder)
    names = [box.name for box in fleet.boxes]
    generation = time.time_ns() % 10**9  # a fleet that was measured before has to change again
    found: dict[tuple[str, int], Took] = {}
    for label, book, counts in (
        ("transaction", ours, sorted({1, len(names)})),
        ("template", usual, [peer_on] if peer_on else []),
    ):
        for count in counts:
            limit = ",".join(names[:count])
            changed = best(rounds, lambda n, b=book, at=limit: timed(fleet, b, generation + n, at))  # type: ignore[misc]  # lambda defaults have no types
            again = best(rounds, lambda _, b=book, at=limit: timed(fleet, b, generation + rounds, at))  # type: ignore[misc]  # lambda defaults have no types
            found[label, count] = changed
            print(f"{label:<12}{count:>3} hosts  changed   {changed}", flush=True)
            print(f"{label:<12}{count:>3} hosts  unchanged {again}", flush=True)
    if peer_on and ("transaction", peer_on) in found:
        one, other = found["transaction", peer_on], found["template", peer_on]
        processors = (other.here + other.hosts) / (one.here + one.hosts)
        print(f"{peer_on} hosts, the same files and services: {other.wall / one.wall:.1f} times faster by the clock, "
              f"{processors:.1f} times less of the processors")  # fmt: skip


def booted(folder: Path, count: int) -> Fleet:
    """Return a fleet of hosts laid out like CentOS 8, with the four services and a Python that `template` can use."""
    kind = next(kind for kind in KINDS if kind.name == "el8like")
    fleet = Fleet(
        folder, kinds=[replace(kind, name=f"{kind.name}{number}", python="system") for number in range(count)]
    )
    try:
        fleet.start()
        for box in fleet.boxes:
            for number in range(SERVICES):
                box.put(f"etc/systemd/system/bench{number}.service", UNIT)
            # the kernel lets one user watch 128 things, and twenty hosts with their message buses are 120 of them
            fleet.ssh(
                box,
                "systemctl daemon-reload; systemctl stop firewalld mariadb lighttpd control-engine polkit",
            )
            fleet.ssh(box, "systemctl stop dbus.socket dbus.service")
        fleet.inventory()
    except BaseException:
        fleet.stop()
        raise
    return fleet


def main() -> None:
    """Boot the hosts, run both ways, print the table."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--hosts", type=int, default=20)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument(
        "--peer-on", type=int, default=1, help="hosts on which the usual tasks run too; 0: none"
    )
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        fleet = booted(Path(name) / "f", chosen.hosts)
        try:
            compared(fleet, Path(name), chosen.rounds, chosen.peer_on)
        finally:
            fleet.stop()


if __name__ == "__main__":
    main()
