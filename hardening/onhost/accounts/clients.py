"""The databases' own clients: statements on standard input, passwords through pipes and files of root."""

import fcntl
import os
import pwd
import random
import subprocess
import sys

from hardening.onhost.accounts.problem import AccountProblem
from hardening.onhost.shared.processes import which

TIMEOUT = "10"
REFUSED = ("ERROR 1045", "ERROR 1698", "password authentication failed", "no password supplied")


def find_client(*names):
    """Return the path of the first of these programs that is installed. Errors: Problem."""
    for name in names:
        path = which(name)
        if path:
            return path
    raise AccountProblem("no program %s on this host" % " or ".join(names))


def stranger():
    """Return a user id that no account and no process of this host has: nobody else can read what it owns."""
    taken = set()
    for name in os.listdir("/proc"):
        try:
            taken.add(os.stat("/proc/" + name).st_uid)
        except OSError:
            pass  # the process has ended
    for _ in range(100):
        number = random.SystemRandom().randrange(
            1879048192, 2147483647
        )  # systemd.io/UIDS-GIDS: unused by all
        try:
            pwd.getpwuid(number)
        except KeyError:
            if number not in taken:
                return number
    raise AccountProblem("this host has no free user id for a trial login")


def piped(text):
    """Return the reading end of a pipe that holds a text. Errors: Problem (it is longer than a pipe always takes)."""
    data = text.encode("utf-8")
    if len(data) > 4096:
        raise AccountProblem("the client's options are longer than %d bytes" % 4096)
    reading, writing = os.pipe()
    try:
        os.write(writing, data)
    finally:
        os.close(writing)
    return reading


def only_inherits(kept):
    """Close every descriptor above 2 but one when the next program starts. Called between fork and exec."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2:
            try:
                flags = fcntl.fcntl(number, fcntl.F_GETFD)
            except (IOError, OSError):
                continue  # the listing's own
            close = fcntl.FD_CLOEXEC
            fcntl.fcntl(number, fcntl.F_SETFD, flags & ~close if number == kept else flags | close)


def called(argv, statement, ids=None, more=None, inherited=None):
    """Run a client with a statement on its standard input; return (exit code, output, complaint).

    `ids`: the user and group that it runs as. `inherited`: a descriptor that it gets.
    """
    environment = {
        "LC_ALL": "C",
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "PGCONNECT_TIMEOUT": TIMEOUT,
    }
    environment.update(more or {})

    def become():
        only_inherits(inherited)
        if ids:
            os.setgroups([])
            os.setgid(ids[1])
            os.setuid(ids[0])

    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=False, cwd="/",
            env=environment, preexec_fn=become,
        )  # fmt: skip
    except (OSError, getattr(subprocess, "SubprocessError", OSError)):
        raise AccountProblem("cannot run %s: %s" % (argv[0], sys.exc_info()[1]))
    output, complaint = child.communicate(statement.encode("utf-8"))
    return (
        child.returncode,
        output.decode("utf-8", "replace").strip(),
        complaint.decode("utf-8", "replace").strip(),
    )


def refused(complaint):
    """Return whether a client says that the server refused the login, and not that it could not be asked."""
    return bool([word for word in REFUSED if word in complaint])
