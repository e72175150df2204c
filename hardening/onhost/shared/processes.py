"""Runs other programs, without a shell and with a time limit."""

import os
import select
import signal
import subprocess
import sys
import time

from hardening.onhost.shared.texts import clock, native, shown


def which(name):
    """Return a program's path, looking in the system directories too; None when absent."""
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]:
        path = os.path.join(folder, name)
        if folder and os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return None


def environment(**more):
    """Return the environment of a program: plain messages, and the system's folders after the caller's PATH."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    return dict(os.environ, LC_ALL="C", PATH=path, **more)


def run(argv, timeout=60):
    """Run a program without a shell; return (exit code, output). A daemon it leaves does not hold us up."""
    reader, writer = os.pipe()
    null = open(os.devnull, "rb")
    try:
        child = subprocess.Popen(
            [native(word) for word in argv],
            stdin=null,
            stdout=writer,
            stderr=writer,
            close_fds=True,
            preexec_fn=new_session,
            cwd="/",
            env=environment(),
        )
    except (OSError, IOError):
        os.close(reader)
        os.close(writer)
        return 127, "%s: %s" % (argv[0], sys.exc_info()[1].strerror)
    finally:
        null.close()
    os.close(writer)
    chunks, size, deadline = [], 0, clock() + timeout
    try:
        while True:
            ended = child.poll() is not None
            if select.select([reader], [], [], 0 if ended else 0.02)[0]:
                chunk = os.read(reader, 65536)
                size += len(chunk)
                if chunk and size < 262144:
                    chunks.append(chunk)
                if not chunk and ended:
                    break
                if not chunk:
                    time.sleep(0.01)
            elif ended:
                break
            if clock() > deadline:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                return 124, shown(b"".join(chunks)) + "\nno answer within %s s" % timeout
    finally:
        os.close(reader)
    return child.returncode, shown(b"".join(chunks))


def new_session():
    """Leave the caller's session, with its signals as they are by default."""
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
