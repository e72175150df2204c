"""The lock of the one process that carries out an upgrade."""

import fcntl
import os
import time

from hardening.onhost.shared.files import make_dirs
from hardening.onhost.shared.texts import clock


def take_runner_lock(host):
    """Take the runner's lock; return its descriptor, or None when a runner lives."""
    make_dirs(host.state)
    make_dirs(os.path.join(host.state, "upgrade"))
    path = os.path.join(host.state, "runner.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except (OSError, IOError):
        os.close(descriptor)
        return None


def is_running(host):
    """Whether a runner lives on this host; nothing is written."""
    try:
        descriptor = os.open(os.path.join(host.state, "runner.lock"), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except (OSError, IOError):
        return True
    finally:
        os.close(descriptor)


def wait_until_idle(host, patience=15):
    """Wait until a runner that has just ended has tidied up; return whether it is gone. `patience` is in seconds."""
    deadline = clock() + patience
    while is_running(host):
        if clock() >= deadline:
            return False
        time.sleep(0.05)
    return True
