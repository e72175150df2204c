"""The status file, which the relay writes every second."""

import errno
import json
import os

from hardening.onhost.relay.files import read, remove, to_json


def status_path(config):
    """Return where the status is written."""
    return config["status_file"] or os.path.join(config["spool"], "status.json")


def write_status(config, status):
    """Replace the status file."""
    path = status_path(config)
    hidden = "%s.%d" % (path, os.getpid())
    try:
        with open(hidden, "wb") as file:
            file.write(to_json(status))
        os.rename(hidden, path)
    except (OSError, IOError) as problem:
        remove(hidden)
        if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        overwrite(
            path, to_json(status)
        )  # the disk is full: the file that is there has room for as much again


def overwrite(path, data):
    """Write into a file that is there already, which takes no room."""
    fd = os.open(path, os.O_WRONLY)
    try:
        if os.write(fd, data) != len(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)


def earlier_status(config):
    """Return the status that the relay before this one wrote, or an empty one."""
    try:
        found = json.loads(read(status_path(config)).decode("ascii"))
        return found if isinstance(found, dict) else {}
    except (OSError, IOError, ValueError):
        return {}


def last_success(config):
    """Return when mail passed last, as the relay before this one noted it."""
    try:
        return float(earlier_status(config)["last_success"])
    except (ValueError, TypeError, KeyError):
        return 0.0
