"""Switches the minute's look for a pending restart on and off."""

import os

from hardening.onhost.agent.pending import is_installed, pending_records
from hardening.onhost.shared.files import remove
from hardening.onhost.shared.init import init_system
from hardening.onhost.shared.processes import run, which


def watch_on(host):
    """Let this host look every minute whether the restart has come, where something waits for it."""
    if not is_installed(host) or not pending_records(host):
        return
    remove(os.path.join(host.state, "watch.failed"))  # a person was here since
    if host.root != "/":
        return
    if init_system() == "systemd":
        run(["systemctl", "enable", "aspect-watch.timer"])  # `enable --now` came after CentOS 7
        run(["systemctl", "start", "aspect-watch.timer"])
    elif os.path.exists("/etc/init.d/aspect-watch"):
        run([which("service") or "/sbin/service", "aspect-watch", "start"])


def watch_off(host):
    """Nothing waits any more: the timer ends. A process that stays ends by itself."""
    if host.root == "/" and init_system() == "systemd" and is_installed(host):
        run(["systemctl", "disable", "aspect-watch.timer"])
        run(["systemctl", "stop", "aspect-watch.timer"])
