"""30 files and 4 services on a real host: one transaction beside the same work as `template` and `service` tasks.

Run as root: `.venv/bin/python bench/hosts_speed.py [rounds]`. Prints seconds, each the least of the rounds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hardening import resources
from tests.hosts.fleet import KINDS, Fleet

FILES, SERVICES = 30, 4
UNIT = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"


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


def timed(fleet: Fleet, book: Path, generation: int) -> float:
    """Return the seconds that one run took."""
    started = time.monotonic()
    done = subprocess.run(
        ["ip", "netns", "exec", "harden-ctl", str(Path(sys.executable).with_name("ansible-playbook")), str(book),
         "-i", str(fleet.inventory()), "-e", f"generation={generation}"],
        env={**os.environ, "ANSIBLE_CONFIG": str(resources.playbooks() / "ansible.cfg"),
             "ANSIBLE_COLLECTIONS_PATH": str(resources.playbooks() / "collections")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.monotonic() - started


def main() -> None:
    """Boot a host, run both ways, print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        fleet = Fleet(Path(name) / "f", kinds=[kind for kind in KINDS if kind.name == "el8like"])
        try:
            fleet.start()
            box = fleet.boxes[0]
            for number in range(SERVICES):
                box.put(f"etc/systemd/system/bench{number}.service", UNIT)
            fleet.ssh(box, "systemctl daemon-reload")
            for label, book in zip(("transaction", "template"), playbooks(Path(name)), strict=True):
                changed = [timed(fleet, book, n) for n in range(1, rounds + 1)]
                again = [timed(fleet, book, rounds) for _ in range(rounds)]
                print(f"{label:<12} changed {min(changed):6.2f} s   unchanged {min(again):6.2f} s")
        finally:
            fleet.stop()


if __name__ == "__main__":
    main()
