"""Decides which finished transactions keep their copies."""

import os
import time

from hardening.onhost.shared.boot import this_boot
from hardening.onhost.shared.errors import Refused


def outdated(finished, plan):
    """Return the transactions whose copies go: too many, too old or too large. The newest can always be undone."""
    keep, room = int(plan.get("keep", 20)), int(plan.get("keep_mib", 2048)) << 20
    longest = 86400 * float(plan.get("keep_days", 180))
    used, gone_ones = 0, []
    for number, one in enumerate(reversed(finished)):
        used += sum(
            size_of(os.path.join(folder, name)) for folder, _, names in os.walk(one.dir) for name in names
        )
        if number and (number >= keep or used > room or age(one) > longest):
            gone_ones.append(one)
    return gone_ones


def age(tx):
    """Return the seconds since a transaction: of this boot by the kernel's own count, which nobody who sets the clock moves."""
    try:
        manifest = tx.manifest() or {}
    except Refused:  # damaged: a person has to look at it
        manifest = {}
    boot, ticking = this_boot()
    if boot and manifest.get("boot", [""])[0] == boot:
        return ticking - manifest["boot"][1]
    return time.time() - os.path.getmtime(tx.dir)


def size_of(path):
    """Return the bytes of a file; none where it has just gone."""
    try:
        return os.lstat(path).st_size
    except (OSError, IOError):
        return 0
