"""Keeps the agent and its recovery at boot on the host, and removes them."""

import os
import shutil

from hardening.onhost.agent.units import boot_files
from hardening.onhost.shared.copying import replace
from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.files import make_dirs, read, remove
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.init import init_system
from hardening.onhost.shared.itself import zipped
from hardening.onhost.shared.processes import run, which
from hardening.onhost.shared.texts import shown


def install(host, dry=False):
    """Keep a copy of the agent and its boot-time recovery on the host; return the paths (to be) written."""
    files = {os.path.join(host.state, "agent.pyz"): (zipped("hardening.onhost.agent.main"), 0o700)}
    for path, pair in boot_files(host, plan_path(host, host.state)).items():
        files[host.place(path)] = pair
    changed = [path for path in sorted(files) if not os.path.exists(path) or read(path) != files[path][0]]
    if dry:
        return [plan_path(host, path) for path in changed]
    for path in changed:
        make_dirs(os.path.dirname(path), 0o755)
        replace(path, files[path][0])
        os.chmod(path, files[path][1])
    if changed and host.root == "/":
        for name in ("aspect-recover", "aspect-settle", "aspect-watch"):
            if init_system() == "systemd":
                if name != "aspect-watch":  # its timer runs only while something waits
                    run(["systemctl", "enable", name + ".service"])
            elif which("chkconfig"):
                run(["chkconfig", "--add", name])
            elif which("update-rc.d"):
                run(["update-rc.d", name, "defaults"])
    return [plan_path(host, path) for path in changed]


def do_uninstall(host, request):
    """Remove agent, boot-time recovery, journals and kept copies; the configuration stays as it is."""
    open_ones = [tx.name for tx in host.transactions() if tx.state() in ("open", "applied")]
    if open_ones:
        raise Refused("transaction %s is not finished" % open_ones[0])
    if os.path.exists(os.path.join(host.state, "upgrade-open")):
        raise Refused("an upgrade is not finished")
    paths = []
    for path in ("/etc/systemd/system/%s.service", "/etc/init.d/%s"):
        for name in ("aspect-recover", "aspect-settle", "aspect-watch"):
            paths.append((name, host.place(path % name)))
    paths.insert(0, ("aspect-watch", host.place("/etc/systemd/system/aspect-watch.timer")))
    present = [pair for pair in paths if os.path.lexists(pair[1])]
    if request.get("check"):
        return {
            "changed": bool(present) or os.path.isdir(host.state),
            "paths": [shown(p) for _, p in present],
        }
    for name, path in present:
        if host.root == "/" and path.endswith((".service", ".timer")):
            run(["systemctl", "disable", os.path.basename(path)])
            if name == "aspect-watch":
                run(["systemctl", "stop", os.path.basename(path)])
        elif host.root == "/":
            if name == "aspect-watch":
                run([path, "stop"])
            run(["chkconfig", "--del", name] if which("chkconfig") else ["update-rc.d", "-f", name, "remove"])
        remove(path)
    shutil.rmtree(host.state)
    return {"changed": True, "state": "uninstalled", "paths": [shown(path) for _, path in present]}
