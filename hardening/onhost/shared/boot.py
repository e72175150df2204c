"""Tells this boot from others, and the time since it."""

import os

from hardening.onhost.shared.files import read
from hardening.onhost.shared.texts import shown


def this_boot():
    """Return what tells this boot from others, and the seconds since it."""
    try:
        return boot_id(), int(uptime())
    except (OSError, IOError):
        return "", 0


def uptime():
    """Return the seconds since the boot. Errors: OSError."""
    return float(read("/proc/uptime").split()[0])


def ticks():
    """Return the kernel's ticks since the boot."""
    return int(uptime() * os.sysconf("SC_CLK_TCK")) + 1


def boot_id():
    """Return what tells this boot from others."""
    try:
        return shown(read("/proc/sys/kernel/random/boot_id")).strip()
    except (OSError, IOError):
        return ""
