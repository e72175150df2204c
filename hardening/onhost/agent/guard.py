"""The process that undoes a transaction if its program dies or nobody confirms."""

import os
import signal
import time

from hardening.onhost.agent.undoing import recover
from hardening.onhost.shared.host import Host, plan_path
from hardening.onhost.shared.journal import FINAL, Transaction
from hardening.onhost.shared.texts import clock, shown

UNDO_LIMIT = (
    3600  # seconds for which the guard retries a pending undo; the boot and the next run retry it too
)


def post_guard(host, tx, seconds):
    """Leave a process behind that undoes the transaction if this one dies, or if nobody confirms in time.

    What an undo could not make good (a service that does not start) it tries again for OWED_LIMIT seconds.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(3, 1024)
        os.chdir("/")
        _guard(Host(shown(host.root), plan_path(host, host.state)), tx.name, seconds)
    finally:
        os._exit(0)


def _guard(host, name, seconds):
    deadline, pause, patience = None, 1, clock() + UNDO_LIMIT
    tx = Transaction(host, name)
    while os.path.isdir(tx.dir):  # else the lock would bring back what an uninstall has removed
        host.lock(wait=None)
        state = tx.state()
        if not os.path.isdir(tx.dir):
            return
        if deadline is None and seconds:
            deadline = clock() + seconds
        if state == "applied" and clock() < deadline:
            host.unlock()
            time.sleep(min(0.5, max(0.05, deadline - clock())))
            continue
        recover(host, only=name)  # it may also have died between the commit and tidying up
        done = tx.state() in FINAL and (not tx.pending_undo() or clock() > patience)
        if done or state == "none":
            return
        host.unlock()
        time.sleep(pause)
        pause = min(60, pause * 2)
