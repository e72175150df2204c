"""What stops a program, and how a failure of the system is reported."""

import errno
import os
import sys
import traceback


class Refused(Exception):
    """The plan cannot be carried out; nothing was changed."""


class Failed(Exception):
    """Something went wrong after the first change; everything has to be undone."""


class Stopped(Exception):
    """A signal asked us to end; it is treated like any other failure."""


def raise_stopped(signal_number, frame):
    """End the work as any other failure would: a handler for signals."""
    raise Stopped("stopped by signal %d" % signal_number)


def place_of_failure():
    """Return file and line of the statement that raised the current exception."""
    return "%s, line %d" % traceback.extract_tb(sys.exc_info()[2])[-1][:2]


def explained(problem):
    """Return what the system refused, and what helps where that is known."""
    help_ = ""
    if problem.errno in (errno.EACCES, errno.EPERM) and os.getuid() != 0:
        help_ = " (uid %d is not root here: become root, ansible_become: true)" % os.getuid()
    elif problem.errno in (errno.ENOSPC, errno.EDQUOT):
        help_ = " (free space there first)"
    return "%s%s" % (problem, help_)


THROWN_AWAY = "check it; a rollback with --force (aspect_force: true) discards that change"
