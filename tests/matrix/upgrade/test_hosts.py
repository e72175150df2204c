"""Three hosts that boot, laid out like CentOS 6, 7 and 8, from an INVENTED old release to a new one, and back.

Long: `make upgrade-test`. They run Debian's programs; nothing here was tested on CentOS.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.hosts.fleet import CONTROL, Box, Fleet
from tests.support.upgrade.standin import Signer
from tests.support.waiting import until

RECIPE = """# INVENTED
name = "standin"
paths = ["/home/MIX_CMIX", "/etc/httpd"]
noise = ["/var/lib/standin", "/root", "/etc/motd", "/var/lib/systemd", "/etc/machine-id"]
headroom = 16
settle = 6
[installer]
argv = ["/bin/sh", "install.sh"]
silence = 120
[version]
path = "/home/MIX_CMIX/htmlroot/runtime.ver"
regex = '^(\\S+)'
[database]
dump = ["/usr/local/bin/standin-db", "dump"]
restore = ["/usr/local/bin/standin-db", "restore"]
complete = '^COMMIT;'
[maintenance]
flag = "/home/maintenance"
[[service]]
name = "httpd"
status = ["pgrep", "-x", "apache2"]
[[service]]
name = "control-engine"
during = "running"
restart = "manual"
process = "engine-stand-in"
status = ["pgrep", "-x", "engine-stand-in"]
[[probe]]
kind = "tls"
port = 443
"""
DB = """#!/usr/bin/python3
# INVENTED stand-in for a database client
import os, sqlite3, sys
path = "/var/lib/standin/data.db"
if sys.argv[1] == "dump":
    print("\\n".join(sqlite3.connect(path).iterdump()))
else:
    if sys.argv[1] == "restore" and os.path.exists(path):
        os.unlink(path)
    base = sqlite3.connect(path)
    base.executescript(sys.stdin.read())
    base.commit()
"""
INSTALL = """#!/bin/sh
# INVENTED installer of the stand-in product
set -e
echo "stand-in installer 2.0"
cp -R payload/htmlroot/. /home/MIX_CMIX/htmlroot/
@HALF@
echo "ALTER TABLE trend ADD COLUMN unit TEXT;" | /usr/local/bin/standin-db sql
printf 'mysql.general_log\\nError    : You can'"'"'t use locks with log tables.\\nstatus   : OK\\n'
echo 2.0 >/etc/standin.release
echo installed
"""
STATE = "cd / && find home/MIX_CMIX etc/httpd -type f | sort | xargs sha256sum; find etc/httpd home -printf '%p %m %u %g %l\\n' | sort; /usr/local/bin/standin-db dump"
HARDEN = Path(sys.executable).with_name("harden")


@pytest.fixture(scope="module", name="fleet")
def fleet_with_the_old_release(fleet: Fleet) -> Fleet:
    """Put the old release of the stand-in product on every host."""
    for box in fleet.boxes:
        lay_out(fleet, box)
    return fleet


def lay_out(fleet: Fleet, box: Box) -> None:
    """Put the old release of the stand-in product on a host."""
    for name, text, mode in (
        ("home/MIX_CMIX/htmlroot/runtime.ver", "1.0\n", 0o644),
        ("home/MIX_CMIX/htmlroot/index.html", "<p>release 1.0</p>\n", 0o640),
        ("home/MIX_CMIX/htmlroot/adminer.php", "<?php // INVENTED: stands where Adminer stood\n", 0o644),
        ("usr/local/bin/standin-db", DB, 0o755),
    ):
        target = f"/{name}"
        done = subprocess.run(
            ["ip", "netns", "exec", CONTROL, "ssh", *fleet.options, f"root@{box.address}",
             f"mkdir -p $(dirname {target}) /var/lib/standin && cat > {target} && chmod {mode:o} {target}"],
            input=text, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    fleet.ssh(
        box,
        "echo \"CREATE TABLE trend (value TEXT); INSERT INTO trend VALUES ('one');\" | /usr/local/bin/standin-db sql",
    )


def bundle(signer: Signer, half: str = ":") -> Path:
    path = signer.folder / f"real-{len(half)}.tar.gz"
    files = {
        "install.sh": INSTALL.replace("@HALF@", half),
        "payload/htmlroot/runtime.ver": "2.0\n",
        "payload/htmlroot/index.html": "<p>release 2.0</p>\n",
    }
    with tarfile.open(path, "w:gz") as out:
        for name, text in files.items():
            item = tarfile.TarInfo(name)
            item.size, item.mode = len(text.encode()), 0o755
            out.addfile(item, io.BytesIO(text.encode()))
    signer.sign(path)
    return path


def words(fleet: Fleet, *verb: str | Path, **variables: Any) -> list[str]:
    values = {
        "tls_servers": [{"target": "httpd", "endpoints": ["{{ ansible_host }}:443"]}],
        "harden_control_engine": True,
        "control_engine_port": 7300,
        "control_engine_config": "/home/MIX_CMIX/config/engine.properties",
        "control_engine_process": "engine-stand-in",
        "components_absent": ["/home/MIX_CMIX/htmlroot/adminer.php"],
        **variables,
    }
    extra = fleet.folder / "upgrade.json"
    extra.write_text(json.dumps(values))
    return ["ip", "netns", "exec", CONTROL, str(HARDEN), "upgrade", *map(str, verb), "-i", str(fleet.inventory()),
            "-e", f"@{extra}"]  # fmt: skip


def run(argv: list[str]) -> tuple[int, str]:
    # of this run alone: a connection kept from the run before leads to hosts that had the same addresses
    env = {**os.environ, "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/harden-up-{os.getpid()}"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
    return done.returncode, done.stdout + done.stderr


def bundle_words(fleet: Fleet, signer: Signer) -> list[str]:
    path = fleet.folder / "recipe.toml"
    path.write_text(RECIPE)
    return ["--key", str(signer.public_file), "--recipe", str(path)]


def newest(fleet: Fleet, box: Box) -> str:
    """Return what `status` says of the newest upgrade of a host; those of earlier tests are there too."""
    said = run([*words(fleet, "status"), "--limit", box.name])[1]
    return next((line for line in reversed(said.splitlines()) if " standin 2.0 since " in line), "")


def everywhere(fleet: Fleet, command: str) -> dict[str, str]:
    return {box.name: fleet.ssh(box, command).stdout for box in fleet.boxes}


def test_one_apply_upgrades_hardens_and_proves_and_rollback_gives_it_back(
    fleet: Fleet, signer: Signer
) -> None:
    before = everywhere(fleet, STATE)
    path, given = bundle(signer), bundle_words(fleet, signer)
    assert {fleet.scan(box) for box in fleet.boxes} == {10}

    code, output = run(words(fleet, "plan", path) + given)
    assert code == 0, output
    assert everywhere(fleet, STATE) == before

    code, output = run(words(fleet, "apply", path) + given)
    assert code == 5, output
    assert set(everywhere(fleet, "cat /home/MIX_CMIX/htmlroot/runtime.ver").values()) == {"2.0\n"}
    assert {fleet.scan(box) for box in fleet.boxes} == {0}
    assert set(everywhere(fleet, "ls /home/MIX_CMIX/htmlroot/adminer.php 2>/dev/null; true").values()) == {""}
    assert set(everywhere(fleet, "ls /home/maintenance 2>/dev/null; true").values()) == {""}
    assert output.count("configured=7300 running=7226") >= len(fleet.boxes)

    time.sleep(1.1)  # the journal's times are whole seconds
    everywhere(fleet, "service control-engine restart && sleep 1")
    code, output = run(words(fleet, "apply", path) + given)
    assert code == 0, output
    code, output = run(words(fleet, "apply", path, "--report", f"json={fleet.folder}/second.json") + given)
    assert code == 0, output
    code, output = run(words(fleet, "verify", control_engine_firewall=False))
    assert code == 0, output
    code, output = run(words(fleet, "verify"))
    assert (code, output.count("every host reach port 7300")) == (10, len(fleet.boxes)), output

    for _ in range(3):
        code, output = run(words(fleet, "rollback"))
        assert code == 0, output
        if everywhere(fleet, STATE) == before:
            break
    assert everywhere(fleet, STATE) == before
    assert {fleet.scan(box) for box in fleet.boxes} == {10}


def test_a_host_killed_in_the_installer_boots_as_it_was(fleet: Fleet, signer: Signer) -> None:
    path, given = bundle(signer, "sleep 300"), bundle_words(fleet, signer)
    for box in fleet.boxes:
        before = fleet.ssh(box, STATE).stdout
        argv = [*words(fleet, "apply", path), *given, "--limit", box.name]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as control:
            until(
                lambda box=box: (
                    "2.0" in fleet.ssh(box, "cat /home/MIX_CMIX/htmlroot/runtime.ver", check=False).stdout
                ),
                300,
            )
            box.kill()
            control.kill()
        box.boot()
        fleet.wait(box)
        until(lambda box=box: " rolled-back " in newest(fleet, box), 300)
        assert fleet.ssh(box, STATE).stdout == before, box.name
        until(lambda box=box: fleet.scan(box) != 3, 300)
        assert (
            fleet.ssh(box, "pgrep -x engine-stand-in; ls /home/maintenance 2>/dev/null; true")
            .stdout.strip()
            .isdigit()
        )


def test_a_cut_connection_ends_as_it_was_without_anybodys_hands(fleet: Fleet, signer: Signer) -> None:
    path, given = bundle(signer, "sleep 6"), bundle_words(fleet, signer)
    box = fleet.boxes[-1]
    before = fleet.ssh(box, STATE).stdout
    argv = [*words(fleet, "apply", path), *given, "--limit", box.name, "--deadman", "30"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as control:
        until(
            lambda: "2.0" in fleet.ssh(box, "cat /home/MIX_CMIX/htmlroot/runtime.ver", check=False).stdout,
            300,
        )
        fleet.here("ip", "link", "set", f"v{box.number}", "down")
        control.kill()
    time.sleep(45)  # nobody reaches the host to see what it does
    fleet.here("ip", "link", "set", f"v{box.number}", "up")
    fleet.wait(box)
    until(lambda: " rolled-back " in newest(fleet, box), 300)
    assert "did not come back within 30 seconds" in newest(fleet, box)
    assert fleet.ssh(box, STATE).stdout == before
