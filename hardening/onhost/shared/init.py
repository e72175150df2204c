"""The init system of this host, and its commands for services."""

import os

from hardening.onhost.shared.processes import which


def init_system(root="/"):
    """Return `systemd` or `sysv`, by what runs, not by what is installed."""
    return "systemd" if os.path.isdir(os.path.join(root, "run/systemd/system")) else "sysv"


def service_command(name, action):
    """Return the init system's command for an action on a service."""
    if init_system() == "systemd":
        return ["systemctl", "is-active" if action == "status" else action, name]
    return [which("service") or "/sbin/service", name, action]
