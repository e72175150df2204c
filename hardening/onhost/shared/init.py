"""The init system of this host, and its commands for services."""

import os


def init_system(root="/"):
    """Return `systemd` or `sysv`, by what runs, not by what is installed."""
    return "systemd" if os.path.isdir(os.path.join(root, "run/systemd/system")) else "sysv"
