"""The verb `status`: print one line on how the relay and its queue are."""

from __future__ import print_function

import errno
import json
import os
import time

from hardening.onhost.relay.files import read
from hardening.onhost.relay.problems import safe_text
from hardening.onhost.relay.refusals import refusal_text
from hardening.onhost.relay.spool import room
from hardening.onhost.relay.status_file import status_path

AWAY = 120  # seconds without a new status, after which the relay is taken to be away where its lock cannot be asked


def is_running(config):
    """Tell by its lock whether the relay runs; None where this account may not ask."""
    import fcntl

    try:
        fd = os.open(os.path.join(config["spool"], "lock"), os.O_RDONLY)
    except (OSError, IOError) as problem:
        return False if problem.errno == errno.ENOENT else None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (OSError, IOError):
        return True
    finally:
        os.close(fd)  # gives the lock back
    return False


def away_reason(config, age):
    """Return why nobody can rely on a status that is `age` seconds old, or an empty text."""
    running = is_running(config)
    if running is False or (running is None and age > AWAY):
        return "the relay does not run; its last status is %d s old" % age
    if age > AWAY:
        return "the relay runs and has written no status for %d s: its disk may be full or gone" % age
    return ""


def disk_reason(config):
    """Return why the disk takes no mail at this moment, or an empty text; the status file cannot know."""
    try:
        free, spare = room(config, config["spool"])
    except (OSError, IOError):
        return ""
    if free >= spare:
        return ""
    return "the disk of the spool is full: %d bytes are free, and delivering needs %d" % (free, spare)


def status(config):
    """Print how the relay is; return 0 (delivering), 1 (something waits) or 2 (broken, refused, or not running)."""
    path = status_path(config)
    full = disk_reason(config)
    try:
        found = json.loads(read(path).decode("ascii"))
        if not isinstance(found, dict) or not set(
            ("at", "queued", "oldest_seconds", "dead", "failing")
        ) <= set(found):
            raise ValueError("the relay did not write it")
        refused = [(row["reason"], refusal_text(row)) for row in found.get("refused", [])]
    except (OSError, IOError, ValueError, TypeError, KeyError) as problem:
        if full:
            print("CRITICAL: mail is refused: %s" % full)
        elif not isinstance(problem, (OSError, IOError)):
            print("CRITICAL: not known: %s is damaged; a relay that runs writes it every second" % path)
        elif problem.errno == errno.ENOENT:
            print("CRITICAL: the relay has never run: %s is absent" % path)
        else:
            print("CRITICAL: not known: %s; ask as root or as the relay's user" % safe_text(problem))
        return 2
    try:  # what is written is up to a second old; who may look sees more
        names = os.listdir(os.path.join(config["spool"], "new"))
        found["queued"] = len([name for name in names if not name.startswith(".")])
    except OSError:
        pass
    line = "%d queued, oldest %d s, %d dead" % (found["queued"], found["oldest_seconds"], found["dead"])
    for row in found.get("held", []):
        values = (row["mails"], row["to"], time.time() - row["since"], row["why"])
        line += "; %d for %s wait since %d s, refused for now: %s" % values
    critical = [one for one in (away_reason(config, time.time() - found["at"]),) if one]
    critical += ["mail is refused: " + full] if full else []
    critical += ["mail is refused: " + text for reason, text in refused if not (full and reason == "disk")]
    critical += ["mail is broken: %s" % found["failing"]] if found["failing"] else []
    if critical:
        print("CRITICAL: %s; %s" % ("; ".join(critical), line))
        return 2
    if found["queued"] or found["dead"]:
        print("WARNING: %s%s" % (line, "; " + found["trouble"] if found.get("trouble") else ""))
        return 1
    print("OK: %s" % line)
    return 0
