"""The time of this host, which never goes back."""

import os
import time

from hardening.onhost.verifier.problems import BundleRefused, Usage
from hardening.onhost.verifier.reading import read_most

SKEW = 600


def moment(clock, now):
    """The time it is at least, by what the file has kept."""
    if not clock or not os.path.exists(clock):
        return now
    try:
        return max(now, int(read_most(clock, 64).decode("ascii").strip()))
    except (Usage, ValueError):
        raise BundleRefused("%s: the latest time that this host recorded cannot be read" % clock)


def keep(clock, now):
    """Keep the latest moment that this host has seen, if a file is named for it."""
    if not clock:
        return
    part = "%s.%d" % (clock, os.getpid())
    out = open(part, "w")
    try:
        out.write("%d\n" % now)
        out.flush()
        os.fsync(out.fileno())
    finally:
        out.close()
    os.rename(part, clock)


def check_time(claims, now):
    """Refuse a signature of the future, and one that has expired. Errors: Refused."""
    if now + SKEW < claims["created"]:
        raise BundleRefused("the clock of this host is before the signature; set it")
    if claims["expires"] is not None and now > claims["expires"]:
        raise BundleRefused(
            "the signature expired on %s" % time.strftime("%Y-%m-%d", time.gmtime(claims["expires"]))
        )
