"""Runs inside the virtual machine: the engine's port without and with its SELinux label. Prints one JSON object.

The control engine is an invented stand-in here too: Apache, confined by the policy as httpd_t, takes its port from the
configuration that the toolkit writes. Everything else is the toolkit's own: facts, plan, transaction.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
import time
from typing import Any

MARK = "@@SELINUX@@"
CONFIG = "/etc/control-engine.conf"
UNIT = """[Service]
EnvironmentFile=/etc/control-engine.conf
ExecStartPre=/bin/mkdir -p /run/apache2
ExecStart=/usr/sbin/apache2 -DFOREGROUND -f /etc/apache2/engine.conf -C "Listen ${ENGINE_PORT}"
Restart=no
"""
SITE = """ServerRoot /etc/apache2
ServerName localhost
User www-data
Group www-data
PidFile /run/apache2/engine.pid
ErrorLog /var/log/apache2/error.log
DefaultRuntimeDir /run/apache2
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
"""


def said(*argv: str) -> str:
    """Return what a program says."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


def main() -> dict[str, Any]:
    """Return what was seen, one entry per question."""
    from hardening.host import session
    from hardening.host.plans import engine as engine_plan

    pathlib.Path(CONFIG).write_text("ENGINE_PORT=8080\n")
    pathlib.Path("/etc/apache2/engine.conf").write_text(SITE)
    pathlib.Path("/etc/systemd/system/control-engine.service").write_text(UNIT)
    said("restorecon", "-R", "/etc/apache2", "/etc/systemd/system", CONFIG)
    said("systemctl", "daemon-reload")
    said("systemctl", "start", "control-engine")
    time.sleep(3)
    host = session.here()
    wish = engine_plan.DesiredPort(
        port=7300, restart="now", config=CONFIG, key="ENGINE_PORT", process="apache2", service="control-engine",
        motd="/etc/motd", by="the test",
    )  # fmt: skip

    def facts() -> dict[str, Any]:
        return host.ask("facts", **engine_plan.wishes(wish))

    def engine() -> str:
        return engine_plan.seen(dataclasses.replace(wish, port=None), facts()).line

    before = facts()
    found: dict[str, Any] = {
        "mode": said("getenforce"),
        "agent says": before["selinux"],
        "domain": said("ps", "-o", "label=", "-C", "apache2").splitlines()[:1],
        "at first": engine(),
    }
    plan = engine_plan.plan(wish, before)
    found["commands"] = [one.name for one in plan.commands]
    bare = dataclasses.replace(plan, commands=())
    without = host.carry_out(bare)
    found["without the label"] = {key: without.get(key) for key in ("state", "msg", "owed", "problems")}
    found["after it was undone"] = engine()
    found["label after it was undone"] = said("sh", "-c", "semanage port -l | grep ^http_port_t")
    labelled = host.carry_out(plan)
    found["with the label"] = {key: labelled.get(key) for key in ("state", "msg")}
    found["afterwards"] = engine()
    found["label"] = said("sh", "-c", "semanage port -l | grep ^http_port_t")
    found["again"] = host.carry_out(engine_plan.plan(wish, facts())).get("state")
    found["denied"] = said(
        "sh", "-c", "dmesg | grep -c 'avc.*denied.*name_bind.*7300\\|avc.*name_bind.*src=7300'"
    )
    back = engine_plan.plan(dataclasses.replace(wish, port=8080), facts())
    found["a port of another type"] = host.carry_out(back).get("state")
    found["its label"] = said("sh", "-c", "semanage port -l -C")
    return found


if __name__ == "__main__":
    sys.path.insert(0, "/opt")
    try:
        answer = main()
    except Exception as problem:  # noqa: BLE001 - the far side of a serial line has to hear whatever it is
        import traceback

        answer = {"problem": repr(problem), "where": traceback.format_exc()}
    sys.stdout.write(f"\n{MARK}{json.dumps(answer)}\n")
    sys.stdout.flush()
