"""Upgrades that nothing can roll back any more: their journal or copies were taken away."""

import json
import os
import syslog
import time

from hardening.onhost.shared.copying import replace
from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.files import is_absent, make_dirs, read, remove
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.texts import stamp
from hardening.onhost.upgrader.leftovers import end_leftovers
from hardening.onhost.upgrader.record import Upgrade

TAKEN = "its journal or its copies were removed"


def has_record(up):
    """Whether an upgrade's manifest and journal are there."""
    return not (is_absent(up.path("manifest")) or is_absent(up.path("journal")))


def taken_away(up):
    """Whether a rollback is impossible: the journal, the manifest, or the copies of what the installer changed are gone."""
    if not has_record(up):
        return True
    copies = [os.path.join(up.path(kind), "index") for kind in ("cold", "hot")]
    return up.reached("installing") and all([is_absent(path) for path in copies])


def give_up(host, up):
    """End an upgrade that cannot be rolled back, and leave a record that every later question finds.

    Services and the maintenance flag stay as they are: nobody knows what of the product is there.
    """
    known = up.known or {}
    end_leftovers(up, known)
    place = os.path.join(host.state, "upgrade-lost")
    why = (
        "%s while it was under way, so it can neither be finished nor rolled back, and the state of the host is unknown; "
        "check or restore this host, then remove %s" % (TAKEN, plan_path(host, place))
    )
    row = {"id": up.name, "state": "lost", "why": why, "since": stamp(), "later": False}
    row.update(dict((key, known.get(key, "")) for key in ("product", "release", "by", "begun")))
    if host.root == "/":
        syslog.openlog("aspect-hardening")
        syslog.syslog(syslog.LOG_CRIT, "upgrade %s to %s: %s" % (up.name, row["release"], why))
    time.sleep(0.5)
    if os.path.isdir(up.dir):  # whatever is left of it is a person's now
        os.rename(up.dir, os.path.join(host.state, "lost-" + os.path.basename(up.dir)))
    for _ in range(10):  # who takes the folder away may still be at it
        make_dirs(host.state)
        remove(os.path.join(host.state, "upgrade-open"))
        replace(place, json.dumps(row, sort_keys=True).encode("ascii"))
        time.sleep(0.5)
        if os.path.exists(place):
            break


def lost_upgrade(host):
    """Return what `give_up` left, as `status` says it, or None."""
    try:
        return json.loads(read(os.path.join(host.state, "upgrade-lost")).decode("ascii"))
    except (OSError, IOError, ValueError):
        return None


def lost_words(host):
    """Return what has to be said of an upgrade that was given up, as a list of at most one text."""
    row = lost_upgrade(host)
    return ["upgrade %s to %s is lost: %s" % (row["id"], row["release"] or "?", row["why"])] if row else []


def upgrade_named(host, name):
    """Return one upgrade. Errors: Refused."""
    up = Upgrade(host, name)
    if up.manifest() is None:
        if (lost_upgrade(host) or {}).get("id") == name:
            raise Refused(lost_words(host)[0])
        raise Refused("there is no upgrade %s on this host" % name)
    return up
