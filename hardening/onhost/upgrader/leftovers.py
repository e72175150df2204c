"""Ends the processes that the installer left running."""

import os
import signal
import time

from hardening.onhost.shared.boot import boot_id
from hardening.onhost.shared.files import read
from hardening.onhost.shared.texts import shown

TOKEN = "ASPECT_UPGRADE_TOKEN"  # noqa: S105 - in the environment of the installer and of all that it starts


def end_leftovers(up, manifest=None):
    """End every process that the installer left: one with the upgrade's own token in its environment, or in its session.

    Never by the upgrade's name: two hosts on one machine may have upgrades of one name.
    """
    manifest = manifest if manifest is not None else up.manifest()
    mark = ("%s=%s" % (TOKEN, manifest.get("token", ""))).encode("ascii") + b"\0"
    session = up.load_json("session") or {}
    for _ in range(3):
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                if mark in read("/proc/%s/environ" % name) + b"\0" or of_session(int(name), session):
                    found.append(int(name))
            except (OSError, IOError):
                continue  # it ended, or is not ours to look at
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        if not found:
            return
        time.sleep(0.05)


def of_session(pid, session):
    """Whether a process is in the installer's session: some have emptied their environment, as `su -` does.

    Numbers come again: only this boot's count, only while the leader is the installer or gone, and only those that
    began while the installer ran.
    """
    row = process_fields(pid)
    if not session or row is None or int(row[3]) != session["pid"] or session["boot"] != boot_id():
        return False
    leader = process_began(session["pid"])
    return leader in (None, session["began"]) and session["began"] <= int(row[19]) <= session.get(
        "ended", int(row[19])
    )


def process_fields(pid):
    """Return the fields of a process after its name (proc(5), the state first), or None where it is gone."""
    try:
        return shown(read("/proc/%d/stat" % pid)).rpartition(")")[2].split()
    except (OSError, IOError):
        return None


def process_began(pid):
    """Return when a process began, in the kernel's ticks since the boot, or None where it is gone."""
    row = process_fields(pid)
    return int(row[19]) if row else None
